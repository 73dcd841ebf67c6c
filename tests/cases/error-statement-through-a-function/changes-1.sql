SET SESSION binlog_format = 'STATEMENT';
INSERT INTO log VALUES (1, f(5));
