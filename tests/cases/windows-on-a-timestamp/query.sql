SET time_zone = '+00:00'; SELECT g, window_start, window_end, n, v FROM `out` ORDER BY g, window_start;
