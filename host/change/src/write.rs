//! Rows on their way to a target.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;

use crate::TableName;

/// One target table and what is written to it.
#[derive(Debug, Clone)]
pub struct TargetTable {
    /// The table.
    pub table: TableName,
    /// All columns that are written, with MySQL's facts as field metadata.
    pub schema: SchemaRef,
    /// Positions of the key's columns in `schema`; empty only where nothing but inserts arrives.
    pub key: Vec<usize>,
    /// The position of `ordinality` in `schema` after a table function: the last of `key`.
    pub ordinality: Option<usize>,
    /// What is to be done with it.
    pub options: TargetOptions,
}

/// What is to be done with a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetOptions {
    /// What arrives.
    pub mode: Mode,
    /// What a first start does with rows that are already there.
    pub existing: Existing,
    /// Create the table when it is missing.
    pub create: bool,
}

impl Default for TargetOptions {
    fn default() -> TargetOptions {
        TargetOptions { mode: Mode::Upsert, existing: Existing::Refuse, create: true }
    }
}

/// What arrives at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Updates and deletes follow the key.
    Upsert,
    /// Inserts only; an update or delete that arrives is an error.
    Append,
}

/// What a first start does with a target that already holds rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuses it.
    Refuse,
    /// Writes into it.
    Keep,
}

impl TargetTable {
    /// The key's columns without `ordinality`: what an event names.
    pub fn event_key(&self) -> Vec<usize> {
        self.key.iter().copied().filter(|&i| Some(i) != self.ordinality).collect()
    }
}

/// Changes to one target, in order.
///
/// Event `i` has key `keys[i]` and the output rows `offsets[i]..offsets[i + 1]` of `rows`. No row
/// means a delete by key. With `ordinality` the event's rows are upserted and those of the key
/// with a higher ordinality are deleted; without it an event has at most one row. The last event
/// of a key wins, also over earlier writes of the epoch.
#[derive(Debug, Clone)]
pub struct Write {
    /// Index into the targets.
    pub target: usize,
    /// The key's columns without `ordinality`, one value per event: in the order of
    /// [`TargetTable::event_key`], of exactly the Arrow types of those fields of the target's schema
    /// (nothing is cast), and spelled as the rows to be found were written. NULL is a value like
    /// any other where the target can hold it, since rows are then found by a hash.
    pub keys: Vec<ArrayRef>,
    /// The key held nothing before this event, so nothing must be deleted if it is the key's
    /// only event in the epoch. Where nothing but inserts may arrive: the event is one.
    pub fresh: Vec<bool>,
    /// Where each event's rows begin, and the end of the last.
    pub offsets: Vec<u32>,
    /// The rows, with the target's schema.
    pub rows: RecordBatch,
}
