UPDATE t SET tags = 'a,z' WHERE id = 1;
UPDATE t SET tags = 'x,y,w' WHERE id = 2;
UPDATE t SET id = 5 WHERE id = 4;
INSERT INTO t VALUES (6, 'n');
DELETE FROM t WHERE id = 6;
UPDATE t SET tags = 'late' WHERE id = 3;
