//! Views over several tables, and several targets: as if the tables were one.

use super::account::*;
use super::groups::{TTL_STEPS, first_spellings, while_they_live};
use super::rows::*;
use super::windows::{TUMBLE, by_start, check_windows_of};
use super::*;

#[test]
fn a_union_goes_into_windows_in_the_order_of_the_source() {
    check_windows_of(&Streams::spread(25 * SECOND).union(), by_g, "tumble: 10s", TUMBLE, false);
}

#[test]
fn a_union_goes_into_windows_of_texts_that_close() {
    check_windows_of(&Streams::spread(25 * SECOND).union(), by_name, "tumble: 10s, emit: close", TUMBLE, true);
}

#[test]
fn a_union_goes_into_sessions() {
    let shape = Shape::Session(3 * SECOND);
    check_windows_of(&Streams::spread(12 * SECOND).union(), by_name, "session: 3s", shape, false);
}

#[test]
fn a_union_goes_into_groups_with_a_time_to_live() {
    let streams = Streams { groups: 12, length: 200, ..Streams::spread(10 * SECOND) }.union();
    check_streams(TTL_STEPS, &streams, while_they_live);
}

#[test]
fn a_union_goes_into_groups_of_texts() {
    let steps = "
  - filter: \"name IS NOT NULL\"
  - aggregate: { by: [name], values: { a: count(*), c: sum(n) } }";
    check_streams(steps, &Streams::spread(10 * SECOND).union(), first_spellings);
}

/// Targets with and without state from the same tables and views: plain rows, a union, groups, groups of groups.
const MART: &str = r#"
pipeline: p
source: { url: "mysql://a@127.0.0.1/shop", tables: [t0, t1, t2] }
views:
  kept: { from: [t0, t1, t2], tag: kind, steps: [ { filter: "n IS NULL OR n > -2" } ] }
  sums: { from: kept, steps: [ { aggregate: { by: [g], values: { a: count(*), c: sum(n) } } } ] }
  sizes: { from: sums, steps: [ { aggregate: { by: [a], values: { groups: count(*) } } } ] }
  few: { from: kept, steps: [ { select: [id, g, kind] } ] }
  short: { from: t0, steps: [ { select: [id, n] } ] }
sink:
  url: "mysql://a@127.0.0.1/mart"
  tables:
    few: { from: few }
    sizes: { from: sizes }
    short: { from: short }
    sums: { from: sums }
    sums_too: { from: sums }
"#;

#[test]
fn targets_with_and_without_state_are_written_as_one() {
    check_targets(read(MART), &Streams::spread(10 * SECOND).union(), |case| {
        let rows = rows_after(&case.changes);
        let kept: Vec<Row> = rows.iter().filter(|row| row.n.is_none_or(|n| n > -2)).cloned().collect();
        let few = kept.iter().map(|row| format!("{}|{}|t{}", row.id, shown(row.g), table_of(row, 3)));
        let short = rows.iter().filter(|row| table_of(row, 3) == 0).map(|row| format!("{}|{}", row.id, shown(row.n)));
        let groups = grouped(&kept, |row| row.g);
        let sums: Vec<String> =
            groups.iter().map(|(g, rows)| format!("{}|{}|{}", shown(*g), rows.len(), sum(rows))).collect();
        let mut sizes = std::collections::BTreeMap::<usize, usize>::new();
        groups.values().for_each(|rows| *sizes.entry(rows.len()).or_default() += 1);
        let sizes = sizes.into_iter().map(|(rows, groups)| format!("{rows}|{groups}"));
        vec![few.collect(), sizes.collect(), short.collect(), sums.clone(), sums]
    });
}

/// Windows that go into a target and into another aggregate, those that had closed before the first start included.
fn windows_into_two(window: &str, spread: i64, shape: Shape, only_closed: bool) {
    let text = format!(
        "
pipeline: p
source: {{ url: \"mysql://a@127.0.0.1/shop\", tables: [t0, t1, t2] }}
views:
  rows: {{ from: [t0, t1, t2], tag: kind }}
  windows:
    from: rows
    steps:
      - aggregate:
          by: [g]
          window: {{ {window}, on: at, lateness: 4s, idle: 5s }}
          values: {{ a: count(*), c: sum(n) }}
  starts:
    from: windows
    steps: [ {{ aggregate: {{ by: [window_start], values: {{ groups: count(*), a: sum(a), c: sum(c) }} }} }} ]
sink:
  url: \"mysql://a@127.0.0.1/mart\"
  tables: {{ starts: {{ from: starts }}, windows: {{ from: windows }} }}
"
    );
    let streams = Streams { pauses: true, ..Streams::spread(spread) }.union();
    check_targets(read(&text), &streams, |case| {
        let account = Account::new(shape, 4 * SECOND, by_g).of(case);
        vec![by_start(account.windows(only_closed)), account.lines(only_closed)]
    });
}

#[test]
fn windows_go_into_a_target_and_another_aggregate() {
    windows_into_two("tumble: 10s", 25 * SECOND, TUMBLE, false);
}

#[test]
fn windows_that_close_go_into_a_target_and_another_aggregate() {
    windows_into_two("tumble: 10s, emit: close", 25 * SECOND, TUMBLE, true);
}

#[test]
fn sessions_go_into_a_target_and_another_aggregate() {
    windows_into_two("session: 3s", 12 * SECOND, Shape::Session(3 * SECOND), false);
}

#[test]
fn hopping_windows_that_close_go_into_a_target_and_another_aggregate() {
    let shape = Shape::Hop(10 * SECOND, 4 * SECOND);
    windows_into_two("hop: { size: 10s, slide: 4s }, emit: close", 25 * SECOND, shape, true);
}

/// Rows that move from one view of a table to another, both of one union.
#[test]
fn views_of_one_table_meet_in_a_union() {
    let text = r#"
pipeline: p
source: { url: "mysql://a@127.0.0.1/shop", tables: [t] }
views:
  low: { from: t, steps: [ { filter: "n < 0" } ] }
  high: { from: t, steps: [ { filter: "n >= 0" } ] }
  both: { from: [low, high], tag: which, steps: [ { select: [id, n, which] } ] }
  counts: { from: both, steps: [ { aggregate: { by: [which], values: { a: count(*), c: sum(n) } } } ] }
sink:
  url: "mysql://a@127.0.0.1/mart"
  tables: { both: { from: both }, counts: { from: counts } }
"#;
    check_targets(read(text), &Streams::spread(10 * SECOND), |case| {
        let which = |row: &Row| row.n.map(|n| if n < 0 { "low" } else { "high" });
        let rows: Vec<Row> = rows_after(&case.changes).into_iter().filter(|row| row.n.is_some()).collect();
        let both = rows.iter().map(|row| format!("{}|{}|{}", row.id, shown(row.n), shown(which(row))));
        let counts = grouped(&rows, which);
        let counts = counts.iter().map(|(which, rows)| format!("{}|{}|{}", shown(*which), rows.len(), sum(rows)));
        vec![both.collect(), counts.collect()]
    });
}
