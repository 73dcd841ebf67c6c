SELECT grp, color, n FROM groups_by_null ORDER BY n;
