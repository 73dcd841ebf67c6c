SET SESSION binlog_format = 'STATEMENT';
UPDATE v SET v = v + 1;
