SELECT * FROM `out` ORDER BY id, ordinality;
