//! What all phases of a run share: the bound steps, the epoch being filled, the one being committed, the state.
//!
//! A worker doesn't know which phase it is in. A phase says what its epochs store beside their rows
//! ([`Storing`]); everything else about a commit is the same for all.

mod absorb;
mod freshness;
mod reporter;
mod upkeep;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rowmill_change::{Committed, Epoch, Position, ProgressUpdate, SnapshotProgress, Source};
use tokio::sync::watch;

use crate::checkpoint::Checkpointer;
use crate::clock::Clock;
use crate::commit::{Committer, InFlight};
use crate::decide::DRAIN;
use crate::epoch::{Close, Filling};
use crate::error::Error;
use crate::handle::Commands;
use crate::reconcile::Leftovers;
use crate::start::stopped;
use rowmill_bind::Bound;
use rowmill_operators::Progress::Live;
use rowmill_plan::Plan;

pub(crate) use absorb::{Absorbed, absorb, changes, meanwhile};
pub(crate) use freshness::Freshness;
pub(crate) use reporter::{Reporter, TELL_EVERY};
pub(crate) use upkeep::Tended;

/// Where rows come from, behind the interface of the conductor.
pub(crate) type AnySource = dyn Source<Error = rowmill_mysql::Error>;

/// A pipeline at work.
pub(crate) struct Worker {
    pub(crate) plan: Arc<Plan>,
    pub(crate) bound: Bound,
    pub(crate) source: Box<AnySource>,
    pub(crate) clock: Clock,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) commands: Commands,
    pub(crate) filling: Filling,
    pub(crate) committer: Committer,
    /// A commit that ended while a batch was in the steps.
    pub(crate) finished: Option<(Committed, InFlight)>,
    /// The last position handed to the target.
    pub(crate) handed: Position,
    pub(crate) began: Instant,
    /// None: the first epoch has no commit before it to keep its distance from.
    pub(crate) handed_at: Option<Instant>,
    /// Where `--until-caught-up` ends.
    pub(crate) goal: Option<Position>,
    /// Of pipelines with aggregates.
    pub(crate) checkpointer: Option<Checkpointer>,
    pub(crate) tended: Tended,
    /// Time has passed, which a checkpoint has to hold before anything is read.
    pub(crate) time_passed: bool,
    /// When a change was last seen, for event time that goes on without changes.
    pub(crate) changed_at: Instant,
    /// Of a rebuild that is under way: how rows are found that were there before.
    pub(crate) leftovers: Option<Leftovers>,
    /// A rebuild left rows that the source does not give, so an insert can meet rows of its key.
    pub(crate) extras_left: bool,
    pub(crate) reporter: Reporter,
}

/// What an epoch stores beside its rows.
pub(crate) enum Storing<'a> {
    /// Nothing: a start that finds only this begins as this one did.
    Nothing,
    /// The beginning of a snapshot and what is done of it.
    Copied {
        /// The rows of this epoch included.
        done: &'a SnapshotProgress,
        /// Of a resumed one.
        converge: Option<&'a Position>,
    },
    /// The position that the epoch reaches.
    Reached {
        /// The target is no picture of the source before this position; gone once it is reached.
        converge: &'a mut Option<Position>,
    },
}

impl Worker {
    /// Hands the epoch to the target, which is idle.
    pub(crate) async fn start_commit(&mut self, close: Close, storing: Storing<'_>) -> Result<(), Error> {
        let reaches = matches!(storing, Storing::Reached { .. });
        if reaches && self.checkpointer.is_some() {
            let position = self.filling.position.clone().unwrap_or_else(|| self.handed.clone());
            let written = self.bound.graph.close(Live, &position).await?;
            self.filling.add_output(written);
        }
        let mut filled = self.filling.take();
        let position = filled.position.take().unwrap_or_else(|| self.handed.clone());
        // A transaction that is cut several times is one.
        let split = u64::from(close == Close::Split && !filled.began_inside);
        let aggregates = self.aggregates_to_store()?;
        let mut update = ProgressUpdate {
            converging: true,
            rows_in: filled.rows_in,
            skipped: filled.skipped,
            split_transactions: split,
            aggregates,
            extras_left: self.extras_left,
            ..ProgressUpdate::default()
        };
        match storing {
            Storing::Nothing => {}
            Storing::Copied { done, converge } => {
                update.position = Some(position.clone());
                update.snapshot = Some(done.clone());
                update.converge_until = converge.cloned();
            }
            Storing::Reached { converge } => {
                update.converging = converge.is_some();
                if converge.as_ref().is_some_and(|until| position.reached(until)) {
                    tracing::info!(%position, "the target has converged");
                    *converge = None;
                }
                update.position = Some(position.clone());
                update.converge_until.clone_from(converge);
                if converge.is_none() {
                    update.as_of = self.reporter.freshness.store(filled.as_of, &self.clock);
                }
                update.rebuilt = self.leftovers.take().is_some();
            }
        }
        self.reporter.now.skipped += filled.skipped;
        self.reporter.now.split_transactions += split;
        self.handed = position;
        self.handed_at = Some(self.clock.now());
        let about = InFlight { as_of: update.as_of, bytes: filled.bytes };
        let epoch = Epoch { writes: filled.writes, removals: filled.removals, progress: update };
        self.committer.start(epoch, about)?;
        if reaches { self.begin_checkpoint_if_due().await } else { Ok(()) }
    }

    /// Waits for the running commit; false if the pipeline is told to stop and the commit still
    /// doesn't end. Whether its epoch is in the target is then known to the next claim.
    pub(crate) async fn wait_idle(&mut self) -> Result<bool, Error> {
        if self.committer.is_idle() {
            return Ok(true);
        }
        let mut stop = self.stop.clone();
        let given_up = async {
            stopped(&mut stop).await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            biased;
            done = self.committer.finished() => { let (committed, about) = done?; self.note(&committed, &about); Ok(true) }
            () = given_up => Ok(false),
        }
    }

    /// Commits what there is, without a position; false if the pipeline is told to stop.
    pub(crate) async fn flush(&mut self) -> Result<bool, Error> {
        if !self.wait_idle().await? || *self.stop.borrow() {
            return Ok(false);
        }
        self.filling.reach(self.handed.clone(), true, false);
        self.start_commit(Close::Whole, Storing::Nothing).await?;
        Ok(true)
    }

    /// The same, if it fills an epoch.
    pub(crate) async fn flush_if_full(&mut self) -> Result<bool, Error> {
        match self.filling.is_full(self.plan.epoch) || self.filling.has_output(self.plan.epoch.rows) {
            true => self.flush().await,
            false => Ok(true),
        }
    }

    /// Commits what is left together with the position: the target has everything up to there. False if the pipeline
    /// is told to stop.
    pub(crate) async fn store_position(&mut self, converge: &mut Option<Position>) -> Result<bool, Error> {
        if !self.wait_idle().await? {
            return Ok(false);
        }
        self.filling.reach(self.handed.clone(), true, false);
        self.start_commit(Close::Whole, Storing::Reached { converge }).await?;
        self.wait_idle().await
    }

    /// How long ago the last commit began, if there was one.
    pub(crate) fn since_commit(&self) -> Option<Duration> {
        self.handed_at.map(|handed| self.clock.since(handed))
    }
}
