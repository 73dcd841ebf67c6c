//! A source that goes away: restarted, killed, its connections cut, in the stream and in the snapshot.

use rowmill_devserver::{Kind, Lent, Server};

use super::pipe::Pipe;
use crate::harness::{Workspace, shared};

/// A source of its own, since it is restarted, beside a workspace whose own source nothing is read from.
struct Source {
    server: Lent,
    database: String,
}

impl Source {
    fn start(kind: Kind, workspace: &Workspace<'_>, rows: u64) -> Source {
        let source = Source { server: Server::lend(kind, &[]).unwrap(), database: workspace.source_db.clone() };
        source.server.sql(&format!("CREATE DATABASE `{}`", source.database)).unwrap();
        // Wide, so that a snapshot of many rows doesn't fit into the buffers of its connections.
        source.sql(&format!(
            "CREATE TABLE t (id INT PRIMARY KEY, g INT, at DATETIME NOT NULL, n INT NOT NULL, x DOUBLE NOT NULL,
             pad VARCHAR(1000) NOT NULL DEFAULT '{}')",
            "x".repeat(1000)
        ));
        let mut script = String::new();
        for start in (0..rows).step_by(1000) {
            let rows: Vec<String> = (start..(start + 1000).min(rows)).map(row).collect();
            script.push_str(&format!("INSERT INTO t (id, g, at, n, x) VALUES {};\n", rows.join(",")));
        }
        source.sql(&script);
        source
    }

    fn sql(&self, script: &str) -> String {
        self.server.sql(&format!("USE `{}`; {script}", self.database)).unwrap()
    }

    fn change(&self, by: u64) {
        self.sql(&format!(
            "UPDATE t SET n = n + {by}, x = x + 0.25 WHERE id % 17 = {by};
             UPDATE t SET g = g + 1, at = at + INTERVAL 25 MINUTE WHERE id % 19 = {by};
             DELETE FROM t WHERE id % 101 = {by}; REPLACE INTO t (id, g, at, n, x) VALUES {}, {};",
            row(1_000_000 + by),
            row(by * 10)
        ));
    }

    fn results(&self) -> String {
        self.sql("SELECT g, FLOOR(TIMESTAMPDIFF(SECOND, '2026-01-01', at) / 3600) AS hour, COUNT(*), SUM(n), MAX(n), COUNT(DISTINCT n), SUM(x) FROM t GROUP BY g, hour ORDER BY g, hour")
    }
}

fn row(id: u64) -> String {
    let g = if id.is_multiple_of(11) { "NULL".to_owned() } else { (id % 7).to_string() };
    format!("({id}, {g}, '2026-01-01' + INTERVAL {} MINUTE, {}, {}.5)", id * 7 % 2000, id % 50, id % 9)
}

const STEPS: &str = "steps:
  - aggregate:
      by: [g]
      window: { tumble: 1h, on: at, lateness: 365d }
      values: { row_count: \"count(*)\", n: \"sum(n)\", most: \"max(n)\", ns: \"count(distinct n)\", x: \"sum(x)\" }
limits: { memory: 4MiB }";

fn results(workspace: &Workspace<'_>) -> String {
    workspace.target_sql("SELECT g, TIMESTAMPDIFF(HOUR, '2026-01-01', window_start) AS hour, row_count, n, most, ns, x FROM hours ORDER BY g, hour")
}

fn workspace(kind: Kind, name: &str) -> Workspace<'static> {
    Workspace::new(shared(kind), shared(kind), &format!("cuts_{name}_{kind:?}"))
}

fn pipe<'w>(workspace: &'w Workspace<'static>, source: &Source, sizes: &str) -> Pipe<'w, 'static> {
    let pipe = Pipe::new(workspace, "hours").reading(source.server.url(&source.database));
    pipe.write("t", &format!("{STEPS}\n{sizes}"));
    pipe
}

