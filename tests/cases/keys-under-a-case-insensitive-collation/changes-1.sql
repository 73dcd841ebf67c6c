UPDATE t SET code = 'ABC' WHERE code = 'abc';
BEGIN; DELETE FROM t WHERE code = 'abd'; INSERT INTO t VALUES ('abd', 1, 20); COMMIT;
UPDATE t SET v = 5 WHERE n = 3;
UPDATE t SET code = 'e' WHERE n = 2;
