//! Many small transactions, as a shop makes them: what following them costs the servers, and the one who writes.
//!
//! The source server and the writer have one core, the target server and rowmill the others, so that the writer's time
//! says what the source is slowed down by. `pace: 0`, which commits after each transaction that it can, is what the
//! default pace is compared with in the same run.

#![expect(clippy::disallowed_methods, reason = "clients beside the product, on servers of the benchmark")]

use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use rowmill_devserver::{Kind, Server};
use tokio::runtime::Runtime;
use tokio::sync::oneshot::{Receiver, Sender};

use crate::process::{Rowmill, Running};
use crate::report::{Limit, Report, median};
use crate::shop::numbers;

const SECTION: &str = "small: 20,000 transactions of ten updates, the source and its writer on a core of their own";
const TRANSACTIONS: u64 = 20_000;
const UPDATES: u64 = 10;
const ROWS: u64 = 50_000;
const PROBES: usize = 100;
const DEADLINE: Duration = Duration::from_secs(120);

fn pipeline(pace: &str) -> String {
    format!(
        r#"
pipeline: small-{pace}
source:
  url: ${{SOURCE}}
  tables: [stock]
epoch: {{ pace: {pace} }}
steps: []
sink:
  url: ${{TARGET}}
  table: stock_{pace}
"#
    )
}

pub(crate) fn measure(report: &mut Report, kind: Kind, runtime: &Runtime) {
    let servers = Servers::start(kind);
    let bare = runtime.block_on(servers.write());
    report.note(SECTION, "the writer alone", bare, "s");
    let at_once = servers.follow(runtime, "0ms");
    let paced = servers.follow(runtime, "10ms");
    for (name, cost) in [("pace 0", &at_once), ("pace 10ms", &paced)] {
        report.note(SECTION, format!("{name}: the writer / the writer alone"), cost.writer / bare, "x");
        report.note(SECTION, format!("{name}: commits in the target"), cost.commits, "commits");
        let per_commit = cost.statements / cost.commits;
        report.note(SECTION, format!("{name}: statements in the target for each of them"), per_commit, "statements");
        report.note(SECTION, format!("{name}: CPU of the process"), cost.process, "s");
        report.note(SECTION, format!("{name}: CPU of the target"), cost.target, "s");
        report.note(SECTION, format!("{name}: CPU of the source"), cost.source, "s");
    }
    report.judge(SECTION, "the writer / the writer alone", paced.writer / bare, "x", Limit::AtMost(1.15));
    report.judge(SECTION, "CPU of the process", paced.process, "s", Limit::AtMost(3.0));
    report.judge(SECTION, "commits: pace 10ms / pace 0", paced.commits / at_once.commits, "x", Limit::AtMost(0.5));
    let cpu = paced.target / at_once.target;
    report.judge(SECTION, "CPU of the target: pace 10ms / pace 0", cpu, "x", Limit::AtMost(0.7));
    let latency = servers.latency(runtime);
    report.judge(SECTION, "from a commit under this load to its row, median", latency, "ms", Limit::AtMost(15.0));
}

struct Servers {
    source: Server,
    target: Server,
}

/// What it takes to follow the load to its end, in seconds.
struct Cost {
    writer: f64,
    process: f64,
    target: f64,
    source: f64,
    commits: f64,
    /// Those that write, begin and commit.
    statements: f64,
}

impl Servers {
    fn start(kind: Kind) -> Servers {
        eprintln!("filling two {} servers", kind.name());
        let (source, target) = (Server::start(kind).unwrap(), Server::start(kind).unwrap());
        source
            .sql(&format!(
                "CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; CREATE TABLE n (n BIGINT PRIMARY KEY); {}
                 CREATE TABLE stock (id BIGINT PRIMARY KEY, amount INT NOT NULL, place VARCHAR(20) NOT NULL);
                 INSERT INTO stock SELECT n, 0, CONCAT('place ', n) FROM n WHERE n < {ROWS};",
                numbers()
            ))
            .unwrap();
        target.sql("CREATE DATABASE mart CHARACTER SET utf8mb4").unwrap();
        pin_process(source.pid().unwrap(), "0");
        pin_process(target.pid().unwrap(), &others());
        Servers { source, target }
    }

    /// A pipeline that has read its snapshot.
    fn running(&self, pace: &str) -> (Rowmill, Running) {
        let rowmill = Rowmill::between(&pipeline(pace), &self.source.url("shop"), &self.target.url("mart"));
        let running = rowmill.start(&["run", "pipeline.yaml", "--quiet"]);
        self.wait_for_equal(pace);
        pin_process(running.id(), &others());
        (rowmill, running)
    }

