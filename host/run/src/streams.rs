//! Random streams of changes through the real conductor, against a plain account of the same rows.
//!
//! Source and target are a model ([`model`]); everything between them is what runs in production: the phases, the
//! decisions, the epochs, the state store and its checkpoints, the built-in components. Each seed cuts the stream as it
//! likes, lets processes die in any phase, and starts new ones on what they left, until the target has everything.
//! The test only starts processes: what they do they decide themselves.

mod account;
mod groups;
mod model;
mod plain;
pub(crate) mod rows;
mod views;
mod windows;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rowmill_foreign::UserFolder;
use rowmill_state::Store;
use rowmill_wasm::{Engine, EngineOptions};
use tempfile::TempDir;

pub(crate) use self::model::text;
use self::model::{Model, Point, Rows};
use self::rows::{Change, Row, stream, tables, when};
use crate::checkpoint::Pace;
use crate::claim::Start;
use crate::clock::Clock;
use crate::digest::Digests;
use crate::error::Error;
use crate::start::work;
use rowmill_bind::{Bound, Databases, Environment, bind};
use rowmill_change::Definition;
use rowmill_mysql::TableDef;
use rowmill_operators::aggregate::state::State;
use rowmill_plan::Plan;

pub(crate) static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| {
    let cache = UserFolder::Cache.path().map(|folder| folder.join("components"));
    let engine = Engine::new(EngineOptions { cache, ..EngineOptions::default() }).unwrap();
    Environment {
        engine,
        built_in: rowmill_udfs::component,
        behaviour: rowmill_udfs::behaviour,
        built_in_names: rowmill_udfs::NAMES,
        state_root: None,
    }
});

pub(crate) const DATABASES: Databases<'static> = Databases { source: "shop", target: "mart" };

/// A stream with what happens to it.
#[derive(Debug)]
struct Case {
    changes: Vec<Change>,
    /// Where transactions end, the beginning and the end of all included.
    ends: BTreeSet<usize>,
    /// The number of changes that are in the snapshot.
    snapshot: usize,
    /// After these changes the source says nothing for a while.
    pauses: BTreeSet<usize>,
    /// Changes in a batch at most.
    largest: usize,
    /// Rows of an epoch.
    epoch: usize,
    /// Lives end because they are told to, most of them within a transaction.
    stops: bool,
    /// Rows are in one of so many tables.
    tables: usize,
}

/// How long the source is silent: as long as windows wait (`idle`) before their time goes on.
const PAUSE: Duration = Duration::from_secs(5);

fn folder() -> TempDir {
    // Every commit is synced, which a memory file system does at once.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

/// How a life ended.
enum Ended {
    Killed,
    Itself(Result<(), Error>),
}

/// One process, from its start to its end. Its runtime dies with it, and all that it began.
fn live(plan: &Arc<Plan>, model: &Model, moment: i64, folder: &Path) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let life = model.begin_life();
    let killed = Arc::clone(&life.killed);
    let process = async {
        let state = match plan.has_aggregates() {
            true => State::new(Store::open(folder, rowmill_state::Options::default()).unwrap()),
            false => State::default(),
        };
        let tables = tables(model.world().case.tables);
        let mut bound = bound(plan, &tables).await;
        let digests = Digests::of(plan, &bound, &ENVIRONMENT);
        // The first one is of a version that named built-in components by their bytes.
        let digests = if model.world().life == 1 { digests.by_bytes() } else { digests };
        // Small enough that groups leave all the time.
        bound.graph.aggregates_mut().for_each(|aggregate| aggregate.keep_groups(7));
        let (target, found) = (model.clone(), life.found.clone());
        let start = Start {
            plan: Arc::clone(plan),
            bound,
            digests,
            source: Box::new(model.clone()),
            found: life.found,
            claim: Box::new(move || Box::pin(target.claim(found))),
            sink: None,
            last_seen: None,
            // The state that it has is said to lie here.
            state_root: Some(folder.to_owned()),
            pace: Pace { interval: life.interval, piece: life.piece },
        };
        let clock = Clock::with_wall(move || moment);
        let claimed = start.claim(state, life.until_caught_up, &life.control, clock).await?;
        let Some((mut worker, first)) = claimed else { return Ok(()) };
        work(&mut worker, first).await
    };
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = killed.notified() => Ended::Killed,
            result = process => Ended::Itself(result),
        }
    })
}

async fn bound(plan: &Plan, tables: &[TableDef]) -> Bound {
    let tables: Vec<&dyn Definition> = tables.iter().map(|table| table as &dyn Definition).collect();
    bind(plan, &tables, DATABASES, &ENVIRONMENT).await.unwrap_or_else(|problems| panic!("{problems:?}"))
}

pub(crate) fn plan(steps: &str) -> Plan {
    read(&format!(
        "pipeline: p\nsource: {{ url: \"mysql://a@127.0.0.1/shop\", tables: [t] }}\nsteps:\n{steps}\n\
         sink: {{ url: \"mysql://a@127.0.0.1/mart\", table: out }}\n"
    ))
}

