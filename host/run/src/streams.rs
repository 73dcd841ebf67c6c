//! Random streams of changes through whole dataflows, against a plain account of the same rows.
//!
//! Every run cuts the stream as it likes, closes epochs where it likes, pushes groups out of memory,
//! takes checkpoints piece by piece, and crashes: then the dataflow is made anew from what the store
//! has, and the changes since then come again, cut otherwise. The components are the built-in ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arrow_array::{
    Array, ArrayRef, Decimal128Array, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_cast::display::array_value_to_string;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rowmill_change::{Op, Position, TableName};
use rowmill_foreign::UserFolder;
use rowmill_mysql::TableDef;
use rowmill_mysql::table::{Column, ColumnData};
use rowmill_state::Store;
use rowmill_wasm::{Engine, EngineOptions};
use tempfile::TempDir;

use crate::checkpoint::Checkpointer;
use crate::manifest::{About, Manifest};
use crate::status::AggregateStatus;
use rowmill_bind::{BoundTable, Environment, bind};
use rowmill_operators::Progress;
use rowmill_operators::aggregate::Cursor;
use rowmill_operators::aggregate::state::State;
use rowmill_operators::{Changes, Events};
use rowmill_plan::Plan;

const SECOND: i64 = 1_000_000;

static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| {
    let cache = UserFolder::Cache.path().map(|folder| folder.join("components"));
    let engine = Engine::new(EngineOptions { cache, ..EngineOptions::default() }).unwrap();
    Environment { engine, built_in: rowmill_udfs::component, built_in_names: rowmill_udfs::NAMES }
});

#[derive(Clone, Debug, PartialEq)]
struct Row {
    id: i32,
    g: Option<i32>,
    name: Option<&'static str>,
    at: i64,
    n: Option<i32>,
    x: Option<f64>,
    d: Option<i128>,
}

#[derive(Clone, Debug)]
enum Change {
    Insert(Row),
    Update(Row, Row),
    Delete(Row),
}

fn table() -> TableDef {
    let column = |name: &str, mysql_type: &str, data: ColumnData, nullable: bool, collation: Option<&str>| Column {
        name: name.to_owned(),
        mysql_type: mysql_type.to_owned(),
        data,
        nullable,
        collation: collation.map(str::to_owned),
        max_chars: collation.map(|_| 20),
        default: None,
        auto_increment: false,
        generated: None,
        invisible: false,
    };
    let int = || ColumnData::Integer { bits: 32, unsigned: false };
    let text = ColumnData::Text { charset: "utf8mb4".to_owned(), fixed: false, max_bytes: 80, large: false };
    TableDef {
        name: TableName::new("shop", "t"),
        columns: vec![
            column("id", "int", int(), false, None),
            column("g", "int", int(), true, None),
            column("name", "varchar(20)", text, true, Some("utf8mb4_general_ci")),
            column("at", "datetime(6)", ColumnData::DateTime { fsp: 6 }, false, None),
            column("n", "int", int(), true, None),
            column("x", "double", ColumnData::Double, true, None),
            column("d", "decimal(10,2)", ColumnData::Decimal { precision: 10, scale: 2 }, true, None),
        ],
        primary_key: vec![0],
        unique_keys: Vec::new(),
        engine: "InnoDB".to_owned(),
        collation: "utf8mb4_general_ci".to_owned(),
    }
}

fn batch(rows: &[&Row]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.id).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|row| row.g).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|row| row.name).collect::<StringArray>()),
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.at))),
        Arc::new(rows.iter().map(|row| row.n).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|row| row.x).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.d).collect::<Decimal128Array>().with_precision_and_scale(10, 2).unwrap()),
    ];
    RecordBatch::try_new(table().schema(), columns).unwrap()
}

/// A stream of changes of few groups, so that they meet.
fn stream(random: &mut StdRng, length: usize, spread: i64, groups: i32, alter: fn(&mut Row)) -> Vec<Change> {
    let mut rows: BTreeMap<i32, Row> = BTreeMap::new();
    let mut clock = 0;
    let mut changes = Vec::new();
    for next in 0..length as i32 {
        clock += random.random_range(0..3 * SECOND);
        let make = |random: &mut StdRng, id: i32| Row {
            id,
            g: (random.random_range(0..5) > 0).then(|| random.random_range(0..groups)),
            name: [None, Some("Köln"), Some("KOLN"), Some("koln "), Some("Bonn")][random.random_range(0..5)],
            at: clock - random.random_range(0..=spread),
            n: (random.random_range(0..6) > 0).then(|| random.random_range(-3..4)),
            x: (random.random_range(0..6) > 0).then(|| f64::from(random.random_range(-999..1000)) / 8.0),
            d: (random.random_range(0..6) > 0).then(|| random.random_range(-10_000..10_000)),
        };
        let known: Vec<i32> = rows.keys().copied().collect();
        let chosen = (!known.is_empty()).then(|| known[random.random_range(0..known.len())]);
        let mut change = match (random.random_range(0..10), chosen) {
            (0..4, _) | (_, None) => Change::Insert(make(random, next)),
            (4..8, Some(id)) => {
                let mut row = make(random, id);
                if random.random_range(0..8) == 0 {
                    row.id = 1_000_000 + next;
                }
                if random.random_range(0..2) == 0 {
                    row.at = rows[&id].at;
                }
                Change::Update(rows[&id].clone(), row)
            }
            (_, Some(id)) => Change::Delete(rows[&id].clone()),
        };
        if let Change::Insert(row) | Change::Update(_, row) = &mut change {
            alter(row);
        }
        match &change {
            Change::Insert(row) => drop(rows.insert(row.id, row.clone())),
            Change::Update(before, after) => {
                rows.remove(&before.id);
                rows.insert(after.id, after.clone());
            }
            Change::Delete(row) => drop(rows.remove(&row.id)),
        }
        changes.push(change);
    }
    changes
}

