SELECT id, due, closed, later, noted, within, said FROM `out` ORDER BY id;
