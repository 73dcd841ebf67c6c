SELECT order_id, name, price, qty, total, big FROM `out` ORDER BY order_id;
