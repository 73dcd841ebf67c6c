CREATE TABLE t (code VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, n INT NOT NULL, v INT, PRIMARY KEY (code, n));
INSERT INTO t VALUES ('abc', 1, 1), ('ABD', 1, 2), ('é', 2, 3), ('it''s \\', 3, 4);
