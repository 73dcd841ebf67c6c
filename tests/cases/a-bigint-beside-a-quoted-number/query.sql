SELECT id, u, d, above, listed, within, exact, known FROM `out` ORDER BY id;
