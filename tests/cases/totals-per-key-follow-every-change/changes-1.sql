INSERT INTO orders VALUES (8, 4, 'paid', 0.01, 4.25, 'pen'), (9, 1, 'paid', 3.00, 0.7, 'pad');
UPDATE orders SET amount = 11.50 WHERE id = 1;
UPDATE orders SET customer = 5 WHERE id = 5;
DELETE FROM orders WHERE customer = 3;
START TRANSACTION; UPDATE orders SET amount = 1000; ROLLBACK;
UPDATE orders SET status = 'paid', product = 'ink' WHERE id = 6;
