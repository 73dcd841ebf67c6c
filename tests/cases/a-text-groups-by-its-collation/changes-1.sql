INSERT INTO visits VALUES (3, 'KOLN', 10), (4, 'berlin ', 20), (5, 'BERLIN', 200);
DELETE FROM visits WHERE id = 2;
INSERT INTO visits VALUES (6, 'Bonn', 5);
UPDATE visits SET city = 'bonn' WHERE id = 5;
