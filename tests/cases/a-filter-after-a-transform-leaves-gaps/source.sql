CREATE TABLE t (id INT PRIMARY KEY, tags VARCHAR(100));
INSERT INTO t VALUES (1, 'a,no,c'), (2, 'x,y');