    fn follow(&self, runtime: &Runtime, pace: &str) -> Cost {
        let (_files, running) = self.running(pace);
        let pids = [running.id(), self.target.pid().unwrap(), self.source.pid().unwrap()];
        let (before, commits, statements) = (pids.map(cpu), self.commits(pace), self.statements());
        let writer = runtime.block_on(self.write());
        self.wait_for_equal(pace);
        let [process, target, source] = [0, 1, 2].map(|at| cpu(pids[at]) - before[at]);
        let (commits, statements) = (self.commits(pace) - commits, self.statements() - statements);
        Cost { writer, process, target, source, commits, statements }
    }

    /// ms from the answer to a commit until another connection sees the row, while others write.
    fn latency(&self, runtime: &Runtime) -> f64 {
        let (_files, _running) = self.running("10ms");
        let probes = async {
            let mut source = mysql_async::Conn::from_url(self.source.url("shop")).await.unwrap();
            let mut target = mysql_async::Conn::from_url(self.target.url("mart")).await.unwrap();
            let mut latencies = Vec::new();
            for id in (ROWS..).take(PROBES) {
                source.query_drop(format!("INSERT INTO stock VALUES ({id}, 1, 'probe')")).await.unwrap();
                let start = Instant::now();
                let seen = format!("SELECT 1 FROM stock_10ms WHERE id = {id}");
                while target.query_first::<u8, _>(&seen).await.unwrap().is_none() {
                    assert!(start.elapsed() < DEADLINE, "row {id} does not arrive");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                latencies.push(start.elapsed().as_secs_f64() * 1000.0);
                tokio::time::sleep(Duration::from_millis(7)).await;
            }
            latencies
        };
        runtime.block_on(async {
            let (writing, load) = self.writer();
            let latencies = tokio::select! {
                biased;
                latencies = probes => latencies,
                seconds = load => panic!("the load was over after {} s, before the last probe", seconds.unwrap()),
            };
            // The writer ends when nobody waits for it any more.
            writing.join().unwrap();
            median(latencies)
        })
    }

    /// Seconds that the load takes its writer, which is a thread with the core of the source.
    async fn write(&self) -> f64 {
        self.writer().1.await.unwrap()
    }

    fn writer(&self) -> (JoinHandle<()>, Receiver<f64>) {
        let url = self.source.url("shop");
        let (done, seconds) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            pin_thread("0");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let seconds = runtime.block_on(write(&url, &done));
            let _ = done.send(seconds);
        });
        (thread, seconds)
    }

    fn commits(&self, pace: &str) -> f64 {
        let query = format!("SELECT commits FROM rowmill.progress WHERE pipeline = 'small-{pace}'");
        self.target.sql(&query).unwrap().trim().parse().unwrap()
    }

    fn statements(&self) -> f64 {
        const NAMES: &str = "'Com_begin', 'Com_update', 'Com_insert', 'Com_delete', 'Com_load', 'Com_commit'";
        let found = self.target.sql(&format!("SHOW GLOBAL STATUS WHERE Variable_name IN ({NAMES})")).unwrap();
        found.lines().map(|line| line.rsplit('\t').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    fn wait_for_equal(&self, pace: &str) {
        const SUMS: &str = "SELECT COUNT(*), SUM(amount), SUM(amount * id)";
        let wanted = self.source.sql(&format!("{SUMS} FROM shop.stock")).unwrap();
        let start = Instant::now();
        loop {
            let found = self.target.sql(&format!("{SUMS} FROM mart.stock_{pace}"));
            if found.is_ok_and(|found| found == wanted) {
                return;
            }
            assert!(start.elapsed() < DEADLINE, "the target does not become equal");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The load, while somebody waits for its end.
async fn write(url: &str, done: &Sender<f64>) -> f64 {
    let mut conn = mysql_async::Conn::from_url(url).await.unwrap();
    let start = Instant::now();
    let mut id = 1;
    for _ in 0..TRANSACTIONS {
        if done.is_closed() {
            break;
        }
        conn.query_drop("BEGIN").await.unwrap();
        for _ in 0..UPDATES {
            id = id * 7919 % (ROWS - 1) + 1;
            conn.query_drop(format!("UPDATE stock SET amount = amount + 1 WHERE id = {id}")).await.unwrap();
        }
        conn.query_drop("COMMIT").await.unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    conn.disconnect().await.unwrap();
    seconds
}

/// All cores but the first; that one where there is no other.
fn others() -> String {
    match std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
        1 => "0".to_owned(),
        cores => format!("1-{}", cores - 1),
    }
}

fn pin_process(pid: u32, cores: &str) {
    pin(&["-a", "-p", "-c", cores, &pid.to_string()]);
}

fn pin_thread(cores: &str) {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    pin(&["-p", "-c", cores, &thread.file_name().unwrap().to_string_lossy()]);
}

fn pin(args: &[&str]) {
    let output = Command::new("taskset").args(args).output().expect("taskset, of util-linux");
    assert!(output.status.success(), "taskset {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// CPU that a process has used, in seconds, in user and kernel mode (proc(5), `stat`).
fn cpu(pid: u32) -> f64 {
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS
}
