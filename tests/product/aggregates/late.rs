//! `late: drop`: closed windows stay, late rows are counted, and which rows are late follows from their
//! order in the source alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rowmill_devserver::Kind;

use super::pipe::Pipe;
use super::random::Random;
use crate::harness::{PAIRS, Pair, Workspace, shared};

const TABLE: &str = "CREATE TABLE events (id INT PRIMARY KEY, kind VARCHAR(5) COLLATE utf8mb4_bin NOT NULL, at DATETIME(3) NOT NULL, n INT);";
/// Seconds.
const WINDOW: i64 = 600;
const LATENESS: i64 = 300;

fn late(pipe: &Pipe<'_, '_>) -> u64 {
    pipe.status()["progress"]["aggregates"][0]["late"].as_u64().unwrap()
}

fn event(id: u64, kind: &str, second: i64, n: i64) -> String {
    format!("({id}, '{kind}', '2026-01-01' + INTERVAL {second} SECOND, {n})")
}

#[test]
fn a_closed_window_stays_and_late_rows_are_counted() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = Workspace::new(shared(kind), shared(kind), &format!("late_{kind:?}"));
        workspace.source_sql(&format!("{TABLE} INSERT INTO events VALUES {};", event(1, "a", 10, 1)));
        let pipe = Pipe::new(&workspace, "late");
        pipe.write(
            "events",
            "steps: [{ aggregate: { by: [kind], window: { tumble: 10m, on: at, lateness: 5m, late: drop },
               values: { row_count: \"count(*)\", n: \"sum(n)\" } } }]",
        );
        pipe.catch_up();
        let shown = || {
            workspace.target_sql(
                "SELECT kind, TIMESTAMPDIFF(SECOND, '2026-01-01', window_start), row_count, n FROM late ORDER BY 1, 2",
            )
        };
        // 899 s keeps the first window open, 900 s closes it.
        workspace.source_sql(&format!(
            "INSERT INTO events VALUES {}; INSERT INTO events VALUES {};",
            event(2, "a", 899, 2),
            event(3, "a", 20, 4)
        ));
        pipe.catch_up();
        assert_eq!((shown().as_str(), late(&pipe)), ("a\t0\t2\t5\na\t600\t1\t2\n", 0), "{kind:?}");
        workspace.source_sql(&format!(
            "INSERT INTO events VALUES {}; INSERT INTO events VALUES {}; UPDATE events SET n = 100 WHERE id = 1;
             DELETE FROM events WHERE id = 3; INSERT INTO events VALUES {};",
            event(4, "b", 900, 8),
            event(5, "a", 599, 16),
            event(6, "a", 601, 32)
        ));
        pipe.catch_up();
        // Late: the insert of 5, the update's before-image, with which its after-image goes, and the delete of 3.
        assert_eq!(
            (shown().as_str(), late(&pipe)),
            ("a\t0\t2\t5\na\t600\t2\t34\nb\t600\t1\t8\n", 3),
            "{kind:?}\n{}",
            pipe.log_text()
        );
        pipe.verify();
    }
}

/// A row of the source.
#[derive(Clone)]
struct Row {
    kind: &'static str,
    second: i64,
    n: i64,
}

/// By the book, change by change in the source's order: what windows hold, and how many images came late.
#[derive(Default)]
struct Account {
    streaming: bool,
    newest: i64,
    rows: BTreeMap<u64, Row>,
    /// Rows whose update came too late: they are in a closed window and in no other any more.
    out: BTreeSet<u64>,
    windows: BTreeMap<(&'static str, i64), (i64, i64)>,
    late: u64,
}

impl Account {
    /// Adds a row to its window or takes it out; false if that is closed.
    fn take_part(&mut self, row: &Row, sign: i64) -> bool {
        let start = row.second.div_euclid(WINDOW) * WINDOW;
        if self.streaming && start + WINDOW <= self.newest - LATENESS {
            self.late += 1;
            return false;
        }
        let window = self.windows.entry((row.kind, start)).or_default();
        window.0 += sign;
        window.1 += sign * row.n;
        true
    }

    fn insert(&mut self, id: u64, row: &Row) {
        self.take_part(row, 1);
        self.newest = self.newest.max(row.second);
        self.rows.insert(id, row.clone());
    }

