CREATE TABLE orders_eu (id INT PRIMARY KEY, customer INT NOT NULL, status VARCHAR(10) NOT NULL, amount INT NOT NULL);
CREATE TABLE orders_us (id INT PRIMARY KEY, customer INT NOT NULL, status VARCHAR(10) NOT NULL, amount INT NOT NULL);
CREATE TABLE returns (id INT PRIMARY KEY, customer INT NOT NULL, amount INT NOT NULL);
INSERT INTO orders_eu VALUES (1, 1, 'paid', 10), (2, 2, 'open', 20);
INSERT INTO orders_us VALUES (1, 1, 'paid', 100), (3, 3, 'paid', 300);
INSERT INTO returns VALUES (1, 1, 10);
