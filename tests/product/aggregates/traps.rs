//! Components that trap or hit a limit in an aggregate, or before one: the pipeline stops, names the step, the
//! value and the component, and nothing of the target is wrong.

use rowmill_devserver::Kind;

use super::pipe::{Pipe, expect};
use crate::harness::{Workspace, shared};

fn workspace(kind: Kind, name: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("traps_{name}_{kind:?}"));
    std::fs::write(workspace.folder.path().join("hostile.wasm"), rowmill_test_guests::HOSTILE).unwrap();
    workspace.source_sql(
        "CREATE TABLE t (id INT PRIMARY KEY, g INT NOT NULL, n BIGINT NOT NULL);
         INSERT INTO t VALUES (1, 1, 1), (2, 1, 2), (3, 2, 4);",
    );
    workspace
}

const APPEND_ONLY: &str = "url: \"${SOURCE}\", tables: [t], append_only: true";

fn sums(workspace: &Workspace<'_>) -> String {
    workspace.target_sql("SELECT g, total, row_count FROM sums ORDER BY g")
}

#[test]
fn a_trap_in_update_stops_the_pipeline_and_a_rebuild_without_the_row_mends_it() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        for (function, words) in
            [("agg-panic", "came off"), ("agg-loop", "cpu limit"), ("agg-grow", "memory"), ("agg-exit", "exit")]
        {
            let workspace = workspace(kind, function);
            let pipe = Pipe::new(&workspace, "sums");
            // It sees only the rows that its `where` keeps, so only those make it trap.
            pipe.write_with_source(
                APPEND_ONLY,
                &format!(
                    "steps:
  - aggregate:
      by: [g]
      values:
        total: \"sum(n)\"
        row_count: \"count(*)\"
        odd: {{ udf: \"./hostile.wasm#{function}\", args: [n], config: {{ in: update }}, where: \"n = 3\" }}
    id: mill
on_error: skip
epoch: {{ rows: 1 }}
limits: {{ memory: 16MiB }}"
                ),
            );
            pipe.catch_up();
            assert_eq!(sums(&workspace), "1\t3\t2\n2\t4\t1\n", "{kind:?} {function}");
            workspace.source_sql(
                "INSERT INTO t VALUES (4, 2, 8); INSERT INTO t VALUES (5, 1, 3); INSERT INTO t VALUES (6, 3, 16);",
            );
            for _ in 0..2 {
                let outcome = pipe.run(&[]);
                expect(&outcome, 1, &["mill", "odd", "hostile.wasm", function, words]);
                // What was committed before is right, what came after is not there.
                let shown = sums(&workspace);
                assert!(
                    shown == "1\t3\t2\n2\t12\t2\n" || shown == "1\t3\t2\n2\t4\t1\n",
                    "{kind:?} {function}: {shown}"
                );
            }
            // The binlog keeps the row: without it the source has to be read anew.
            workspace.source_sql("DELETE FROM t WHERE id = 5");
            assert_ne!(pipe.run(&[]).code, 0, "{kind:?} {function}");
            expect(&pipe.run(&["--rebuild"]), 0, &[]);
            assert_eq!(sums(&workspace), "1\t3\t2\n2\t12\t2\n3\t16\t1\n", "{kind:?} {function}");
            workspace.source_sql("INSERT INTO t VALUES (7, 3, 1)");
            pipe.catch_up();
            assert_eq!(sums(&workspace), "1\t3\t2\n2\t12\t2\n3\t17\t2\n", "{kind:?} {function}");
            pipe.verify();
        }
    }
}

#[test]
fn a_group_too_large_for_its_memory_stops_the_pipeline_and_more_memory_lets_it_go_on() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "large");
        let pipe = Pipe::new(&workspace, "sums");
        let write = |memory: &str| {
            pipe.write(
                "t",
                &format!(
                    "steps:
  - aggregate: {{ by: [g], values: {{ total: \"sum(n)\", row_count: \"count(*)\", differing: \"count_distinct(n)\" }} }}
    id: mill
on_error: skip
limits: {{ memory: {memory} }}"
                ),
            );
        };
        write("3MiB");
        pipe.catch_up();
        let numbers = |from: u64, rows: u64| {
            let rows: Vec<String> = (from..from + rows).map(|n| format!("({n}, 7, {n})")).collect();
            format!("INSERT INTO t VALUES {};", rows.join(","))
        };
        for part in 0..20 {
            workspace.source_sql(&numbers(1000 + part * 10_000, 10_000));
        }
        workspace.source_sql("UPDATE t SET n = n + 1 WHERE id = 1");
        let outcome = pipe.run(&[]);
        expect(&outcome, 1, &["mill", "differing", "std/stats", "count_distinct", "memory"]);
        write("64MiB");
        pipe.catch_up();
        let expected =
            workspace.source_sql("SELECT g, SUM(n), COUNT(*), COUNT(DISTINCT n) FROM t GROUP BY g ORDER BY g");
        assert_eq!(
            workspace.target_sql("SELECT g, total, row_count, differing FROM sums ORDER BY g"),
            expected,
            "{kind:?}"
        );
        pipe.verify();
    }
}

#[test]
fn a_limit_hit_before_an_aggregate_stops_the_pipeline_instead_of_skipping_the_row() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "upstream");
        let pipe = Pipe::new(&workspace, "sums");
        pipe.write(
            "t",
            "steps:
  - map: { x: { udf: \"./hostile.wasm#loop\", args: [n], config: { when: 3 } } }
    id: mill
  - aggregate: { by: [g], values: { total: \"sum(x)\", row_count: \"count(*)\" } }
on_error: skip
epoch: { rows: 1 }",
        );
        pipe.catch_up();
        workspace.source_sql(
            "UPDATE t SET n = 6 WHERE id = 3; UPDATE t SET n = 3 WHERE id = 1; UPDATE t SET n = 5 WHERE id = 2;",
        );
        for _ in 0..2 {
            let outcome = pipe.run(&[]);
            expect(&outcome, 1, &["mill", "hostile.wasm", "loop"]);
            assert_eq!(pipe.status()["progress"]["skipped"].as_u64().unwrap_or(0), 0, "{kind:?}");
            let shown = sums(&workspace);
            assert!(shown == "1\t3\t2\n2\t4\t1\n" || shown == "1\t3\t2\n2\t6\t1\n", "{kind:?}: {shown}");
        }
        workspace.source_sql("UPDATE t SET n = 2 WHERE id = 1");
        expect(&pipe.run(&["--rebuild"]), 0, &[]);
        assert_eq!(sums(&workspace), "1\t7\t2\n2\t6\t1\n", "{kind:?}");
        pipe.verify();
    }
}