    fn update(&mut self, id: u64, row: &Row) {
        let before = self.rows.insert(id, row.clone()).unwrap();
        if !self.out.contains(&id) {
            if self.take_part(&before, -1) {
                self.take_part(row, 1);
            } else {
                self.out.insert(id);
            }
        }
        self.newest = self.newest.max(row.second);
    }

    fn delete(&mut self, id: u64) {
        let before = self.rows.remove(&id).unwrap();
        if !self.out.remove(&id) {
            self.take_part(&before, -1);
        }
    }

    fn text(&self) -> String {
        let shown = self.windows.iter().filter(|(_, (rows, _))| *rows > 0);
        shown.map(|((kind, start), (rows, n))| format!("{kind}\t{start}\t{rows}\t{n}\n")).collect()
    }

    /// A change to the table and to the account.
    fn change(&mut self, random: &mut Random, id: u64) -> String {
        // Far enough back that some are late.
        let second = 2000 + id as i64 * 3 - random.below(1500) as i64;
        let row = Row { kind: random.choose(&["a", "b", "c"]), second, n: random.below(100) as i64 };
        let known: Vec<u64> = self.rows.keys().copied().collect();
        match random.below(10) {
            0..6 => {
                self.insert(id, &row);
                format!("INSERT INTO events VALUES {};\n", event(id, row.kind, row.second, row.n))
            }
            kind if !known.is_empty() => {
                // The youngest more often.
                let back = random.choose(&[20, 200, u64::MAX]).min(known.len() as u64);
                let chosen = known[known.len() - 1 - random.below(back) as usize];
                if kind == 9 {
                    self.delete(chosen);
                    return format!("DELETE FROM events WHERE id = {chosen};\n");
                }
                let mut row = row;
                row.n = self.rows[&chosen].n + 1;
                if random.one_in(2) {
                    row.second = self.rows[&chosen].second;
                }
                self.update(chosen, &row);
                let Row { kind, second, n } = row;
                format!(
                    "UPDATE events SET kind = '{kind}', at = '2026-01-01' + INTERVAL {second} SECOND, n = {n} WHERE id = {chosen};\n"
                )
            }
            _ => String::new(),
        }
    }
}

#[test]
fn late_rows_and_results_are_those_of_the_account() {
    for (pair, seed) in PAIRS.into_iter().zip(11..) {
        eprintln!("{}: seed {seed}", pair.name);
        let mut random = Random(seed);
        let workspace = Workspace::new(shared(pair.source), shared(pair.target), &format!("account_{}", pair.name));
        workspace.source_sql(TABLE);
        let mut account = Account::default();
        let mut id = 0;
        let mut change = |account: &mut Account, changes: u64| {
            let script: String = (0..changes)
                .map(|_| {
                    id += 1;
                    account.change(&mut random, id)
                })
                .collect();
            workspace.source_sql(&script);
        };
        change(&mut account, 300);
        account.streaming = true;
        let pipe = Pipe::new(&workspace, "account");
        for batch in [8192, 1, 5, 64] {
            pipe.write(
                "events",
                &format!(
                    "steps: [{{ aggregate: {{ by: [kind], window: {{ tumble: 10m, on: at, lateness: 5m }},
                       values: {{ row_count: \"count(*)\", n: \"sum(n)\" }} }} }}]\nbatch: {{ rows: {batch} }}"
                ),
            );
            pipe.catch_up();
            change(&mut account, 200);
        }
        pipe.catch_up();
        let shown = workspace.target_sql(
            "SELECT kind, TIMESTAMPDIFF(SECOND, '2026-01-01', window_start), row_count, n FROM account ORDER BY 1, 2",
        );
        assert_eq!((shown, late(&pipe)), (account.text(), account.late), "seed {seed}");
        assert!(account.late > 0 && !account.out.is_empty());
        pipe.verify();
    }
}

fn change(random: &mut Random, clock: i64) -> String {
    let id = random.below(400);
    let (kind, n) = (random.choose(&["a", "b", "c"]), random.below(100) as i64);
    let second = clock - random.below(2500) as i64;
    match random.below(6) {
        0..3 => format!("REPLACE INTO events VALUES {};", event(id, kind, second, n)),
        3 => format!("UPDATE events SET at = '2026-01-01' + INTERVAL {second} SECOND WHERE id = {id};"),
        4 => format!("UPDATE events SET n = n + 1, kind = '{kind}' WHERE id BETWEEN {id} AND {};", id + 3),
        _ => format!("DELETE FROM events WHERE id = {id};"),
    }
}

/// Pipelines over one source: one in large batches that is never ended, one row by row, others that are killed.
fn the_same_rows_are_late(pair: Pair, window: &str, seed: u64) {
    eprintln!("{}: {window}, seed {seed}", pair.name);
    let name = format!("twins_{}_{seed}", pair.name);
    let workspace = Workspace::new(shared(pair.source), shared(pair.target), &name);
    let mut random = Random(seed);
    workspace.source_sql(TABLE);
    let mut clock = 3000;
    let script = |random: &mut Random, clock: &mut i64, changes: u64| -> String {
        let mut changed = String::new();
        for _ in 0..changes {
            *clock += random.below(20) as i64;
            changed.push_str(&change(random, *clock));
        }
        if random.one_in(8) { format!("BEGIN; {changed} ROLLBACK;\n") } else { format!("BEGIN; {changed} COMMIT;\n") }
    };
    workspace.source_sql(&script(&mut random, &mut clock, 300).replace("ROLLBACK", "COMMIT"));
    let sizes = [(8192, 65536, "64MiB"), (1, 1, "4MiB"), (7, 20, "4MiB")];
    let pipes: Vec<Pipe<'_, '_>> = (0..sizes.len()).map(|at| Pipe::new(&workspace, &format!("twin{at}"))).collect();
    for (pipe, (batch, epoch, memory)) in pipes.iter().zip(sizes) {
        pipe.write(
            "events",
            &format!(
                "steps: [{{ aggregate: {{ by: [kind], window: {{ {window}, on: at, lateness: 10m, late: drop }},
                   values: {{ row_count: \"count(*)\", n: \"sum(n)\", most: \"max(n)\", ids: \"count_distinct(id)\" }} }} }}]
batch: {{ rows: {batch} }}\nepoch: {{ rows: {epoch} }}\nlimits: {{ memory: {memory} }}"
            ),
        );
        // All have seen the same snapshot; what is late in the stream depends on that.
        pipe.catch_up();
    }
    let mut steady = pipes[0].start();
    let mut one_by_one = pipes[1].start();
    for _ in 0..6 {
        let commits = pipes[2].commits();
        let mut running = pipes[2].start();
        for _ in 0..10 {
            let changes = 1 + random.below(8);
            workspace.source_sql(&script(&mut random, &mut clock, changes));
        }
        pipes[2].wait("commit", || !running.is_running() || pipes[2].commits() > commits);
        std::thread::sleep(Duration::from_micros(random.below(100_000)));
        assert!(running.is_running(), "{}", pipes[2].log_text());
        running.kill();
    }
    assert_eq!(steady.stop(), Some(0), "{}", pipes[0].log_text());
    one_by_one.kill();
    let shown = |pipe: &Pipe<'_, '_>| {
        pipe.catch_up();
        let table = &pipe.name;
        let rows = workspace.target_sql(&format!("SELECT * FROM {table} ORDER BY kind, window_start, window_end"));
        (rows, late(pipe))
    };
    let first = shown(&pipes[0]);
    assert!(first.0.lines().count() > 3 && first.1 > 0, "{first:?}");
    for pipe in &pipes[1..] {
        assert_eq!(shown(pipe), first, "seed {seed}, {}\n{}", pipe.name, pipe.log_text());
    }
    pipes.iter().for_each(Pipe::verify);
}

#[test]
fn the_same_rows_are_late_whatever_the_batches_and_kills_in_tumbling_windows() {
    the_same_rows_are_late(PAIRS[0], "tumble: 10m", 21);
    the_same_rows_are_late(PAIRS[1], "tumble: 10m, emit: close", 22);
}

#[test]
fn the_same_rows_are_late_whatever_the_batches_and_kills_in_hopping_windows() {
    the_same_rows_are_late(PAIRS[1], "hop: { size: 30m, slide: 10m }", 23);
    the_same_rows_are_late(PAIRS[2], "cumulate: { size: 30m, step: 10m }", 24);
}

#[test]
fn the_same_rows_are_late_whatever_the_batches_and_kills_in_sessions() {
    the_same_rows_are_late(PAIRS[2], "session: 1m", 25);
    the_same_rows_are_late(PAIRS[0], "session: 1m, emit: close", 26);
}
