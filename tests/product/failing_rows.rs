//! Batches with rows that a component can't survive: many, all, or just one. The pipeline skips them
//! or stops, and never hangs: what a batch may spend on them is bounded.

use rowmill_devserver::Kind;

use crate::harness::{Outcome, Workspace, shared};

/// Rows of one batch.
const ROWS: usize = 8_192;

/// A table of [`ROWS`] rows, in which the component fails on `n = 3`: those rows whose id `fails` says
/// true of, in SQL.
fn workspace(name: &str, function: &str, on_error: &str, fails: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(Kind::MariaDb), shared(Kind::MariaDb), name);
    std::fs::write(workspace.folder.path().join("hostile.wasm"), rowmill_test_guests::HOSTILE).unwrap();
    workspace.source_sql(&format!(
        "CREATE TABLE t (id INT PRIMARY KEY, n BIGINT);
         INSERT INTO t SELECT seq, IF({fails}, 3, 0) FROM (SELECT seq, seq AS id FROM seq_1_to_{ROWS}) AS s;"
    ));
    workspace.write_pipeline(&pipeline(function, on_error));
    workspace
}

fn pipeline(function: &str, on_error: &str) -> String {
    let both = format!("x: {0}, y: {0}", mill(function));
    pipeline_of(&both, on_error)
}

fn mill(function: &str) -> String {
    format!("{{ udf: \"./hostile.wasm#{function}\", args: [n], config: {{ when: 3 }} }}")
}

fn pipeline_of(calls: &str, on_error: &str) -> String {
    format!(
        "
pipeline: failing
source: {{ url: \"${{SOURCE}}\", tables: [t] }}
steps:
  - map: {{ {calls} }}
    id: mill
  - select: [id, n]
sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}
on_error: {on_error}
"
    )
}

fn stopped(workspace: &Workspace<'_>) -> Outcome {
    let outcome = workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    outcome
}

/// The target holds exactly the rows that don't fail.
fn assert_rest(workspace: &Workspace<'_>) {
    let query = "SELECT id, n FROM {} WHERE n <> 3 ORDER BY id";
    let expected = workspace.source_sql(&query.replace("{}", "t"));
    assert_eq!(workspace.target_sql("SELECT id, n FROM `out` ORDER BY id"), expected);
}

#[test]
fn two_hundred_trapping_rows_of_a_batch_are_skipped() {
    let workspace = workspace("failing_200", "panic", "skip", "id % 40 = 7 AND id <= 8000");
    let outcome = workspace.catch_up();
    assert_eq!(workspace.progress("skipped"), "200", "{}", outcome.stderr);
    assert_rest(&workspace);
}

#[test]
fn one_looping_row_of_a_batch_is_skipped() {
    let workspace = workspace("failing_1", "loop", "skip", "id = 5000");
    let outcome = workspace.catch_up();
    assert_eq!(workspace.progress("skipped"), "1", "{}", outcome.stderr);
    assert_rest(&workspace);
    assert!(outcome.stderr.contains("id=5000"), "{}", outcome.stderr);
}

#[test]
fn a_batch_in_which_every_row_loops_stops_the_pipeline() {
    let workspace = workspace("failing_all", "loop", "skip", "TRUE");
    let outcome = stopped(&workspace);
    for part in ["step mill", "hostile.wasm#loop", "of the 8192 rows", "(limit-cpu)", "256 such rows and 5 s"] {
        assert!(outcome.stderr.contains(part), "no {part:?} in {}", outcome.stderr);
    }
    // The purse is one for all calls of the batch, and is emptied by one attempt too many.
    let (_, rest) = outcome.stderr.split_once("failed took ").unwrap();
    let seconds: f64 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!((5.0..6.0).contains(&seconds), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("still looking for the rows that fail"), "{}", outcome.stderr);
    assert_eq!(workspace.target_sql("SELECT COUNT(*) FROM `out`").trim(), "0");
}

#[test]
fn more_than_256_trapping_rows_of_a_batch_stop_the_pipeline() {
    let workspace = workspace("failing_257", "panic", "skip", "id <= 257");
    let outcome = stopped(&workspace);
    for part in ["257 of the 8192 rows", "(trap)", "came off"] {
        assert!(outcome.stderr.contains(part), "no {part:?} in {}", outcome.stderr);
    }
    workspace.source_sql("UPDATE t SET n = 0 WHERE id = 100");
    workspace.catch_up();
    assert_eq!(workspace.progress("skipped"), "256");
    assert_rest(&workspace);
}

#[test]
fn under_fail_the_first_failing_row_is_named_however_many_there_are() {
    for function in ["loop", "panic"] {
        let workspace = workspace(&format!("failing_first_{function}"), function, "fail", "id >= 4321");
        let outcome = stopped(&workspace);
        assert!(outcome.stderr.contains("id=4321"), "{function}: {}", outcome.stderr);
    }
}

#[test]
fn told_to_stop_it_gives_the_search_up_and_nothing_is_lost() {
    let workspace = workspace("failing_stop", "loop", "skip", "FALSE");
    workspace.write_pipeline(&pipeline_of(&format!("x: {}", mill("loop")), "skip"));
    let mut running = workspace.start();
    workspace.wait("first rows", || workspace.progress("rows_in") == ROWS.to_string());
    // Thirty loops are three seconds of search.
    workspace.source_sql("UPDATE t SET n = 1 WHERE id > 8000; UPDATE t SET n = 3 WHERE id <= 30");
    workspace.wait("search", || workspace.log_text().contains("looking for the row"));
    assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());
    assert_eq!(workspace.progress("skipped"), "0", "{}", workspace.log_text());
    workspace.catch_up();
    assert_eq!(workspace.progress("skipped"), "30");
    assert_rest(&workspace);
}

