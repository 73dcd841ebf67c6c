//! Random streams through aggregates while processes are killed: in the end the target is what the
//! source's server itself computes over the final table.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::pipe::{Pipe, terminate};
use super::random::Random;
use super::writer;
use crate::harness::{PAIRS, Pair, Workspace, shared};

/// How often each pipeline's process is ended.
const ENDS: u64 = 7;

/// An aggregate as a pipeline file and as a query.
struct Case {
    name: &'static str,
    steps: &'static str,
    /// Over the source's table; a row per group.
    source: &'static str,
    /// Over the target's.
    target: &'static str,
    /// Columns that are DOUBLE, which servers add up in an order of their own.
    doubles: &'static [usize],
}

/// One spelling for all texts that are equal under the collation; general_ci knows no accents and takes ß for s.
macro_rules! spelt {
    ($text:literal) => {
        concat!("REPLACE(REPLACE(UPPER(RTRIM(", $text, ")), 'Ä', 'A'), 'ß', 'S')")
    };
}

/// Start of the window of this many seconds that `at` is in, as seconds since 1970.
macro_rules! floor {
    ($seconds:literal) => {
        concat!("FLOOR(TIMESTAMPDIFF(SECOND, '1970-01-01', at) / ", $seconds, ") * ", $seconds)
    };
}

