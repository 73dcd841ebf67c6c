INSERT INTO sales VALUES (7, 'anna', 'mat', 7.00, '2026-05-06 09:30:00', 'seven'), (8, 'dora', 'pad', 3.00, '2026-05-06 09:31:00', NULL);
UPDATE sales SET price = 2.25 WHERE id = 2;
UPDATE sales SET customer = 'dora', at = '2026-05-06 09:05:00' WHERE id = 3;
DELETE FROM sales WHERE id = 6;