#[test]
fn a_commit_that_ends_during_the_search_is_looked_at() {
    let workspace = workspace("failing_commit", "loop", "skip", "FALSE");
    let mut running = workspace.start();
    workspace.wait("first rows", || workspace.progress("rows_in") == ROWS.to_string());
    // The next commit waits for this lock, until another process has taken over.
    let meta = workspace.meta();
    let mut other = workspace.target.session().unwrap();
    other.say(&format!("BEGIN; SELECT fence FROM `{meta}`.progress FOR UPDATE; SELECT 'locked';")).unwrap();
    workspace.wait("lock", || other.heard("locked"));
    workspace.source_sql("UPDATE t SET n = 1 WHERE id = 1");
    workspace.wait("blocked commit", || {
        // Who asks more often than every 100 ms gets the same answer again.
        let waiting =
            "DO SLEEP(0.15); SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
        workspace.target_sql(waiting).trim() != "0"
    });
    workspace.source_sql("UPDATE t SET n = 3");
    workspace.wait("search", || workspace.log_text().contains("looking for the row"));
    other.say(&format!("UPDATE `{meta}`.progress SET fence = fence + 1; COMMIT;")).unwrap();
    workspace.wait("end", || !running.is_running());
    let log = workspace.log_text();
    assert!(log.contains("was taken over by another process") && !log.contains("too many rows"), "{log}");
}

/// A batch holds several transactions; the error names the one of the row.
#[test]
fn the_transaction_of_a_failing_row_is_named() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = Workspace::new(shared(kind), shared(kind), "transaction_named");
        workspace.write_pipeline(
            "pipeline: named\nsource: { url: \"${SOURCE}\", tables: [t, u] }\n\
             steps: [{ id: add, map: { q: \"9223372036854775807 + n\" } }]\n\
             sink: { url: \"${TARGET}\", table: \"${table}_q\", meta: \"${META}\" }\n",
        );
        let table = "(id INT PRIMARY KEY, n BIGINT)";
        workspace.source_sql(&format!("CREATE TABLE t {table}; CREATE TABLE u {table}; INSERT INTO t VALUES (1, 0)"));
        workspace.catch_up();
        workspace.source_sql("INSERT INTO t VALUES (2, 0); INSERT INTO u VALUES (1, 0); INSERT INTO t VALUES (3, 0)");
        let shown = match kind {
            Kind::MySql => "SHOW BINARY LOG STATUS",
            Kind::MariaDb => "SHOW MASTER STATUS",
        };
        // Tests beside this one write, too.
        let log =
            workspace.source_sql(&format!("{shown}; INSERT INTO t VALUES (4, 1), (5, 0); INSERT INTO t VALUES (6, 0)"));
        let mut log = log.split_whitespace();
        let (file, offset) = (log.next().unwrap(), log.next().unwrap().parse::<u64>().unwrap());
        let stopped = workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
        assert_eq!(stopped.code, 1, "{}", stopped.stderr);
        let named = format!("in the transaction at {file}:");
        let at = stopped.stderr.split(&named).nth(1).unwrap_or_else(|| panic!("{named}\n{}", stopped.stderr));
        let found: u64 = at.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
        let events = workspace.source_sql(&format!("SHOW BINLOG EVENTS IN '{file}' FROM {found} LIMIT 5"));
        assert!(found >= offset && stopped.stderr.contains("key id=4"), "{offset}\n{}", stopped.stderr);
        // The rows of its table come in the transaction that begins there.
        let database = &workspace.source_db;
        let map = events.lines().position(|event| event.contains(&format!("({database}.t)")));
        let end = events.lines().position(|event| event.contains("Xid") || event.contains("COMMIT"));
        assert!(map.is_some() && map < end, "{events}");
        assert!(stopped.stderr.contains("fix: `on_error: skip` would leave such rows out"), "{}", stopped.stderr);
    }
}
