//! Targets that are not as the progress says: gone, no longer written, or with rows that a rebuild left.

use super::{BOTH, expect, run, workspace};
use crate::harness::{Workspace, shared};
use crate::load::assert_equal;

#[test]
fn a_target_that_is_gone_is_not_made_anew_without_its_rows() {
    for kind in BOTH {
        let workspace = workspace(kind, "gone");
        workspace.catch_up();
        workspace.target_sql("DROP TABLE orders_clean");
        let parts = ["`orders_clean`", "no such table", "its rows are written", "--rebuild"];
        for command in ["check", "run"] {
            expect(&workspace.run(&[command, "pipeline.yaml", "--color", "never"]), 3, &parts);
            assert_eq!(workspace.target_sql("SHOW TABLES"), "");
        }
        expect(&run(&workspace, &["--rebuild"]), 0, &[]);
        assert_equal(&workspace);
        workspace.verify();
    }
}

#[test]
fn a_table_that_a_plan_no_longer_writes_is_named_by_the_rebuild() {
    for kind in BOTH {
        let workspace = Workspace::new(shared(kind), shared(kind), &format!("recovery_fewer_{kind:?}"));
        let plan = |tables: &str| {
            workspace.write_pipeline(&format!(
                "pipeline: fewer\nsource: {{ url: \"${{SOURCE}}\", tables: [{tables}] }}\nsteps: []\n\
                 sink: {{ url: \"${{TARGET}}\", table: \"${{table}}_out\", meta: \"${{META}}\" }}\n"
            ));
        };
        plan("a, b");
        workspace.source_sql("CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b LIKE a; INSERT INTO b VALUES (1)");
        workspace.catch_up();
        plan("a");
        expect(&run(&workspace, &[]), 2, &["the list of source tables changed", "--rebuild"]);
        let named = ["`b_out`", "its rows stay as they are", "DROP TABLE"];
        expect(&run(&workspace, &["--rebuild"]), 0, &named);
        assert_eq!(workspace.target_sql("SELECT * FROM b_out").trim(), "1");
        workspace.target_sql("DROP TABLE b_out");
        let quiet = run(&workspace, &["--rebuild"]);
        assert!(!quiet.stderr.contains("its rows stay as they are"), "{}", quiet.stderr);
    }
}

/// Rows of other ordinals than the new event's, a second unique key, and an insert that a filter takes out.
#[test]
fn rows_that_a_rebuild_left_do_not_outlive_an_insert_of_their_key() {
    for kind in BOTH {
        let workspace = Workspace::new(shared(kind), shared(kind), &format!("recovery_left_{kind:?}"));
        workspace.write_pipeline(
            "pipeline: left\nsource: { url: \"${SOURCE}\", tables: [t] }\nsteps:\n  - filter: \"id <> 9\"\n\
             sink: { url: \"${TARGET}\", table: out, meta: \"${META}\" }\n",
        );
        workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(9)); INSERT INTO t VALUES (1, 'one')");
        workspace.target_sql("CREATE TABLE `out` (id INT PRIMARY KEY, name VARCHAR(9), UNIQUE KEY (name))");
        workspace.catch_up();
        workspace.target_sql("INSERT INTO `out` VALUES (7, 'stale'), (9, 'gone')");
        expect(&run(&workspace, &["--rebuild"]), 0, &["left rows", "rows=2"]);
        assert_eq!(workspace.progress("rebuild_since IS NULL AND rebuild_deletes = 0"), "1");
        // Another process than the one that rebuilt.
        workspace.source_sql("INSERT INTO t VALUES (7, 'seven'), (9, 'nine')");
        workspace.catch_up();
        let rows = workspace.target_sql("SELECT * FROM `out` ORDER BY id");
        assert_eq!(rows.lines().collect::<Vec<_>>(), ["1\tone", "7\tseven"]);
        workspace.verify();
        expect(&run(&workspace, &["--rebuild"]), 0, &[]);
        assert_eq!(workspace.progress("rebuild_since IS NULL AND rebuild_deletes IS NULL"), "1");
    }
}

/// The sink never writes such a date, so where one stands somebody else has been.
#[test]
fn a_date_that_is_none_is_no_null() {
    for kind in BOTH {
        let workspace = Workspace::new(shared(kind), shared(kind), &format!("recovery_zero_{kind:?}"));
        workspace.write_pipeline(
            "pipeline: zero\nsource: { url: \"${SOURCE}\", tables: [t] }\nsteps: []\n\
             sink: { url: \"${TARGET}\", table: out, meta: \"${META}\" }\n",
        );
        workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, d DATE, at DATETIME(3), ts TIMESTAMP NULL)");
        workspace
            .source_sql("INSERT INTO t VALUES (1, NULL, NULL, NULL), (2, '2024-02-29', '2024-02-29', '2024-02-29')");
        workspace.catch_up();
        workspace.verify();
        for (column, zero) in [("d", "0000-00-00"), ("d", "2024-00-10"), ("at", "0000-00-00"), ("ts", "0000-00-00")] {
            workspace.target_sql(&format!("SET sql_mode = ''; UPDATE `out` SET {column} = '{zero}' WHERE id = 1"));
            expect(&workspace.run(&["verify", "pipeline.yaml"]), 4, &["1 key differs", "id=1"]);
            workspace.target_sql(&format!("UPDATE `out` SET {column} = NULL WHERE id = 1"));
        }
        workspace.verify();
    }
}

/// The target's server keeps names in lower case.
#[test]
fn a_reset_finds_its_tables_under_the_names_that_the_server_gives_them() {
    for kind in BOTH {
        let server = rowmill_devserver::Server::start_with(kind, &["--lower-case-table-names=1"]).unwrap();
        let workspace = Workspace::new(&server, &server, "recovery_folded");
        workspace.write_pipeline(
            "pipeline: folded\nsource: { url: \"${SOURCE}\", tables: [t] }\nsteps: []\n\
             sink: { url: \"${TARGET}\", table: \"${table}_Clean\", meta: \"${META}\" }\n",
        );
        workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)");
        workspace.catch_up();
        expect(&workspace.run(&["reset", "pipeline.yaml", "--drop-target", "--yes"]), 0, &["dropped", "`t_clean`"]);
        workspace.catch_up();
        workspace.verify();
    }
}

/// The first start was interrupted before it stored where its snapshot begins.
#[test]
fn a_file_that_begins_elsewhere_after_an_interrupted_first_start_is_refused() {
    for kind in BOTH {
        let workspace = Workspace::new(shared(kind), shared(kind), &format!("recovery_elsewhere_{kind:?}"));
        let plan = |start: &str| {
            workspace.write_pipeline(&format!(
                "pipeline: elsewhere\nsource: {{ url: \"${{SOURCE}}\", tables: [t], start: {start} }}\n\
                 steps:\n  - filter: \"id + 9223372036854775807 > 0\"\n\
                 sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}\n"
            ));
        };
        plan("snapshot");
        workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)");
        expect(&run(&workspace, &[]), 1, &["out of range"]);
        // A kill right behind the claim leaves this.
        workspace.target_sql(&format!("UPDATE `{}`.progress SET position = NULL, snapshot = NULL", workspace.meta()));
        plan("latest");
        let parts = ["interrupted before it stored a row", "`start: snapshot`", "rowmill reset FILE --drop-target"];
        expect(&run(&workspace, &[]), 2, &parts);
        plan("snapshot");
        workspace.source_sql("UPDATE t SET id = -1");
        workspace.catch_up();
        workspace.verify();
    }
}
