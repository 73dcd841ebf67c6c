-- What the demo does to the source again and again while the pipeline runs.
INSERT INTO payments (customer, amount, country, card_country, attempts, paid_at)
  SELECT FLOOR(RAND() * 100), RAND() * 1200, 'DE', IF(RAND() < 0.1, 'FR', 'DE'), 1 + FLOOR(RAND() * 4), NOW() FROM payments LIMIT 20;
UPDATE payments SET attempts = attempts + 1 WHERE attempts < 9 ORDER BY RAND() LIMIT 2;
DELETE FROM payments WHERE id > 5 ORDER BY id LIMIT 5;
