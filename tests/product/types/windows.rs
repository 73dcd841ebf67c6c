//! Each type with an event time in windows of every shape, with rows whose windows the target can't hold.

use super::{KINDS, Type, assert_same, change, create, list, workspace, write_pipeline};

/// A shape, and the windows of a row as the server computes them.
struct Shape {
    name: &'static str,
    window: &'static str,
    /// `k`, the window's start and end, and `v`. Times are microseconds since 1970; `s` is the row's.
    rows: &'static str,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "tumble",
        window: "tumble: 1h",
        rows: "SELECT k, {hour} AS started, {hour} + 3600000000 AS ended, v FROM {rows}",
    },
    Shape {
        name: "hop",
        window: "hop: { size: 1h, slide: 20m }",
        rows: "SELECT k, {slide} - 1200000000 * n AS started, {slide} - 1200000000 * n + 3600000000 AS ended, v
               FROM {rows}, (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2) hops",
    },
    Shape {
        name: "cumulate",
        window: "cumulate: { size: 1h, step: 20m }",
        rows: "SELECT k, {hour} AS started, {hour} + 1200000000 * n AS ended, v
               FROM {rows}, (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3) steps WHERE s < {hour} + 1200000000 * n",
    },
    Shape {
        name: "session",
        window: "session: 1h",
        rows: "SELECT k, MIN(s) OVER (PARTITION BY k, session) AS started,
               MAX(s) OVER (PARTITION BY k, session) + 3600000000 AS ended, v FROM
               (SELECT m.*, SUM(fresh) OVER (PARTITION BY k ORDER BY s) AS session FROM
               (SELECT w.*, (LAG(s) OVER (PARTITION BY k ORDER BY s) > s - 3600000000) IS NOT TRUE AS fresh
               FROM {rows}) m) j",
    },
];

impl Shape {
    /// The windows of a table's rows.
    fn windows(&self, table: &str, of: &Type) -> String {
        let floor = |size: &str| format!("(s - MOD(MOD(s, {size}) + {size}, {size}))");
        let rows = self.rows.replace("{hour}", &floor("3600000000")).replace("{slide}", &floor("1200000000"));
        rows.replace("{rows}", &self.fitting(table, of))
    }

    /// The rows whose windows fit: a window of an aligned shape begins before its row, and the first TIMESTAMP
    /// is a second after the start of one.
    fn fitting(&self, table: &str, of: &Type) -> String {
        let (from, to) = match of.sql.starts_with("TIMESTAMP") {
            true if self.name == "session" => ("1970-01-01 00:00:01", "2038-01-19 02:00:00"),
            true => ("1970-01-01 01:00:01", "2038-01-19 02:00:00"),
            false => ("0001-01-01 00:00:00", "9999-12-31 22:59:59"),
        };
        format!("(SELECT k, v, {} AS s FROM {table} WHERE c BETWEEN '{from}' AND '{to}') w", micros("c"))
    }
}

fn micros(time: &str) -> String {
    format!("TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {time})")
}

#[test]
fn every_event_time_has_windows_of_every_shape() {
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
                    assert_same(
                        &workspace,
                        &format!("{name} {}", of.sql),
                        &format!(
                            "SELECT k, started, ended, COUNT(*), SUM(v) FROM ({}) windows GROUP BY k, started, ended",
                            shape.windows(table, of)
                        ),
                        &format!(
                            "SELECT k, {}, {}, n, total FROM {table}_{name}",
                            micros("window_start"),
                            micros("window_end")
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
