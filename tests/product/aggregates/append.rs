//! Functions that can't take rows out again, over sources that never do.

use rowmill_devserver::Kind;

use super::pipe::{Pipe, expect};
use crate::harness::{Workspace, shared};

const STEPS: &str = "steps:
  - aggregate: { by: [page], values: { visits: \"count(*)\", visitors: \"approx_count_distinct(visitor)\" } }
batch: { rows: 3 }";

fn workspace(kind: Kind, name: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("append_{name}_{kind:?}"));
    workspace.source_sql(
        "CREATE TABLE visits (id INT PRIMARY KEY, page INT NOT NULL, visitor INT);
         INSERT INTO visits VALUES (1, 1, 10), (2, 1, 10), (3, 1, 11), (4, 2, 10), (5, 2, NULL);",
    );
    workspace
}

#[test]
fn an_estimate_is_refused_by_name_over_rows_that_may_change() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "refused");
        let pipe = Pipe::new(&workspace, "pages");
        pipe.write("visits", STEPS);
        for command in ["check", "run"] {
            let outcome = pipe.call(command, &["--color", "never"]);
            let parts = ["std/stats#approx_count_distinct", "can't take rows out again", "append_only: true"];
            expect(&outcome, 2, &parts);
        }
        assert_eq!(workspace.target_sql("SHOW TABLES"), "");
    }
}

#[test]
fn an_estimate_follows_inserts_and_stops_at_an_update() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "follows");
        let pipe = Pipe::new(&workspace, "pages");
        let source = "url: \"${SOURCE}\", tables: [visits], append_only: true";
        pipe.write_with_source(source, STEPS);
        pipe.catch_up();
        let shown = || workspace.target_sql("SELECT page, visits, visitors FROM pages ORDER BY page");
        assert_eq!(shown(), "1\t3\t2\n2\t2\t1\n", "{kind:?}");
        workspace
            .source_sql("INSERT INTO visits VALUES (6, 2, 12), (7, 2, 12), (8, 2, 13), (9, 3, NULL), (10, 1, 11);");
        pipe.catch_up();
        assert_eq!(shown(), "1\t4\t2\n2\t5\t3\n3\t1\t0\n", "{kind:?}");
        pipe.verify();

        // The insert before the update arrives, the update stops the pipeline, also the next time.
        workspace.source_sql("INSERT INTO visits VALUES (11, 4, 1); UPDATE visits SET visitor = 99 WHERE id = 1;");
        for _ in 0..2 {
            let outcome = pipe.run(&[]);
            assert_ne!(outcome.code, 0, "{kind:?}");
            let parts = ["`visits` was updated or deleted", "append_only: true", "--rebuild"];
            expect(&outcome, outcome.code, &parts);
            assert!(shown().starts_with("1\t4\t2\n2\t5\t3\n3\t1\t0\n"), "{kind:?}: {}", shown());
        }
        // As the message says.
        pipe.write("visits", &STEPS.replace("approx_count_distinct", "count_distinct"));
        expect(&pipe.run(&["--rebuild"]), 0, &[]);
        assert_eq!(shown(), "1\t4\t3\n2\t5\t3\n3\t1\t0\n4\t1\t1\n", "{kind:?}");
        workspace.source_sql("DELETE FROM visits WHERE id IN (1, 11)");
        pipe.catch_up();
        assert_eq!(shown(), "1\t3\t2\n2\t5\t3\n3\t1\t0\n", "{kind:?}");
        pipe.verify();
    }
}
