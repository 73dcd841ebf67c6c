SELECT 'a', id, a FROM t_a_clean UNION ALL SELECT 'b', id, b FROM t_b_clean ORDER BY 1, 2;
