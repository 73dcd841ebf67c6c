SELECT id, amount, status FROM `out` ORDER BY id;
