//! Changes of rows, in order.

use arrow_array::RecordBatch;

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Op {
    /// A new row.
    Insert = 0,
    /// A row before its update.
    UpdateBefore = 1,
    /// A row after its update.
    UpdateAfter = 2,
    /// A row that is gone.
    Delete = 3,
}

/// Changes to one table, in order.
#[derive(Debug)]
pub struct ChangeBatch {
    /// Index into the tables that the source was opened with.
    pub table: usize,
    /// One per row.
    pub ops: Vec<Op>,
    /// The rows.
    pub rows: RecordBatch,
    /// When the row's transaction was committed, in µs since 1970, one per row.
    pub commit_time: Vec<i64>,
    /// The row's number within the event, whatever its table: an event keeps no other order between tables. One per
    /// row where there are several tables, else none.
    pub ordinals: Vec<u32>,
}
