UPDATE t SET price = 1000, name = '  linus' WHERE id = 3;
UPDATE t SET note = 'only the dropped column' WHERE id = 1;
