SELECT id, name, amount, at FROM `out` ORDER BY id;
