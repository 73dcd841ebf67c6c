SELECT city, visits, n FROM cities ORDER BY n;
