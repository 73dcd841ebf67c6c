//! The target: epochs of changes, each written with its progress in one transaction.
//!
//! # Why it is exactly once
//!
//! - **Progress and rows commit together.** The position lives in the target server, and the
//!   statement that moves it is the first of the transaction that writes the rows it covers.
//! - **One writer.** That statement is an UPDATE which names incarnation and fence. A process that
//!   takes the pipeline over raises the fence; the UPDATE of the old one then finds no row, and it
//!   stops with [`Error::Fenced`]. The UPDATE reads the newest committed row and locks it, so between
//!   it and COMMIT nobody can take over. (A plain SELECT would read an old snapshot.) After a reset
//!   fences count from 1 again; the incarnation is what a process from before does not share.
//! - **A lost COMMIT is looked up, not guessed.** Each transaction adds one to `commits`. When
//!   the answer to COMMIT is lost, the progress is read `FOR UPDATE` on a new connection, which
//!   waits for the old transaction to end one way or the other; then `commits` says which.
//! - **What is written is what was sent.** A statement that bends, drops or replaces a row it
//!   should not is undone: the session is strict, warnings and skipped rows count as errors, and
//!   the number of rows that arrived is compared with the number sent.
//! - **Order.** Of several changes of a key in an epoch the last one wins (`compact`), and all
//!   deletes are executed before all upserts, because under a case-insensitive collation the new
//!   key of a row may equal its old one.
//!
//! # What it is not
//!
//! The sink computes nothing and reads no source. It does not decide when an epoch ends, and it
//! holds one epoch at a time; the caller overlaps the next one.

mod check;
mod claim;
mod collate;
mod columns;
mod commit;
mod compact;
mod create;
mod delete;
mod encode;
mod fit;
mod grants;
mod hold;
mod key_hash;
mod load;
mod meta;
mod progress;
mod remove;
mod reset;
mod retry;
mod session;
mod shape;
mod transaction;
mod upsert;

use std::sync::Arc;

use crate::endpoint::{Conn, Endpoint};
use crate::error::{Problem, Result};

pub use hold::TargetHolds;
pub use key_hash::KeyHasher;
pub use progress::{Progress, Stopped};
pub use reset::{Kept, Reset, TargetNames, Why, abandoned, reset, tables_read};
pub use rowmill_change::{Existing, Mode, TargetOptions};

use compact::Keys;
use rowmill_change::{Committed, Epoch, Position, TableName, TargetTable};
use session::Session;
use shape::Shape;

#[cfg(doc)]
use crate::error::Error;

/// Where to and how.
#[derive(Debug, Clone)]
pub struct SinkOptions {
    /// The target server.
    pub endpoint: Endpoint,
    /// The schema of the progress tables.
    pub meta: String,
    /// The pipeline's name, under which its progress is kept.
    pub pipeline: String,
}

/// The target of a running pipeline. There is one per pipeline: see [`Sink::claim`].
#[derive(Debug)]
pub struct Sink {
    options: SinkOptions,
    targets: Vec<TargetTable>,
    shapes: Vec<Arc<Shape>>,
    /// One per target: makes the bytes by which keys are compared.
    keys: Vec<Keys>,
    session: Option<Session>,
    state: State,
}

/// What the targets are known to hold before a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Nothing of this pipeline: it starts for the first time.
    Nothing,
    /// Whatever there is will be written over: a rebuild, or a start that was interrupted before its first position.
    Anything,
    /// The rows up to a stored position.
    Rows,
}

/// What a process that takes a pipeline over does with progress that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// Goes on from it.
    GoOn,
    /// Replaces it by the first progress, in the transaction that raises the fence.
    ///
    /// The incarnation is a new one, so that old state folders don't match. Rows of the targets stay; the
    /// counts of rows and commits go on. [`Progress::rebuilding`] is true until an epoch with
    /// [`ProgressUpdate::rebuilt`](rowmill_change::ProgressUpdate::rebuilt) is committed, whatever happens in between.
    StartOver {
        /// Kept as [`Progress::delete_extra`] until then.
        delete_extra: bool,
    },
}

/// What a takeover expects of the stored progress.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// Whatever is there.
    Anything,
    /// What was read before: none, or progress of the same incarnation and fence in the same stage (before
    /// the snapshot, in it, after it, rebuilding). The position may have moved on.
    AsRead(Option<Box<Progress>>),
}

