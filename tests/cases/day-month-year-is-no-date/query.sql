SELECT id, d, y, df, `at` FROM `out` ORDER BY id;
