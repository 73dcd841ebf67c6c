//! Groups in windows, with rows that come late and sources that fall silent.

use std::collections::{BTreeMap, BTreeSet};

use super::account::*;
use super::rows::*;
use super::*;

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

pub(super) const TUMBLE: Shape = Shape::Hop(10 * SECOND, 10 * SECOND);

fn check_windows(by: fn(&Row) -> (String, String), window: &str, spread: i64, shape: Shape, only_closed: bool) {
    check_windows_of(&Streams::spread(spread), by, window, shape, only_closed);
}

/// Windows of these streams, whose sources fall silent.
pub(super) fn check_windows_of(
    streams: &Streams,
    by: fn(&Row) -> (String, String),
    window: &str,
    shape: Shape,
    only_closed: bool,
) {
    let column = if by(&NOBODY).0 == "0" { "g" } else { "name" };
    let streams = Streams { pauses: true, ..*streams };
    check_streams(&windowed(column, &format!("{window}, lateness: 4s, idle: 5s")), &streams, |case| {
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
    let steps = windowed("g", "tumble: 10s, lateness: 4s, late: update, emit: close, idle: 5s");
    check_streams(&steps, &Streams { pauses: true, ..Streams::spread(25 * SECOND) }, |case| {
        let newest = Account::new(TUMBLE, 4 * SECOND, by_g).of(case).newest;
        let mut all = Account::new(TUMBLE, 4 * SECOND, by_g);
        rows_after(&case.changes).iter().for_each(|row| all.put(row));
        Account { newest, on: true, ..all }.lines(true)
    });
}

#[test]
fn late_rows_can_change_closed_sessions() {
    let steps = windowed("g", "session: 3s, lateness: 4s, late: update, emit: close, idle: 5s");
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
      window: { hop: { size: 10s, slide: 5s }, on: at, lateness: 4s, idle: 5s }
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
pub(super) fn by_start(windows: Vec<(String, i64, i64, Vec<&Row>)>) -> Vec<String> {
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
    check_windows_below("tumble: 10s, lateness: 4s, idle: 5s", false);
}

#[test]
fn windows_go_into_another_aggregate_when_they_close() {
    check_windows_below("tumble: 10s, lateness: 4s, emit: close, idle: 5s", true);
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
fn rows_at_the_end_of_time_are_left_out() {
    const LAST: i64 = 253_402_300_799 * SECOND;
    let steps = "
  - id: totals
    aggregate:
      by: [g]
      window: { tumble: 10s, on: at, lateness: 4s, idle: 5s }
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
