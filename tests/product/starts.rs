//! Starts other than a snapshot, and servers set up in unusual but allowed ways.

use rowmill_devserver::{Kind, Server};

use crate::harness::{Workspace, shared};

fn workspace(kind: Kind, name: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("start_{name}_{kind:?}"));
    workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1), (2, 2);");
    workspace
}

fn pipeline(start: &str) -> String {
    format!(
        "
pipeline: start
source: {{ url: \"${{SOURCE}}\", tables: [t], start: {start} }}
steps: []
sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}
"
    )
}

fn ids(workspace: &Workspace<'_>) -> String {
    workspace.target_sql("SELECT GROUP_CONCAT(id ORDER BY id) FROM `out`").trim().to_owned()
}

#[test]
fn latest_is_where_the_first_start_was_and_not_a_later_one() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "latest");
        workspace.write_pipeline(&pipeline("latest"));
        workspace.catch_up();
        workspace.source_sql("INSERT INTO t VALUES (3, 3)");
        workspace.catch_up();
        assert_eq!(ids(&workspace), "3", "{kind:?}");
    }
}

#[test]
fn a_gtid_set_leaves_out_what_it_holds() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = workspace(kind, "gtid");
        let variable = match kind {
            Kind::MySql => "@@GLOBAL.gtid_executed",
            Kind::MariaDb => "@@GLOBAL.gtid_binlog_pos",
        };
        let set = workspace.source_sql(&format!("SELECT REPLACE({variable}, '\\n', '')"));
        workspace.source_sql("INSERT INTO t VALUES (3, 3), (4, 4); UPDATE t SET v = 20 WHERE id = 2;");
        workspace.write_pipeline(&pipeline(&format!("{{ gtid: \"{}\" }}", set.trim())));
        workspace.catch_up();
        assert_eq!(ids(&workspace), "2,3,4", "{kind:?}");
        workspace.catch_up();
        workspace.source_sql("DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (5, 5)");
        workspace.catch_up();
        assert_eq!(ids(&workspace), "2,4,5", "{kind:?}");
    }
}

#[test]
fn a_binlog_without_checksums_is_read() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let server = Server::start_with(kind, &["--binlog-checksum=NONE"]).unwrap();
        let workspace = Workspace::new(&server, shared(kind), &format!("checksum_{kind:?}"));
        workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1);");
        workspace.write_pipeline(&pipeline("snapshot"));
        workspace.catch_up();
        workspace.source_sql("INSERT INTO t VALUES (2, 2); DELETE FROM t WHERE id = 1");
        workspace.catch_up();
        assert_eq!(ids(&workspace), "2", "{kind:?}");
        workspace.verify();
    }
}

#[test]
fn a_source_with_the_wrong_settings_is_refused_with_the_statements_that_mend_it() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let server = Server::start_with(kind, &["--binlog-format=STATEMENT", "--binlog-row-image=MINIMAL"]).unwrap();
        let workspace = Workspace::new(&server, shared(kind), &format!("settings_{kind:?}"));
        workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
        workspace.write_pipeline(&pipeline("snapshot"));
        for command in ["check", "run"] {
            let outcome = workspace.run(&[command, "pipeline.yaml", "--color", "never"]);
            assert_eq!(outcome.code, 3, "{kind:?}\n{}", outcome.stderr);
            for part in ["binlog_format", "STATEMENT", "binlog_row_image", "MINIMAL", "SET GLOBAL"] {
                assert!(outcome.stderr.contains(part), "{kind:?}: no {part:?} in {}", outcome.stderr);
            }
        }
        assert_eq!(workspace.target_sql("SHOW TABLES"), "");
    }
}
