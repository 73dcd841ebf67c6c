SELECT id, n, doubled FROM `out` ORDER BY id;