fn at(change: usize) -> Position {
    Position::new("binlog.000001", change as u64 + 4)
}

/// When a change was committed. Not in order: a transaction is as old as its first statement.
fn when(change: usize) -> i64 {
    let step = change as i64;
    (1_000 + 2 * step + step * 7 % 5) * SECOND
}

/// The target: rows by key, as text.
#[derive(Clone, Debug, Default, PartialEq)]
struct Target(BTreeMap<String, String>);

fn text(columns: &[ArrayRef], row: usize) -> String {
    let value = |column: &ArrayRef| match column.is_null(row) {
        true => "NULL".to_owned(),
        false => array_value_to_string(column, row).unwrap(),
    };
    columns.iter().map(value).collect::<Vec<_>>().join("|")
}

impl Target {
    fn apply(&mut self, events: &Events) {
        let write = &events.write;
        for event in 0..write.fresh.len() {
            let key = text(&write.keys, event);
            let rows = write.offsets[event]..write.offsets[event + 1];
            if write.fresh[event] {
                assert!(!self.0.contains_key(&key), "{key} is there already");
            }
            match rows.len() {
                0 => drop(self.0.remove(&key)),
                _ => {
                    // The hash of a key that can be NULL is not what is looked at.
                    let schema = write.rows.schema();
                    let shown = schema.fields().iter().zip(write.rows.columns()).filter(|(f, _)| f.name() != "_key");
                    let columns: Vec<ArrayRef> = shown.map(|(_, column)| column.clone()).collect();
                    self.0.insert(key, text(&columns, rows.start as usize));
                }
            }
        }
    }

    fn rows(&self) -> Vec<String> {
        let mut rows: Vec<String> = self.0.values().cloned().collect();
        rows.sort();
        rows
    }
}

struct Run<'a> {
    plan: &'a Plan,
    folder: &'a Path,
    table: Vec<BoundTable>,
    checkpointer: Checkpointer,
}

impl<'a> Run<'a> {
    /// Begins with what the folder has; answers the number of changes that are in it.
    async fn begin(plan: &'a Plan, folder: &'a Path) -> (Run<'a>, Option<Manifest>) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let store = loop {
            // Tasks of the run that crashed may still hold it.
            match Store::open(folder, rowmill_state::Options::default()) {
                Ok(store) => break store,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            tokio::task::yield_now().await;
        };
        let state = State::new(store);
        let manifest = state.checkpoint().map(|checkpoint| Manifest::read(&checkpoint).unwrap());
        if manifest.is_none() {
            state.clear().await.unwrap();
        }
        let mut table = bind(plan, &[&table()], "mart", &ENVIRONMENT).await.unwrap_or_else(|p| panic!("{p:?}")).tables;
        let name = table[0].source.to_string();
        for aggregate in table[0].flow.aggregates_mut() {
            let part = manifest.as_ref().and_then(|manifest| manifest.state(&name, &aggregate.id));
            // Small enough that groups leave all the time.
            aggregate.keep_groups(7);
            aggregate.attach(state.clone(), part).await.unwrap();
        }
        let about = About { pipeline: "p".to_owned(), incarnation: "i".to_owned(), plan_digest: "d".to_owned() };
        (Run { plan, folder, table, checkpointer: Checkpointer::new(state, about) }, manifest)
    }

    /// `first`: the number of the first change; all of a snapshot are as of its end.
    async fn absorb(&mut self, changes: &[Change], first: usize, position: &Position, progress: Progress) {
        let mut rows = Vec::new();
        let mut ops = Vec::new();
        let mut commit_time = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            match change {
                Change::Insert(row) => {
                    rows.push(row);
                    ops.push(Op::Insert);
                }
                Change::Update(before, after) => {
                    rows.extend([before, after]);
                    ops.extend([Op::UpdateBefore, Op::UpdateAfter]);
                }
                Change::Delete(row) => {
                    rows.push(row);
                    ops.push(Op::Delete);
                }
            }
            let at = if progress == Progress::Snapshot { first } else { first + at };
            commit_time.resize(ops.len(), when(at));
        }
        let rows = batch(&rows);
        let changes = Changes { rows: &rows, ops: &ops, commit_time: &commit_time, position };
        self.table[0].flow.absorb(&changes, progress).await.unwrap();
    }

    fn statuses(&self) -> Vec<AggregateStatus> {
        self.table[0].flow.aggregates().map(|aggregate| aggregate.status("t")).collect()
    }

    async fn close(&mut self, position: &Position, progress: Progress) -> Option<Events> {
        self.table[0].flow.close(progress, position, 0).await.unwrap()
    }
}

/// A stream with what happens to it.
struct Case {
    changes: Vec<Change>,
    /// The number of changes that are in the snapshot.
    snapshot: usize,
    /// After these changes the source says nothing for a while.
    pauses: BTreeSet<usize>,
    /// Changes in a batch at most.
    largest: usize,
}

/// How long the source is silent.
const PAUSE: Duration = Duration::from_secs(5);

