//! Components that misbehave on one row: the process survives, the error names component, function,
//! step and key; under `skip` the other rows arrive.

mod beside;
mod bounded;
mod printed;
mod random;

use rowmill_devserver::Kind;

use crate::harness::{Workspace, shared};

/// Each misbehaves in a batch that holds the value 3.
const FUNCTIONS: [&str; 8] =
    ["loop", "panic", "recurse", "grow", "short-values", "offsets-end", "short-bitmap", "exit"];

fn workspace(function: &str, on_error: &str) -> Workspace<'static> {
    let name = format!("hostile_{function}_{on_error}");
    let workspace = Workspace::new(shared(Kind::MariaDb), shared(Kind::MariaDb), &name);
    std::fs::write(workspace.folder.path().join("hostile.wasm"), rowmill_test_guests::HOSTILE).unwrap();
    workspace.source_sql(
        "CREATE TABLE t (id INT PRIMARY KEY, n BIGINT);
         INSERT INTO t VALUES (10, 1), (20, 2), (30, 3), (40, 4), (50, 5), (60, 6), (70, 7);",
    );
    workspace.write_pipeline(&format!(
        "
pipeline: hostile
source: {{ url: \"${{SOURCE}}\", tables: [t] }}
steps:
  - map: {{ x: {{ udf: \"./hostile.wasm#{function}\", args: [n], config: {{ when: 3 }} }} }}
    id: mill
  - select: [id, n]
sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}
on_error: {on_error}
limits: {{ memory: 16MiB }}
"
    ));
    workspace
}

#[test]
fn under_skip_the_other_rows_arrive() {
    for function in FUNCTIONS {
        let workspace = workspace(function, "skip");
        let outcome = workspace.catch_up();
        let ids = workspace.target_sql("SELECT GROUP_CONCAT(id ORDER BY id) FROM `out`");
        assert_eq!(ids.trim(), "10,20,40,50,60,70", "{function}\n{}", outcome.stderr);
        for part in ["mill", "hostile.wasm", function, "id=30"] {
            assert!(outcome.stderr.contains(part), "{function}: no {part:?} in {}", outcome.stderr);
        }
        assert_eq!(workspace.progress("skipped"), "1", "{function}");
        workspace.source_sql("UPDATE t SET n = 33 WHERE id = 30; UPDATE t SET n = 3 WHERE id = 40");
        workspace.catch_up();
        let ids = workspace.target_sql("SELECT GROUP_CONCAT(id ORDER BY id) FROM `out`");
        assert_eq!(ids.trim(), "10,20,30,50,60,70", "{function}: a failing update leaves nothing of the row");
    }
}

#[test]
fn under_fail_the_pipeline_stops_and_names_component_function_step_and_key() {
    for function in FUNCTIONS {
        let workspace = workspace(function, "fail");
        let outcome = workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
        assert_eq!(outcome.code, 1, "{function}\n{}", outcome.stderr);
        for part in ["mill", "hostile.wasm", function, "id=30"] {
            assert!(outcome.stderr.contains(part), "{function}: no {part:?} in {}", outcome.stderr);
        }
        assert_eq!(workspace.target_sql("SELECT COUNT(*) FROM `out`").trim(), "0", "{function}");
    }
}

#[test]
fn a_value_that_is_not_utf8_fails_its_row_alone() {
    let workspace = workspace("utf8", "skip");
    let outcome = workspace.catch_up();
    assert_eq!(workspace.target_sql("SELECT COUNT(*) FROM `out`").trim(), "6", "{}", outcome.stderr);
    for part in ["mill", "hostile.wasm#utf8", "invalid-utf8"] {
        assert!(outcome.stderr.contains(part), "no {part:?} in {}", outcome.stderr);
    }
}

#[test]
fn a_component_that_loops_or_panics_when_it_is_bound_is_refused() {
    for function in ["loop-in-bind", "panic-in-bind", "no-results", "reads-nothing-there"] {
        let workspace = workspace(function, "skip");
        let outcome = workspace.run(&["check", "pipeline.yaml", "--color", "never"]);
        assert_eq!(outcome.code, 2, "{function}\n{}", outcome.stderr);
        assert!(outcome.stderr.contains("hostile.wasm") && outcome.stderr.contains(function), "{}", outcome.stderr);
        assert_eq!(workspace.target_sql("SHOW TABLES"), "", "{function}");
    }
}

#[test]
fn an_aggregate_that_panics_stops_the_pipeline_and_is_named() {
    for call in ["update", "evaluate"] {
        let workspace = workspace("agg-panic", call);
        workspace.write_pipeline(&format!(
            "
pipeline: hostile
source: {{ url: \"${{SOURCE}}\", tables: [t], append_only: true }}
steps:
  - aggregate:
      by: [id]
      values: {{ sum: {{ udf: \"./hostile.wasm#agg-panic\", args: [n], config: {{ in: {call} }} }} }}
    id: mill
sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}
on_error: skip
"
        ));
        let outcome = workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
        assert_eq!(outcome.code, 1, "{call}\n{}", outcome.stderr);
        for part in ["step mill", "aggregate sum", "hostile.wasm, function agg-panic", "came off"] {
            assert!(outcome.stderr.contains(part), "{call}: no {part:?} in {}", outcome.stderr);
        }
        assert_eq!(workspace.target_sql("SELECT COUNT(*) FROM `out`").trim(), "0", "{call}");
    }
}
