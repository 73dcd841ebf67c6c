//! What a restart reads again: in the snapshot the missing chunks, in the stream nothing.

use rowmill_devserver::{Kind, Server};

use crate::harness::{Workspace, shared};
use crate::load::{PIPELINE, assert_equal, seed};

/// Enough for dozens of epochs of the load's pipeline.
const ROWS: u64 = 40_000;

fn rows_in(workspace: &Workspace<'_>) -> u64 {
    workspace.progress("rows_in").parse().unwrap_or(0)
}

/// Statements that read rows of the orders since the log was turned on. The check of the rights reads none.
fn reads(workspace: &Workspace<'_>) -> String {
    workspace.source_sql(
        "SELECT argument FROM mysql.general_log
         WHERE command_type IN ('Query', 'Execute') AND argument LIKE 'SELECT% FROM `%`.`orders`%'
           AND argument NOT LIKE '%LIMIT 0' AND argument NOT LIKE '%general_log%'",
    )
}

fn a_restart_reads_only_what_is_missing(kind: Kind) {
    let server = Server::lend(kind, &["--log-output=TABLE"]).unwrap();
    let workspace = Workspace::new(&server, shared(kind), &format!("restart_{kind:?}"));
    workspace.write_pipeline(PIPELINE);
    seed(&workspace, ROWS);

    // Killed inside the snapshot, twice. Rows count when they are committed: had a chunk that was
    // committed been read again, they would be more than the table has.
    for wanted in [5, 20] {
        let mut running = workspace.start();
        workspace.wait("commits in the snapshot", || workspace.progress("commits").parse().unwrap_or(0) >= wanted);
        running.kill();
        assert_ne!(workspace.progress("snapshot IS NULL"), "1", "the snapshot was over before the kill");
        assert!(rows_in(&workspace) > 0);
    }
    workspace.catch_up();
    assert_eq!(rows_in(&workspace), ROWS);
    assert_equal(&workspace);

    // Killed in the stream: the next process asks the table for nothing, and takes each change once.
    let mut running = workspace.start();
    workspace.source_sql("UPDATE orders SET amount = amount + 1 WHERE id <= 100");
    workspace.wait("changes in the stream", || rows_in(&workspace) == ROWS + 100);
    running.kill();
    workspace.source_sql("UPDATE orders SET amount = amount + 1 WHERE id <= 10; SET GLOBAL general_log = ON;");
    workspace.catch_up();
    assert_eq!(rows_in(&workspace), ROWS + 110);
    assert_eq!(reads(&workspace), "");
    workspace.verify();
    // The log would have shown it: verify reads the table.
    assert_ne!(reads(&workspace), "");
    assert_equal(&workspace);
}

#[test]
fn a_restart_reads_only_what_is_missing_mysql() {
    a_restart_reads_only_what_is_missing(Kind::MySql);
}

#[test]
fn a_restart_reads_only_what_is_missing_mariadb() {
    a_restart_reads_only_what_is_missing(Kind::MariaDb);
}

#[test]
fn status_says_how_far_behind_the_target_is() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        // Two servers: with one the progress itself moves the source's position.
        let server = Server::lend(kind, &[]).unwrap();
        let workspace = Workspace::new(&server, shared(kind), &format!("lag_{kind:?}"));
        workspace.write_pipeline(PIPELINE);
        seed(&workspace, 50);
        workspace.catch_up();
        let status = || -> serde_json::Value {
            serde_json::from_str(&workspace.run(&["status", "pipeline.yaml", "--json"]).stdout).unwrap()
        };
        assert_eq!(
            (status()["lag_seconds"].as_f64(), status()["lag_bytes"].as_u64()),
            (Some(0.0), Some(0)),
            "{kind:?}"
        );
        workspace.source_sql("UPDATE orders SET amount = 0");
        let first = status();
        let behind = first["lag_seconds"].as_f64().unwrap();
        assert!(behind > 0.0 && behind < 300.0, "{kind:?}: {first}");
        assert!(first["lag_bytes"].as_u64().unwrap() > 0, "{kind:?}: {first}");
        workspace.wait("time to pass", || status()["lag_seconds"].as_f64().unwrap() > behind);
        workspace.catch_up();
        assert_eq!(status()["lag_seconds"].as_f64(), Some(0.0), "{kind:?}");
    }
}
