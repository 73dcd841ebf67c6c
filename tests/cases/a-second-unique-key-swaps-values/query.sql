SELECT id, slot FROM `out` ORDER BY id;
