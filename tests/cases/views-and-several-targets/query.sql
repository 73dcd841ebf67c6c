SELECT 'moves', id, customer, amount, kind FROM all_moves
UNION ALL SELECT 'paid', id, customer, amount, SUBSTRING_INDEX(_table, '.', -1) FROM paid_orders
UNION ALL SELECT 'returns', id, customer, amount, '-' FROM returns_copy
UNION ALL SELECT 'totals', customer, orders, revenue, '-' FROM customer_totals ORDER BY 1, 2, 5;