fn folder() -> TempDir {
    // Every commit is synced, which a memory file system does at once.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

/// Runs the stream over the steps, with crashes, and answers the target's rows.
async fn run(plan: &Plan, case: &Case, random: &mut StdRng) -> Vec<String> {
    let Case { changes, snapshot, pauses, largest } = case;
    let (snapshot, largest) = (*snapshot, *largest);
    let folder = folder();
    let mut target = Target::default();
    // The target's position, with what it says of the aggregates; None until the snapshot's results are there.
    let mut stored: Option<(usize, Vec<AggregateStatus>)> = None;
    let mut fresh = true;
    'life: loop {
        let (mut run, manifest) = Run::begin(plan, folder.path()).await;
        let mut done = match &manifest {
            None => {
                // The snapshot: the rows as they are after the first changes, in any order.
                let rows: Vec<Change> = rows_after(&changes[..snapshot]).into_iter().map(Change::Insert).collect();
                let mut rows: Vec<(u32, Change)> = rows.into_iter().map(|row| (random.random(), row)).collect();
                rows.sort_by_key(|(order, _)| *order);
                let rows: Vec<Change> = rows.into_iter().map(|(_, row)| row).collect();
                for part in rows.chunks(random.random_range(1..=largest)) {
                    run.absorb(part, snapshot, &at(snapshot), Progress::Snapshot).await;
                    run.close(&at(snapshot), Progress::Snapshot).await;
                    run.table[0].flow.make_room().await.unwrap();
                }
                run.table[0].flow.complete_snapshot(&at(snapshot), &[]).await.unwrap();
                run.checkpointer.take(&mut run.table, at(snapshot), true).await.unwrap();
                snapshot
            }
            Some(manifest) => manifest.position.offset as usize - 4,
        };
        if stored.is_none() {
            let mut cursor = Cursor::default();
            let op = if fresh { Op::Insert } else { Op::UpdateAfter };
            fresh = false;
            while let Some((_, events)) = run.table[0].flow.next_groups(&mut cursor, op, &at(done), 0).await.unwrap() {
                target.apply(&events);
                if random.random_range(0..30) == 0 {
                    continue 'life;
                }
            }
            run.close(&at(done), Progress::Snapshot).await;
            stored = Some((done, run.statuses()));
            if random.random_range(0..10) == 0 {
                continue 'life;
            }
        } else {
            let (until, statuses) = stored.clone().unwrap();
            while done < until {
                let next = (done + random.random_range(1..=largest)).min(until);
                run.absorb(&changes[done..next], done, &at(next), Progress::Replay).await;
                done = next;
                if random.random_range(0..3) == 0 {
                    run.close(&at(done), Progress::Replay).await;
                    run.table[0].flow.make_room().await.unwrap();
                }
            }
            let mut advanced = false;
            for aggregate in run.table[0].flow.aggregates_mut() {
                let status = statuses.iter().find(|status| status.step == aggregate.id).unwrap();
                advanced |= aggregate.reach_stored(status);
            }
            run.close(&at(done), Progress::Replay).await;
            if advanced {
                run.checkpointer.take(&mut run.table, at(done), false).await.unwrap();
            }
        }
        let mut commits = 0;
        while done < changes.len() {
            let pause = pauses.range(done + 1..).next().copied().unwrap_or(usize::MAX);
            let next = (done + random.random_range(1..=largest)).min(changes.len()).min(pause);
            run.absorb(&changes[done..next], done, &at(next), Progress::Live).await;
            done = next;
            if done == pause {
                run.table[0].flow.aggregates_mut().for_each(|aggregate| aggregate.let_time_pass(PAUSE));
                run.checkpointer.finish(&mut run.table, u64::MAX).await.unwrap();
            }
            if random.random_range(0..4) > 0 || done == changes.len() || done == pause {
                let events = run.close(&at(done), Progress::Live).await;
                if random.random_range(0..25) == 0 {
                    continue 'life;
                }
                if let Some(events) = events {
                    target.apply(&events);
                }
                stored = Some((done, run.statuses()));
                commits += 1;
                if done == pause {
                    if random.random_range(0..4) == 0 {
                        continue 'life;
                    }
                    run.checkpointer.take(&mut run.table, at(done), false).await.unwrap();
                } else if !run.checkpointer.is_busy() && random.random_range(0..3) == 0 {
                    for aggregate in run.table[0].flow.aggregates_mut() {
                        aggregate.sweep().await.unwrap();
                    }
                    run.checkpointer.begin(&mut run.table, at(done), commits, false);
                }
            }
            if run.checkpointer.is_busy() {
                run.checkpointer.capture(&mut run.table, random.random_range(1..4)).await.unwrap();
                run.checkpointer.advance(&mut run.table, commits, 1).await.unwrap();
                if run.checkpointer.is_committing() && random.random_range(0..2) == 0 {
                    run.checkpointer.committed().await.unwrap();
                    run.table[0].flow.aggregates_mut().for_each(|a| a.end_checkpoint());
                }
            } else if run.table[0].flow.is_full() {
                run.table[0].flow.make_room().await.unwrap();
            }
            if random.random_range(0..25) == 0 {
                continue 'life;
            }
        }
        assert_eq!(run.folder, folder.path());
        assert!(run.plan.has_aggregates());
        return target.rows();
    }
}

fn plan(steps: &str) -> Plan {
    let text = format!(
        "pipeline: p\nsource: {{ url: \"mysql://a@127.0.0.1/shop\", tables: [t] }}\nsteps:\n{steps}\n\
         sink: {{ url: \"mysql://a@127.0.0.1/mart\", table: out }}\n"
    );
    let loaded = rowmill_yaml::parse(Path::new("p.yaml"), &text, &|_| None);
    loaded.unwrap_or_else(|refused| panic!("{refused}")).pipeline
}

