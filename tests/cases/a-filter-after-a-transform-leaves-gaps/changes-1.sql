UPDATE t SET tags = 'no,b,no,d' WHERE id = 1;
UPDATE t SET tags = 'no' WHERE id = 2;
