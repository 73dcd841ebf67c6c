//! A consistent picture of tables, read in resumable chunks.

use arrow_array::RecordBatch;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::position::Position;
use crate::table::TableDef;

mod progress;

pub use progress::{Range, SnapshotProgress, TableProgress};

/// How a snapshot is read.
#[derive(Debug, Clone)]
pub struct SnapshotOptions {
    /// The server.
    pub endpoint: Endpoint,
    /// Sessions that read chunks at the same time.
    pub readers: usize,
    /// Rows per chunk.
    pub chunk_rows: u64,
    /// A batch ends at this many rows.
    pub batch_rows: usize,
    /// A batch ends at about this many bytes.
    pub batch_bytes: usize,
    /// What happens to `0000-00-00`.
    pub zero_dates: ZeroDates,
}

impl SnapshotOptions {
    /// Two readers, chunks of 65,536 rows, batches of 8,192 rows or 4 MiB, zero dates as NULL.
    pub fn new(endpoint: Endpoint) -> SnapshotOptions {
        SnapshotOptions {
            endpoint,
            readers: 2,
            chunk_rows: 65_536,
            batch_rows: 8_192,
            batch_bytes: 4 << 20,
            zero_dates: ZeroDates::Null,
        }
    }
}

pub use crate::binlog::ZeroDates;

/// Rows of one table, and the range of its key that they complete.
#[derive(Debug)]
pub struct SnapshotBatch {
    /// Index into the tables.
    pub table: usize,
    /// The rows, in key order.
    pub rows: RecordBatch,
    /// What is complete once these rows are stored: give it to [`SnapshotProgress::finish`].
    pub range: Range,
}

/// A snapshot that is being read.
#[derive(Debug)]
pub struct Snapshot {
    progress: SnapshotProgress,
    converged_at: Position,
}

impl Snapshot {
    /// Locks the tables for a moment, takes the position, the definitions and the readers'
    /// transactions, and begins to read. The definitions returned are those as of the position.
    pub async fn begin(options: &SnapshotOptions, tables: &[TableDef]) -> Result<(Snapshot, Vec<TableDef>)> {
        let _ = (options, tables);
        Err(Error::internal("not built yet"))
    }

    /// Reads the ranges that `progress` lacks, in new transactions. `tables` are the stored
    /// definitions; a table that now differs is an error.
    pub async fn resume(
        options: &SnapshotOptions,
        tables: &[TableDef],
        progress: SnapshotProgress,
    ) -> Result<Snapshot> {
        let _ = (options, tables, progress);
        Err(Error::internal("not built yet"))
    }

    /// The progress as of `begin` or `resume`.
    pub fn progress(&self) -> &SnapshotProgress {
        &self.progress
    }

    /// The position of the (first) snapshot, from which changes must be read.
    pub fn start(&self) -> &Position {
        &self.progress.start
    }

    /// The position at which the last reader's transaction began: once the changes up to there are
    /// applied, the target is a true picture. Equal to `start` unless the snapshot was resumed.
    pub fn converged_at(&self) -> &Position {
        &self.converged_at
    }

    /// The server's estimate of the number of rows in the tables.
    pub fn rows_estimate(&self) -> u64 {
        0
    }

    /// The next rows; `None` when all ranges are read. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<SnapshotBatch>> {
        Err(Error::internal("not built yet"))
    }
}
