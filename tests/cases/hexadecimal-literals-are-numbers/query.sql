SELECT letter, flagged, codes FROM `out` ORDER BY letter;
