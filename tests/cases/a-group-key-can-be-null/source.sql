CREATE TABLE items (id INT PRIMARY KEY, grp INT, color VARCHAR(10) COLLATE utf8mb4_bin, n INT);
INSERT INTO items VALUES (1, NULL, NULL, 1), (2, NULL, 'red', 2), (3, 7, NULL, 4), (4, NULL, NULL, 8);
