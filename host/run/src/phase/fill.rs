//! Pipelines with aggregates: the snapshot fills their state, and only then the target gets results.
//!
//! 1. The snapshot is read into the aggregates. Nothing is committed: a crash begins anew.
//! 2. A checkpoint is taken at S, marked as *pending*: the state is whole, the target has nothing.
//! 3. [`Publish`] writes every group once.

use super::{AnySnapshot, Next, Over, Phase, Publish};
use crate::error::Error;
use crate::policy::may_pass;
use crate::start::stopped;
use crate::worker::Worker;
use rowmill_change::{Op, SnapshotBatch};
use rowmill_observe as status;
use rowmill_operators::{Changes, Progress};

/// Rows of a snapshot between two looks at the memory.
const ROWS_PER_LOOK: u64 = 65_536;

/// The snapshot goes into the aggregates.
pub(crate) struct Fill {
    pub(crate) snapshot: Box<AnySnapshot>,
    /// What the target holds when they are written.
    pub(crate) over: Over,
}

impl Fill {
    pub(super) async fn run(self, worker: &mut Worker) -> Result<Next, Error> {
        let Self { mut snapshot, over } = self;
        let total = snapshot.rows_estimate();
        tracing::info!(rows_estimate = total, position = %worker.handed, "reading the snapshot into the aggregates");
        // All rows are as of S: a group must not grow old while the snapshot is read.
        let as_of = worker.clock.micros();
        let mut looked_at = 0;
        loop {
            let batch = tokio::select! {
                biased;
                () = stopped(&mut worker.stop) => return Ok(Next::End),
                batch = snapshot.next() => batch,
            };
            match batch {
                Ok(Some(batch)) => worker.fill(&batch, as_of).await?,
                Ok(None) => break,
                // Its rows can't be told from those that are missing; the state is filled anew.
                Err(error) if may_pass(&error) => return Err(Error::SnapshotInterrupted(error)),
                Err(error) => return Err(error.into()),
            }
            let done = worker.reporter.now.rows_in;
            if done - looked_at >= ROWS_PER_LOOK {
                looked_at = done;
                worker.bound.graph.close(Progress::Fill, &worker.handed).await?;
                worker.bound.graph.make_room().await?;
            }
            worker.show(status::Phase::Snapshot { done, total: total.max(done) });
        }
        worker.bound.graph.complete_snapshot(&worker.handed, &[]).await?;
        if let Some(checkpointer) = &mut worker.checkpointer {
            checkpointer.take(&mut worker.bound.graph, worker.handed.clone(), true).await?;
        }
        tracing::info!(rows = worker.reporter.now.rows_in, position = %worker.handed, "the aggregates hold the snapshot");
        Ok(Phase::Publish(Publish { over }).into())
    }
}

impl Worker {
    /// Takes rows of the snapshot into the aggregates.
    async fn fill(&mut self, batch: &SnapshotBatch, as_of: i64) -> Result<(), Error> {
        let rows = batch.rows.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let (ops, commit_time) = (vec![Op::Insert; rows], vec![as_of; rows]);
        let changes = Changes::without_event(&batch.rows, &ops, &commit_time, &self.handed);
        let written = self.bound.graph.absorb(&[(batch.table, changes)], Progress::Fill).await?;
        self.filling.add_read(rows as u64, batch.rows.get_array_memory_size(), None);
        self.filling.add_output(written);
        self.reporter.now.rows_in += rows as u64;
        Ok(())
    }
}
