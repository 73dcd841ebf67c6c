CREATE TABLE orders (id INT PRIMARY KEY, customer INT NOT NULL, status VARCHAR(10) NOT NULL, amount DECIMAL(10,2), score DOUBLE, product VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin);
INSERT INTO orders VALUES
  (1, 1, 'paid', 10.50, 0.1, 'pen'), (2, 1, 'open', 20.25, 0.2, 'ink'), (3, 1, 'paid', NULL, NULL, 'pen'),
  (4, 2, 'paid', 5.00, 1e15, 'cup'), (5, 2, 'paid', 7.00, -1e15, 'cup'), (6, 2, 'open', 1.00, 0.3, NULL),
  (7, 3, 'open', 99999999.99, 2.5, 'pad');
