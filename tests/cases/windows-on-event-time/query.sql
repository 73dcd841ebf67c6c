SELECT kind, window_start, window_end, rows_in, n FROM per_hour ORDER BY kind, window_start;
