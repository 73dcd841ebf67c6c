INSERT INTO sales VALUES (5, 2, 1, 100), (6, 4, 2, 50);
UPDATE sales SET n = 6 WHERE id = 2;
DELETE FROM sales WHERE id = 4;
UPDATE sales SET region = 3 WHERE shop = 1;
