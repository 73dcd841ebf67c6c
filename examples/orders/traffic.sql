-- What the demo does to the source again and again while the pipeline runs.
INSERT INTO orders (customer, status, country, price, qty, amount, placed)
  SELECT customer, 'new', country, price, qty, amount, NOW(6) FROM orders WHERE id <= 20;
UPDATE orders SET status = ELT(1 + FLOOR(RAND() * 4), 'new', 'paid', 'sent', 'test') WHERE id % 500 = FLOOR(RAND() * 500);
UPDATE orders SET qty = qty + 1, amount = amount + price WHERE id = 1 + FLOOR(RAND() * 10000);
DELETE FROM orders WHERE id > 10000 ORDER BY id LIMIT 10;
