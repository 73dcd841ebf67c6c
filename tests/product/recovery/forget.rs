//! `reset`: whatever is left of the progress, whoever else has tables there, and while the pipeline runs.

use super::{BOTH, expect, run, workspace};
use crate::harness::{Workspace, shared};
use crate::load::assert_equal;

const RESET: [&str; 4] = ["reset", "pipeline.yaml", "--drop-target", "--yes"];

fn tables(workspace: &Workspace<'_>) -> String {
    workspace.target_sql("SHOW TABLES").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_reset_that_drops_the_target_works_whatever_is_left_of_the_progress() {
    for kind in BOTH {
        let workspace = workspace(kind, "forget");
        let meta = workspace.meta().to_owned();
        expect(&workspace.run(&RESET), 0, &["pipeline load had no progress"]);
        for (lose, found) in [
            ("DO 0".to_owned(), true),
            (format!("DELETE FROM {meta}.progress"), false),
            (format!("DELETE FROM {meta}.progress; DELETE FROM {meta}.tables"), false),
            (format!("DROP TABLE {meta}.tables"), true),
            (format!("DROP TABLE {meta}.progress"), false),
            (format!("UPDATE {meta}.progress SET position = 'nonsense'"), true),
            (format!("DROP DATABASE {meta}"), false),
        ] {
            workspace.catch_up();
            workspace.target_sql("INSERT INTO orders_clean VALUES (900001, 1, 'paid', 1, 'STALE', NOW(6))");
            workspace.target_sql(&lose);
            let said = if found { "the progress of pipeline load is forgotten" } else { "had no progress" };
            expect(&workspace.run(&RESET), 0, &[said, "dropped", "`orders_clean`"]);
            assert_eq!(tables(&workspace), "", "{lose}");
            workspace.catch_up();
            assert_equal(&workspace);
            workspace.verify();
            // The same by a rebuild.
            workspace.target_sql("INSERT INTO orders_clean VALUES (900001, 1, 'paid', 1, 'STALE', NOW(6))");
            workspace.target_sql(&lose);
            expect(&run(&workspace, &["--rebuild"]), 0, &["deleted rows", "rows=1"]);
            assert_equal(&workspace);
            workspace.verify();
        }
    }
}

#[test]
fn a_reset_alone_says_what_stays_and_the_next_start_what_to_do() {
    for kind in BOTH {
        let workspace = workspace(kind, "stays");
        workspace.catch_up();
        workspace.target_sql("INSERT INTO orders_clean VALUES (900001, 1, 'paid', 1, 'STALE', NOW(6))");
        let reset = workspace.run(&["reset", "pipeline.yaml", "--yes"]);
        expect(&reset, 0, &["the rows of the target stay", "--drop-target", "--rebuild"]);
        expect(&run(&workspace, &[]), 3, &["an empty table at a first start", "rowmill run FILE --rebuild"]);
        expect(&run(&workspace, &["--rebuild"]), 0, &[]);
        assert_equal(&workspace);
        workspace.verify();
    }
}

#[test]
fn tables_of_others_stay() {
    for kind in BOTH {
        let workspace = Workspace::new(shared(kind), shared(kind), &format!("recovery_others_{kind:?}"));
        workspace.source_sql("CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT PRIMARY KEY); INSERT INTO a VALUES (1); INSERT INTO b VALUES (2)");
        let meta = workspace.meta().to_owned();
        let write = |name: &str, tables: &str, target: &str, meta: &str| {
            workspace.write_pipeline(&format!(
                "pipeline: {name}\nsource: {{ url: \"${{SOURCE}}\", tables: [{tables}] }}\nsteps: []\n\
                 sink: {{ url: \"${{TARGET}}\", table: \"{target}\", meta: {meta} }}\n"
            ));
        };
        let other_meta = format!("{meta}2");
        workspace
            .target_sql(&format!("DROP DATABASE IF EXISTS {other_meta}; CREATE TABLE a_foreign (id INT PRIMARY KEY)"));
        // One of several pipelines, one of the same name elsewhere, and one into a table that it did not create.
        for (name, tables, target, meta) in [
            ("one", "a, b", "${table}_one", &meta),
            ("two", "a, b", "${table}_two", &meta),
            ("one", "b", "${table}_elsewhere", &other_meta),
            ("foreign", "a", "${table}_foreign", &meta),
        ] {
            write(name, tables, target, meta);
            workspace.catch_up();
        }
        let all = "a_foreign a_one a_two b_elsewhere b_one b_two";
        assert_eq!(tables(&workspace), all);

        let kept = workspace.run(&RESET);
        expect(&kept, 0, &["kept", "`a_foreign` with its rows: rowmill did not create it", "DELETE FROM"]);
        assert_eq!(tables(&workspace), all);
        // The file names other tables than the one that the progress was made with.
        write("one", "a", "c", &meta);
        expect(&workspace.run(&RESET), 0, &["`a_one` with its rows: this file names another target now", "`b_one`"]);
        assert_eq!(tables(&workspace), all);
        // Another pipeline's table by name.
        write("one", "a", "a_two", &meta);
        expect(&workspace.run(&RESET), 0, &["`a_two` with its rows: it was created for pipeline two of schema"]);
        write("one", "b", "b_elsewhere", &meta);
        expect(&workspace.run(&RESET), 0, &["it was created for pipeline one of schema", "kept"]);
        assert_eq!(tables(&workspace), all);
        // The progress is gone by now; the pattern says which tables are meant.
        write("one", "a, b", "${table}_one", &meta);
        expect(&workspace.run(&RESET), 0, &["had no progress", "dropped", "`a_one`", "`b_one`"]);
        assert_eq!(tables(&workspace), "a_foreign a_two b_elsewhere b_two");
        // The others run on.
        write("two", "a, b", "${table}_two", &meta);
        workspace.catch_up();
        workspace.verify();
        workspace.target_sql(&format!("DROP DATABASE {other_meta}"));
    }
}

#[test]
fn a_process_that_runs_while_its_pipeline_is_reset_stops_and_writes_nothing_more() {
    for kind in BOTH {
        let workspace = workspace(kind, "running");
        for drop_target in [false, true] {
            let log = workspace.log_text().len();
            let mut running = workspace.start();
            workspace.wait("the stream", || !running.is_running() || workspace.log_text()[log..].contains("streaming"));
            let reset = match drop_target {
                true => workspace.run(&RESET),
                false => workspace.run(&["reset", "pipeline.yaml", "--yes"]),
            };
            expect(&reset, 0, &["is forgotten", "stops at its next commit if it still runs"]);
            // A new life, beside the old process, with the same fence.
            if drop_target {
                workspace.catch_up();
            } else {
                expect(&run(&workspace, &["--rebuild"]), 0, &[]);
            }
            workspace.source_sql("UPDATE orders SET amount = amount + 1 WHERE id % 5 = 0");
            workspace.wait("end of the process from before", || !running.is_running());
            assert_eq!(running.child.wait().unwrap().code(), Some(1), "{}", workspace.log_text());
            workspace.catch_up();
            assert_equal(&workspace);
            workspace.verify();
        }
        assert!(workspace.run(&["status", "pipeline.yaml"]).stdout.contains("streaming"));
    }
}
