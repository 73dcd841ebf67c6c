//! Values that are right in Arrow and that the target can't hold: failures of the step that made them.
//! Those that no step made stop the pipeline.

use rowmill_devserver::Kind;

use crate::harness::{Workspace, shared};

/// A function of the hostile component, and a word of why its value for 3 can't be held.
const FUNCTIONS: [(&str, &str); 4] =
    [("nan", "NaN"), ("infinity", "infinit"), ("deep-json", "levels"), ("late-timestamp", "2040")];

fn workspace(kind: Kind, function: &str, on_error: &str) -> Workspace<'static> {
    let name = format!("unholdable_{function}_{on_error}_{}", kind.name());
    let workspace = Workspace::new(shared(kind), shared(kind), &name);
    std::fs::write(workspace.folder.path().join("hostile.wasm"), rowmill_test_guests::HOSTILE).unwrap();
    workspace.source_sql(
        "CREATE TABLE t (id INT PRIMARY KEY, n BIGINT NOT NULL);
         INSERT INTO t VALUES (10, 1), (20, 2), (30, 3), (40, 4);",
    );
    // The column moves and gets another name after it was made; the steps around it tolerate nothing.
    workspace.write_pipeline(&format!(
        "
pipeline: unholdable
source: {{ url: \"${{SOURCE}}\", tables: [t] }}
steps:
  - filter: \"id > 0\"
  - map: {{ made: {{ udf: \"./hostile.wasm#{function}\", args: [n], config: {{ when: 3 }} }} }}
    id: maker
    on_error: {on_error}
  - rename: {{ made: moved }}
  - select: [moved, id, n]
  - map: {{ n: \"n * 2\" }}
sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}
"
    ));
    workspace
}

fn ids(workspace: &Workspace<'_>) -> String {
    workspace.target_sql("SELECT GROUP_CONCAT(CONCAT(id, ':', n) ORDER BY id) FROM `out`").trim().to_owned()
}

fn skipped(kind: Kind) {
    for (function, word) in FUNCTIONS {
        let workspace = workspace(kind, function, "skip");
        let outcome = workspace.catch_up();
        assert_eq!(ids(&workspace), "10:2,20:4,40:8", "{function}\n{}", outcome.stderr);
        for part in ["maker", &format!("hostile.wasm#{function}"), "id=30", "not-storable", "moved", word] {
            assert!(outcome.stderr.contains(part), "{function}: no {part:?} in {}", outcome.stderr);
        }
        assert_eq!(workspace.progress("skipped"), "1", "{function}");
        workspace.verify();
        // A new version that is left out takes the old one with it.
        workspace.source_sql("UPDATE t SET n = 3 WHERE id = 20; UPDATE t SET n = 5 WHERE id = 30");
        workspace.catch_up();
        assert_eq!(ids(&workspace), "10:2,30:10,40:8", "{function}");
        workspace.verify();
    }
}

#[test]
fn a_value_that_the_target_cannot_hold_is_a_failure_of_its_step_mysql() {
    skipped(Kind::MySql);
}

#[test]
fn a_value_that_the_target_cannot_hold_is_a_failure_of_its_step_mariadb() {
    skipped(Kind::MariaDb);
}

#[test]
fn under_fail_such_a_value_stops_the_pipeline_and_is_named() {
    for (function, word) in FUNCTIONS {
        let workspace = workspace(Kind::MySql, function, "fail");
        let outcome = workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
        assert_eq!(outcome.code, 1, "{function}\n{}", outcome.stderr);
        for part in ["step maker", "id=30", "moved", "out", word] {
            assert!(outcome.stderr.contains(part), "{function}: no {part:?} in {}", outcome.stderr);
        }
        assert_eq!(workspace.target_sql("SELECT COUNT(*) FROM `out`").trim(), "0", "{function}");
    }
}

/// MySQL takes 100 levels of JSON, MariaDB 31.
#[test]
fn a_value_that_no_step_made_stops_the_pipeline_and_names_table_column_and_key() {
    let workspace = Workspace::new(shared(Kind::MySql), shared(Kind::MariaDb), "unholdable_copied");
    workspace.source_sql(
        "CREATE TABLE t (id INT PRIMARY KEY, doc JSON NOT NULL);
         INSERT INTO t VALUES (10, '[]'), (20, CONCAT(REPEAT('[', 50), REPEAT(']', 50))), (30, '[1]');",
    );
    workspace.write_pipeline(
        "
pipeline: unholdable
source: { url: \"${SOURCE}\", tables: [t] }
steps:
  - map: { twice: \"id * 2\" }
sink: { url: \"${TARGET}\", table: out, meta: \"${META}\" }
on_error: skip
",
    );
    let outcome = workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    for part in ["`out`", "column doc", "key (20)", "31 levels"] {
        assert!(outcome.stderr.contains(part), "no {part:?} in {}", outcome.stderr);
    }
    assert_eq!(workspace.target_sql("SELECT COUNT(*) FROM `out`").trim(), "0");
}