/// Seeds per scenario; `ROWMILL_SEEDS` for a longer run.
fn seeds() -> u64 {
    std::env::var("ROWMILL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(60)
}

/// What streams are like.
struct Streams {
    /// How far a row may be behind the newest one.
    spread: i64,
    groups: i32,
    length: usize,
    /// The source is silent now and then.
    pauses: bool,
    /// Done to every row.
    alter: fn(&mut Row),
}

impl Streams {
    fn spread(spread: i64) -> Self {
        Self { spread, groups: 4, length: 120, pauses: false, alter: |_| {} }
    }
}

/// Compares many random runs of the steps with what `expected` makes of the changes.
fn check(steps: &str, spread: i64, expected: impl Fn(&[Change], usize) -> Vec<String>) {
    check_streams(steps, &Streams::spread(spread), |case| expected(&case.changes, case.snapshot));
}

fn check_streams(steps: &str, streams: &Streams, expected: impl Fn(&Case) -> Vec<String>) {
    let plan = plan(steps);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for seed in first_seed()..first_seed() + seeds() {
        let mut random = StdRng::seed_from_u64(seed);
        let length = random.random_range(1..streams.length);
        let changes = stream(&mut random, length, streams.spread, streams.groups, streams.alter);
        let snapshot = random.random_range(0..=length);
        let largest = [1, 3, 20, 8_192][random.random_range(0..4)];
        let mut pauses = BTreeSet::new();
        if streams.pauses {
            pauses.extend((snapshot + 1..=length).filter(|_| random.random_range(0..12) == 0));
        }
        let case = Case { changes, snapshot, pauses, largest };
        let found = runtime.block_on(run(&plan, &case, &mut random));
        let mut wanted = expected(&case);
        wanted.sort();
        let Case { changes, pauses, .. } = &case;
        assert_eq!(
            found, wanted,
            "seed {seed}, batches of up to {largest}, snapshot after {snapshot}, pauses after {pauses:?}\n{changes:#?}"
        );
    }
}

/// `ROWMILL_SEED`: where seeds begin.
fn first_seed() -> u64 {
    std::env::var("ROWMILL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0)
}

/// The rows after all changes, in the order in which they came to be what they are.
fn rows_after(changes: &[Change]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for change in changes {
        match change {
            Change::Insert(row) => rows.push(row.clone()),
            Change::Update(before, after) => {
                rows.retain(|row| row.id != before.id);
                rows.push(after.clone());
            }
            Change::Delete(before) => rows.retain(|row| row.id != before.id),
        }
    }
    rows
}

fn shown<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

fn sum(rows: &[&Row]) -> String {
    let values: Vec<i64> = rows.iter().filter_map(|row| row.n).map(i64::from).collect();
    shown((!values.is_empty()).then(|| values.iter().sum::<i64>()))
}

/// Groups rows by what `key` says.
fn grouped<K: Ord>(rows: &[Row], key: impl Fn(&Row) -> K) -> BTreeMap<K, Vec<&Row>> {
    let mut groups: BTreeMap<K, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(row)).or_default().push(row);
    }
    groups
}

#[test]
fn groups_are_what_a_query_over_the_final_rows_says() {
    let steps = "
  - aggregate:
      by: [g]
      values:
        a: count(*)
        b: count(n)
        c: sum(n)
        d: min(n)
        e: max(d)
        f: sum(x)
        h: count(distinct n)
        i: { call: sum(n), where: \"n > 0\" }
        j: { call: sum(n), distinct: true, where: \"d IS NOT NULL\" }
  - select: [g, a, b, c, d, e, f, h, i, j]";
    check(steps, 10 * SECOND, |changes, _| {
        let rows = rows_after(changes);
        let line = |(g, rows): (Option<i32>, Vec<&Row>)| {
            let n: Vec<i64> = rows.iter().filter_map(|row| row.n).map(i64::from).collect();
            let mut different = n.clone();
            different.sort_unstable();
            different.dedup();
            let x: Vec<f64> = rows.iter().filter_map(|row| row.x).collect();
            let d = rows.iter().filter_map(|row| row.d).max();
            let positive: Vec<i64> = n.iter().copied().filter(|n| *n > 0).collect();
            let mut with_d: Vec<i64> =
                rows.iter().filter(|row| row.d.is_some()).filter_map(|row| row.n).map(i64::from).collect();
            with_d.sort_unstable();
            with_d.dedup();
            let total = |values: &[i64]| shown((!values.is_empty()).then(|| values.iter().sum::<i64>()));
            let x_sum = (!x.is_empty()).then(|| x.iter().sum::<f64>() + 0.0);
            let mut line = format!("{}|{}|{}|{}|", shown(g), rows.len(), n.len(), total(&n));
            let d = d.map(|d| format!("{}{}.{:02}", if d < 0 { "-" } else { "" }, d.abs() / 100, d.abs() % 100));
            let _ = write!(
                line,
                "{}|{}|{}|{}|{}|{}",
                shown(n.iter().min()),
                shown(d),
                shown(x_sum.map(|x| format!("{x:?}"))),
                different.len(),
                total(&positive),
                total(&with_d)
            );
            line
        };
        grouped(&rows, |row| row.g).into_iter().map(line).collect()
    });
}

#[test]
fn texts_group_by_collation_and_show_the_first_spelling() {
    let steps = "
  - filter: \"name IS NOT NULL\"
  - aggregate: { by: [name], values: { a: count(*), c: sum(n) } }";
    check(steps, 10 * SECOND, |changes, snapshot| {
        // Spellings follow the order in which rows came; those of the snapshot count as the smallest.
        let mut groups: BTreeMap<String, (String, i64)> = BTreeMap::new();
        for row in rows_after(&changes[..snapshot]) {
            let Some(name) = row.name else { continue };
            let group = groups.entry(fold(name)).or_insert_with(|| (name.to_owned(), 0));
            group.1 += 1;
            if name < group.0.as_str() {
                group.0 = name.to_owned();
            }
        }
        for change in &changes[snapshot..] {
            let (out, into) = match change {
                Change::Insert(row) => (None, Some(row)),
                Change::Update(before, after) => (Some(before), Some(after)),
                Change::Delete(row) => (Some(row), None),
            };
            if let Some(name) = out.and_then(|row| row.name) {
                let group = groups.get_mut(&fold(name)).unwrap();
                group.1 -= 1;
            }
            if let Some(name) = into.and_then(|row| row.name) {
                let group = groups.entry(fold(name)).or_insert_with(|| (name.to_owned(), 0));
                if group.1 == 0 {
                    group.0 = name.to_owned();
                }
                group.1 += 1;
            }
        }
        let rows = rows_after(changes);
        let by_fold = grouped(&rows, |row| row.name.map(fold));
        let line = |(name, rows): (Option<String>, Vec<&Row>)| {
            let name = name?;
            Some(format!("{}|{}|{}", groups[&name].0, rows.len(), sum(&rows)))
        };
        by_fold.into_iter().filter_map(line).collect()
    });
}

fn time(at: i64) -> String {
    let column: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![at]));
    array_value_to_string(&column, 0).unwrap()
}

