//! The phases of a run, each a value that owns what only it needs.
//!
//! ```text
//!  with aggregates      Fill ─▶ Publish ─┐
//!  without              Copy ────────────┼─▶ Follow ─▶ Drain
//!  after a restart      Replay ──────────┘
//! ```
//!
//! A phase runs until the next one begins, the work is done, or the pipeline is told to stop. What ends it is in the
//! target by then, so a start that finds that goes on with the phase after it.

mod copy;
mod fill;
mod follow;
mod publish;
mod replay;

use std::time::Duration;

use rowmill_change::{Answer, ChangeStream, Op, Position, SnapshotStream};

use crate::decide::POSITION_INTERVAL;
use crate::error::Error;
use crate::policy::may_pass;
use crate::start::stopped;
use crate::worker::{AnySource, Worker};

pub(crate) use copy::Copy;
pub(crate) use fill::Fill;
pub(crate) use follow::{Drain, Follow};
pub(crate) use publish::Publish;
pub(crate) use replay::Replay;

/// A snapshot that is being read, behind the interface of the conductor.
pub(crate) type AnySnapshot = dyn SnapshotStream<Error = rowmill_mysql::Error>;

/// A stream of changes, behind it.
pub(crate) type AnyChanges = dyn ChangeStream<Error = rowmill_mysql::Error>;

/// What a run is busy with.
pub(crate) enum Phase {
    /// The snapshot goes into the aggregates.
    Fill(Fill),
    /// The groups go into the target.
    Publish(Publish),
    /// The snapshot goes into the target.
    Copy(Box<Copy>),
    /// Changes that the target has come again.
    Replay(Box<Replay>),
    /// Changes are followed.
    Follow(Follow),
    /// What was begun is brought to an end.
    Drain(Drain),
}

/// What the target holds while everything is written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Nothing.
    Nothing,
    /// Rows that an earlier start wrote.
    OwnRows,
    /// Rows of before a rebuild; what of them is not written again is extra.
    Leftovers,
}

impl Over {
    /// As what rows arrive.
    fn op(self) -> Op {
        match self {
            Self::Nothing => Op::Insert,
            Self::OwnRows | Self::Leftovers => Op::UpdateAfter,
        }
    }
}

/// How a phase ended.
pub(crate) enum Next {
    /// With another one.
    Phase(Phase),
    /// All that was asked for is done, or the pipeline was told to stop.
    End,
}

impl From<Phase> for Next {
    fn from(phase: Phase) -> Self {
        Self::Phase(phase)
    }
}

impl Phase {
    /// Runs the phase.
    async fn run(self, worker: &mut Worker) -> Result<Next, Error> {
        match self {
            Self::Fill(fill) => fill.run(worker).await,
            Self::Publish(publish) => publish.run(worker).await,
            Self::Copy(copy) => copy.run(worker).await,
            Self::Replay(replay) => replay.run(worker).await,
            Self::Follow(follow) => follow.run(worker).await,
            Self::Drain(drain) => drain.run(worker).await,
        }
    }
}

/// Runs phase after phase, until there is none.
pub(crate) async fn run(worker: &mut Worker, first: Phase) -> Result<(), Error> {
    let mut next = Next::Phase(first);
    while let Next::Phase(phase) = next {
        next = phase.run(worker).await?;
    }
    Ok(())
}

/// The changes after what was handed to the target.
async fn follow_on(worker: &mut Worker, converge: Option<Position>) -> Result<Next, Error> {
    let from = worker.handed.clone();
    let changes = worker.ask_source(|source| source.open_changes(from.clone())).await?;
    Ok(changes.map_or(Next::End, |changes| Phase::Follow(Follow { changes, converge }).into()))
}

impl Worker {
    /// Asks until the source answers; `None` if told to stop before.
    async fn ask_source<T>(
        &mut self,
        ask: impl for<'a> Fn(&'a AnySource) -> Answer<'a, T, rowmill_mysql::Error>,
    ) -> Result<Option<T>, Error> {
        let mut pause = Duration::from_millis(200);
        loop {
            match ask(&*self.source).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) if may_pass(&error) => tracing::warn!(%error, "the source is not back yet"),
                Err(error) => return Err(error.into()),
            }
            self.reporter.now.retries += 1;
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Ok(None),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(POSITION_INTERVAL),
            }
        }
    }
}
