CREATE TABLE sales (
  id INT PRIMARY KEY, customer VARCHAR(20) NOT NULL, product VARCHAR(20), price DECIMAL(10, 2), at DATETIME NOT NULL,
  note TEXT);
INSERT INTO sales VALUES
  (1, 'anna', 'lamp', 12.50, '2026-05-06 07:08:00', ' first '), (2, 'Anna', 'ink', 1.25, '2026-05-06 07:20:00', NULL),
  (3, 'bert', 'pad', 3.00, '2026-05-06 07:59:59', ''), (4, 'bert', NULL, NULL, '2026-05-06 08:00:00', 'no price'),
  (5, 'çelik', 'lamp', 12.50, '2026-05-06 08:10:00', 'ünïcode ☂'), (6, 'çelik', 'lamp', 99999999.99, '2026-05-06 09:00:00', 'x');