#[test]
fn windows_are_what_a_query_over_the_final_rows_says() {
    let steps = "
  - aggregate:
      by: [id]
      window: { hop: { size: 10s, slide: 4s }, on: at, lateness: 1d }
      values: { a: count(*), c: sum(n) }
  - aggregate: { by: [window_start], values: { a: sum(a), c: sum(c), ends: max(window_end) } }";
    check(steps, 30 * SECOND, |changes, _| {
        let mut windows: BTreeMap<i64, (i64, Vec<i64>)> = BTreeMap::new();
        for row in rows_after(changes) {
            let mut start = row.at.div_euclid(4 * SECOND) * 4 * SECOND;
            while start > row.at - 10 * SECOND {
                let window = windows.entry(start).or_default();
                window.0 += 1;
                window.1.extend(row.n.map(i64::from));
                start -= 4 * SECOND;
            }
        }
        let line = |(start, (count, n)): (i64, (i64, Vec<i64>))| {
            let total = shown((!n.is_empty()).then(|| n.iter().sum::<i64>()));
            format!("{}|{count}|{total}|{}", time(start), time(start + 10 * SECOND))
        };
        windows.into_iter().map(line).collect()
    });
}

#[test]
fn sessions_are_what_their_rows_say() {
    let steps = "
  - filter: \"g IS NOT NULL\"
  - map: { g: \"COALESCE(g, 0)\" }
  - aggregate:
      by: [g]
      window: { session: 3s, on: at, lateness: 1d }
      values: { a: count(*), c: sum(n) }";
    check(steps, 5 * SECOND, |changes, _| {
        let mut rows = rows_after(changes);
        rows.sort_by_key(|row| row.at);
        let mut lines = Vec::new();
        for (g, rows) in grouped(&rows, |row| row.g) {
            let Some(g) = g else { continue };
            let mut sessions: Vec<Vec<&Row>> = Vec::new();
            for row in rows {
                match sessions.last_mut().filter(|session| row.at < session[session.len() - 1].at + 3 * SECOND) {
                    Some(session) => session.push(row),
                    None => sessions.push(vec![row]),
                }
            }
            for session in sessions {
                let (start, end) = (session[0].at, session[session.len() - 1].at + 3 * SECOND);
                lines.push(format!("{g}|{}|{}|{}|{}", time(start), time(end), session.len(), sum(&session)));
            }
        }
        lines
    });
}

/// Rows in windows, with the rules for late ones told once more: image by image.
struct Account {
    shape: Shape,
    key: fn(&Row) -> (String, String),
    lateness: i64,
    /// Rows that are not there for the aggregate.
    skips: fn(&Row) -> bool,
    newest: Option<i64>,
    on: bool,
    /// By group, start and end.
    windows: BTreeMap<(String, i64, i64), Group>,
    out: Vec<i32>,
}

/// The windows of a time; a session's row alone.
#[derive(Clone, Copy)]
enum Shape {
    /// Size and slide.
    Hop(i64, i64),
    /// Size and step.
    Cumulate(i64, i64),
    Session(i64),
}

#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    shown: String,
}

fn by_g(row: &Row) -> (String, String) {
    (shown(row.g), shown(row.g))
}

fn by_name(row: &Row) -> (String, String) {
    (shown(row.name.map(fold)), shown(row.name))
}

fn fold(name: &str) -> String {
    name.trim_end().to_lowercase().replace('ö', "o")
}

impl Account {
    fn new(shape: Shape, lateness: i64, key: fn(&Row) -> (String, String)) -> Self {
        let skips = |_: &Row| false;
        Account { shape, key, lateness, skips, newest: None, on: false, windows: BTreeMap::new(), out: Vec::new() }
    }

    /// The account of a stream.
    fn of(mut self, case: &Case) -> Self {
        for row in rows_after(&case.changes[..case.snapshot]) {
            self.put(&row);
        }
        self.on = true;
        for (at, change) in case.changes.iter().enumerate().skip(case.snapshot) {
            self.follow(change);
            if case.pauses.contains(&(at + 1)) {
                self.newest = self.newest.map(|newest| newest + PAUSE.as_micros() as i64);
            }
        }
        self
    }

    fn follow(&mut self, change: &Change) {
        match change {
            Change::Insert(row) => self.put(row),
            Change::Delete(row) => {
                if !self.forget(row) {
                    self.take(row);
                }
            }
            Change::Update(before, after) => {
                if self.forget(before) || !self.take(before) {
                    self.out.push(after.id);
                    self.see(after);
                } else {
                    self.put(after);
                }
            }
        }
    }

    fn watermark(&self) -> i64 {
        self.newest.filter(|_| self.on).map_or(i64::MIN, |newest| newest - self.lateness)
    }

    /// Whether the row was out.
    fn forget(&mut self, row: &Row) -> bool {
        self.out.iter().position(|id| *id == row.id).map(|at| self.out.remove(at)).is_some()
    }

    fn open_windows(&self, row: &Row) -> Vec<(String, i64, i64)> {
        if (self.skips)(row) {
            return Vec::new();
        }
        let down = |at: i64, size: i64| at.div_euclid(size) * size;
        let mut windows = Vec::new();
        match self.shape {
            Shape::Hop(size, slide) => {
                let mut start = down(row.at, slide);
                while start > row.at - size {
                    windows.push((start, start + size));
                    start -= slide;
                }
            }
            Shape::Cumulate(size, step) => {
                let start = down(row.at, size);
                let ends = (1..=size / step).map(|n| start + n * step);
                windows.extend(ends.filter(|end| *end > row.at).map(|end| (start, end)));
            }
            Shape::Session(gap) => windows.push((row.at, row.at + gap)),
        }
        let is_open = |&(start, end): &(i64, i64)| match self.shape {
            Shape::Session(_) => start >= self.watermark(),
            _ => end > self.watermark(),
        };
        windows.into_iter().filter(is_open).map(|(start, end)| ((self.key)(row).0, start, end)).collect()
    }

