//! A writing load: one transaction after another, from a thread of its own, until it is stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use rowmill_devserver::Kind;

use crate::harness::{PAIRS, Pair, Workspace, shared};

/// The orders table of the load.
pub(crate) const ORDERS: &str =
    "CREATE TABLE orders (id BIGINT PRIMARY KEY, customer INT NOT NULL, status VARCHAR(10) NOT NULL,
  amount DECIMAL(12,2), note VARCHAR(60) CHARACTER SET utf8mb4, at DATETIME(6) NOT NULL);";

/// Copies with a filter and a map; `orders` in, `orders_clean` out.
pub(crate) const PIPELINE: &str = "
pipeline: load
source:
  url: ${SOURCE}
  tables: [orders]
steps:
  - filter: \"status <> 'test'\"
  - map: { note: \"UPPER(TRIM(note))\" }
sink:
  url: ${TARGET}
  table: orders_clean
  meta: ${META}
epoch: { rows: 500 }
batch: { rows: 100 }
";

/// Inserts `rows` orders with ids from 1.
pub(crate) fn seed(workspace: &Workspace<'_>, rows: u64) {
    workspace.source_sql(ORDERS);
    let mut sql = String::new();
    for start in (1..=rows).step_by(1000) {
        let values: Vec<String> = (start..(start + 1000).min(rows + 1)).map(order).collect();
        sql.push_str(&format!("INSERT INTO orders VALUES {};\n", values.join(",")));
    }
    workspace.source_sql(&sql);
}

fn order(id: u64) -> String {
    let status = ["paid", "new", "test"][(id % 3) as usize];
    format!("({id},{},'{status}',{}.5,'  note {id} ',NOW(6))", id % 97, id % 1000)
}

/// Random transactions until dropped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    transactions: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Starts writing to `orders` of this workspace's source.
    pub(crate) fn start(workspace: &Workspace<'static>, seed: u64) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let transactions = Arc::new(AtomicU64::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&transactions));
        let (server, database) = (workspace.source, workspace.source_db.clone());
        let thread = std::thread::spawn(move || {
            let mut random = seed;
            let mut next = move || {
                // SplitMix64: reproducible from the seed.
                random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = random;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            };
            while !stopped.load(Ordering::Relaxed) {
                let mut script = format!("USE `{database}`;");
                for _ in 0..20 {
                    script.push_str("BEGIN;");
                    for _ in 0..1 + next() % 4 {
                        script.push_str(&change(&mut next));
                    }
                    script.push_str(if next() % 10 == 0 { "ROLLBACK;" } else { "COMMIT;" });
                }
                server.sql(&script).expect("the load's statements are valid");
                counted.fetch_add(20, Ordering::Relaxed);
            }
        });
        Load { stop, transactions, thread: Some(thread) }
    }

    /// Transactions so far.
    pub(crate) fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    /// Stops and waits for the last transaction.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the load did not fail");
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

fn change(next: &mut impl FnMut() -> u64) -> String {
    let id = 1 + next() % 3000;
    match next() % 10 {
        0..4 => format!("REPLACE INTO orders VALUES {};", order(id)),
        4..7 => {
            let status = ["paid", "new", "test"][(next() % 3) as usize];
            format!("UPDATE orders SET status = '{status}', amount = amount + 1 WHERE id = {id};")
        }
        7 => format!("UPDATE IGNORE orders SET id = {} WHERE id = {id};", 1 + next() % 3000),
        8 => format!("DELETE FROM orders WHERE id = {id};"),
        _ => format!("UPDATE orders SET note = CONCAT(' é', id) WHERE id BETWEEN {id} AND {};", id + 20),
    }
}

/// By hand: the same rows, computed by the servers themselves.
pub(crate) fn assert_equal(workspace: &Workspace<'_>) {
    let source = workspace.source_sql(
        "SELECT id, customer, status, amount, UPPER(TRIM(note)), at FROM orders WHERE status <> 'test' ORDER BY id",
    );
    let target = workspace.target_sql("SELECT id, customer, status, amount, note, at FROM orders_clean ORDER BY id");
    if source != target {
        let differing = source.lines().zip(target.lines()).find(|(source, target)| source != target);
        panic!(
            "source has {} rows, target {}; first difference: {differing:?}\n{}",
            source.lines().count(),
            target.lines().count(),
            workspace.log_text()
        );
    }
}

fn everything_written_under_load_arrives(pair: Pair) {
    let workspace = Workspace::new(shared(pair.source), shared(pair.target), &format!("load_{}", pair.name));
    workspace.write_pipeline(PIPELINE);
    seed(&workspace, 2000);
    let load = Load::start(&workspace, 7);
    let mut running = workspace.start();
    // Whoever looks meanwhile is told how far it is, and not that the rows are somebody else's.
    workspace.wait("a copy", || {
        let looked = workspace.run(&["verify", "pipeline.yaml"]);
        assert!(!looked.stderr.contains("an empty table"), "{}", looked.stderr);
        workspace.progress("position IS NOT NULL AND snapshot IS NULL") == "1"
    });
    let copied = load.transactions();
    workspace.wait("300 transactions beside it", || load.transactions() > copied + 300 || !running.is_running());
    workspace.verify();
    load.stop();
    assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());
    workspace.catch_up();
    assert_equal(&workspace);
    workspace.verify();
}

#[test]
fn everything_written_under_load_arrives_mysql_to_mysql() {
    everything_written_under_load_arrives(PAIRS[0]);
}

#[test]
fn everything_written_under_load_arrives_mariadb_to_mariadb() {
    everything_written_under_load_arrives(PAIRS[1]);
}

#[test]
fn everything_written_under_load_arrives_mysql_to_mariadb() {
    assert!(PAIRS[2].target == Kind::MariaDb);
    everything_written_under_load_arrives(PAIRS[2]);
}
