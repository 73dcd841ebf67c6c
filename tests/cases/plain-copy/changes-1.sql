INSERT INTO t VALUES (6, 'six', 6, NULL), (7, 'seven', 7, NULL);
UPDATE t SET name = 'A' WHERE id = 1;
DELETE FROM t WHERE id = 2;
BEGIN; UPDATE t SET id = 30 WHERE id = 3; INSERT INTO t VALUES (3, 'new three', 3, NULL); COMMIT;
BEGIN; INSERT INTO t VALUES (8, 'never', 8, NULL); ROLLBACK;
