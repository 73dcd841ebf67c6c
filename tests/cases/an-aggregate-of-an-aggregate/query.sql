SELECT region, shops, best, total FROM regions ORDER BY region;
