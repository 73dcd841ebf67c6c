//! Expressions that a MariaDB server answers otherwise than MySQL: `check` says where, if the source is one.

use rowmill_devserver::Kind;

use crate::harness::{Workspace, shared};

const PIPELINE: &str = r#"
pipeline: differing
source: { url: "${SOURCE}", tables: [t, u] }
steps:
  - filter: "id > 0 AND due = closed"
  - map: { day: "CAST(closed AS DATE)", same: "id + 1" }
sink: { url: "${TARGET}", table: "${table}_out", meta: "${META}" }
"#;

#[test]
fn check_warns_of_what_a_mariadb_source_answers_otherwise() {
    for (kind, warned) in [(Kind::MySql, 0), (Kind::MariaDb, 2)] {
        let workspace = Workspace::new(shared(kind), shared(kind), &format!("differing_{kind:?}"));
        let table = "(id INT PRIMARY KEY, due DATE, closed VARCHAR(20))";
        workspace.source_sql(&format!("CREATE TABLE t {table}; CREATE TABLE u {table};"));
        workspace.write_pipeline(PIPELINE);
        let outcome = workspace.run(&["check", "pipeline.yaml", "--color", "never"]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        // Once for both tables.
        assert_eq!(outcome.stderr.matches("warning: a MariaDB server").count(), warned, "{kind:?}: {}", outcome.stderr);
        for part in ["due = closed", "a text beside a date", "CAST(closed AS DATE)", "a text as a date or time"] {
            assert_eq!(outcome.stderr.contains(part), warned > 0, "{kind:?}, {part}: {}", outcome.stderr);
        }
    }
}
