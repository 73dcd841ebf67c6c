//! Pipelines with aggregates: the snapshot fills their state, and only then the target gets results.
//!
//! 1. The snapshot is read into the aggregates. Nothing is committed: a crash begins anew.
//! 2. A checkpoint is taken at S, marked as *pending*: the state is whole, the target has nothing.
//! 3. Every group is written once. Only the last of these epochs stores the position S; a crash
//!    before it finds the pending checkpoint and writes them all again.
//!
//! A rebuild does the same over a target that holds rows: each group is written as an update, and then the
//! target is compared with what was written (`reconcile`).

use rowmill_change::Op;

use super::epoch::Close;
use super::worker::{Ended, Worker, micros_now, stopped};
use crate::error::Error;
use crate::status::Phase;
use rowmill_operators as chain;
use rowmill_operators::Progress;
use rowmill_operators::aggregate::Cursor;

/// Rows of a snapshot between two looks at the memory.
const ROWS_PER_LOOK: u64 = 65_536;

impl Worker {
    /// Reads the snapshot into the aggregates, and takes the pending checkpoint.
    pub(super) async fn fill(&mut self) -> Result<Ended, Error> {
        let mut snapshot = self.begun.take().ok_or_else(|| Error::internal("a state was filled without a snapshot"))?;
        let total = snapshot.rows_estimate();
        tracing::info!(rows_estimate = total, position = %self.handed, "reading the snapshot into the aggregates");
        // All rows are as of S: a group must not grow old while the snapshot is read.
        let as_of = micros_now();
        let mut looked_at = 0;
        loop {
            let batch = tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Ok(Ended::Stopped),
                batch = snapshot.next() => batch,
            };
            let batch = match batch {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                // Its rows can't be told from those that are missing; the state is filled anew.
                Err(error) if error.is_transient() => return Err(Error::SnapshotInterrupted(error)),
                Err(error) => return Err(error.into()),
            };
            let rows = batch.rows.num_rows();
            if rows > 0 {
                let (ops, commit_time) = (vec![Op::Insert; rows], vec![as_of; rows]);
                let changes =
                    chain::Changes { rows: &batch.rows, ops: &ops, commit_time: &commit_time, position: &self.handed };
                let skipped = self.prepared.tables[batch.table].flow.absorb(&changes, Progress::Snapshot).await?;
                self.filling.add_absorbed(rows as u64, skipped, batch.rows.get_array_memory_size(), None);
                self.now.rows_in += rows as u64;
            }
            if self.now.rows_in - looked_at >= ROWS_PER_LOOK {
                looked_at = self.now.rows_in;
                for table in 0..self.prepared.tables.len() {
                    let position = self.handed.clone();
                    let flow = &mut self.prepared.tables[table].flow;
                    flow.close(Progress::Snapshot, &position, table).await?;
                    flow.make_room().await?;
                }
            }
            let done = self.now.rows_in;
            self.phase(Phase::Snapshot { done, total: total.max(done) });
        }
        for table in &mut self.prepared.tables {
            table.flow.complete_snapshot(&self.handed, &[]).await?;
        }
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.take(&mut self.prepared.tables, self.handed.clone(), true).await?;
        }
        tracing::info!(rows = self.now.rows_in, position = %self.handed, "the aggregates hold the snapshot");
        Ok(Ended::Complete)
    }

    /// Writes every group, then the position.
    pub(super) async fn write_groups(&mut self) -> Result<Ended, Error> {
        let op = match self.rebuilding || !self.target_is_fresh {
            true => Op::UpdateAfter,
            false => Op::Insert,
        };
        // The position is stored with the last epoch only.
        self.storing_position = false;
        let mut noted = self.written().await?.map(Vec::into_iter);
        for table in 0..self.prepared.tables.len() {
            let mut written = noted.as_mut().and_then(Iterator::next);
            let mut cursor = Cursor::default();
            loop {
                let position = self.handed.clone();
                let flow = &mut self.prepared.tables[table].flow;
                let Some((_, events)) = flow.next_groups(&mut cursor, op, &position, table).await? else { break };
                if let Some(written) = &mut written {
                    written.note(&events.write)?;
                }
                self.filling.add_output(events.write, events.skipped);
                if self.commit_when_full().await? == Ended::Stopped {
                    return Ok(Ended::Stopped);
                }
            }
            if let Some(written) = written
                && (self.flush().await? == Ended::Stopped || self.reconcile(table, written).await? == Ended::Stopped)
            {
                return Ok(Ended::Stopped);
            }
            // Windows that were closed when the snapshot was taken have been written.
            let position = self.handed.clone();
            self.prepared.tables[table].flow.close(Progress::Snapshot, &position, table).await?;
        }
        self.store_position().await
    }

    /// Commits what is left together with the position: the target has everything up to there.
    pub(super) async fn store_position(&mut self) -> Result<Ended, Error> {
        if !self.wait_idle().await? {
            return Ok(Ended::Stopped);
        }
        self.storing_position = true;
        self.filling.reach(self.handed.clone(), true, false);
        self.start_commit(Close::Whole).await?;
        self.rebuilding = false;
        match self.wait_idle().await? {
            true => Ok(Ended::Complete),
            false => Ok(Ended::Stopped),
        }
    }

    /// Commits what there is if it fills an epoch.
    pub(super) async fn commit_when_full(&mut self) -> Result<Ended, Error> {
        if !self.filling.is_full(self.plan.epoch) && !self.filling.has_output(self.plan.epoch.rows) {
            return Ok(Ended::Complete);
        }
        self.flush().await
    }

    pub(super) async fn flush(&mut self) -> Result<Ended, Error> {
        if !self.wait_idle().await? {
            return Ok(Ended::Stopped);
        }
        if *self.stop.borrow() {
            return Ok(Ended::Stopped);
        }
        self.filling.reach(self.handed.clone(), true, false);
        self.start_commit(Close::Whole).await?;
        Ok(Ended::Complete)
    }
}
