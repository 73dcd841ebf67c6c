SET SESSION binlog_format = 'STATEMENT';
DELETE FROM parent WHERE id = 1;
