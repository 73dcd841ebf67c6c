//! Connections on which nothing passes any more and nothing closes, with the limits that the product has:
//! noticed, said in the log, and gone on from when a new connection works.
//!
//! Each takes its time, so all run at once.

use std::process::Stdio;

use rowmill_devserver::{Hang, Kind, Proxy, Server};

use crate::harness::{Running, Workspace, shared};

const PIPELINE: &str = "
pipeline: silent
source: { url: \"${SOURCE}\", tables: [t] }
steps: []
sink: { url: \"${TARGET}\", table: out, meta: \"${META}\" }
epoch: { rows: 500 }
";

/// A pipeline between two servers, with a proxy before each.
struct Case<'s> {
    workspace: Workspace<'s>,
    source: Proxy,
    target: Proxy,
}

impl<'s> Case<'s> {
    fn new(source: &'s Server, name: &str, rows: u64) -> Case<'s> {
        let kind = source.kind();
        let workspace = Workspace::new(source, shared(kind), &format!("silent_{name}_{kind:?}"));
        workspace.write_pipeline(PIPELINE);
        workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, v INT, pad TEXT)");
        for start in (0..rows).step_by(100) {
            let row = |id: u64| format!("({id}, {id}, REPEAT('x', 4000))");
            let rows: Vec<String> = (start..(start + 100).min(rows)).map(row).collect();
            workspace.source_sql(&format!("INSERT INTO t VALUES {}", rows.join(",")));
        }
        let (source, target) = (Proxy::start(source.port()).unwrap(), Proxy::start(shared(kind).port()).unwrap());
        Case { workspace, source, target }
    }

    fn start(&self) -> Running {
        let log = std::fs::File::options().create(true).append(true).open(self.workspace.log()).unwrap();
        let mut command = self.workspace.rowmill(&["run", "pipeline.yaml", "--color", "never"]);
        command.env("SOURCE", self.source.url(&self.workspace.source_db));
        command.env("TARGET", self.target.url(&self.workspace.target_db));
        command.stdout(Stdio::null()).stderr(log);
        Running { child: command.spawn().expect("the rowmill binary runs") }
    }

    fn said(&self, text: &str) -> bool {
        self.workspace.log_text().contains(text)
    }

    fn is_equal(&self) -> bool {
        let rows = |table: &str| format!("SELECT id, v, CRC32(pad) FROM `{table}` ORDER BY id");
        self.workspace.source_sql(&rows("t")) == self.workspace.target_sql(&rows("out"))
    }

    /// Ends with equal tables and a process that never stopped.
    fn finish(&self, mut running: Running) {
        self.workspace.wait("equality", || running.is_running() && self.is_equal());
        self.workspace.wait("a consistent target", || self.workspace.progress("converge_until IS NULL") == "1");
        assert_eq!(running.stop(), Some(0), "{}", self.workspace.log_text());
        self.workspace.verify();
    }

    fn streaming(&self) -> Running {
        let mut running = self.start();
        self.workspace.wait("streaming", || running.is_running() && self.said("phase=\"streaming\""));
        running
    }
}

/// The last line about how it is going.
fn progress_line(log: &str) -> String {
    log.lines().rfind(|line| line.contains(" progress pipeline=")).unwrap_or_default().to_owned()
}

fn number(line: &str, field: &str) -> Option<u64> {
    let (_, rest) = line.split_once(&format!(" {field}="))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn the_stream_hangs(kind: Kind) {
    // Its own, so that nothing at all happens there.
    let server = Server::lend(kind, &[]).unwrap();
    let case = Case::new(&server, "stream", 3);
    let running = case.streaming();
    let as_of = || case.workspace.progress("as_of");
    let first = as_of();
    case.workspace.wait("a later state of an idle source", || as_of() > first);
    case.source.hang();
    case.source.hang_new(true);
    case.workspace.source_sql("INSERT INTO t VALUES (100, 1, 'y')");
    case.workspace.wait("the silence in the status", || {
        let line = progress_line(&case.workspace.log_text());
        number(&line, "silent_ms").is_some() && number(&line, "lag_ms").is_some_and(|lag| lag >= 10_000)
    });
    let silent = as_of();
    case.workspace.wait("the notice", || case.said("binary log stream lost"));
    case.workspace.wait("the failed attempt", || case.said("cannot be reached"));
    assert_eq!(as_of(), silent, "nothing was heard, and the target became younger");
    case.source.hang_new(false);
    case.finish(running);
}

fn a_reader_of_the_snapshot_hangs(kind: Kind) {
    let case = Case::new(shared(kind), "reader", 16_000);
    let running = case.start();
    case.workspace.wait("commits", || case.workspace.progress("commits").parse().unwrap_or(0) >= 3);
    case.source.hang();
    assert_eq!(case.workspace.progress("snapshot IS NULL"), "0", "the snapshot was over before");
    case.workspace.wait("the notice", || case.said("the snapshot was interrupted"));
    case.finish(running);
}

fn the_target_hangs_in_a_commit(kind: Kind, when: Hang, look_up: Option<Hang>) {
    let name = if look_up.is_some() { "lookup" } else { "commit" };
    let case = Case::new(shared(kind), name, 3);
    let running = case.streaming();
    case.target.hang_at("COMMIT", when);
    if let Some(look_up) = look_up {
        case.target.hang_at("FOR UPDATE", look_up);
    }
    case.workspace.source_sql("INSERT INTO t VALUES (100, 1, 'y'); UPDATE t SET v = v + 1");
    case.workspace.wait("the notice", || case.said("the answer to COMMIT was lost"));
    case.finish(running);
    assert_eq!(case.target.hung(), if look_up.is_some() { 2 } else { 1 });
}

#[test]
fn connections_that_hang_are_noticed_and_gone_on_from() {
    let both = [Kind::MySql, Kind::MariaDb];
    for kind in both {
        shared(kind);
    }
    std::thread::scope(|scope| {
        for kind in both {
            scope.spawn(move || the_stream_hangs(kind));
            scope.spawn(move || a_reader_of_the_snapshot_hangs(kind));
            scope.spawn(move || the_target_hangs_in_a_commit(kind, Hang::Before, None));
            scope.spawn(move || the_target_hangs_in_a_commit(kind, Hang::After, Some(Hang::After)));
        }
    });
}

/// The second connection, on which an idle stream asks where the log ends, is refused.
#[test]
fn a_look_at_the_end_of_the_log_that_fails_ends_nothing() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        // One of its own, since heartbeats come only while nothing else does.
        let source = Server::lend(kind, &[]).unwrap();
        let workspace = Workspace::new(&source, shared(kind), &format!("silent_look_{kind:?}"));
        workspace.write_pipeline(PIPELINE);
        let user = format!("look_{}", kind.name());
        workspace.source_sql(&format!(
            "CREATE TABLE t (id INT PRIMARY KEY);
             CREATE USER {user}@'%' IDENTIFIED BY 'look'; GRANT ALL ON *.* TO {user}@'%';"
        ));
        let log = std::fs::File::options().create(true).append(true).open(workspace.log()).unwrap();
        let mut command = workspace.rowmill(&["run", "pipeline.yaml", "--color", "never", "-v"]);
        let (port, database) = (workspace.source.port(), &workspace.source_db);
        command.env("SOURCE", format!("mysql://{user}:look@127.0.0.1:{port}/{database}"));
        command.stdout(Stdio::null()).stderr(log);
        let mut running = Running { child: command.spawn().expect("the rowmill binary runs") };
        let said = |text: &str| workspace.log_text().contains(text);
        workspace.wait("streaming", || running.is_running() && said("phase=\"streaming\""));
        workspace.source_sql(&format!("ALTER USER {user}@'%' ACCOUNT LOCK"));
        workspace.wait("a look", || running.is_running() && said("the end of the binary log could not be asked for"));
        workspace.source_sql("INSERT INTO t VALUES (1)");
        workspace.wait("the row", || running.is_running() && workspace.target_sql("SELECT * FROM `out`") == "1\n");
        assert!(!said("stream lost"), "{}", workspace.log_text());
        assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());
    }
}
