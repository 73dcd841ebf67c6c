SELECT user, window_start, window_end, clicks, n FROM sessions ORDER BY user, window_start;
