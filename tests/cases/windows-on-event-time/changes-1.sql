INSERT INTO events VALUES (4, '2026-01-01 10:30:00', 'b', 8), (5, '2026-01-01 11:50:00', 'a', 16);
UPDATE events SET n = 3 WHERE id = 2;
