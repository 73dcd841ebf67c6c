//! Keyed state on disk: checkpoints, eviction, savepoints.

mod checkpoint;
mod database;
mod error;
mod folder;
mod guard;
mod record;
mod store;
mod table;

pub use error::Error;
pub use folder::remove;
pub use store::Store;

/// How a store is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Memory for pages, read and written; 32 MiB by default.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 32 << 20 }
    }
}

/// A state that is complete, and what its writer said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// 1 for the first, then one more each time.
    pub sequence: u64,
    /// The caller's JSON, returned as it was given.
    pub manifest: Vec<u8>,
    /// When it was committed, in milliseconds since 1970.
    pub written_at_ms: u64,
}

/// The key of a record.
pub type Key = Box<[u8]>;

/// The value of a record.
pub type Value = Box<[u8]>;

/// Records to write to a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// The table; it need not exist.
    pub table: String,
    /// Keys and their new values; None removes the record. In any order; sorted is faster.
    pub entries: Vec<(Key, Option<Value>)>,
}