fn a_source_that_restarts_is_followed_again(kind: Kind) {
    let workspace = workspace(kind, "restart");
    let mut source = Source::start(kind, &workspace, 2000);
    let pipe = pipe(&workspace, &source, "batch: { rows: 7 }\nepoch: { rows: 50 }");
    let mut running = pipe.start();
    pipe.wait("snapshot", || running.is_running() && pipe.log_text().contains("streaming"));
    for by in 1..5 {
        source.change(by);
        // In order, which ends the connection, and as a crash does, both in the middle of the changes.
        if by % 2 == 0 {
            source.server.kill();
        }
        source.server.restart().unwrap();
        source.change(by + 5);
        pipe.wait("equality", || running.is_running() && results(&workspace) == source.results());
    }
    pipe.verify();
    running.kill();
    source.change(11);
    source.server.restart().unwrap();
    pipe.catch_up();
    assert_eq!(results(&workspace), source.results());
    pipe.verify();
}

#[test]
fn a_source_that_restarts_is_followed_again_mysql() {
    a_source_that_restarts_is_followed_again(Kind::MySql);
}

#[test]
fn a_source_that_restarts_is_followed_again_mariadb() {
    a_source_that_restarts_is_followed_again(Kind::MariaDb);
}

fn a_cut_connection_is_mended(kind: Kind) {
    let workspace = workspace(kind, "connection");
    let source = Source::start(kind, &workspace, 2000);
    let pipe = pipe(&workspace, &source, "batch: { rows: 3 }\nepoch: { rows: 20 }");
    let mut running = pipe.start();
    // The snapshot has its reader, too, while the target has no table yet.
    pipe.wait("the snapshot", || running.is_running() && pipe.log_text().contains("streaming"));
    let readers = || source.sql("SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'");
    for by in 1..7 {
        let mut reader = String::new();
        pipe.wait("reader of the binlog", || {
            reader = readers();
            running.is_running() && !reader.is_empty()
        });
        source.change(by);
        for id in reader.lines() {
            // It may be gone by now.
            let _ = source.server.sql(&format!("KILL {id}"));
        }
        source.change(by + 7);
        pipe.wait("another reader", || running.is_running() && readers().lines().any(|id| !reader.contains(id)));
        pipe.wait("equality", || running.is_running() && results(&workspace) == source.results());
    }
    assert_eq!(running.stop(), Some(0), "{}", pipe.log_text());
    pipe.catch_up();
    assert_eq!(results(&workspace), source.results());
    pipe.verify();
}

#[test]
fn a_cut_connection_is_mended_mysql() {
    a_cut_connection_is_mended(Kind::MySql);
}

#[test]
fn a_cut_connection_is_mended_mariadb() {
    a_cut_connection_is_mended(Kind::MariaDb);
}

fn a_snapshot_interrupted_by_a_restart_begins_anew(kind: Kind) {
    let workspace = workspace(kind, "snapshot");
    let mut source = Source::start(kind, &workspace, 40_000);
    // Small batches make it last.
    let pipe = pipe(&workspace, &source, "batch: { rows: 4 }");
    let mut running = pipe.start();
    pipe.wait("snapshot", || pipe.log_text().contains("phase=\"snapshot\""));
    source.server.kill();
    source.server.restart().unwrap();
    source.change(1);
    pipe.wait("new snapshot", || {
        let log = pipe.log_text();
        let anew = log.contains("the snapshot was interrupted; beginning it anew");
        assert!(anew || !log.contains("the aggregates hold the snapshot"), "the snapshot was over before\n{log}");
        anew
    });
    source.change(2);
    pipe.write("t", STEPS);
    pipe.wait("equality", || {
        assert!(running.is_running(), "{}", pipe.log_text());
        pipe.commits() > 0 && results(&workspace) == source.results()
    });
    assert_eq!(running.stop(), Some(0), "{}", pipe.log_text());
    source.change(3);
    pipe.catch_up();
    assert_eq!(results(&workspace), source.results());
    pipe.verify();
}

#[test]
fn a_snapshot_interrupted_by_a_restart_begins_anew_mysql() {
    a_snapshot_interrupted_by_a_restart_begins_anew(Kind::MySql);
}

#[test]
fn a_snapshot_interrupted_by_a_restart_begins_anew_mariadb() {
    a_snapshot_interrupted_by_a_restart_begins_anew(Kind::MariaDb);
}
