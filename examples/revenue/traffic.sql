-- What the demo does to the source again and again while the pipeline runs. Only the last four hours
-- change: an older purchase could be of an hour that is closed, and then its change comes too late.
INSERT INTO purchases (customer, status, price, qty, placed_at)
  SELECT FLOOR(RAND() * 100), 'new', 1 + ROUND(RAND() * 80, 2), 1 + FLOOR(RAND() * 3), NOW() FROM purchases LIMIT 10;
UPDATE purchases SET status = ELT(1 + FLOOR(RAND() * 3), 'paid', 'sent', 'cancelled')
  WHERE placed_at > NOW() - INTERVAL 4 HOUR AND status = 'new' ORDER BY RAND() LIMIT 6;
UPDATE purchases SET qty = qty + 1 WHERE placed_at > NOW() - INTERVAL 4 HOUR ORDER BY RAND() LIMIT 2;
DELETE FROM purchases WHERE placed_at > NOW() - INTERVAL 4 HOUR AND status = 'cancelled' ORDER BY id LIMIT 3;
