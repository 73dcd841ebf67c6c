SELECT id, part, ordinality FROM `out` ORDER BY id, ordinality;
