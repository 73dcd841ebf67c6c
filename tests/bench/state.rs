//! A pipeline with a million groups: single changes, a checkpoint of all of them, a restart, `verify`.
//!
//! Source and target are one server, so all compete for the same cores. A change's way is from the
//! answer to its commit until another connection sees its group changed in the target.

#![expect(clippy::disallowed_methods, reason = "a client beside the product, on a server of the benchmark")]

use std::process::Stdio;
use std::time::{Duration, Instant};

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rowmill_devserver::Kind;
use tokio::runtime::Runtime;

use crate::facts::{Facts, SPARE};
use crate::process::{Rowmill, Running};
use crate::report::{Limit, Report, median};
use crate::watch::{Checkpoint, Watch, free_port};

const FILL: &str = "state: sum(v), count(*) of a million groups";
const LATENCY: &str = "state: from a commit in the source to its group in the target, with a million groups";
const CHECKPOINT: &str = "state: a checkpoint of a million changed groups";
const RESTART: &str = "state: from the start of a process after kill -9 to the next change in the target";
const VERIFY: &str = "state: verify of a million groups";

const PIPELINE: &str = r#"
pipeline: state
source:
  url: ${SOURCE}
  tables: [facts]
steps:
  - aggregate:
      by: [k]
      values: { total: "sum(v)", facts: "count(*)" }
sink:
  url: ${TARGET}
  table: totals
"#;

/// Commits whose way is measured.
const COMMITS: u64 = 200;
const PAUSE: Duration = Duration::from_millis(15);
const DEADLINE: Duration = Duration::from_secs(600);
/// Between two looks at the target while nothing is measured to the millisecond.
const LOOK: Duration = Duration::from_millis(5);
/// A checkpoint that comes while the changes are still being read has only some of them: then again.
const ATTEMPTS: usize = 3;
const RESTARTS: usize = 3;

pub(crate) fn measure(report: &mut Report, kind: Kind, groups: u64, runtime: &Runtime) {
    let facts = Facts::fill(kind, groups);
    let rowmill = Rowmill::new(PIPELINE, &facts.server, "shop", "mart");
    rowmill.process(&["check", "pipeline.yaml"]);
    runtime.block_on(async {
        let mut probe = Probe::new(&facts).await;
        let port = free_port();
        let start = Instant::now();
        let running = rowmill.start(&["run", "pipeline.yaml", "--metrics", &port.to_string()]);
        // A change after the snapshot: all groups are written before it.
        probe.fills().await;
        probe.arrives(1, Some(LOOK)).await;
        report.note(
            FILL,
            "snapshot of as many rows, all groups written to the target",
            start.elapsed().as_secs_f64(),
            "s",
        );
        latencies(report, &mut probe).await;
        checkpoint(report, &mut probe, port).await;
        report.note(FILL, "most that the process held (resident)", running.memory(), "MB");
        restart(report, &mut probe, &rowmill, running).await;
    });
    verify(report, &facts, &rowmill);
}

/// Changes single rows, and sees them arrive.
struct Probe<'f> {
    facts: &'f Facts,
    source: Conn,
    target: Conn,
    /// Never seen before, so that a group can't have it already.
    value: u64,
}

