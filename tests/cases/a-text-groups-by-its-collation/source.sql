CREATE TABLE visits (id INT PRIMARY KEY, city VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, n INT NOT NULL);
INSERT INTO visits VALUES (1, 'Köln', 1), (2, 'Berlin', 2);