const CASES: [Case; 5] = [
    Case {
        name: "keyed",
        steps: "
  - aggregate:
      by: [g, name]
      values:
        row_count: \"count(*)\"
        known: \"count(n)\"
        n: \"sum(n)\"
        b: \"sum(b)\"
        d: \"sum(d)\"
        mean_n: \"avg(n)\"
        mean_d: \"avg(d)\"
        least_d: \"min(d)\"
        most_u: \"max(u)\"
        last_at: \"max(at)\"
        ds: \"count(distinct d)\"
        gs: \"count_distinct(wide)\"
        wins: { call: \"sum(d)\", where: \"n > 0 AND name IS NOT NULL\" }
        x: \"sum(x)\"
        mean_x: \"avg(x)\"
        spread: \"stddev(n)\"",
        source: concat!(
            "SELECT g, MIN(", spelt!("name"), "), COUNT(*), COUNT(n), SUM(n), SUM(b), SUM(d), AVG(n), AVG(d), MIN(d),
             MAX(u), MAX(at), COUNT(DISTINCT d), COUNT(DISTINCT wide), SUM(IF(n > 0 AND name IS NOT NULL, d, NULL)),
             SUM(x), AVG(x), SQRT((COUNT(n) * SUM(n * n) - SUM(n) * SUM(n)) + 0e0) / COUNT(n) FROM t GROUP BY g, name"
        ),
        target: concat!(
            "SELECT g, ", spelt!("name"), ", row_count, known, n, b, d, mean_n, mean_d, least_d, most_u, last_at, ds, gs,
             wins, x, mean_x, spread FROM keyed"
        ),
        doubles: &[15, 16, 17],
    },
    Case {
        name: "tumble",
        // An idle source makes a checkpoint, which would otherwise come after ten seconds.
        steps: "
  - aggregate:
      by: [g]
      window: { tumble: 1h, on: at, lateness: 3650d, idle: 250ms }
      values: { row_count: \"count(*)\", d: \"sum(d)\", most: \"max(b)\", names: \"count(distinct name)\", x: \"avg(x)\" }",
        source: concat!(
            "SELECT g, '1970-01-01' + INTERVAL s SECOND, '1970-01-01' + INTERVAL s + 3600 SECOND, COUNT(*), SUM(d),
             MAX(b), COUNT(DISTINCT name), AVG(x) FROM (SELECT t.*, ", floor!(3600), " AS s FROM t) w GROUP BY g, s"
        ),
        target: "SELECT g, window_start + INTERVAL 0 SECOND, window_end + INTERVAL 0 SECOND, row_count, d, most, names, x
                 FROM tumble",
        doubles: &[7],
    },
    Case {
        name: "hop",
        steps: "
  - filter: \"n IS NOT NULL\"
  - aggregate:
      window: { hop: { size: 1h, slide: 20m }, on: at, lateness: 3650d, idle: 250ms }
      values: { row_count: \"count(*)\", n: \"sum(n)\", least: \"min(u)\", gs: \"count_distinct(g)\" }",
        source: concat!(
            "SELECT '1970-01-01' + INTERVAL s SECOND, '1970-01-01' + INTERVAL s + 3600 SECOND, COUNT(*), SUM(n), MIN(u),
             COUNT(DISTINCT g) FROM (SELECT t.*, ", floor!(1200), " - 1200 * k AS s FROM t,
             (SELECT 0 AS k UNION SELECT 1 UNION SELECT 2) hops WHERE n IS NOT NULL) w GROUP BY s"
        ),
        target: "SELECT window_start + INTERVAL 0 SECOND, window_end + INTERVAL 0 SECOND, row_count, n, least, gs FROM hop",
        doubles: &[],
    },
    Case {
        name: "sessions",
        steps: "
  - aggregate:
      by: [g]
      window: { session: { gap: 10m }, on: at, lateness: 3650d, idle: 250ms }
      values: { row_count: \"count(*)\", n: \"sum(n)\", least: \"min(d)\", names: \"count_distinct(name)\", x: \"sum(x)\" }",
        source: "SELECT g, MIN(at), MAX(at) + INTERVAL 10 MINUTE, COUNT(*), SUM(n), MIN(d), COUNT(DISTINCT name), SUM(x) FROM
             (SELECT m.*, SUM(fresh) OVER (PARTITION BY g ORDER BY at) AS session FROM
             (SELECT t.*, (LAG(at) OVER (PARTITION BY g ORDER BY at) > at - INTERVAL 10 MINUTE) IS NOT TRUE AS fresh FROM t) m) s
             GROUP BY g, session",
        target: "SELECT g, window_start, window_end, row_count, n, least, names, x FROM sessions",
        doubles: &[7],
    },
    Case {
        name: "twice",
        steps: "
  - aggregate: { by: [wide, g], values: { total: \"sum(d)\", row_count: \"count(*)\", most: \"max(n)\" } }
  - filter: \"total > 0 AND row_count < 4\"
  - aggregate:
      by: [g]
      values: { shops: \"count(*)\", best: \"max(total)\", total: \"sum(total)\", mean: \"avg(most)\", widths: \"count(distinct row_count)\" }
  - filter: \"shops > 1\"",
        source: "SELECT g, COUNT(*), MAX(total), SUM(total), AVG(most), COUNT(DISTINCT c) FROM
             (SELECT wide, g, SUM(d) AS total, COUNT(*) AS c, MAX(n) AS most FROM t GROUP BY wide, g
              HAVING total > 0 AND c < 4) shops GROUP BY g HAVING COUNT(*) > 1",
        target: "SELECT g, shops, best, total, mean, widths FROM twice",
        doubles: &[],
    },
];

/// Sizes that cut the stream everywhere, and so little memory that groups leave it. None of it may matter.
fn sizes(random: &mut Random) -> String {
    let batch = random.choose(&[1, 2, 3, 7, 31, 100, 300, 1000, 8192]);
    let epoch = random.choose(&[1, 5, 40, 300, 2000]);
    let memory = random.choose(&["3MiB", "4MiB", "16MiB"]);
    format!("batch: {{ rows: {batch} }}\nepoch: {{ rows: {epoch} }}\nlimits: {{ memory: {memory} }}")
}

impl Case {
    fn write(&self, pipe: &Pipe<'_, '_>, sizes: &str) {
        pipe.write("t", &format!("steps:{}\n{sizes}", self.steps));
    }

    /// Starts the pipeline again and again with other sizes, and ends it, in order or not.
    fn run_and_kill(&self, pipe: &Pipe<'_, '_>, random: &mut Random) {
        for _ in 0..ENDS {
            self.write(pipe, &sizes(random));
            let commits = pipe.commits();
            let mut running = pipe.start();
            // At once, in the snapshot, in the replay, or some commits later.
            let wanted = commits + random.choose(&[0, 0, 1, 2, 5, 12]);
            pipe.wait("next commit", || !running.is_running() || pipe.commits() >= wanted);
            std::thread::sleep(Duration::from_micros(random.below(400_000)));
            assert!(running.is_running(), "{}: {}", self.name, pipe.log_text());
            match random.below(4) {
                // In order, which ends with a checkpoint; a process that doesn't listen yet just ends.
                0 => {
                    let code = running.stop();
                    assert!(matches!(code, Some(0) | None), "{}: {code:?} {}", self.name, pipe.log_text());
                }
                // In the middle of that.
                1 => {
                    terminate(&running);
                    std::thread::sleep(Duration::from_micros(random.below(60_000)));
                    running.kill();
                }
                _ => running.kill(),
            }
        }
    }

    fn assert_equal(&self, pipe: &Pipe<'_, '_>, seed: u64) {
        let rows = |text: String| {
            let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
            rows.sort_by_key(|row| self.exact(row));
            rows
        };
        let source = rows(pipe.workspace.source_sql(self.source));
        let target = rows(pipe.workspace.target_sql(self.target));
        let mut report = String::new();
        for (source, target) in source.iter().zip(&target).filter(|(source, target)| !self.same(source, target)).take(5)
        {
            let _ = write!(report, "source {source}\ntarget {target}\n");
        }
        assert!(
            report.is_empty() && source.len() == target.len(),
            "{} (seed {seed}): {} rows by the source's server, {} in the target\n{report}{}",
            self.name,
            source.len(),
            target.len(),
            pipe.log_text()
        );
        assert!(!source.is_empty());
    }

    /// Everything but the DOUBLEs.
    fn exact(&self, row: &str) -> Vec<String> {
        let fields = row.split('\t').enumerate().filter(|(at, _)| !self.doubles.contains(at));
        fields.map(|(_, field)| field.to_owned()).collect()
    }

    fn same(&self, source: &str, target: &str) -> bool {
        let double = |row: &str, at: usize| row.split('\t').nth(at).and_then(|field| field.parse::<f64>().ok());
        self.exact(source) == self.exact(target)
            && self.doubles.iter().all(|&at| match (double(source, at), double(target, at)) {
                (Some(one), Some(other)) => (one - other).abs() <= 1e-12 * one.abs().max(other.abs()),
                (one, other) => one == other,
            })
    }
}

/// Runs as many seeds as `ROWMILL_SEEDS` says, beginning with `first`.
fn random_streams_survive_kills(pair: Pair, first: u64) {
    let seeds = std::env::var("ROWMILL_SEEDS").map_or(1, |seeds| seeds.parse().expect("ROWMILL_SEEDS is a number"));
    (first..first + seeds).for_each(|seed| a_random_stream_survives_kills(pair, seed));
}

fn a_random_stream_survives_kills(pair: Pair, seed: u64) {
    eprintln!("{}: seed {seed}", pair.name);
    let workspace = Workspace::new(shared(pair.source), shared(pair.target), &format!("streams_{}", pair.name));
    let mut random = Random(seed);
    writer::seed(&workspace, &mut random);
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(case) = CASES.get(next.fetch_add(1, Ordering::Relaxed)) {
            case.run_and_kill(&Pipe::new(&workspace, case.name), &mut Random(seed * 1000 + case.name.len() as u64));
        }
    };
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| writer::write(&workspace, &mut random, &stop, &written));
        // Two at a time: more would only wait for each other.
        let working = [scope.spawn(work), scope.spawn(work)];
        let ended = working.map(std::thread::ScopedJoinHandle::join);
        stop.store(true, Ordering::Relaxed);
        writing.join().unwrap();
        if let Some(panic) = ended.into_iter().find_map(Result::err) {
            std::panic::resume_unwind(panic);
        }
    });
    eprintln!("{}: {} transactions", pair.name, written.load(Ordering::Relaxed));
    let mut evicted = 0;
    for case in &CASES {
        let pipe = Pipe::new(&workspace, case.name);
        // What the last process left may be much for batches of a row.
        case.write(&pipe, "batch: { rows: 300 }\nlimits: { memory: 3MiB }");
        pipe.catch_up();
        let aggregates = pipe.status()["progress"]["aggregates"].clone();
        evicted += aggregates.as_array().unwrap().iter().filter_map(|step| step["evicted"].as_u64()).sum::<u64>();
        case.assert_equal(&pipe, seed);
        pipe.verify();
    }
    assert!(evicted > 0, "no group ever left the memory");
}

#[test]
fn random_streams_survive_kills_mysql_to_mysql() {
    random_streams_survive_kills(PAIRS[0], 1_000);
}

#[test]
fn random_streams_survive_kills_mariadb_to_mariadb() {
    random_streams_survive_kills(PAIRS[1], 2_000);
}

#[test]
fn random_streams_survive_kills_mysql_to_mariadb() {
    random_streams_survive_kills(PAIRS[2], 3_000);
}
