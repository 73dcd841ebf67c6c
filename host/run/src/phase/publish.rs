//! Every group is written to the target once, and then the position.
//!
//! Only the last of these epochs stores the position S; a crash before it finds the pending checkpoint and writes all
//! groups again. A rebuild does the same over a target that holds rows: each group is written as an update, and then
//! the target is compared with what was written (`reconcile`).

use rowmill_change::SnapshotProgress;
use rowmill_operators::Progress;
use rowmill_operators::aggregate::Cursor;

use super::{Copy, Next, Over, Phase, follow_on};
use crate::epoch::Close;
use crate::error::Error;
use crate::reconcile::Notes;
use crate::worker::{Storing, Worker};

/// The groups go into the target.
pub(crate) struct Publish {
    /// What it holds.
    pub(crate) over: Over,
}

impl Publish {
    pub(super) async fn run(self, worker: &mut Worker) -> Result<Next, Error> {
        let mut noted = Notes::of(worker, |target| !target.nodes.is_empty()).await?;
        for node in 0..worker.bound.graph.nodes().len() {
            let mut cursor = Cursor::default();
            let op = self.over.op();
            while let Some(written) = worker.bound.graph.next_groups(node, &mut cursor, op, &worker.handed).await? {
                noted.note(&written.writes)?;
                worker.filling.add_output(written);
                if !worker.flush_if_full().await? {
                    return Ok(Next::End);
                }
            }
        }
        if !worker.reconcile_all(noted).await? {
            return Ok(Next::End);
        }
        // Windows that were closed when the snapshot was taken have been written.
        worker.bound.graph.close(Progress::Fill, &worker.handed).await?;
        if worker.bound.sources.iter().any(|source| source.writes) {
            return self.copy_the_others(worker).await;
        }
        match worker.store_position(&mut None).await? {
            true => follow_on(worker, None).await,
            false => Ok(Next::End),
        }
    }

    /// Targets that no aggregate stands before get their rows from a snapshot that goes on from the same position: it
    /// converges, so it may be read later, and once more after a crash.
    async fn copy_the_others(self, worker: &mut Worker) -> Result<Next, Error> {
        let sources = worker.bound.sources.iter().enumerate();
        let read: Vec<usize> = sources.filter(|(_, source)| source.writes).map(|(index, _)| index).collect();
        let done = SnapshotProgress::of(worker.handed.clone(), worker.bound.sources.len(), &read);
        if !worker.wait_idle().await? {
            return Ok(Next::End);
        }
        worker.filling.reach(worker.handed.clone(), true, false);
        // A rebuild stores nothing before its end.
        let storing = match self.over {
            Over::Leftovers => Storing::Nothing,
            _ => Storing::Copied { done: &done, converge: None },
        };
        worker.start_commit(Close::Whole, storing).await?;
        if !worker.wait_idle().await? {
            return Ok(Next::End);
        }
        let Some(snapshot) = worker.resume_snapshot(&done).await? else { return Ok(Next::End) };
        Ok(Phase::Copy(Box::new(Copy::resumed(snapshot, self.over))).into())
    }
}
