//! From the state's position to the target's, after a restart.
//!
//! A plan without aggregates has no state. Its stream begins where the target was when the start looked at
//! it; the process before may have written more by the time of the claim, and that is passed over.
//!
//! The state on disk is of a position A, the target of B, and A is before B or the same: a checkpoint
//! is committed after the epoch that it covers. The changes between are read once more into the
//! aggregates, and nothing of them is written: the target has it. Functions are pure and lateness is
//! decided row by row, so at B the state is what it was when the target was written. The stream
//! is cut exactly there.
//!
//! Positions say nothing of the time that an idle source let pass, nor of windows that closed with it
//! or with the end of the snapshot. The target's progress does, as of B. So also where A is B event
//! time is brought to where it was, and what has closed is closed without being written again. If event
//! time moved, a checkpoint holds that before another row is read: the next replay must not pass over it.

use rowmill_change::{ChangeBatch, ChangeEvent, Position};

use super::{AnyChanges, Copy, Follow, Next, Phase};
use crate::error::Error;
use crate::start::stopped;
use crate::worker::{Worker, changes};
use rowmill_observe as status;
use rowmill_operators::{AggregateProgress, Node, Progress};

/// Changes that the target has come again.
pub(crate) struct Replay {
    /// Begins at `from`.
    pub(crate) changes: Box<AnyChanges>,
    /// Where the state is.
    pub(crate) from: Position,
    /// Where the target is.
    pub(crate) until: Position,
    /// What the target's progress says of the aggregates there.
    pub(crate) stored: Vec<AggregateProgress>,
    /// The state is as it was when the snapshot was complete: windows that had closed by then are in it still, and
    /// have been passed on.
    pub(crate) pending: bool,
    /// For the phase after it.
    pub(crate) converge: Option<Position>,
    /// What is missing of the targets that no aggregate stands before: they were being copied.
    pub(crate) copy: Option<Box<Copy>>,
}

impl Replay {
    pub(super) async fn run(self, worker: &mut Worker) -> Result<Next, Error> {
        let Self { mut changes, from, until, stored, pending, converge, copy } = self;
        if from.order(&until).is_ne() {
            changes.set_until(Some(until.clone()))?;
        }
        match worker.checkpointer.is_some() {
            true => tracing::info!(%from, to = %until, "bringing the state up to the target"),
            false => tracing::info!(%from, to = %until, "passing over what the process before has written"),
        }
        if pending {
            worker.bound.graph.close(Progress::Fill, &from).await?;
        }
        let mut at = from;
        let mut rows: u64 = 0;
        while !at.reached(&until) {
            let event = tokio::select! {
                biased;
                () = stopped(&mut worker.stop) => return Ok(Next::End),
                event = changes.next() => event?,
            };
            match event {
                ChangeEvent::Position { position, .. } => at = position,
                ChangeEvent::Rows { batches, position, .. } => {
                    at = position;
                    rows += worker.absorb_again(&batches, &at).await?;
                }
            }
            if rows >= worker.plan.epoch.rows as u64 {
                rows = 0;
                worker.close_again(&at).await?;
            }
            worker.show(status::Phase::CatchingUp);
        }
        // An idle source's advance is stored where it happened, so it can only be here.
        let advanced = worker.reach_stored(&stored);
        worker.close_again(&until).await?;
        if let Some(checkpointer) = worker.checkpointer.as_mut().filter(|_| advanced) {
            checkpointer.take(&mut worker.bound.graph, until, false).await?;
        }
        Ok(match copy {
            Some(copy) => Phase::Copy(copy).into(),
            None => Phase::Follow(Follow { changes, converge }).into(),
        })
    }
}

impl Worker {
    /// Takes changes that the target has into the aggregates; answers how many rows they were.
    async fn absorb_again(&mut self, batches: &[ChangeBatch], position: &Position) -> Result<u64, Error> {
        self.bound.graph.absorb(&changes(batches, position), Progress::Replay).await?;
        let into_state = batches.iter().filter(|batch| self.bound.sources[batch.table].leads_to_state);
        Ok(into_state.map(|batch| batch.rows.num_rows() as u64).sum())
    }

    async fn close_again(&mut self, at: &Position) -> Result<(), Error> {
        self.bound.graph.close(Progress::Replay, at).await?;
        Ok(self.bound.graph.make_room().await?)
    }

    /// Brings event time to where it was at the target's position; answers whether any moved.
    fn reach_stored(&mut self, stored: &[AggregateProgress]) -> bool {
        let mut advanced = false;
        for Node { relation, aggregate, .. } in self.bound.graph.nodes_mut() {
            if let Some(known) = AggregateProgress::of(stored, relation, &aggregate.id) {
                advanced |= aggregate.reach_stored(known);
            }
        }
        advanced
    }
}
