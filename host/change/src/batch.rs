//! Changes of rows, in order.

use std::fmt;
use std::sync::Arc;

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
    /// Where each transaction begins of which there are rows, in order. May be empty where rows are of none.
    pub transactions: Vec<TransactionStart>,
}

/// The first row of a transaction in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionStart {
    /// The row.
    pub row: u32,
    /// The file of the log in which the transaction stands.
    pub file: Arc<str>,
    /// Where in it.
    pub offset: u64,
}

impl fmt::Display for TransactionStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}
