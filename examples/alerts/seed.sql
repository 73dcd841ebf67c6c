CREATE TABLE payments (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer INT NOT NULL,
  amount DECIMAL(12,2) NOT NULL,
  country CHAR(2) CHARACTER SET utf8mb4 NOT NULL,
  card_country CHAR(2) CHARACTER SET utf8mb4 NOT NULL,
  attempts TINYINT UNSIGNED NOT NULL DEFAULT 1,
  paid_at DATETIME NOT NULL
);
INSERT INTO payments (customer, amount, country, card_country, attempts, paid_at) VALUES
  (1, 12.50, 'DE', 'DE', 1, '2026-05-06 07:08:09'), (2, 1500.00, 'DE', 'DE', 1, '2026-05-06 07:09:00'),
  (3, 250.00, 'DE', 'FR', 1, '2026-05-06 07:10:00'), (4, 9.99, 'FR', 'FR', 5, '2026-05-06 07:11:00'),
  (5, 199.99, 'DE', 'FR', 2, '2026-05-06 07:12:00');