    fn see(&mut self, row: &Row) {
        if !(self.skips)(row) {
            self.newest = self.newest.max(Some(row.at));
        }
    }

    fn put(&mut self, row: &Row) {
        for window in self.open_windows(row) {
            let spelled = (self.key)(row).1;
            let group = self.windows.entry(window).or_default();
            if group.rows.is_empty() || !self.on && spelled < group.shown {
                group.shown = spelled;
            }
            group.rows.push(row.clone());
        }
        self.see(row);
    }

    /// False if it came too late.
    fn take(&mut self, row: &Row) -> bool {
        let windows = self.open_windows(row);
        for window in &windows {
            let rows = &mut self.windows.get_mut(window).unwrap().rows;
            let at = rows.iter().position(|known| known == row).unwrap();
            rows.remove(at);
        }
        !windows.is_empty() || (self.skips)(row)
    }

    /// What is written: group, start, end, rows; all windows or only those that are closed.
    fn windows(&self, only_closed: bool) -> Vec<(String, i64, i64, Vec<&Row>)> {
        let mut all: Vec<(&String, String, i64, i64, Vec<&Row>)> = Vec::new();
        for ((key, start, end), group) in self.windows.iter().filter(|(_, group)| !group.rows.is_empty()) {
            let rows: Vec<&Row> = group.rows.iter().collect();
            match (self.shape, all.last_mut()) {
                (Shape::Session(_), Some((last, _, _, until, session))) if *last == key && start < until => {
                    *until = *end;
                    session.extend(rows);
                }
                _ => all.push((key, group.shown.clone(), *start, *end, rows)),
            }
        }
        let is_closed = |end: i64| end <= self.watermark();
        let written = all.into_iter().filter(|(.., end, _)| !only_closed || is_closed(*end));
        written.map(|(_, shown, start, end, rows)| (shown, start, end, rows)).collect()
    }

    fn lines(&self, only_closed: bool) -> Vec<String> {
        let line = |(group, start, end, rows): (String, i64, i64, Vec<&Row>)| {
            format!("{group}|{}|{}|{}|{}", time(start), time(end), rows.len(), sum(&rows))
        };
        self.windows(only_closed).into_iter().map(line).collect()
    }
}

/// An aggregate by `by` with a window.
fn windowed(by: &str, window: &str) -> String {
    format!(
        "
  - aggregate:
      by: [{by}]
      window: {{ {window}, on: at }}
      values: {{ a: count(*), c: sum(n) }}"
    )
}

const TUMBLE: Shape = Shape::Hop(10 * SECOND, 10 * SECOND);

fn check_windows(by: fn(&Row) -> (String, String), window: &str, spread: i64, shape: Shape, only_closed: bool) {
    let column = if by(&NOBODY).0 == "0" { "g" } else { "name" };
    let streams = Streams { pauses: true, ..Streams::spread(spread) };
    check_streams(&windowed(column, &format!("{window}, lateness: 4s, idle: 1h")), &streams, |case| {
        Account::new(shape, 4 * SECOND, by).of(case).lines(only_closed)
    });
}

const NOBODY: Row = Row { id: 0, g: Some(0), name: Some("x"), at: 0, n: None, x: None, d: None };

#[test]
fn late_rows_are_left_out_and_closed_windows_stay_as_they_were() {
    check_windows(by_g, "tumble: 10s", 25 * SECOND, TUMBLE, false);
}

#[test]
fn windows_that_are_written_when_they_close_are_written_once() {
    check_windows(by_g, "tumble: 10s, emit: close", 25 * SECOND, TUMBLE, true);
}

#[test]
fn rows_can_be_late_for_some_of_their_windows() {
    check_windows(by_g, "hop: { size: 10s, slide: 4s }", 25 * SECOND, Shape::Hop(10 * SECOND, 4 * SECOND), false);
}

#[test]
fn hopping_windows_are_written_when_they_close() {
    let shape = Shape::Hop(10 * SECOND, 3 * SECOND);
    check_windows(by_name, "hop: { size: 10s, slide: 3s }, emit: close", 25 * SECOND, shape, true);
}

#[test]
fn cumulating_windows_close_one_after_the_other() {
    let shape = Shape::Cumulate(12 * SECOND, 4 * SECOND);
    check_windows(by_g, "cumulate: { size: 12s, step: 4s }", 25 * SECOND, shape, false);
}

#[test]
fn windows_of_texts_show_the_first_spelling() {
    check_windows(by_name, "tumble: 10s", 25 * SECOND, TUMBLE, false);
}

#[test]
fn sessions_that_have_closed_stay_as_they_were() {
    check_windows(by_name, "session: 3s", 12 * SECOND, Shape::Session(3 * SECOND), false);
}

#[test]
fn sessions_are_written_when_they_close() {
    check_windows(by_g, "session: 3s, emit: close", 12 * SECOND, Shape::Session(3 * SECOND), true);
}

#[test]
fn late_rows_can_change_closed_windows() {
    let steps = windowed("g", "tumble: 10s, lateness: 4s, late: update, emit: close, idle: 1h");
    check_streams(&steps, &Streams { pauses: true, ..Streams::spread(25 * SECOND) }, |case| {
        let newest = Account::new(TUMBLE, 4 * SECOND, by_g).of(case).newest;
        let mut all = Account::new(TUMBLE, 4 * SECOND, by_g);
        rows_after(&case.changes).iter().for_each(|row| all.put(row));
        Account { newest, on: true, ..all }.lines(true)
    });
}

