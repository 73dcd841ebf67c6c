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

use rowmill_change::Position;
use rowmill_mysql::binlog::{ChangeEvent, Changes};
use rowmill_mysql::sink::Progress as Stored;

use super::manifest::{Manifest, state_folder};
use super::worker::{Ended, Worker, stopped};
use crate::error::Error;
use crate::status::{AggregateStatus, Phase};
use rowmill_operators as chain;
use rowmill_operators::Progress;
use rowmill_operators::aggregate::state::State;
use rowmill_plan::Plan;

/// What a start does with the state that it found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Beginning {
    /// The state is filled from a snapshot.
    Fill,
    /// The state is whole, the target gets every group.
    Write(Manifest),
    /// The target has results; the state is brought up to them.
    Replay(Manifest, Position),
}

/// Decides by what the target and the state folder say.
pub(super) async fn begin(plan: &Plan, state: &State, stored: &Stored, digest: &str) -> Result<Beginning, Error> {
    let newest = match state.checkpoint().map(|checkpoint| Manifest::read(&checkpoint)).transpose() {
        Err(_) if stored.rebuilding => None,
        read => read?,
    };
    let folder = state_folder(plan)?.display().to_string();
    let mismatch = |what: String, choices: &str| Error::StateMismatch {
        pipeline: plan.name.clone(),
        folder: folder.clone(),
        what,
        choices: choices.to_owned(),
    };
    const CHOICES: &str = "import a savepoint of this pipeline (`rowmill state FILE import DIR`), or make the state anew \
         from the source with `rowmill run FILE --rebuild`";
    let ours = |manifest: &Manifest| manifest.incarnation == stored.incarnation;
    match (&stored.position, newest) {
        (None, Some(manifest)) if ours(&manifest) && manifest.pending && manifest.plan_digest == digest => {
            Ok(Beginning::Write(manifest))
        }
        (None, Some(manifest)) if !ours(&manifest) && !stored.rebuilding => Err(mismatch(
            "it is the state of an earlier life of this pipeline, and the target has no progress".to_owned(),
            rowmill_mysql::ANEW,
        )),
        (None, _) => Ok(Beginning::Fill),
        (Some(target), None) => Err(mismatch(format!("there is none, and the target is at {target}"), CHOICES)),
        (Some(_), Some(manifest)) if !ours(&manifest) => {
            Err(mismatch("it is the state of another life of this pipeline".to_owned(), CHOICES))
        }
        (Some(_), Some(manifest)) if manifest.plan_digest != digest => {
            Err(mismatch("it was made by another plan".to_owned(), CHOICES))
        }
        (Some(target), Some(manifest)) if target.reached(&manifest.position) => {
            Ok(Beginning::Replay(manifest, target.clone()))
        }
        (Some(target), Some(manifest)) => {
            // The target was set back; perhaps not further than to the checkpoint before.
            let earlier = state.previous().map(|checkpoint| Manifest::read(&checkpoint)).transpose()?;
            match earlier.filter(|earlier| ours(earlier) && target.reached(&earlier.position)) {
                Some(earlier) => {
                    tracing::warn!(target = %target, state = %manifest.position, earlier = %earlier.position,
                        "the target was set back; going on from the checkpoint before");
                    state.restore_previous().await?;
                    Ok(Beginning::Replay(earlier, target.clone()))
                }
                None => Err(mismatch(
                    format!(
                        "the target is at {target}, before the state at {}: it was restored or failed over",
                        manifest.position
                    ),
                    CHOICES,
                )),
            }
        }
    }
}

impl Worker {
    /// Reads the changes up to `until` into the aggregates. `changes` begins at the state's position
    /// and ends an event at `until`.
    pub(super) async fn replay(
        &mut self,
        changes: &mut Changes,
        until: &Position,
        stored: &[AggregateStatus],
    ) -> Result<Ended, Error> {
        let mut at = self.replay_from.clone().unwrap_or_else(|| until.clone());
        match self.checkpointer.is_some() {
            true => tracing::info!(from = %at, to = %until, "bringing the state up to the target"),
            false => tracing::info!(from = %at, to = %until, "passing over what the process before has written"),
        }
        let mut rows: u64 = 0;
        while !at.reached(until) {
            let event = tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Ok(Ended::Stopped),
                event = changes.next() => event?,
            };
            match event {
                ChangeEvent::Position { position, .. } => at = position,
                ChangeEvent::Rows { batches, position, .. } => {
                    for batch in batches {
                        let flow = &mut self.prepared.tables[batch.table].flow;
                        if !flow.has_state() {
                            continue;
                        }
                        rows += batch.rows.num_rows() as u64;
                        let changes = chain::Changes {
                            rows: &batch.rows,
                            ops: &batch.ops,
                            commit_time: &batch.commit_time,
                            position: &position,
                        };
                        flow.absorb(&changes, Progress::Replay).await?;
                    }
                    at = position;
                }
            }
            if rows >= self.plan.epoch.rows as u64 {
                rows = 0;
                self.close_replayed(&at).await?;
            }
            self.phase(Phase::CatchingUp);
        }
        // An idle source's advance is stored where it happened, so it can only be here.
        let mut advanced = false;
        for status in stored {
            let table = self.prepared.tables.iter_mut().find(|table| table.source.to_string() == status.table);
            let aggregates = table.into_iter().flat_map(|table| table.flow.aggregates_mut());
            for aggregate in aggregates.filter(|aggregate| aggregate.id == status.step) {
                advanced |= aggregate.reach_stored(status);
            }
        }
        self.close_replayed(until).await?;
        if let Some(checkpointer) = self.checkpointer.as_mut().filter(|_| advanced) {
            checkpointer.take(&mut self.prepared.tables, until.clone(), false).await?;
        }
        Ok(Ended::Complete)
    }

    async fn close_replayed(&mut self, at: &Position) -> Result<(), Error> {
        for (index, table) in self.prepared.tables.iter_mut().enumerate() {
            table.flow.close(Progress::Replay, at, index).await?;
            table.flow.make_room().await?;
        }
        Ok(())
    }
}
