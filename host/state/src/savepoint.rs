//! Savepoints: a checkpoint as a folder of plain files, to keep or to move to another machine.
//!
//! | file | holds |
//! |---|---|
//! | `manifest.json` | format and version, the caller's header, what the other files hold |
//! | `manifest.xxh3` | the checksum of `manifest.json`, in hexadecimal |
//! | `checkpoint.blocks` | the checkpoint: sequence, time, the caller's manifest |
//! | `table-0001.blocks`, … | the records of a table, in the order of their keys |
//!
//! Files are written under other names, synced and renamed, `manifest.json` last: a folder with
//! that file in it holds a whole savepoint. The files of blocks are described in `block.rs`.
//!
//! The format is the project's own and does not change with the database's: a savepoint is what
//! carries state from one version to another.

mod block;
mod export;
mod import;
mod manifest;

pub use import::{import, inspect};

/// How much a savepoint holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tables.
    pub tables: u64,
    /// Records, of all tables.
    pub entries: u64,
    /// Bytes of the savepoint's files.
    pub bytes: u64,
}