#[test]
fn late_rows_can_change_closed_sessions() {
    let steps = windowed("g", "session: 3s, lateness: 4s, late: update, emit: close, idle: 1h");
    let shape = Shape::Session(3 * SECOND);
    check_streams(&steps, &Streams { pauses: true, ..Streams::spread(12 * SECOND) }, |case| {
        let newest = Account::new(shape, 4 * SECOND, by_g).of(case).newest;
        let mut all = Account::new(shape, 4 * SECOND, by_g);
        rows_after(&case.changes).iter().for_each(|row| all.put(row));
        Account { newest, on: true, ..all }.lines(true)
    });
}

#[test]
fn distinct_values_of_closed_windows_are_forgotten() {
    let steps = "
  - aggregate:
      by: [g]
      window: { hop: { size: 10s, slide: 5s }, on: at, lateness: 4s, idle: 1h }
      values: { a: count(distinct n), c: sum(distinct n), names: count(distinct name), r: count(*) }";
    let streams = Streams { pauses: true, ..Streams::spread(25 * SECOND) };
    check_streams(steps, &streams, |case| {
        let account = Account::new(Shape::Hop(10 * SECOND, 5 * SECOND), 4 * SECOND, by_g).of(case);
        let line = |(group, start, end, rows): (String, i64, i64, Vec<&Row>)| {
            let n: BTreeSet<i32> = rows.iter().filter_map(|row| row.n).collect();
            let names: BTreeSet<String> = rows.iter().filter_map(|row| row.name).map(fold).collect();
            let total = shown((!n.is_empty()).then(|| n.iter().sum::<i32>()));
            let (start, end) = (time(start), time(end));
            format!("{group}|{start}|{end}|{}|{total}|{}|{}", n.len(), names.len(), rows.len())
        };
        account.windows(false).into_iter().map(line).collect()
    });
}

/// What an aggregate by `window_start` makes of windows.
fn by_start(windows: Vec<(String, i64, i64, Vec<&Row>)>) -> Vec<String> {
    let mut starts: BTreeMap<i64, (usize, usize, Vec<i64>)> = BTreeMap::new();
    for (_, start, _, rows) in windows {
        let known = starts.entry(start).or_default();
        known.0 += 1;
        known.1 += rows.len();
        known.2.extend(rows.iter().filter_map(|row| row.n).map(i64::from));
    }
    let line = |(start, (groups, rows, n)): (i64, (usize, usize, Vec<i64>))| {
        let total = shown((!n.is_empty()).then(|| n.iter().sum::<i64>()));
        format!("{}|{groups}|{rows}|{total}", time(start))
    };
    starts.into_iter().map(line).collect()
}

fn check_windows_below(window: &str, only_closed: bool) {
    let second = "
  - aggregate: { by: [window_start], values: { groups: count(*), a: sum(a), c: sum(c) } }";
    let steps = windowed("g", window) + second;
    let streams = Streams { pauses: true, ..Streams::spread(25 * SECOND) };
    check_streams(&steps, &streams, |case| {
        by_start(Account::new(TUMBLE, 4 * SECOND, by_g).of(case).windows(only_closed))
    });
}

#[test]
fn what_closed_windows_gave_to_another_aggregate_stays() {
    check_windows_below("tumble: 10s, lateness: 4s, idle: 1h", false);
}

#[test]
fn windows_go_into_another_aggregate_when_they_close() {
    check_windows_below("tumble: 10s, lateness: 4s, emit: close, idle: 1h", true);
}

#[test]
fn many_groups_in_long_streams() {
    let after_0 = |row: &mut Row| row.at = row.at.max(0);
    let streams = Streams { groups: 300, length: 1_500, alter: after_0, ..Streams::spread(10 * SECOND) };
    let steps = "
  - aggregate: { by: [g, name], values: { a: count(*), c: sum(n), h: count(distinct n) } }";
    check_streams(steps, &streams, |case| {
        // Spellings are those of a window without end.
        let key = |row: &Row| {
            let g = shown(row.g);
            (format!("{g}|{}", by_name(row).0), format!("{g}|{}", by_name(row).1))
        };
        let account = Account::new(Shape::Hop(1 << 60, 1 << 60), 1 << 60, key).of(case);
        let line = |(group, .., rows): (String, i64, i64, Vec<&Row>)| {
            let n: BTreeSet<i32> = rows.iter().filter_map(|row| row.n).collect();
            format!("{group}|{}|{}|{}", rows.len(), sum(&rows), n.len())
        };
        account.windows(false).into_iter().map(line).collect()
    });
}

