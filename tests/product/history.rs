//! A source whose binary log is another one than before: nothing of it is read.

use rowmill_devserver::{Kind, Server};

use crate::harness::{Workspace, shared};

const PIPELINE: &str = r#"
pipeline: history
source: { url: "${SOURCE}", tables: [t] }
steps: []
sink: { url: "${TARGET}", table: "out", meta: "${META}" }
"#;

const ROWS: &str = "SELECT * FROM `out` ORDER BY id";

/// One transaction for each id, of equal size.
fn insert(ids: std::ops::Range<i32>) -> String {
    ids.map(|id| format!("INSERT INTO t VALUES ({id}, {id});")).collect()
}

fn reset(kind: Kind) -> &'static str {
    match kind {
        Kind::MySql => "RESET BINARY LOGS AND GTIDS;",
        Kind::MariaDb => "RESET MASTER;",
    }
}

fn start<'s>(server: &'s Server, name: &str, kind: Kind) -> Workspace<'s> {
    let workspace = Workspace::new(server, shared(kind), &format!("{name}_{kind:?}"));
    workspace.write_pipeline(PIPELINE);
    workspace.source_sql(&format!("CREATE TABLE t (id INT PRIMARY KEY, v INT); {}", reset(kind)));
    workspace
}

fn says_why(text: &str) -> bool {
    (text.contains("is not the one that position")
        || text.contains("no longer holds position")
        || text.contains("the log was reset"))
        && text.contains("--rebuild")
}

/// `check` and `run` refuse, `status` tells the reason of the stop, and the target is as it was.
fn assert_stopped(workspace: &Workspace<'_>, rows: &str) {
    for command in ["check", "run"] {
        let outcome = workspace.run(&[command, "pipeline.yaml", "--color", "never"]);
        assert_ne!(outcome.code, 0, "{command}: {}", outcome.stderr);
        assert!(says_why(&outcome.stderr), "{command}: {}", outcome.stderr);
    }
    assert_eq!(workspace.target_sql(ROWS), rows);
}

/// A position that a snapshot found has nothing but the time of its file, in seconds.
fn wait_for_the_next_second(workspace: &Workspace<'_>) {
    let now = || workspace.source_sql("SELECT UNIX_TIMESTAMP()");
    let before = now();
    workspace.wait("the next second", || now() != before);
}

fn a_reset_while_stopped(kind: Kind) {
    let server = Server::lend(kind, &[]).unwrap();
    let workspace = start(&server, "history_stopped", kind);
    workspace.catch_up();
    workspace.source_sql(&insert(0..5));
    workspace.catch_up();
    let rows = workspace.target_sql(ROWS);
    wait_for_the_next_second(&workspace);
    workspace.source_sql(&format!("{} {}", reset(kind), insert(10..30)));
    assert_stopped(&workspace, &rows);
}

fn a_reset_while_running(kind: Kind, inserts: std::ops::Range<i32>) {
    let server = Server::lend(kind, &[]).unwrap();
    let workspace = start(&server, "history_running", kind);
    let mut running = workspace.start();
    workspace.source_sql(&insert(0..5));
    let rows = "0\t0\n1\t1\n2\t2\n3\t3\n4\t4\n";
    // The target is created by the pipeline.
    let query = format!("SELECT * FROM `{}`.`out` ORDER BY id", workspace.target_db);
    workspace.wait("rows", || workspace.target.sql(&query).is_ok_and(|found| found == rows));
    wait_for_the_next_second(&workspace);
    workspace.source_sql(&format!("{} {}", reset(kind), insert(inserts)));
    workspace.wait("a stop", || !running.is_running());
    assert!(says_why(&workspace.log_text()), "{}", workspace.log_text());
    let status = workspace.run(&["status", "pipeline.yaml"]);
    assert!(says_why(&status.stdout), "{}", status.stdout);
    assert_stopped(&workspace, rows);
}

/// A log that begins anew with a lower number: nothing of it was purged.
#[test]
fn a_log_that_ends_before_the_position_is_another_one() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let server = Server::lend(kind, &[]).unwrap();
        let workspace = start(&server, "history_ahead", kind);
        workspace.source_sql(&format!("FLUSH BINARY LOGS; FLUSH BINARY LOGS; {}", insert(0..5)));
        workspace.catch_up();
        workspace.source_sql(&format!("{} {}", reset(kind), insert(5..7)));
        let check = workspace.run(&["check", "pipeline.yaml", "--color", "never"]);
        assert!(check.stderr.contains("the log was reset"), "{kind:?}: {}", check.stderr);
        assert!(!check.stderr.contains("binlog_expire_logs_seconds"), "{kind:?}: {}", check.stderr);
        let status = workspace.run(&["status", "pipeline.yaml"]);
        assert!(status.stdout.contains("ends before the pipeline's position"), "{kind:?}: {}", status.stdout);
        assert!(!status.stdout.contains("behind by"), "{kind:?}: {}", status.stdout);
    }
}

#[test]
fn a_reset_while_stopped_is_noticed() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        a_reset_while_stopped(kind);
    }
}

#[test]
fn a_reset_while_running_is_noticed() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        // The new log is shorter than the old one, and longer.
        for inserts in [10..10, 10..12, 10..40] {
            a_reset_while_running(kind, inserts);
        }
    }
}
