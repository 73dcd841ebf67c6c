//! Each type with an event time in windows of every shape, with rows whose windows the target can't hold.

use super::{KINDS, Type, assert_same, change, create, list, workspace, write_pipeline};

/// Seconds of a window, a gap, and the finer steps.
const SIZE: u32 = 3600;
const STEP: u32 = 1200;

/// A shape, and the windows of a row as the server computes them: of `at`, `s` seconds after 1970.
struct Shape {
    name: &'static str,
    window: &'static str,
    /// Columns `k`, `started`, `ended`, `v` over the rows of `{rows}`.
    rows: &'static str,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "tumble",
        window: "tumble: 1h",
        rows: "SELECT k, FLOOR(s / 3600) * 3600 AS started, FLOOR(s / 3600) * 3600 + 3600 AS ended, v FROM {rows}",
    },
    Shape {
        name: "hop",
        window: "hop: { size: 1h, slide: 20m }",
        rows: "SELECT k, FLOOR(s / 1200) * 1200 - 1200 * n AS started, FLOOR(s / 1200) * 1200 - 1200 * n + 3600 AS ended, v
               FROM {rows}, (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2) hops",
    },
    Shape {
        name: "cumulate",
        window: "cumulate: { size: 1h, step: 20m }",
        rows: "SELECT k, FLOOR(s / 3600) * 3600 AS started, FLOOR(s / 3600) * 3600 + 1200 * n AS ended, v
               FROM {rows}, (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3) steps
               WHERE s < FLOOR(s / 3600) * 3600 + 1200 * n",
    },
    Shape {
        name: "session",
        window: "session: 1h",
        rows: "SELECT k, MIN(s) OVER (PARTITION BY k, session) AS started,
               MAX(s) OVER (PARTITION BY k, session) + 3600 AS ended, v FROM
               (SELECT m.*, SUM(fresh) OVER (PARTITION BY k ORDER BY s) AS session FROM
               (SELECT w.*, (LAG(s) OVER (PARTITION BY k ORDER BY s) > s - 3600) IS NOT TRUE AS fresh FROM {rows}) m) j",
    },
];

/// The rows whose windows fit, with their seconds since 1970.
fn fitting(table: &str, of: &Type) -> String {
    // A window of one of the shapes begins or ends up to its size beyond its row.
    let (from, to) = match of.sql.starts_with("TIMESTAMP") {
        true => ("1970-01-01 01:00:01", "2038-01-19 02:00:00"),
        false => ("0001-01-01 00:00:00", "9999-12-31 22:59:59"),
    };
    format!(
        "(SELECT k, v, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', c) / 1000000 AS s FROM {table}
          WHERE c BETWEEN '{from}' AND '{to}') w"
    )
}

#[test]
fn every_event_time_has_windows_of_every_shape() {
    assert_eq!((SIZE % STEP, SIZE / STEP), (0, 3));
    for kind in KINDS {
        let workspace = workspace(kind, "windows");
        let tables: Vec<(String, &Type)> =
            list::TEMPORAL.iter().enumerate().map(|(n, of)| (format!("times_{n}"), of)).collect();
        workspace.source_sql(&tables.iter().map(|(table, of)| create(table, of)).collect::<String>());
        let run = || {
            for shape in &SHAPES {
                let (name, window) = (shape.name, shape.window);
                let aggregate = format!(
                    "steps:\n  - aggregate:\n      by: [k]\n      window: {{ {window}, on: c, late: update }}\n      \
                     values: {{ n: \"count(*)\", total: \"sum(v)\" }}\n    on_error: skip"
                );
                write_pipeline(&workspace, name, "\"times_*\"", &aggregate);
                let outcome = workspace.catch_up();
                assert!(outcome.stderr.contains("row skipped"), "{}", outcome.stderr);
                workspace.verify();
                for (table, of) in &tables {
                    let seconds = |time: &str| format!("TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {time}) / 1000000");
                    assert_same(
                        &workspace,
                        &format!("{name} {}", of.sql),
                        &format!(
                            "SELECT k, ROUND(started, 6), ROUND(ended, 6), COUNT(*), SUM(v) FROM ({}) windows
                             GROUP BY k, started, ended",
                            shape.rows.replace("{rows}", &fitting(table, of))
                        ),
                        &format!(
                            "SELECT k, ROUND({}, 6), ROUND({}, 6), n, total FROM {table}_{name}",
                            seconds("window_start"),
                            seconds("window_end")
                        ),
                    );
                }
            }
        };
        run();
        workspace.source_sql(&tables.iter().map(|(table, of)| change(table, of)).collect::<String>());
        run();
    }
}
