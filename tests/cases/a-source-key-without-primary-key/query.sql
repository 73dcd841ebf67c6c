SELECT id, v FROM `out`;
