SELECT id, item, ordinality FROM `out` ORDER BY id, ordinality;
