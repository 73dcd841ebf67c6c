-- What the demo does to the source again and again while the pipeline runs.
INSERT INTO invoices (customer, amount, issued_at)
  SELECT 1 + FLOOR(RAND() * 97), ROUND(RAND() * 900, 2), NOW(3) FROM invoices LIMIT 5;
UPDATE invoices SET paid_at = NOW(3) WHERE paid_at IS NULL ORDER BY RAND() LIMIT 6;
UPDATE invoices SET customer = 1 + FLOOR(RAND() * 97) ORDER BY RAND() LIMIT 1;
DELETE FROM invoices WHERE id > 1000 AND paid_at IS NOT NULL ORDER BY id LIMIT 3;
