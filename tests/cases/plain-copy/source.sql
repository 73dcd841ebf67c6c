CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40), amount DECIMAL(10,2), at DATETIME(3));
INSERT INTO t VALUES (1, 'a', 1.50, '2026-01-01 10:00:00.123'), (2, NULL, NULL, NULL), (3, 'tab\there', -0.01, '1000-01-01'),
  (4, 'line\nbreak \\ back', 99999999.99, '9999-12-31 23:59:59.999'), (5, 'ünïcödé 🦀', 0, '2026-06-01');
