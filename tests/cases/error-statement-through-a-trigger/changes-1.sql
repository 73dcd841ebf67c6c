SET SESSION binlog_format = 'STATEMENT';
INSERT INTO log (id, x) VALUES (1, 5);
