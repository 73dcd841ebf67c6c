//! What is committed to a target as one, and what is known afterwards.

use crate::snapshot::Key;
use crate::{Position, SnapshotProgress, Write};

/// The work between two barriers: committed as one, or not at all.
#[derive(Debug, Clone, Default)]
pub struct Epoch {
    /// Changes, in order; several writes may name the same target.
    pub writes: Vec<Write>,
    /// Rows that no event names, deleted before anything is written.
    pub removals: Vec<Removal>,
    /// The progress that these changes complete.
    pub progress: ProgressUpdate,
}

/// The progress after an epoch.
#[derive(Debug, Clone, Default)]
pub struct ProgressUpdate {
    /// Where the stream is now; `None` leaves the stored position.
    pub position: Option<Position>,
    /// What is done of the snapshot; `None` once it is complete.
    pub snapshot: Option<SnapshotProgress>,
    /// The position at which the target is consistent again after a resumed snapshot; `None` if it is.
    pub converge_until: Option<Position>,
    /// The target may hold rows of a later source state: a snapshot is being read, or the stream has
    /// not passed its last reader yet. Also true in the epoch with which that ends.
    pub converging: bool,
    /// The target shows the source as of this moment, in µs since 1970; `None` leaves the stored one.
    pub as_of: Option<i64>,
    /// What aggregate steps keep with the position, as JSON, stored as it is; `None` leaves the stored one.
    pub aggregates: Option<String>,
    /// A rebuild ends with this epoch: the target holds what the pipeline makes, and nothing else but rows that
    /// were left.
    pub rebuilt: bool,
    /// It left rows that the source does not give.
    pub extras_left: bool,
    /// Rows read from the source, added to the stored count.
    pub rows_in: u64,
    /// Rows skipped because of errors, added to the stored count.
    pub skipped: u64,
    /// Source transactions that were cut in parts, added to the stored count.
    pub split_transactions: u64,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// What became of each target, by its index.
    pub targets: Vec<Written>,
    /// `LOAD DATA` was used for at least one table.
    pub bulk: bool,
    /// How often it was tried again.
    pub retries: u64,
}

impl Committed {
    /// Rows upserted, of all targets.
    #[must_use]
    pub fn rows_written(&self) -> u64 {
        self.targets.iter().map(|target| target.rows).sum()
    }

    /// Rows deleted, of all targets.
    #[must_use]
    pub fn rows_deleted(&self) -> u64 {
        self.targets.iter().map(|target| target.deleted).sum()
    }
}

/// What a commit did to one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows upserted.
    pub rows: u64,
    /// Rows that were there and are deleted (those deleted only to be written anew included).
    pub deleted: u64,
}

/// Rows to delete from one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// Index into the targets.
    pub target: usize,
    /// The columns of the key by which the server names its rows.
    pub columns: Vec<String>,
    /// The key of each row, one literal per column.
    pub rows: Vec<Key>,
}
