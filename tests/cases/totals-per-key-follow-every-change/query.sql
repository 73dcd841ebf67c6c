SELECT customer, orders, known, total, paid, mean, least, most, score + 0e0, products, double_total FROM totals ORDER BY customer;
