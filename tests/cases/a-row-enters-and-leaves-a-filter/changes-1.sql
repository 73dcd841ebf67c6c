UPDATE t SET amount = 5 WHERE id = 1;
UPDATE t SET amount = 50 WHERE id = 2;
UPDATE t SET status = 'paid' WHERE id = 3;
UPDATE t SET amount = 12 WHERE id = 6;
INSERT INTO t VALUES (7, 3, 'paid'), (8, 100, 'paid');
UPDATE t SET id = 9 WHERE id = 8;
DELETE FROM t WHERE id = 7;
