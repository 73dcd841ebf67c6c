SELECT code, n, v FROM `out` ORDER BY n, v;
