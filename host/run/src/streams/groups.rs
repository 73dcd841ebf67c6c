//! Groups without windows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::account::*;
use super::rows::*;
use super::*;

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
    check_streams(steps, &Streams::spread(10 * SECOND), first_spellings);
}

/// Groups of texts by their collation.
pub(super) fn first_spellings(Case { changes, snapshot, .. }: &Case) -> Vec<String> {
    {
        let snapshot = *snapshot;
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
    }
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
fn what_a_time_to_live_forgets_can_be_in_no_other_aggregate() {
    let plan = plan(
        "
  - aggregate: { by: [g, n], values: { a: count(*) }, ttl: 15s }
  - aggregate: { by: [g], values: { a: sum(a) } }",
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let table = table();
    let problems = runtime.block_on(bind(&plan, &[&table], DATABASES, &ENVIRONMENT)).err().unwrap();
    assert_eq!(problems[0].pointer.as_deref(), Some("/steps/0/aggregate/ttl"));
}

#[test]
fn groups_that_nothing_changed_for_long_begin_anew() {
    check_streams(TTL_STEPS, &Streams { groups: 12, length: 200, ..Streams::spread(10 * SECOND) }, while_they_live);
}

pub(super) const TTL_STEPS: &str = "
  - aggregate: { by: [g], values: { a: count(*), c: sum(id) }, ttl: 15s }";

/// Groups whose time to live is 15 s.
pub(super) fn while_they_live(case: &Case) -> Vec<String> {
    const TTL: i64 = 15 * SECOND;
    /// Rows, the sum of their numbers, and when it changed.
    #[derive(Clone, Copy, Default)]
    struct Totals(i64, i64, i64);
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
