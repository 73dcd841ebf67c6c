BEGIN; UPDATE t SET slot = NULL WHERE id = 1; UPDATE t SET slot = 10 WHERE id = 2; UPDATE t SET slot = 20 WHERE id = 1; COMMIT;
