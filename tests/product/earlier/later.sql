INSERT INTO sales VALUES (9, 'ANNA', 'lamp', 20.00, '2026-05-06 09:40:00', 'nine'), (10, 'emil', 'mat', -1.00, '2026-05-06 10:00:00', NULL);
UPDATE sales SET price = 5.00, product = 'ink' WHERE id = 5;
UPDATE sales SET note = ' first ' WHERE id = 7;
DELETE FROM sales WHERE id = 1;
DELETE FROM sales WHERE id = 8;
