DELETE FROM clicks WHERE id = 5;
UPDATE clicks SET n = 3 WHERE id = 2;
INSERT INTO clicks VALUES (7, 3, '2026-01-01 12:00:00', 64);
