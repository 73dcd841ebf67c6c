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

use super::{AnyChanges, Follow, Next, Phase};
use crate::error::Error;
use crate::start::stopped;
use crate::status;
use crate::worker::Worker;
use rowmill_operators as chain;
use rowmill_operators::{AggregateProgress, Progress};

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
    /// For the phase after it.
    pub(crate) converge: Option<Position>,
}

impl Replay {
    pub(super) async fn run(self, worker: &mut Worker) -> Result<Next, Error> {
        let Self { mut changes, from, until, stored, converge } = self;
        if from.order(&until).is_ne() {
            changes.set_until(Some(until.clone()))?;
        }
        match worker.checkpointer.is_some() {
            true => tracing::info!(%from, to = %until, "bringing the state up to the target"),
            false => tracing::info!(%from, to = %until, "passing over what the process before has written"),
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
                    for batch in &batches {
                        rows += worker.absorb_again(batch, &at).await?;
                    }
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
            checkpointer.take(&mut worker.tables, until, false).await?;
        }
        Ok(Phase::Follow(Follow { changes, converge }).into())
    }
}

impl Worker {
    /// Takes changes that the target has into the aggregates; answers how many rows they were.
    async fn absorb_again(&mut self, batch: &ChangeBatch, position: &Position) -> Result<u64, Error> {
        let flow = &mut self.tables[batch.table].flow;
        if !flow.has_state() {
            return Ok(0);
        }
        let ChangeBatch { rows, ops, commit_time, .. } = batch;
        flow.absorb(&chain::Changes { rows, ops, commit_time, position }, Progress::Replay).await?;
        Ok(rows.num_rows() as u64)
    }

    async fn close_again(&mut self, at: &Position) -> Result<(), Error> {
        for (index, table) in self.tables.iter_mut().enumerate() {
            table.flow.close(Progress::Replay, at, index).await?;
            table.flow.make_room().await?;
        }
        Ok(())
    }

    /// Brings event time to where it was at the target's position; answers whether any moved.
    fn reach_stored(&mut self, stored: &[AggregateProgress]) -> bool {
        let mut advanced = false;
        for known in stored {
            let table = self.tables.iter_mut().find(|table| table.source.to_string() == known.table);
            let aggregates = table.into_iter().flat_map(|table| table.flow.aggregates_mut());
            for aggregate in aggregates.filter(|aggregate| aggregate.id == known.step) {
                advanced |= aggregate.reach_stored(known);
            }
        }
        advanced
    }
}
