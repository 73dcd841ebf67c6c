//! The snapshot: what is missing of it is read and committed, range by range.

use std::time::Duration;

use rowmill_change::Op;
use rowmill_mysql::snapshot::{Snapshot, SnapshotBatch, SnapshotProgress};

use super::absorb::meanwhile;
use super::{Ended, POSITION_INTERVAL, Worker, claim, micros_now, stopped};
use crate::epoch::Close;
use crate::error::Error;
use crate::status::Phase;
use rowmill_operators as chain;
use rowmill_plan::Mode;

impl Worker {
    /// Reads what is missing of the snapshot and commits it.
    pub(super) async fn read_snapshot(&mut self) -> Result<Ended, Error> {
        let mut snapshot = self.begun.take().ok_or_else(|| Error::internal("no snapshot to read"))?;
        // A rebuild stores its position with the last epoch only; what it has written dies with the process.
        self.storing_position = !self.rebuilding;
        self.written = self.written().await?;
        // The position and the (still empty) list of ranges are stored before the first row, so
        // that a crash from here on resumes this snapshot instead of beginning another one.
        self.filling.reach(self.handed.clone(), true, false);
        self.start_commit(Close::Whole).await?;
        let total = snapshot.rows_estimate();
        tracing::info!(rows_estimate = total, position = %self.handed, "reading the snapshot");
        let mut ended = Ended::Complete;
        loop {
            let full = self.filling.is_full(self.plan.epoch);
            if full && self.committer.is_idle() {
                self.start_commit(Close::Whole).await?;
                continue;
            }
            tokio::select! {
                biased;
                _ = stopped(&mut self.stop) => { ended = Ended::Stopped; break }
                done = self.committer.finished() => { let (committed, about) = done?; self.note(&committed, &about); }
                batch = snapshot.next(), if !full => match batch {
                    Ok(None) => break,
                    Ok(Some(batch)) => self.add_snapshot(batch).await?,
                    Err(error) if error.is_transient() && self.plan.sink.mode == Mode::Upsert => {
                        tracing::warn!(%error, "the snapshot was interrupted; reading on when the source is back");
                        match self.resume_when_back().await? {
                            Some(resumed) => snapshot = resumed,
                            None => { ended = Ended::Stopped; break }
                        }
                    }
                    Err(error) => return Err(error.into()),
                },
            }
            let done = self.now.rows_in;
            self.phase(Phase::Snapshot { done, total: total.max(done) });
        }
        if ended == Ended::Complete {
            if !self.snapshot.as_ref().is_some_and(SnapshotProgress::is_complete) {
                return Err(Error::internal("the snapshot ended before all of its ranges were read; run again"));
            }
            self.snapshot = None;
            for (table, written) in self.written.take().into_iter().flatten().enumerate() {
                if self.flush().await? == Ended::Stopped || self.reconcile(table, written).await? == Ended::Stopped {
                    return Ok(Ended::Stopped);
                }
            }
        }
        if ended == Ended::Stopped && self.rebuilding {
            // What is not committed is written again by the next start, which begins anew.
            return Ok(Ended::Stopped);
        }
        let stored = self.store_position().await?;
        tracing::info!(rows = self.now.rows_in, ?ended, "snapshot");
        Ok(if stored == Ended::Stopped { stored } else { ended })
    }

    async fn resume_snapshot(&mut self) -> Result<Snapshot, Error> {
        let progress = self.snapshot.clone().ok_or_else(|| Error::internal("no snapshot to resume"))?;
        self.now.retries += 1;
        self.freshness.begin_snapshot(micros_now());
        let snapshot = claim::resume_snapshot(&self.plan, &self.prepared, progress).await?;
        self.converge_until = Some(snapshot.converged_at().clone());
        // The ranges are numbered anew.
        self.snapshot = Some(snapshot.progress().clone());
        Ok(snapshot)
    }

    /// Resumes the snapshot as soon as the source answers again; `None` if told to stop before.
    async fn resume_when_back(&mut self) -> Result<Option<Snapshot>, Error> {
        let mut pause = Duration::from_millis(200);
        loop {
            tokio::select! {
                biased;
                _ = stopped(&mut self.stop) => return Ok(None),
                () = tokio::time::sleep(pause) => {}
            }
            match self.resume_snapshot().await {
                Ok(snapshot) => return Ok(Some(snapshot)),
                Err(Error::MySql(error)) if error.is_transient() => {
                    tracing::warn!(%error, "the source is not back yet");
                    pause = (pause * 2).min(POSITION_INTERVAL);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn add_snapshot(&mut self, batch: SnapshotBatch) -> Result<(), Error> {
        let rows = batch.rows.num_rows();
        if rows > 0 {
            let ops = vec![Op::Insert; rows];
            // Rows of a snapshot have no commit of their own; they are as of now.
            let commit_time = vec![micros_now(); rows];
            let changes =
                chain::Changes { rows: &batch.rows, ops: &ops, commit_time: &commit_time, position: &self.handed };
            let running = self.prepared.tables[batch.table].flow.last.run(&changes, batch.table);
            let events = meanwhile(running, &mut self.committer, &mut self.finished).await;
            self.note_finished();
            let events = events?;
            if let Some(written) = self.written.as_mut().and_then(|written| written.get_mut(batch.table)) {
                written.note(&events.write)?;
            }
            self.filling.add(events.write, rows as u64, events.skipped, None);
            self.now.rows_in += rows as u64;
        }
        if let Some(progress) = &mut self.snapshot {
            progress.finish(&batch.range);
        }
        Ok(())
    }
}
