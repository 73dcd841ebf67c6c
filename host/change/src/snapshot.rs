//! Which parts of a snapshot's tables are already read and stored.
//!
//! A table's keys are cut into chunks once; a boundary is a tuple of SQL literals, so that the
//! server compares it, under the column's collation and at full range, and nothing here does.
//! A finished batch completes the range from the end of the one before it in its chunk to its own
//! last key; ranges that touch are merged, so the progress of a chunk is one range and that of a
//! finished table is one range in all.

use arrow_array::RecordBatch;
use serde::{Deserialize, Serialize};

use crate::Position;

/// Room for the chunks of one gap between two numbers of finished ranges.
const ORDER_SHIFT: u32 = 40;

/// A key as SQL literals, one per key column.
pub type Key = Vec<String>;

/// The keys above `after` up to and including `through`; `None` is the end on that side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRange {
    /// Index into the tables.
    pub table: usize,
    /// Ranges of a table in this order are in the order of their keys.
    pub order: u64,
    /// Keys after this one.
    pub after: Option<Key>,
    /// Up to and including this one.
    pub through: Option<Key>,
}

/// What is done of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableProgress {
    /// Disjoint finished ranges, merged where they touch.
    pub ranges: Vec<KeyRange>,
    /// Everything is read.
    pub done: bool,
}

/// What is done of a snapshot; stored with the rows it covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotProgress {
    /// The position from which changes must be read, whatever restarts happen.
    pub start: Position,
    /// One entry per table.
    pub tables: Vec<TableProgress>,
}

impl SnapshotProgress {
    /// Nothing read yet.
    pub fn new(start: Position, tables: usize) -> SnapshotProgress {
        SnapshotProgress { start, tables: vec![TableProgress::default(); tables] }
    }

    /// Nothing read yet of the tables in `read`, and nothing to read of the others.
    pub fn of(start: Position, tables: usize, read: &[usize]) -> SnapshotProgress {
        let table = |table| TableProgress { ranges: Vec::new(), done: !read.contains(&table) };
        SnapshotProgress { start, tables: (0..tables).map(table).collect() }
    }

    /// Marks a range as read and stored.
    pub fn finish(&mut self, range: &KeyRange) {
        let Some(table) = self.tables.get_mut(range.table) else { return };
        let mut merged = range.clone();
        loop {
            let before = table.ranges.iter().position(|r| r.through.is_some() && r.through == merged.after);
            if let Some(i) = before {
                let before = table.ranges.swap_remove(i);
                merged.after = before.after;
                merged.order = merged.order.min(before.order);
                continue;
            }
            let after = table.ranges.iter().position(|r| r.after.is_some() && r.after == merged.through);
            let Some(i) = after else { break };
            merged.through = table.ranges.swap_remove(i).through;
        }
        table.done |= merged.after.is_none() && merged.through.is_none();
        table.ranges.push(merged);
    }

    /// What is missing of a table, in key order. The finished ranges are numbered anew, so that
    /// what fills a gap can be numbered between its neighbours.
    pub fn gaps(&mut self, table: usize) -> Vec<KeyRange> {
        let Some(progress) = self.tables.get_mut(table).filter(|t| !t.done) else { return Vec::new() };
        progress.ranges.sort_by_key(|r| r.order);
        let mut gaps = Vec::new();
        let mut after = None;
        let mut open = true;
        for (i, range) in progress.ranges.iter_mut().enumerate() {
            range.order = (i as u64 + 1) << ORDER_SHIFT;
            if range.after.is_some() {
                let order = (i as u64) << ORDER_SHIFT | 1;
                gaps.push(KeyRange { table, order, after: after.take(), through: range.after.clone() });
            }
            after = range.through.clone();
            open = after.is_some();
        }
        if open {
            let order = (progress.ranges.len() as u64) << ORDER_SHIFT | 1;
            gaps.push(KeyRange { table, order, after, through: None });
        }
        gaps
    }

    /// True if all tables are read.
    pub fn is_complete(&self) -> bool {
        self.tables.iter().all(|t| t.done)
    }
}

/// Rows of one table, and the range of its key that they complete.
#[derive(Debug)]
pub struct SnapshotBatch {
    /// Index into the tables.
    pub table: usize,
    /// The rows, in key order; none where a range turned out to be empty.
    pub rows: RecordBatch,
    /// What is complete once these rows are stored: give it to [`SnapshotProgress::finish`].
    pub range: KeyRange,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(after: Option<&str>, through: Option<&str>) -> KeyRange {
        let key = |k: Option<&str>| k.map(|k| vec![k.to_owned()]);
        let order = after.map_or(0, |a| a.parse().unwrap());
        KeyRange { table: 0, order, after: key(after), through: key(through) }
    }

    #[test]
    fn ranges_that_touch_become_one() {
        let mut progress = SnapshotProgress::new(Position::new("b.000001", 4), 1);
        progress.finish(&range(None, Some("10")));
        progress.finish(&range(Some("20"), Some("30")));
        assert_eq!(progress.tables[0].ranges.len(), 2);
        progress.finish(&range(Some("10"), Some("20")));
        assert_eq!(progress.tables[0].ranges, [range(None, Some("30"))]);
        assert_eq!(progress.gaps(0).len(), 1);
        assert!(!progress.is_complete());
        progress.finish(&range(Some("30"), None));
        assert!(progress.is_complete());
    }

    #[test]
    fn gaps_are_what_is_not_finished() {
        let ends = |gaps: Vec<KeyRange>| -> Vec<(Option<String>, Option<String>)> {
            let first = |k: Option<Key>| k.map(|k| k[0].clone());
            gaps.into_iter().map(|g| (first(g.after), first(g.through))).collect()
        };
        let some = |s: &str| Some(s.to_owned());
        let mut progress = SnapshotProgress::new(Position::new("b.000001", 4), 1);
        assert_eq!(ends(progress.gaps(0)), [(None, None)]);
        progress.finish(&range(Some("30"), Some("40")));
        progress.finish(&range(Some("10"), Some("20")));
        assert_eq!(ends(progress.gaps(0)), [(None, some("10")), (some("20"), some("30")), (some("40"), None)]);
        let mut gaps = progress.gaps(0);
        gaps[1].order += 5;
        progress.finish(&gaps[1]);
        assert_eq!(ends(progress.gaps(0)), [(None, some("10")), (some("40"), None)]);
        progress.finish(&range(Some("40"), None));
        assert_eq!(ends(progress.gaps(0)), [(None, some("10"))]);
    }
}
