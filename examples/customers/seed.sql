CREATE TABLE customers (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(80) CHARACTER SET utf8mb4,
  email VARCHAR(120) CHARACTER SET utf8mb4,
  phone VARCHAR(40) CHARACTER SET utf8mb4,
  country VARCHAR(20) CHARACTER SET utf8mb4,
  signed_up DATETIME(3) NOT NULL,
  internal_note TEXT
);
INSERT INTO customers (name, email, phone, country, signed_up, internal_note) VALUES
  ('  Ada   Lovelace ', ' Ada@Example.COM ', '(030) 123 45-67', 'de', '2026-01-02 03:04:05.678', 'first'),
  ('Grace Hopper', 'grace@example.com', '+1 202 555 0143', ' us', '2026-02-03 10:00:00', NULL),
  ('No   Contact', 'not an address', 'none', 'fr', '2026-03-04 11:00:00', 'unreachable'),
  ('Zuse,  Konrad', NULL, '0661-9876543', 'de ', '2026-04-05 12:00:00', NULL);
INSERT INTO customers (name, email, phone, country, signed_up)
  SELECT CONCAT(' ', c.name, '  ', n.n), CONCAT('User', n.n, '@Example.com'), CONCAT('030 ', 1000000 + n.n), c.country, c.signed_up
  FROM customers c CROSS JOIN (
    SELECT a.d + 10 * b.d + 100 * c.d AS n FROM
      (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) a,
      (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) b,
      (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) c
  ) n;
