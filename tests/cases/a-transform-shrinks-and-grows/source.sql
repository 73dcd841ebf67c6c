CREATE TABLE t (id INT PRIMARY KEY, tags VARCHAR(100));
INSERT INTO t VALUES (1, 'a,b,c'), (2, 'x'), (3, NULL), (4, 'p,q');
