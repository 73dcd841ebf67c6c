-- What the demo does to the source again and again while the pipeline runs.
INSERT INTO sales (product, qty, sold_at)
  SELECT ELT(1 + FLOOR(RAND() * 8), 'cup', 'ink', 'jar', 'lamp', 'mat', 'pad', 'pen', 'vase'), 1 + FLOOR(RAND() * 9), NOW()
  FROM sales LIMIT 8;
UPDATE sales SET product = ELT(1 + FLOOR(RAND() * 8), 'cup', 'ink', 'jar', 'lamp', 'mat', 'pad', 'pen', 'vase') ORDER BY RAND() LIMIT 2;
DELETE FROM sales ORDER BY id LIMIT 4;
