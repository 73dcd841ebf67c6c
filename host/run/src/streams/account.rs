//! What is expected of windows, told once more: image by image.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, TimestampMicrosecondArray};
use arrow_cast::display::array_value_to_string;

use super::rows::{Change, Row, rows_after};
use super::{Case, PAUSE};

pub(super) fn shown<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

pub(super) fn sum(rows: &[&Row]) -> String {
    let values: Vec<i64> = rows.iter().filter_map(|row| row.n).map(i64::from).collect();
    shown((!values.is_empty()).then(|| values.iter().sum::<i64>()))
}

/// Groups rows by what `key` says.
pub(super) fn grouped<K: Ord>(rows: &[Row], key: impl Fn(&Row) -> K) -> BTreeMap<K, Vec<&Row>> {
    let mut groups: BTreeMap<K, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(row)).or_default().push(row);
    }
    groups
}

pub(super) fn time(at: i64) -> String {
    let column: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![at]));
    array_value_to_string(&column, 0).unwrap()
}

/// Rows in windows, with the rules for late ones told once more: image by image.
pub(super) struct Account {
    pub(super) shape: Shape,
    pub(super) key: fn(&Row) -> (String, String),
    pub(super) lateness: i64,
    /// Rows that are not there for the aggregate.
    pub(super) skips: fn(&Row) -> bool,
    pub(super) newest: Option<i64>,
    pub(super) on: bool,
    /// By group, start and end.
    pub(super) windows: BTreeMap<(String, i64, i64), Group>,
    pub(super) out: Vec<i32>,
}

/// The windows of a time; a session's row alone.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// Size and slide.
    Hop(i64, i64),
    /// Size and step.
    Cumulate(i64, i64),
    Session(i64),
}

#[derive(Default)]
pub(super) struct Group {
    pub(super) rows: Vec<Row>,
    pub(super) shown: String,
}

pub(super) fn by_g(row: &Row) -> (String, String) {
    (shown(row.g), shown(row.g))
}

pub(super) fn by_name(row: &Row) -> (String, String) {
    (shown(row.name.map(fold)), shown(row.name))
}

pub(super) fn fold(name: &str) -> String {
    name.trim_end().to_lowercase().replace('ö', "o")
}

impl Account {
    pub(super) fn new(shape: Shape, lateness: i64, key: fn(&Row) -> (String, String)) -> Self {
        let skips = |_: &Row| false;
        Account { shape, key, lateness, skips, newest: None, on: false, windows: BTreeMap::new(), out: Vec::new() }
    }

    /// The account of a stream.
    pub(super) fn of(mut self, case: &Case) -> Self {
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

    pub(super) fn follow(&mut self, change: &Change) {
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

    pub(super) fn watermark(&self) -> i64 {
        self.newest.filter(|_| self.on).map_or(i64::MIN, |newest| newest - self.lateness)
    }

    /// Whether the row was out.
    pub(super) fn forget(&mut self, row: &Row) -> bool {
        self.out.iter().position(|id| *id == row.id).map(|at| self.out.remove(at)).is_some()
    }

    pub(super) fn open_windows(&self, row: &Row) -> Vec<(String, i64, i64)> {
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

    pub(super) fn see(&mut self, row: &Row) {
        if !(self.skips)(row) {
            self.newest = self.newest.max(Some(row.at));
        }
    }

    pub(super) fn put(&mut self, row: &Row) {
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
    pub(super) fn take(&mut self, row: &Row) -> bool {
        let windows = self.open_windows(row);
        for window in &windows {
            let rows = &mut self.windows.get_mut(window).unwrap().rows;
            let at = rows.iter().position(|known| known == row).unwrap();
            rows.remove(at);
        }
        !windows.is_empty() || (self.skips)(row)
    }

    /// What is written: group, start, end, rows; all windows or only those that are closed.
    pub(super) fn windows(&self, only_closed: bool) -> Vec<(String, i64, i64, Vec<&Row>)> {
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

    pub(super) fn lines(&self, only_closed: bool) -> Vec<String> {
        let line = |(group, start, end, rows): (String, i64, i64, Vec<&Row>)| {
            format!("{group}|{}|{}|{}|{}", time(start), time(end), rows.len(), sum(&rows))
        };
        self.windows(only_closed).into_iter().map(line).collect()
    }
}
