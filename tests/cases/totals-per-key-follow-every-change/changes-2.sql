DELETE FROM orders WHERE id = 4;
UPDATE orders SET id = 20 WHERE id = 2;
INSERT INTO orders VALUES (30, 3, 'open', 1.00, 1, 'one');
UPDATE orders SET score = score + 1 WHERE customer = 1;