impl<'f> Probe<'f> {
    async fn new(facts: &'f Facts) -> Probe<'f> {
        let source = Conn::from_url(facts.server.url("shop")).await.unwrap();
        let target = Conn::from_url(facts.server.url("mart")).await.unwrap();
        Probe { facts, source, target, value: 10_000_000 }
    }

    /// Until the target has all groups.
    async fn fills(&mut self) {
        let start = Instant::now();
        // The table may not be there yet.
        while !matches!(self.target.query_first::<u64, _>("SELECT COUNT(*) FROM totals").await,
            Ok(Some(groups)) if groups == self.facts.groups())
        {
            assert!(start.elapsed() < DEADLINE, "the groups do not arrive");
            tokio::time::sleep(20 * LOOK).await;
        }
    }

    async fn commit(&mut self, id: u64) -> Instant {
        self.value += 1;
        self.source.query_drop(format!("UPDATE facts SET v = {} WHERE id = {id}", self.value)).await.unwrap();
        Instant::now()
    }

    /// Until the last change is in the target. `pause`: between two looks.
    async fn sees(&mut self, id: u64, pause: Option<Duration>) {
        let start = Instant::now();
        let seen = format!("SELECT 1 FROM totals WHERE k = {} AND total = {}", self.facts.key(id), self.value);
        // The table may not be there yet.
        while !matches!(self.target.query_first::<u8, _>(&seen).await, Ok(Some(_))) {
            assert!(start.elapsed() < DEADLINE, "a change of row {id} does not arrive");
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// ms from the answer to a commit until the group has changed.
    async fn arrives(&mut self, id: u64, pause: Option<Duration>) -> f64 {
        let start = self.commit(id).await;
        self.sees(id, pause).await;
        start.elapsed().as_secs_f64() * 1000.0
    }

    /// The same for many rows, far apart.
    async fn arrive(&mut self, commits: u64) -> Vec<f64> {
        let mut ways = Vec::new();
        for _ in 0..commits {
            ways.push(self.arrives(1 + self.value * 7919 % self.facts.rows, None).await);
            tokio::time::sleep(PAUSE).await;
        }
        ways
    }

    /// One of the rows that stay out of the large changes.
    fn spare(&self) -> u64 {
        self.facts.rows + 1 + self.value % SPARE
    }
}

async fn latencies(report: &mut Report, probe: &mut Probe<'_>) {
    let mut ways = probe.arrive(COMMITS).await;
    report.judge(LATENCY, "all groups in memory, median", median(ways.clone()), "ms", Limit::AtMost(25.0));
    ways.sort_by(f64::total_cmp);
    report.note(LATENCY, "95 of 100 in under", ways[ways.len() * 95 / 100], "ms");
}

/// A change's way beside a checkpoint.
struct Way {
    begun: Instant,
    ms: f64,
}

/// What came of one attempt.
struct Attempt {
    checkpoint: Checkpoint,
    /// Groups that the checkpoint has to write, about.
    changed: f64,
    /// Ways of changes while it was under way.
    ways: Vec<f64>,
}

async fn checkpoint(report: &mut Report, probe: &mut Probe<'_>, port: u16) {
    let mut usual = Vec::new();
    for _ in 0..COMMITS {
        usual.push(probe.arrives(probe.spare(), None).await);
        tokio::time::sleep(PAUSE).await;
    }
    let watch = Watch::default();
    let mut best: Option<Attempt> = None;
    for _ in 0..ATTEMPTS {
        let attempt = tokio::select! {
            never = watch.look(port) => match never {},
            attempt = attempt(probe, &watch) => attempt,
        };
        let complete = attempt.changed >= 0.95 * probe.facts.rows as f64;
        if best.as_ref().is_none_or(|best| best.changed < attempt.changed) {
            best = Some(attempt);
        }
        if complete {
            break;
        }
    }
    let Attempt { checkpoint, changed, ways } = best.unwrap();
    report.note(CHECKPOINT, "changed groups in it, about", changed, "groups");
    let took = checkpoint.done - checkpoint.begun;
    report.note(CHECKPOINT, "from its barrier to the disk", took.as_secs_f64(), "s");
    let longest = |ways: &[f64]| ways.iter().copied().fold(0.0, f64::max);
    report.note(CHECKPOINT, "way of a change without it, median", median(usual.clone()), "ms");
    report.note(CHECKPOINT, "way of a change without it, longest", longest(&usual), "ms");
    report.note(CHECKPOINT, "changes measured beside it", ways.len() as f64, "changes");
    report.note(CHECKPOINT, "way of a change beside it, median", median(ways.clone()), "ms");
    let delay = longest(&ways) - median(usual);
    report.judge(CHECKPOINT, "longest way beside it, less the median without", delay, "ms", Limit::AtMost(200.0));
}

/// Changes every group at once just after a checkpoint has begun, and single ones beside the next.
async fn attempt(probe: &mut Probe<'_>, watch: &Watch) -> Attempt {
    let mut bulk = Conn::from_url(probe.facts.server.url("shop")).await.unwrap();
    // No locks on rows that it does not change.
    bulk.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await.unwrap();
    bulk.query_drop("START TRANSACTION").await.unwrap();
    bulk.query_drop(format!("UPDATE facts SET v = v + 1 WHERE id <= {}", probe.facts.rows)).await.unwrap();
    loop {
        probe.arrives(probe.spare(), Some(LOOK)).await;
        tokio::time::sleep(PAUSE).await;
        if watch.checkpoint().is_some_and(|checkpoint| checkpoint.begun.elapsed() < Duration::from_millis(500)) {
            break;
        }
    }
    let rows_before = watch.rows_in(Instant::now());
    bulk.query_drop("COMMIT").await.unwrap();
    let committed = Instant::now();
    probe.arrives(probe.spare(), Some(LOOK)).await;
    let all_seen = Instant::now();
    let mut ways = Vec::new();
    let checkpoint = loop {
        let begun = Instant::now();
        let ms = probe.arrives(probe.spare(), None).await;
        ways.push(Way { begun, ms });
        tokio::time::sleep(PAUSE).await;
        if let Some(checkpoint) = watch.checkpoint().filter(|checkpoint| checkpoint.begun > committed) {
            break checkpoint;
        }
        assert!(all_seen.elapsed() < DEADLINE, "there is no checkpoint");
    };
    let changed = watch.rows_in(checkpoint.begun.max(committed)) - rows_before;
    let beside = |way: &&Way| {
        way.begun <= checkpoint.done && way.begun + Duration::from_secs_f64(way.ms / 1000.0) >= checkpoint.begun
    };
    let ways = ways.iter().filter(beside).map(|way| way.ms).collect();
    Attempt { checkpoint, changed: changed.min(probe.facts.groups() as f64), ways }
}

async fn restart(report: &mut Report, probe: &mut Probe<'_>, rowmill: &Rowmill, running: Running) {
    let mut running = Some(running);
    let mut restarts = Vec::new();
    for _ in 0..RESTARTS {
        // Changes that no checkpoint has yet.
        probe.arrive(20).await;
        drop(running.take());
        let id = 1 + probe.value * 7919 % probe.facts.rows;
        probe.commit(id).await;
        let start = Instant::now();
        running = Some(rowmill.start(&["run", "pipeline.yaml"]));
        probe.sees(id, Some(LOOK)).await;
        restarts.push(start.elapsed().as_secs_f64());
    }
    report.judge(RESTART, "median", median(restarts.clone()), "s", Limit::AtMost(5.0));
    report.note(RESTART, "longest", restarts.iter().copied().fold(0.0, f64::max), "s");
    let ways = probe.arrive(COMMITS).await;
    report.note(RESTART, "then from commit to target, each group from the disk, median", median(ways), "ms");
}

fn verify(report: &mut Report, facts: &Facts, rowmill: &Rowmill) {
    rowmill.catch_up();
    let equal = rowmill.process(&["verify", "pipeline.yaml"]);
    report.note(VERIFY, "an equal pair", equal.seconds, "s");
    report.note(VERIFY, "most that the process held (resident)", equal.memory, "MB");
    let rows = facts.rows;
    let damage = format!(
        "USE mart; UPDATE totals SET total = total + 1 WHERE k = {}; DELETE FROM totals WHERE k = {};
         INSERT INTO totals SELECT -1, total, facts FROM totals WHERE k = 1",
        rows / 3,
        rows / 2
    );
    facts.server.sql(&damage).unwrap();
    let start = Instant::now();
    let output = rowmill.command(&["verify", "pipeline.yaml"]).stdout(Stdio::piped()).output().unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && found.contains("3 keys differ"), "verify found: {found}\n{}", rowmill.log());
    report.judge(VERIFY, "finds one changed, one missing, one extra row in", seconds, "s", Limit::AtMost(15.0));
}
