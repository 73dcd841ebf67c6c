//! The two ends of a pipeline as the conductor sees them: where changes come from, and where rows go.
//!
//! A server's crate implements them; so does the model that the conductor is tested with. Futures are boxed: each
//! stands for a batch of rows or a transaction, beside which an allocation is nothing, and who drives them has one
//! type whatever the servers are.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use crate::{ChangeEvent, Committed, Epoch, Holds, Position, SnapshotBatch, SnapshotProgress};

/// What a call of an edge answers, when it is awaited.
pub type Answer<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// A source of rows and of their changes, with the tables that are read of it already chosen.
pub trait Source: Send + Sync {
    /// What can go wrong.
    type Error;

    /// Takes a snapshot, of which these tables are read; the others count as done.
    fn begin_snapshot(&self, read: Vec<usize>)
    -> Answer<'_, Box<dyn SnapshotStream<Error = Self::Error>>, Self::Error>;

    /// Reads the ranges that `progress` lacks, as they are by now.
    fn resume_snapshot(
        &self,
        progress: SnapshotProgress,
    ) -> Answer<'_, Box<dyn SnapshotStream<Error = Self::Error>>, Self::Error>;

    /// Opens the stream of the changes after `from`.
    fn open_changes(&self, from: Position) -> Answer<'_, Box<dyn ChangeStream<Error = Self::Error>>, Self::Error>;

    /// The end of what there is to read now.
    fn end(&self) -> Answer<'_, Position, Self::Error>;
}

/// A snapshot that is being read.
pub trait SnapshotStream: Send {
    /// What can go wrong.
    type Error;

    /// The next rows; `None` when all ranges are read. Cancel-safe.
    fn next(&mut self) -> Answer<'_, Option<SnapshotBatch>, Self::Error>;

    /// The progress as of when it was begun or resumed.
    fn progress(&self) -> &SnapshotProgress;

    /// The position from which on the target is a true picture, once the changes up to there are applied. Equal to
    /// the progress's `start` unless the snapshot was resumed.
    fn converged_at(&self) -> &Position;

    /// An estimate of the number of rows in the tables.
    fn rows_estimate(&self) -> u64;
}

/// The changes of the tables, in order.
pub trait ChangeStream: Send {
    /// What can go wrong.
    type Error;

    /// The next changes; waits for them, over restarts of the server. Cancel-safe: dropping the future loses
    /// nothing.
    fn next(&mut self) -> Answer<'_, ChangeEvent, Self::Error>;

    /// Ends an event exactly at this position; `None` ends that. The position must not be passed already.
    fn set_until(&mut self, until: Option<Position>) -> Result<(), Self::Error>;

    /// Asks for an event at the end of the next transaction, however small its batch is then.
    fn want_boundary(&mut self);

    /// When the server was last heard of. Says nothing while nobody reads.
    fn heard(&self) -> Instant;

    /// How often the stream was lost since this was last asked.
    fn take_lost(&mut self) -> u64;
}

/// A target that this process alone writes to.
pub trait Target: Send {
    /// What can go wrong.
    type Error;

    /// Writes an epoch and its progress, exactly once. After a call whose future was dropped the target is of no
    /// further use.
    fn commit(&mut self, epoch: Epoch) -> Answer<'_, Committed, Self::Error>;

    /// Notes why the pipeline stopped.
    fn record_stop<'a>(&'a mut self, reason: &'a str) -> Answer<'a, (), Self::Error>;

    /// Which values the columns of a table of the target hold; `None` if that is not known.
    fn holds(&self, table: usize) -> Option<Arc<dyn Holds>>;
}
