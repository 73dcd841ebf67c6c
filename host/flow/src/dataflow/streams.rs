//! Random streams of changes through whole dataflows, against a plain account of the same rows.
//!
//! Every run cuts the stream as it likes, closes epochs where it likes, pushes groups out of memory,
//! takes checkpoints piece by piece, and crashes: then the dataflow is made anew from what the store
//! has, and the changes since then come again, cut otherwise. The components are the built-in ones.

use std::collections::{BTreeMap, HashMap};
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
use rowmill_mysql::table::{Column, ColumnData};
use rowmill_mysql::{Op, Position, TableDef, TableName};
use rowmill_state::Store;
use rowmill_wasm::{Engine, EngineOptions};
use tempfile::TempDir;

use crate::aggregate::Cursor;
use crate::aggregate::state::State;
use crate::bind::{BoundTable, bind};
use crate::chain::{Changes, Events};
use crate::components::Environment;
use crate::dataflow::Progress;
use crate::pipeline::checkpoint::Checkpointer;
use crate::pipeline::manifest::{About, Manifest};
use crate::plan::Pipeline;

const SECOND: i64 = 1_000_000;

static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| {
    let cache = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/rowmill/components"));
    let engine = Engine::new(EngineOptions { cache }).unwrap();
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
fn stream(random: &mut StdRng, length: usize, spread: i64) -> Vec<Change> {
    let mut rows: BTreeMap<i32, Row> = BTreeMap::new();
    let mut clock = 0;
    let mut changes = Vec::new();
    for next in 0..length as i32 {
        clock += random.random_range(0..3 * SECOND);
        let make = |random: &mut StdRng, id: i32| Row {
            id,
            g: (random.random_range(0..5) > 0).then(|| random.random_range(0..4)),
            name: [None, Some("Köln"), Some("KOLN"), Some("koln "), Some("Bonn")][random.random_range(0..5)],
            at: clock - random.random_range(0..=spread),
            n: (random.random_range(0..6) > 0).then(|| random.random_range(-3..4)),
            x: (random.random_range(0..6) > 0).then(|| f64::from(random.random_range(-999..1000)) / 8.0),
            d: (random.random_range(0..6) > 0).then(|| random.random_range(-10_000..10_000)),
        };
        let known: Vec<i32> = rows.keys().copied().collect();
        let chosen = (!known.is_empty()).then(|| known[random.random_range(0..known.len())]);
        let change = match (random.random_range(0..10), chosen) {
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
    plan: &'a Pipeline,
    folder: &'a Path,
    table: Vec<BoundTable>,
    checkpointer: Checkpointer,
}

impl<'a> Run<'a> {
    /// Begins with what the folder has; answers the number of changes that are in it.
    async fn begin(plan: &'a Pipeline, folder: &'a Path) -> (Run<'a>, Option<Manifest>) {
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
        let mut table = bind(plan, &[table()], "mart", &ENVIRONMENT).await.unwrap_or_else(|p| panic!("{p:?}")).tables;
        let name = table[0].source.name.to_string();
        for aggregate in table[0].flow.aggregates_mut() {
            let part = manifest.as_ref().and_then(|manifest| manifest.state(&name, &aggregate.id));
            // Small enough that groups leave all the time.
            aggregate.groups.shrink(7);
            aggregate.attach(state.clone(), part).await.unwrap();
        }
        let about = About { pipeline: "p".to_owned(), incarnation: "i".to_owned(), plan_digest: "d".to_owned() };
        (Run { plan, folder, table, checkpointer: Checkpointer::new(state, about) }, manifest)
    }

    async fn absorb(&mut self, changes: &[Change], position: &Position, progress: Progress) {
        let mut rows = Vec::new();
        let mut ops = Vec::new();
        for change in changes {
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
        }
        let rows = batch(&rows);
        let commit_time = vec![0; ops.len()];
        let changes = Changes { rows: &rows, ops: &ops, commit_time: &commit_time, position };
        self.table[0].flow.absorb(&changes, progress).await.unwrap();
    }

    async fn close(&mut self, position: &Position, progress: Progress) -> Option<Events> {
        self.table[0].flow.close(progress, position, 0).await.unwrap()
    }
}

/// Runs the stream over the steps, with crashes, and answers the target's rows.
async fn run(plan: &Pipeline, changes: &[Change], snapshot: usize, random: &mut StdRng, largest: usize) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let mut target = Target::default();
    // The target's position; None until the snapshot's results are there.
    let mut stored: Option<usize> = None;
    let mut fresh = true;
    'life: loop {
        let (mut run, manifest) = Run::begin(plan, folder.path()).await;
        let mut done = match &manifest {
            None => {
                // The snapshot: the rows as they are after the first changes, in any order.
                let mut rows: HashMap<i32, Row> = HashMap::new();
                for change in &changes[..snapshot] {
                    match change {
                        Change::Insert(row) => drop(rows.insert(row.id, row.clone())),
                        Change::Update(before, after) => {
                            rows.remove(&before.id);
                            rows.insert(after.id, after.clone());
                        }
                        Change::Delete(row) => drop(rows.remove(&row.id)),
                    }
                }
                let rows: Vec<Change> = rows.into_values().map(Change::Insert).collect();
                for part in rows.chunks(random.random_range(1..=largest)) {
                    run.absorb(part, &at(snapshot), Progress::Snapshot).await;
                    run.close(&at(snapshot), Progress::Snapshot).await;
                    run.table[0].flow.make_room().await.unwrap();
                }
                run.table[0].flow.complete_snapshot(&at(snapshot)).await.unwrap();
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
            stored = Some(done);
        }
        let until = stored.unwrap();
        while done < until {
            let next = (done + random.random_range(1..=largest)).min(until);
            run.absorb(&changes[done..next], &at(next), Progress::Replay).await;
            done = next;
            if random.random_range(0..3) == 0 {
                run.close(&at(done), Progress::Replay).await;
                run.table[0].flow.make_room().await.unwrap();
            }
        }
        run.close(&at(done), Progress::Replay).await;
        let mut commits = 0;
        while done < changes.len() {
            let next = (done + random.random_range(1..=largest)).min(changes.len());
            run.absorb(&changes[done..next], &at(next), Progress::Live).await;
            done = next;
            if random.random_range(0..4) > 0 || done == changes.len() {
                let events = run.close(&at(done), Progress::Live).await;
                if random.random_range(0..25) == 0 {
                    continue 'life;
                }
                if let Some(events) = events {
                    target.apply(&events);
                }
                stored = Some(done);
                commits += 1;
                if !run.checkpointer.is_busy() && random.random_range(0..3) == 0 {
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

fn plan(steps: &str) -> Pipeline {
    let text = format!(
        "pipeline: p\nsource: {{ url: \"mysql://a@127.0.0.1/shop\", tables: [t] }}\nsteps:\n{steps}\n\
         sink: {{ url: \"mysql://a@127.0.0.1/mart\", table: out }}\n"
    );
    let loaded = crate::file::parse(Path::new("p.yaml"), &text, &|_| None);
    loaded.unwrap_or_else(|refused| panic!("{refused}")).pipeline
}

/// Seeds per scenario; `ROWMILL_SEEDS` for a longer run.
fn seeds() -> u64 {
    std::env::var("ROWMILL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(150)
}

/// Compares many random runs of the steps with what `expected` makes of the changes.
fn check(steps: &str, spread: i64, expected: impl Fn(&[Change], usize) -> Vec<String>) {
    let plan = plan(steps);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for seed in 0..seeds() {
        let mut random = StdRng::seed_from_u64(seed);
        let length = random.random_range(1..120);
        let changes = stream(&mut random, length, spread);
        let snapshot = random.random_range(0..=length);
        let largest = [1, 3, 20, 8_192][random.random_range(0..4)];
        let found = runtime.block_on(run(&plan, &changes, snapshot, &mut random, largest));
        let mut wanted = expected(&changes, snapshot);
        wanted.sort();
        assert_eq!(found, wanted, "seed {seed}, batches of up to {largest}, snapshot after {snapshot}\n{changes:#?}");
    }
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
fn grouped<'r, K: Ord>(rows: &'r [Row], key: impl Fn(&Row) -> K) -> BTreeMap<K, Vec<&'r Row>> {
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
        let fold = |name: &str| name.trim_end().to_lowercase().replace('ö', "o");
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

/// Rows in windows of ten seconds, with the rule for late ones told once more: image by image.
struct Account {
    newest: Option<i64>,
    lateness: i64,
    on: bool,
    windows: BTreeMap<(i32, i64), Vec<Row>>,
    out: Vec<i32>,
}

impl Account {
    fn watermark(&self) -> i64 {
        self.newest.filter(|_| self.on).map_or(i64::MIN, |newest| newest - self.lateness)
    }

    fn window(row: &Row) -> (i32, i64) {
        (row.g.unwrap_or(0), row.at.div_euclid(10 * SECOND) * 10 * SECOND + 10 * SECOND)
    }

    fn put(&mut self, row: &Row) {
        if Self::window(row).1 > self.watermark() {
            self.windows.entry(Self::window(row)).or_default().push(row.clone());
        }
        self.newest = self.newest.max(Some(row.at));
    }

    /// False if it came too late.
    fn take(&mut self, row: &Row) -> bool {
        let window = Self::window(row);
        if window.1 <= self.watermark() {
            return false;
        }
        let rows = self.windows.get_mut(&window).unwrap();
        let at = rows.iter().position(|known| known == row).unwrap();
        rows.remove(at);
        true
    }

    fn of(changes: &[Change], snapshot: usize, lateness: i64) -> Account {
        let (windows, out) = (BTreeMap::new(), Vec::new());
        let mut account = Account { newest: None, lateness, on: false, windows, out };
        for row in rows_after(&changes[..snapshot]) {
            account.put(&row);
        }
        account.on = true;
        for change in &changes[snapshot..] {
            match change {
                Change::Insert(row) => account.put(row),
                Change::Delete(row) => {
                    let is_out = account.out.iter().position(|id| *id == row.id).map(|at| account.out.remove(at));
                    if is_out.is_none() {
                        account.take(row);
                    }
                }
                Change::Update(before, after) => {
                    let is_out = account.out.iter().position(|id| *id == before.id).map(|at| account.out.remove(at));
                    if is_out.is_some() || !account.take(before) {
                        account.out.push(after.id);
                        account.newest = account.newest.max(Some(after.at));
                    } else {
                        account.put(after);
                    }
                }
            }
        }
        account
    }

    fn lines(self, only_closed: bool) -> Vec<String> {
        let watermark = self.watermark();
        let windows = self
            .windows
            .into_iter()
            .filter(|(window, rows)| !rows.is_empty() && (!only_closed || window.1 <= watermark));
        let line = |((g, end), rows): ((i32, i64), Vec<Row>)| {
            let rows: Vec<&Row> = rows.iter().collect();
            format!("{g}|{}|{}|{}|{}", time(end - 10 * SECOND), time(end), rows.len(), sum(&rows))
        };
        windows.map(line).collect()
    }
}

#[test]
fn late_rows_are_left_out_and_closed_windows_stay_as_they_were() {
    let steps = "
  - map: { g: \"COALESCE(g, 0)\" }
  - aggregate:
      by: [g]
      window: { tumble: 10s, on: at, lateness: 4s }
      values: { a: count(*), c: sum(n) }";
    check(steps, 25 * SECOND, |changes, snapshot| Account::of(changes, snapshot, 4 * SECOND).lines(false));
}

#[test]
fn windows_that_are_written_when_they_close_are_written_once() {
    let steps = "
  - map: { g: \"COALESCE(g, 0)\" }
  - aggregate:
      by: [g]
      window: { tumble: 10s, on: at, lateness: 4s, emit: close }
      values: { a: count(*), c: sum(n) }";
    check(steps, 25 * SECOND, |changes, snapshot| Account::of(changes, snapshot, 4 * SECOND).lines(true));
}

#[test]
fn late_rows_can_change_closed_windows() {
    let steps = "
  - map: { g: \"COALESCE(g, 0)\" }
  - aggregate:
      by: [g]
      window: { tumble: 10s, on: at, lateness: 4s, late: update, emit: close }
      values: { a: count(*), c: sum(n) }";
    check(steps, 25 * SECOND, |changes, snapshot| {
        let newest = Account::of(changes, snapshot, 4 * SECOND).newest;
        let mut all = Account { newest: None, lateness: 0, on: false, windows: BTreeMap::new(), out: Vec::new() };
        rows_after(changes).iter().for_each(|row| all.put(row));
        let account = Account { newest, lateness: 4 * SECOND, on: true, ..all };
        account.lines(true)
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
