//! The whole product as a process: a copy against a bare LOAD DATA, memory, latency.
//!
//! Source and target are one server, so all compete for the same cores. Time is from the start of
//! the process to its end, with connecting, creating the table and the last commit.

#![expect(clippy::disallowed_methods, reason = "a client beside the product, on a server of the benchmark")]

use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use tokio::runtime::Runtime;

use crate::process::{Rowmill, Run};
use crate::report::{Limit, Report, median};
use crate::shop::Shop;

const COPY: &str = "pipeline: one filter and one map, the server at both ends is the same";
const MEMORY: &str = "memory: most that the process held (resident)";
const LATENCY: &str = "latency: from the commit in the source to the row in the target";

const PIPELINE: &str = r#"
pipeline: bench
source:
  url: ${SOURCE}
  tables: [orders]
steps:
  - filter: "price > 10 and status <> 'test'"
  - map: { status: "upper(trim(status))" }
sink:
  url: ${TARGET}
  table: orders_clean
"#;

/// Copies, each beside a LOAD DATA, of which the median counts.
const COPIES: usize = 3;
/// Commits whose way is measured.
const COMMITS: usize = 200;
const PAUSE: Duration = Duration::from_millis(15);
const DEADLINE: Duration = Duration::from_secs(60);
const MEMORY_MAX: f64 = 300.0;

pub(crate) fn measure(report: &mut Report, shop: &Shop, runtime: &Runtime) {
    shop.sql("CREATE DATABASE IF NOT EXISTS clean CHARACTER SET utf8mb4");
    let bench = Bench { shop, rowmill: Rowmill::new(PIPELINE, &shop.server, "shop", "clean") };
    let rowmill = &bench.rowmill;

    let check = rowmill.process(&["check", "pipeline.yaml"]);
    report.note(COPY, "first check, which compiles the components", check.seconds, "s");
    let (mut copies, mut loads, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut snapshot = Run::default();
    for copy in 0..COPIES {
        if copy > 0 {
            rowmill.process(&["reset", "pipeline.yaml", "--yes", "--drop-target"]);
        }
        let run = rowmill.catch_up();
        let copied = shop.number("SELECT COUNT(*) FROM clean.orders_clean");
        let bare = bench.bare_load(copied);
        copies.push(copied as f64 / run.seconds);
        loads.push(copied as f64 / bare);
        ratios.push(bare / run.seconds);
        snapshot.memory = run.memory.max(snapshot.memory);
    }
    report.note(COPY, "LOAD DATA LOCAL INFILE of the rows in the target", median(loads), "rows/s");
    report.note(COPY, "snapshot, rows that reached the target", median(copies.clone()), "rows/s");
    report.judge(COPY, "snapshot / LOAD DATA, each pair in turn", median(ratios), "x", Limit::AtLeast(0.7));

    let step = 1_000.max(shop.rows / 1_000);
    for start in (0..shop.rows).step_by(step as usize) {
        let end = start + step;
        shop.sql(&format!("UPDATE orders SET customer_id = customer_id + 1 WHERE id > {start} AND id <= {end}"));
    }
    let catch_up = rowmill.catch_up();
    let rows = shop.rows as f64;
    report.note(COPY, "catch-up, 1,000 transactions of updates", rows / catch_up.seconds, "rows/s");
    shop.sql("UPDATE orders SET customer_id = customer_id + 1");
    let transaction = rowmill.catch_up();
    report.note(COPY, "one transaction that updates every row", rows / transaction.seconds, "rows/s");

    for (name, run) in [
        ("compiling the components", &check),
        ("in the snapshot", &snapshot),
        ("catching up", &catch_up),
        ("in one transaction of every row", &transaction),
    ] {
        report.judge(MEMORY, name, run.memory, "MB", Limit::AtMost(MEMORY_MAX));
    }

    let latencies = bench.latencies(runtime);
    let mut sorted = latencies.clone();
    sorted.sort_by(f64::total_cmp);
    report.judge(
        LATENCY,
        "until a single insert on an idle source is visible, median",
        median(latencies),
        "ms",
        Limit::AtMost(20.0),
    );
    report.note(LATENCY, "95 of 100 in under", sorted[sorted.len() * 95 / 100], "ms");

    let verified = rowmill.command(&["verify", "pipeline.yaml"]).status().unwrap();
    assert!(verified.success(), "what was measured is wrong: verify exits with {verified}");

    if let Some(program) = std::env::var_os("ROWMILL_DEMO") {
        rowmill.process(&["reset", "pipeline.yaml", "--yes", "--drop-target"]);
        let lean = bench.rowmill.by(program.into()).catch_up();
        let copied = shop.number("SELECT COUNT(*) FROM clean.orders_clean") as f64;
        let name = "snapshot by the profile of `make demo` / by this one";
        report.note(COPY, name, copied / lean.seconds / median(copies), "x");
    }
}

struct Bench<'s> {
    shop: &'s Shop,
    rowmill: Rowmill,
}

impl Bench<'_> {
    /// Seconds that the server needs for the target's rows, from a file into a table like the target.
    fn bare_load(&self, rows: u64) -> f64 {
        let file = self.shop.server.data().with_file_name("rows.tsv");
        let path = file.display();
        self.shop.sql(&format!("SELECT * FROM clean.orders_clean INTO OUTFILE '{path}'"));
        self.shop.sql("CREATE TABLE clean.bare LIKE clean.orders_clean");
        let start = Instant::now();
        let load = format!("LOAD DATA LOCAL INFILE '{path}' INTO TABLE clean.bare CHARACTER SET utf8mb4");
        self.shop.server.client_sql(&load).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(self.shop.number("SELECT COUNT(*) FROM clean.bare"), rows);
        self.shop.sql("DROP TABLE clean.bare");
        std::fs::remove_file(file).unwrap();
        seconds
    }

    /// ms from the answer to a commit until another connection sees the row in the target.
    fn latencies(&self, runtime: &Runtime) -> Vec<f64> {
        let _running = self.rowmill.start(&["run", "pipeline.yaml"]);
        runtime.block_on(async {
            let mut source = mysql_async::Conn::from_url(self.shop.server.url("shop")).await.unwrap();
            let mut target = mysql_async::Conn::from_url(self.shop.server.url("clean")).await.unwrap();
            let mut latencies = Vec::new();
            // The first one waits for the process to start.
            for commit in 0..=COMMITS {
                let id = self.shop.rows + 1 + commit as u64;
                let insert = format!("INSERT INTO orders VALUES ({id}, 1, ' new ', 20.5, 1, NOW())");
                source.query_drop(insert).await.unwrap();
                let start = Instant::now();
                let seen = format!("SELECT 1 FROM orders_clean WHERE id = {id}");
                while target.query_first::<u8, _>(&seen).await.unwrap().is_none() {
                    assert!(start.elapsed() < DEADLINE, "row {id} does not arrive");
                }
                latencies.push(start.elapsed().as_secs_f64() * 1000.0);
                tokio::time::sleep(PAUSE).await;
            }
            latencies.split_off(1)
        })
    }
}
