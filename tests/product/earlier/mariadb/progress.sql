CREATE TABLE `dead_letters` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT COMMENT 'number of the dead letter',
  `pipeline` varchar(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'name of the pipeline',
  `step` varchar(255) NOT NULL COMMENT 'id of the step',
  `component_digest` varchar(128) NOT NULL DEFAULT '' COMMENT 'SHA-256 of the component',
  `error_code` varchar(64) NOT NULL COMMENT 'code of the row error',
  `error_message` longtext NOT NULL COMMENT 'message of the row error',
  `op` varchar(2) NOT NULL COMMENT '+I, -U, +U or -D',
  `row_json` longtext NOT NULL COMMENT 'the row as the step saw it, as JSON',
  `position` longtext NOT NULL COMMENT 'where the row came from, as JSON',
  `created_at` datetime(6) NOT NULL COMMENT 'UTC',
  PRIMARY KEY (`id`),
  KEY `pipeline` (`pipeline`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='rowmill: dead_letters of pipelines';
CREATE TABLE `progress` (
  `pipeline` varchar(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'name of the pipeline',
  `lane` smallint(5) unsigned NOT NULL DEFAULT 0 COMMENT 'parallel copy of the steps; 0 for now',
  `incarnation` varchar(64) NOT NULL COMMENT 'random id of this pipeline, new after a reset',
  `plan_digest` longtext NOT NULL COMMENT 'digest of each step with its components, of the source and of the target',
  `source` longtext NOT NULL COMMENT 'identity of the source server, as JSON',
  `position` longtext DEFAULT NULL COMMENT 'place in the binary log up to which the target holds everything, as JSON',
  `snapshot` longtext DEFAULT NULL COMMENT 'start and finished key ranges of the snapshot, as JSON; NULL when complete',
  `converge_until` longtext DEFAULT NULL COMMENT 'the target converges until this position, as JSON; NULL when it is consistent',
  `as_of` datetime(6) DEFAULT NULL COMMENT 'the target shows the source as of this moment, UTC',
  `aggregates` longtext DEFAULT NULL COMMENT 'what aggregate steps keep with the position, as JSON',
  `rebuild_since` datetime(6) DEFAULT NULL COMMENT 'a rebuild of the target began at this moment and is not finished, UTC',
  `rebuild_deletes` tinyint(4) DEFAULT NULL COMMENT 'the rebuild deletes extra rows also where they may belong to others; 0 after one that left some',
  `fence` bigint(20) unsigned NOT NULL COMMENT 'raised by each process that takes the pipeline over',
  `commits` bigint(20) unsigned NOT NULL DEFAULT 0 COMMENT 'transactions committed by the pipeline',
  `rows_in` bigint(20) unsigned NOT NULL DEFAULT 0 COMMENT 'rows read from the source',
  `rows_out` bigint(20) unsigned NOT NULL DEFAULT 0 COMMENT 'rows upserted and keys deleted in the target',
  `split_transactions` bigint(20) unsigned NOT NULL DEFAULT 0 COMMENT 'source transactions that readers of the target could see in parts',
  `skipped` bigint(20) unsigned NOT NULL DEFAULT 0 COMMENT 'rows skipped because of errors',
  `owner` varchar(512) NOT NULL DEFAULT '' COMMENT 'the process that holds the fence',
  `started_at` datetime(6) NOT NULL COMMENT 'first start, UTC',
  `claimed_at` datetime(6) NOT NULL COMMENT 'when the owner took over, UTC',
  `updated_at` datetime(6) NOT NULL COMMENT 'last commit, UTC',
  `stopped_at` datetime(6) DEFAULT NULL COMMENT 'when the pipeline stopped on an error, UTC',
  `stopped_reason` longtext DEFAULT NULL COMMENT 'the error',
  PRIMARY KEY (`pipeline`,`lane`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='rowmill: progress of pipelines';
INSERT INTO `progress` (`pipeline`, `lane`, `incarnation`, `plan_digest`, `source`, `position`, `snapshot`, `converge_until`, `as_of`, `aggregates`, `rebuild_since`, `rebuild_deletes`, `fence`, `commits`, `rows_in`, `rows_out`, `split_transactions`, `skipped`, `owner`, `started_at`, `claimed_at`, `updated_at`, `stopped_at`, `stopped_reason`) VALUES ('clean', '0', '38d70777839a1ea7c758a49f9c0c57d9', 'filter-1:f484369cb1a0113c map-1:9dff1d0c53777daf sink:c88a78ec90b8d70a source:53b41ab0dae62bef', '"@clean.source@"', '{"file":"@clean.file@","offset":"@clean.offset@","gtid":"@clean.gtid@","rows":0,"witness":"@clean.witness@"}', NULL, NULL, '2026-11-30 19:19:27.000000', NULL, NULL, NULL, '2', '3', '11', '11', '0', '0', 'process 14658 on vm', '2026-11-30 19:19:26.922872', '2026-11-30 19:19:27.227087', '2026-11-30 19:19:27.229365', NULL, NULL);
INSERT INTO `progress` (`pipeline`, `lane`, `incarnation`, `plan_digest`, `source`, `position`, `snapshot`, `converge_until`, `as_of`, `aggregates`, `rebuild_since`, `rebuild_deletes`, `fence`, `commits`, `rows_in`, `rows_out`, `split_transactions`, `skipped`, `owner`, `started_at`, `claimed_at`, `updated_at`, `stopped_at`, `stopped_reason`) VALUES ('hours', '0', '659c6e625f5914a3561c2d22e69b3cfb', 'filter-1:f484369cb1a0113c aggregate-1:66770b22744c16ea aggregate-2:58611b67a83c7b49 sink:a1bbcf47e901cbc8 source:53b41ab0dae62bef', '"@hours.source@"', '{"file":"@hours.file@","offset":"@hours.offset@","gtid":"@hours.gtid@","rows":0,"witness":"@hours.witness@"}', NULL, NULL, '2026-11-30 19:19:27.000000', '[{"table":"`earlier_s`.`sales`","step":"aggregate-1","groups":5,"groups_in_memory":3,"memory":5934312,"evicted":0,"watermark":"2026-05-06T03:31:00","late":0,"expired":0,"out":0,"out_rows":[],"event_time":{"newest":1778059860000000,"on":true,"late":0}},{"table":"`earlier_s`.`sales`","step":"aggregate-2","groups":4,"groups_in_memory":4,"memory":4746896,"evicted":0,"watermark":null,"late":0,"expired":0,"out":0,"out_rows":[],"event_time":null}]', NULL, NULL, '2', '2', '11', '7', '0', '0', 'process 14680 on vm', '2026-11-30 19:19:27.040031', '2026-11-30 19:19:27.403200', '2026-11-30 19:19:27.405643', NULL, NULL);
INSERT INTO `progress` (`pipeline`, `lane`, `incarnation`, `plan_digest`, `source`, `position`, `snapshot`, `converge_until`, `as_of`, `aggregates`, `rebuild_since`, `rebuild_deletes`, `fence`, `commits`, `rows_in`, `rows_out`, `split_transactions`, `skipped`, `owner`, `started_at`, `claimed_at`, `updated_at`, `stopped_at`, `stopped_reason`) VALUES ('visits', '0', '0ce7b8b7dde6f04775a9ce2d115ad8eb', 'aggregate-1:cdd9072892bc41f1 sink:3b9fa18444b25327 source:53b41ab0dae62bef', '"@visits.source@"', '{"file":"@visits.file@","offset":"@visits.offset@","gtid":"@visits.gtid@","rows":0,"witness":"@visits.witness@"}', NULL, NULL, '2026-11-30 19:19:27.000000', '[{"table":"`earlier_s`.`sales`","step":"aggregate-1","groups":7,"groups_in_memory":7,"memory":3560891,"evicted":0,"watermark":"2026-05-05T09:31:00","late":0,"expired":0,"out":0,"out_rows":[],"event_time":{"newest":1778059860000000,"on":true,"late":0}}]', NULL, NULL, '2', '2', '11', '10', '0', '0', 'process 14691 on vm', '2026-11-30 19:19:27.119101', '2026-11-30 19:19:27.534146', '2026-11-30 19:19:27.538030', NULL, NULL);
CREATE TABLE `tables` (
  `pipeline` varchar(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'name of the pipeline',
  `ordinal` int(10) unsigned NOT NULL COMMENT 'order of the tables in the pipeline, from 0',
  `table_schema` varchar(64) NOT NULL COMMENT 'schema in the source',
  `table_name` varchar(64) NOT NULL COMMENT 'table in the source',
  `definition` longtext NOT NULL COMMENT 'its definition, with which events are decoded, as JSON',
  PRIMARY KEY (`pipeline`,`ordinal`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='rowmill: tables of pipelines';
INSERT INTO `tables` (`pipeline`, `ordinal`, `table_schema`, `table_name`, `definition`) VALUES ('clean', '0', 'earlier_s', 'sales', '{"name":{"schema":"earlier_s","name":"sales"},"columns":[{"name":"id","mysql_type":"int(11)","data":{"type":"integer","bits":32,"unsigned":false},"nullable":false,"auto_increment":false,"invisible":false},{"name":"customer","mysql_type":"varchar(20)","data":{"type":"text","charset":"utf8mb4","fixed":false,"max_bytes":80,"large":false},"nullable":false,"collation":"utf8mb4_general_ci","max_chars":20,"auto_increment":false,"invisible":false},{"name":"product","mysql_type":"varchar(20)","data":{"type":"text","charset":"utf8mb4","fixed":false,"max_bytes":80,"large":false},"nullable":true,"collation":"utf8mb4_general_ci","max_chars":20,"auto_increment":false,"invisible":false},{"name":"price","mysql_type":"decimal(10,2)","data":{"type":"decimal","precision":10,"scale":2},"nullable":true,"auto_increment":false,"invisible":false},{"name":"at","mysql_type":"datetime","data":{"type":"datetime","fsp":0},"nullable":false,"auto_increment":false,"invisible":false},{"name":"note","mysql_type":"text","data":{"type":"text","charset":"utf8mb4","fixed":false,"max_bytes":65535,"large":true},"nullable":true,"collation":"utf8mb4_general_ci","max_chars":65535,"auto_increment":false,"invisible":false}],"primary_key":[0],"unique_keys":[],"engine":"InnoDB","collation":"utf8mb4_general_ci"}');
INSERT INTO `tables` (`pipeline`, `ordinal`, `table_schema`, `table_name`, `definition`) VALUES ('hours', '0', 'earlier_s', 'sales', '{"name":{"schema":"earlier_s","name":"sales"},"columns":[{"name":"id","mysql_type":"int(11)","data":{"type":"integer","bits":32,"unsigned":false},"nullable":false,"auto_increment":false,"invisible":false},{"name":"customer","mysql_type":"varchar(20)","data":{"type":"text","charset":"utf8mb4","fixed":false,"max_bytes":80,"large":false},"nullable":false,"collation":"utf8mb4_general_ci","max_chars":20,"auto_increment":false,"invisible":false},{"name":"product","mysql_type":"varchar(20)","data":{"type":"text","charset":"utf8mb4","fixed":false,"max_bytes":80,"large":false},"nullable":true,"collation":"utf8mb4_general_ci","max_chars":20,"auto_increment":false,"invisible":false},{"name":"price","mysql_type":"decimal(10,2)","data":{"type":"decimal","precision":10,"scale":2},"nullable":true,"auto_increment":false,"invisible":false},{"name":"at","mysql_type":"datetime","data":{"type":"datetime","fsp":0},"nullable":false,"auto_increment":false,"invisible":false},{"name":"note","mysql_type":"text","data":{"type":"text","charset":"utf8mb4","fixed":false,"max_bytes":65535,"large":true},"nullable":true,"collation":"utf8mb4_general_ci","max_chars":65535,"auto_increment":false,"invisible":false}],"primary_key":[0],"unique_keys":[],"engine":"InnoDB","collation":"utf8mb4_general_ci"}');
INSERT INTO `tables` (`pipeline`, `ordinal`, `table_schema`, `table_name`, `definition`) VALUES ('visits', '0', 'earlier_s', 'sales', '{"name":{"schema":"earlier_s","name":"sales"},"columns":[{"name":"id","mysql_type":"int(11)","data":{"type":"integer","bits":32,"unsigned":false},"nullable":false,"auto_increment":false,"invisible":false},{"name":"customer","mysql_type":"varchar(20)","data":{"type":"text","charset":"utf8mb4","fixed":false,"max_bytes":80,"large":false},"nullable":false,"collation":"utf8mb4_general_ci","max_chars":20,"auto_increment":false,"invisible":false},{"name":"product","mysql_type":"varchar(20)","data":{"type":"text","charset":"utf8mb4","fixed":false,"max_bytes":80,"large":false},"nullable":true,"collation":"utf8mb4_general_ci","max_chars":20,"auto_increment":false,"invisible":false},{"name":"price","mysql_type":"decimal(10,2)","data":{"type":"decimal","precision":10,"scale":2},"nullable":true,"auto_increment":false,"invisible":false},{"name":"at","mysql_type":"datetime","data":{"type":"datetime","fsp":0},"nullable":false,"auto_increment":false,"invisible":false},{"name":"note","mysql_type":"text","data":{"type":"text","charset":"utf8mb4","fixed":false,"max_bytes":65535,"large":true},"nullable":true,"collation":"utf8mb4_general_ci","max_chars":65535,"auto_increment":false,"invisible":false}],"primary_key":[0],"unique_keys":[],"engine":"InnoDB","collation":"utf8mb4_general_ci"}');
CREATE TABLE `versions` (
  `pipeline` varchar(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'name of the pipeline',
  `step` varchar(255) NOT NULL COMMENT 'id of the step',
  `began` bigint(20) unsigned NOT NULL COMMENT 'number of commits when it came into force',
  `component_digest` varchar(128) NOT NULL COMMENT 'SHA-256 of the component',
  `position` longtext DEFAULT NULL COMMENT 'position from which it was in force, as JSON',
  `created_at` datetime(6) NOT NULL COMMENT 'UTC',
  PRIMARY KEY (`pipeline`,`step`,`began`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='rowmill: versions of pipelines';
