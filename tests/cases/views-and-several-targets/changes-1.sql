BEGIN; UPDATE orders_eu SET status = 'paid' WHERE id = 2; DELETE FROM orders_us WHERE id = 3; INSERT INTO returns VALUES (2, 2, 5); COMMIT;
UPDATE orders_eu SET id = 9 WHERE id = 1;
