CREATE TABLE t (id INT PRIMARY KEY, amount INT, status VARCHAR(10));
INSERT INTO t VALUES (1, 20, 'paid'), (2, 5, 'paid'), (3, 30, 'test'), (4, NULL, 'paid'), (5, 40, NULL), (6, 11, 'new');
