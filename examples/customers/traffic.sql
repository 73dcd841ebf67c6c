-- What the demo does to the source again and again while the pipeline runs.
INSERT INTO customers (name, email, phone, country, signed_up)
  VALUES (CONCAT('New  Customer ', FLOOR(RAND() * 1000)), CONCAT('New', FLOOR(RAND() * 1000), '@Example.com'), NULL, 'de', NOW(3));
UPDATE customers SET email = IF(RAND() < 0.2, 'gone', CONCAT(' Moved', id, '@example.org')), phone = NULL WHERE id = 1 + FLOOR(RAND() * 2000);
DELETE FROM customers WHERE id = 1 + FLOOR(RAND() * 2000) AND RAND() < 0.3;
