INSERT INTO t VALUES (3, 3);
SET SESSION binlog_format = 'STATEMENT';
INSERT INTO mysql.rds_heartbeat2(id, value) values (1,1542784962512) ON DUPLICATE KEY UPDATE value = 1542784962512;
REPLACE INTO checksums (tbl, this_cnt, this_crc) SELECT 't', COUNT(*), COALESCE(LOWER(CONV(BIT_XOR(CAST(CRC32(
  CONCAT_WS('#', `id`, `v`)) AS UNSIGNED)), 10, 16)), 0) AS crc FROM `t` FORCE INDEX(`PRIMARY`) WHERE ((`id` >= '1')) /*checksum chunk*/;
UPDATE other SET v = v + 1;
INSERT INTO watched VALUES (1);
CREATE TEMPORARY TABLE t (id INT);
INSERT INTO t VALUES (9);
DROP TEMPORARY TABLE t;