/// The same steps behind a union of several tables.
fn plan_of_union(steps: &str) -> Plan {
    let steps = steps.replace('\n', "\n    ");
    read(&format!(
        "pipeline: p\nsource: {{ url: \"mysql://a@127.0.0.1/shop\", tables: [t0, t1, t2] }}\n\
         views:\n  u:\n    from: [t0, t1, t2]\n    tag: kind\n    steps:\n{steps}\n\
         sink: {{ url: \"mysql://a@127.0.0.1/mart\", tables: {{ out: {{ from: u }} }} }}\n"
    ))
}

fn read(text: &str) -> Plan {
    let loaded = rowmill_yaml::parse(Path::new("p.yaml"), text, &|_| None);
    loaded.unwrap_or_else(|refused| panic!("{refused}")).pipeline
}

/// Seeds per scenario; `ROWMILL_SEEDS` for a longer run.
fn seeds() -> u64 {
    std::env::var("ROWMILL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(60)
}

/// `ROWMILL_SEED`: where seeds begin.
fn first_seed() -> u64 {
    std::env::var("ROWMILL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0)
}

/// What streams are like.
struct Streams {
    /// How far a row may be behind the newest one.
    spread: i64,
    groups: i32,
    length: usize,
    /// The source is silent now and then.
    pauses: bool,
    /// Transactions are long, and processes are told to stop rather than killed.
    stops: bool,
    /// Done to every row.
    alter: fn(&mut Row),
    /// Rows are in one of so many tables.
    tables: usize,
}

impl Streams {
    fn spread(spread: i64) -> Self {
        Self { spread, groups: 4, length: 120, pauses: false, stops: false, alter: |_| {}, tables: 1 }
    }

    /// Rows of three tables.
    fn union(self) -> Self {
        Self { tables: 3, ..self }
    }

    /// One of them.
    fn case(&self, random: &mut StdRng) -> Case {
        let length = random.random_range(1..self.length);
        let changes = stream(random, length, self.spread, self.groups, self.alter);
        let snapshot = random.random_range(0..=length);
        let largest = if self.stops { 3 } else { [1, 3, 20, 8_192][random.random_range(0..4)] };
        let silent = |_: &usize| self.pauses && random.random_range(0..12) == 0;
        let pauses: BTreeSet<usize> = (snapshot + 1..=length).filter(silent).collect();
        let longest = if self.stops { 40 } else { [1, 2, 8, 40][random.random_range(0..4)] };
        let mut ends: BTreeSet<usize> = (0..=length).filter(|_| random.random_range(0..longest) == 0).collect();
        ends.extend(pauses.iter().copied().chain([0, snapshot, length]));
        let epoch = [1, 5, 50, 8_192][random.random_range(0..4)];
        Case { changes, ends, snapshot, pauses, largest, epoch, stops: self.stops, tables: self.tables }
    }
}

/// Compares many random runs of the steps with what `expected` makes of the changes.
fn check(steps: &str, spread: i64, expected: impl Fn(&[Change], usize) -> Vec<String>) {
    check_streams(steps, &Streams::spread(spread), |case| expected(&case.changes, case.snapshot));
}

fn check_streams(steps: &str, streams: &Streams, expected: impl Fn(&Case) -> Vec<String>) {
    let plan = if streams.tables == 1 { plan(steps) } else { plan_of_union(steps) };
    check_targets(plan, streams, |case| vec![expected(case)]);
}

/// Compares many random runs of a plan: `expected` says what each target should hold.
fn check_targets(mut plan: Plan, streams: &Streams, expected: impl Fn(&Case) -> Vec<Vec<String>>) {
    // Components are compiled and loaded before time stands still, and stay so: each life finds them in use.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bound = runtime.block_on(bound(&plan, &tables(streams.tables)));
    let copies = bound.sources.iter().any(|source| source.writes);
    let targets = bound.targets.len();
    let mut kills: BTreeSet<Point> = BTreeSet::new();
    for seed in first_seed()..first_seed() + seeds() {
        let mut random = StdRng::seed_from_u64(seed);
        let case = streams.case(&mut random);
        let mut wanted = expected(&case);
        wanted.iter_mut().for_each(|rows| rows.sort());
        let described = format!("seed {seed}: {case:#?}");
        plan.epoch.rows = case.epoch;
        let (plan, folder, moment) = (Arc::new(plan.clone()), folder(), when(case.snapshot));
        let model = Model::new(case, plan.has_aggregates(), seed);
        while !model.is_done() {
            match live(&plan, &model, moment, folder.path()) {
                Ended::Killed | Ended::Itself(Ok(()) | Err(Error::SnapshotInterrupted(_))) => {}
                Ended::Itself(Err(error)) => panic!("{error}\n{described}"),
            }
            assert!(model.world().life < 100, "no life comes to an end\n{described}");
        }
        let world = model.world();
        let mut found: Vec<Vec<String>> = world.rows.iter().map(Rows::sorted).collect();
        found.resize(targets, Vec::new());
        assert_eq!(found, wanted, "after {} lives\n{described}", world.life);
        kills.extend(&world.kills);
    }
    if seeds() >= 60 && !streams.stops {
        let mut phases = vec![Point::Replay, Point::Follow, Point::Drain];
        phases.extend(copies.then_some(Point::Copy));
        phases.extend(plan.has_aggregates().then_some([Point::Fill, Point::Publish]).into_iter().flatten());
        assert!(phases.iter().all(|phase| kills.contains(phase)), "processes were killed in {kills:?} only");
    }
}