#[test]
fn rows_that_err_before_an_aggregate_are_left_out_with_both_images() {
    let steps = "
  - id: add
    map: { q: \"9223372036854775807 + n\" }
    on_error: skip
  - aggregate: { by: [g], values: { a: count(*), c: sum(n), q: count(q) } }";
    check(steps, 10 * SECOND, |changes, _| {
        let rows: Vec<Row> = rows_after(changes).into_iter().filter(|row| row.n.is_none_or(|n| n <= 0)).collect();
        let line = |(g, rows): (Option<i32>, Vec<&Row>)| {
            let known = rows.iter().filter(|row| row.n.is_some()).count();
            format!("{}|{}|{}|{known}", shown(g), rows.len(), sum(&rows))
        };
        grouped(&rows, |row| row.g).into_iter().map(line).collect()
    });
}

#[test]
fn groups_whose_result_is_too_large_are_not_there_while_it_is() {
    let steps = "
  - map: { y: \"x * 1e306\" }
  - id: totals
    aggregate: { by: [g], values: { a: count(*), s: sum(y) } }
    on_error: skip
  - select: [g, a]";
    check(steps, 10 * SECOND, |changes, _| {
        let rows = rows_after(changes);
        let fits = |rows: &[&Row]| rows.iter().filter_map(|row| row.x).sum::<f64>().abs() < 179.76;
        let line = |(g, rows): (Option<i32>, Vec<&Row>)| fits(&rows).then(|| format!("{}|{}", shown(g), rows.len()));
        grouped(&rows, |row| row.g).into_iter().filter_map(line).collect()
    });
}

#[test]
fn rows_that_a_function_refuses_are_in_no_value_of_any_window() {
    let steps = "
  - id: totals
    aggregate:
      by: [name]
      window: { hop: { size: 10s, slide: 4s }, on: at, lateness: 1d }
      values: { a: count(*), p: { udf: std/stats#percentile, args: [x], config: { p: 0.5 } }, c: sum(n) }
    on_error: skip
  - select: [name, window_start, window_end, a, c]";
    let spoil = |row: &mut Row| {
        if row.n == Some(2) {
            row.x = Some(f64::INFINITY);
        }
    };
    let streams = Streams { alter: spoil, ..Streams::spread(30 * SECOND) };
    check_streams(steps, &streams, |case| {
        let mut account = Account::new(Shape::Hop(10 * SECOND, 4 * SECOND), 86_400 * SECOND, by_name);
        let is_good = |row: &Row| row.n != Some(2);
        for row in rows_after(&case.changes[..case.snapshot]).iter().filter(|row| is_good(row)) {
            account.put(row);
        }
        account.on = true;
        for change in &case.changes[case.snapshot..] {
            let (out, into) = match change {
                Change::Insert(row) => (None, Some(row)),
                Change::Update(before, after) => (Some(before), Some(after)),
                Change::Delete(row) => (Some(row), None),
            };
            out.filter(|row| is_good(row)).map(|row| account.take(row));
            into.filter(|row| is_good(row)).map(|row| account.put(row)).unwrap_or_default();
        }
        account.lines(false)
    });
}

#[test]
fn what_a_time_to_live_forgets_can_be_in_no_other_aggregate() {
    let plan = plan(
        "
  - aggregate: { by: [g, n], values: { a: count(*) }, ttl: 15s }
  - aggregate: { by: [g], values: { a: sum(a) } }",
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let table = table();
    let problems = runtime.block_on(bind(&plan, &[&table], "mart", &ENVIRONMENT)).err().unwrap();
    assert_eq!(problems[0].pointer.as_deref(), Some("/steps/0/aggregate/ttl"));
}

#[test]
fn rows_at_the_end_of_time_are_left_out() {
    const LAST: i64 = 253_402_300_799 * SECOND;
    let steps = "
  - id: totals
    aggregate:
      by: [g]
      window: { tumble: 10s, on: at, lateness: 4s, idle: 1h }
      values: { a: count(*), c: sum(n) }
    on_error: skip";
    let spoil = |row: &mut Row| {
        if row.n == Some(2) {
            row.at = LAST;
        }
    };
    let streams = Streams { pauses: true, alter: spoil, ..Streams::spread(25 * SECOND) };
    check_streams(steps, &streams, |case| {
        let skips = |row: &Row| row.at == LAST;
        Account { skips, ..Account::new(TUMBLE, 4 * SECOND, by_g) }.of(case).lines(false)
    });
}

#[test]
fn groups_that_nothing_changed_for_long_begin_anew() {
    const TTL: i64 = 15 * SECOND;
    /// Rows, the sum of their numbers, and when it changed.
    #[derive(Clone, Copy, Default)]
    struct Totals(i64, i64, i64);
    let steps = "
  - aggregate: { by: [g], values: { a: count(*), c: sum(id) }, ttl: 15s }";
    let streams = Streams { groups: 12, length: 200, ..Streams::spread(10 * SECOND) };
    check_streams(steps, &streams, |case| {
        let mut groups: BTreeMap<Option<i32>, Totals> = BTreeMap::new();
        let rows = rows_after(&case.changes[..case.snapshot]);
        let mut now = if rows.is_empty() { i64::MIN } else { when(case.snapshot) };
        for row in rows {
            let totals = groups.entry(row.g).or_default();
            *totals = Totals(totals.0 + 1, totals.1 + i64::from(row.id), now);
        }
        let mut target = groups.clone();
        for (at, change) in case.changes.iter().enumerate().skip(case.snapshot) {
            now = now.max(when(at));
            let images = match change {
                Change::Insert(row) => vec![(row, 1)],
                Change::Update(before, after) => vec![(before, -1), (after, 1)],
                Change::Delete(row) => vec![(row, -1)],
            };
            for (row, sign) in images {
                let totals = groups.entry(row.g).or_default();
                if totals.0 == 0 || now - totals.2 > TTL {
                    *totals = Totals::default();
                }
                // A row of a group that was forgotten takes nothing out.
                if sign > 0 || totals.0 > 0 {
                    *totals = Totals(totals.0 + sign, totals.1 + sign * i64::from(row.id), now);
                }
                match totals.0 {
                    0 => drop(target.remove(&row.g)),
                    _ => drop(target.insert(row.g, *totals)),
                }
            }
        }
        target.into_iter().map(|(g, Totals(rows, sum, _))| format!("{}|{rows}|{sum}", shown(g))).collect()
    });
}

#[test]
fn aggregates_of_aggregates_see_what_changes_between() {
    let steps = "
  - map: { g: \"COALESCE(g, 0)\" }
  - aggregate: { by: [g, n], values: { a: count(*) } }
  - filter: \"a >= 2\"
  - aggregate: { by: [g], values: { groups: count(*), most: max(a), rows_in: sum(a) } }";
    check(steps, 10 * SECOND, |changes, _| {
        let rows = rows_after(changes);
        let mut outer: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for ((g, _), rows) in grouped(&rows, |row| (row.g.unwrap_or(0), row.n)) {
            if rows.len() >= 2 {
                outer.entry(g).or_default().push(rows.len());
            }
        }
        let line = |(g, counts): (i32, Vec<usize>)| {
            format!("{g}|{}|{}|{}", counts.len(), counts.iter().max().unwrap(), counts.iter().sum::<usize>())
        };
        outer.into_iter().map(line).collect()
    });
}