impl Expected {
    /// The progress that was read.
    pub fn progress(&self) -> Option<&Progress> {
        match self {
            Expected::Anything => None,
            Expected::AsRead(progress) => progress.as_deref(),
        }
    }
}

/// What this process knows of the stored progress row.
#[derive(Debug)]
struct State {
    incarnation: String,
    fence: u64,
    commits: u64,
    position: Option<Position>,
    /// A commit is under way; still set afterwards if its future was dropped.
    busy: bool,
}

impl Sink {
    /// Everything in the way of writing to the targets; changes nothing on the server.
    ///
    /// On a first start a target that holds rows is a problem too, unless they may be kept; on one that goes on
    /// from a stored position a target that is missing.
    pub async fn check(options: &SinkOptions, targets: &[TargetTable], held: Held) -> Result<Vec<Problem>> {
        check::check(options, targets, held).await
    }

    /// The stored progress; needs only the right to read it. `None` before the first start.
    pub async fn read_progress(options: &SinkOptions) -> Result<Option<Progress>> {
        let mut conn = options.endpoint.connect().await?;
        progress::read(&mut conn, options).await
    }

    /// Takes the pipeline over, if it is as it was looked at; otherwise answers `None`, and nothing has
    /// changed for the process that runs it. It is the last step of a start: after it that process writes
    /// nothing more, so whatever can still fail comes before.
    ///
    /// Creates the progress tables and the targets where they are missing, raises the fence, and
    /// answers the stored progress as of that moment. `first` is the progress of a first start, or of
    /// one that starts over; an empty `incarnation` in it is replaced by a random one.
    ///
    /// [`Check`](Self::check) a start that starts over with [`Held::Anything`].
    pub async fn take_over(
        options: SinkOptions,
        targets: Vec<TargetTable>,
        first: Progress,
        takeover: Takeover,
        expected: &Expected,
    ) -> Result<Option<(Sink, Progress)>> {
        claim::claim(options, targets, first, takeover, expected).await
    }

    /// [Takes over](Self::take_over) whatever is there, and goes on from it.
    pub async fn claim(options: SinkOptions, targets: Vec<TargetTable>, first: Progress) -> Result<(Sink, Progress)> {
        claim::whatever(options, targets, first, Takeover::GoOn).await
    }

    /// [Takes over](Self::take_over) whatever is there, and starts it over.
    pub async fn rebuild(options: SinkOptions, targets: Vec<TargetTable>, first: Progress) -> Result<(Sink, Progress)> {
        claim::whatever(options, targets, first, Takeover::StartOver { delete_extra: false }).await
    }

    /// Whether this pipeline created the table, so that all of its rows are the pipeline's.
    pub async fn created(conn: &mut Conn, options: &SinkOptions, table: &TableName) -> Result<bool> {
        Ok(shape::created_by(conn, table).await?.is_some_and(|by| by == shape::creator(options)))
    }

    /// Writes an epoch and its progress, exactly once.
    ///
    /// Deadlocks, lock waits, lost connections and restarts of the server are retried here; an
    /// error that is returned is final for this sink, except that a transient one may be tried
    /// again with the same epoch. After a `commit` whose future was dropped the sink is of no
    /// further use: whether that epoch is in the target is known to the next [`Sink::claim`].
    pub async fn commit(&mut self, epoch: Epoch) -> Result<Committed> {
        commit::commit(self, epoch).await
    }

    /// Notes why the pipeline stopped, for `status`; a later claim clears it.
    pub async fn record_stop(&mut self, reason: &str) -> Result<()> {
        commit::record_stop(self, reason).await
    }

    /// The options it was claimed with.
    pub fn options(&self) -> &SinkOptions {
        &self.options
    }

    /// The targets it was claimed with.
    pub fn targets(&self) -> &[TargetTable] {
        &self.targets
    }

    /// Which values the columns of a target hold, as the table is in the server.
    pub fn holds(&self, target: usize) -> Option<TargetHolds> {
        self.shapes.get(target).map(|shape| TargetHolds::of(&shape.columns))
    }

    /// The fence of this process.
    pub fn fence(&self) -> u64 {
        self.state.fence
    }
}

/// The stored progress as a session sees it, for instance in the consistent snapshot in which it
/// also reads the targets.
pub async fn read_progress_with(conn: &mut Conn, options: &SinkOptions) -> Result<Option<Progress>> {
    progress::read(conn, options).await
}
