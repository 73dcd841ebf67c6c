CREATE TABLE sales (id INT PRIMARY KEY, shop INT NOT NULL, region INT NOT NULL, n INT NOT NULL);
INSERT INTO sales VALUES (1, 1, 1, 10), (2, 1, 1, 5), (3, 2, 1, 7), (4, 3, 2, 1);
