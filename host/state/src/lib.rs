//! Keyed state on disk: records in tables, checkpoints, savepoints.
//!
//! The store keeps what aggregates need to remember beyond their memory and beyond the process:
//! bytes under bytes, in named tables. It knows neither columns nor servers nor components. All of
//! it is one file of redb, a copy-on-write B-tree with checksums, in a folder that one process has
//! at a time.
//!
//! # What it promises
//!
//! 1. [`Store::write`] is visible at once, and outlives the process only through a commit.
//! 2. [`Store::commit`] makes a *checkpoint*: what was written since the one before, the writes it
//!    is given, and the caller's manifest. After it returned, the checkpoint is there; if the
//!    process or the machine dies before, all of it is there or none.
//! 3. [`Store::open`] shows exactly the newest checkpoint, and [`Store::restore_previous`] exactly
//!    the one before.
//! 4. Bytes on disk that are not those that were written are reported and never used.
//!
//! # Why a checkpoint is atomic
//!
//! redb never changes a page that a durable commit refers to: changes go to free pages, up to a new
//! root. A commit is durable in two phases: the pages and the inactive one of two header slots are
//! synced; then one byte that says which slot counts is written and synced. So at any moment the
//! file names one whole tree.
//!
//! `write` commits with `Durability::None`: readers see the new root, the file names the old one. A
//! crash goes back to it. Pages that such writes used and gave up are used again before the next
//! durable commit, as nothing durable refers to them; so many writes between two checkpoints don't
//! make the file grow for ever. It holds at most the pages of both checkpoints and of the present.
//!
//! `commit` has two halves, each a durable transaction:
//!
//! - A: the writes, the records of checkpoint *n* and of *n − 1*, and the end of the pin of *n − 2*;
//! - B: a pin of the tree that A made, and the record of this pin.
//!
//! A *pin* is a persistent savepoint of redb: a root that is kept with all its pages, and can be
//! made current again. The argument, by where a crash falls:
//!
//! - Before A is durable: the file names the tree of B of *n − 1*, the pins of *n − 1* and *n − 2*
//!   are there. Opening goes back to the pin of *n − 1*, and finds that nothing has changed.
//! - Between A and B: the tree is that of A, and nothing was written since, because `write` waits
//!   until B is done. The records say *n* but no pin names it; opening makes the pin.
//! - After B: opening goes back to the pin of *n*. This takes out what was written after it, which
//!   is there when the store was closed rather than killed: redb makes pending writes durable when
//!   it closes.
//!
//! Whatever opening does is a durable transaction of its own, so a crash while opening is one of
//! these cases again. A failure within a commit leaves it open which of them holds; the store then
//! refuses to go on ([`Error::Failed`]), and opening it again decides.
//!
//! Before the first checkpoint there is nothing to go back to. Then the contents are a first fill
//! that did not finish, [`Store::checkpoint`] is none, and the caller clears them.
//!
//! # Why damage is found
//!
//! Every page has a checksum in the page above it, up to the header slot, which has its own.
//! Opening follows all of them, through the tables and through both pins, before anything is
//! believed. Since commits have two phases, a slot that doesn't verify is damage and not a commit
//! cut short: it is reported instead of answered by going back one commit. What opening does not
//! look at, free pages and the inactive slot, holds nothing that a checkpoint needs.
//!
//! While the store is open, pages are not verified again; but each record has a checksum over
//! table, key and value, which every read checks. Not found this way is a flipped byte in a branch
//! page that hides a record; the next opening finds it.

mod checkpoint;
mod database;
mod error;
mod folder;
mod guard;
mod record;
mod savepoint;
mod store;
mod table;
#[cfg(test)]
mod torn;

pub use error::Error;
pub use folder::remove;
pub use savepoint::{Summary, import, inspect};
pub use store::Store;

/// How a store is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Memory for pages, read and written; 32 MiB by default. With less, batches of changes read
    /// and write more pages twice; with more, fewer. Beside it the store remembers some 100 bytes
    /// for each page (of 4 KiB) that changed since the last checkpoint.
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
    /// 1 for the first, then one more each time; going back and committing again repeats a number.
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
