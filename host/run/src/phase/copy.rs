//! The snapshot goes into the target: what is missing of it is read and committed, range by range.
//!
//! Each epoch stores the position of the snapshot and the ranges that are done, so that a crash resumes it. A rebuild
//! stores them with its last epoch only: what it has written dies with the process.

use rowmill_change::{Op, Position, SnapshotBatch, SnapshotProgress};

use super::{AnySnapshot, Next, Over, follow_on};
use crate::claim::{ensure_resumable, is_resumable};
use crate::decide::{Action, decide};
use crate::epoch::Close;
use crate::error::Error;
use crate::policy::may_pass;
use crate::reconcile::Notes;
use crate::start::stopped;
use crate::worker::{Storing, Worker, meanwhile};
use rowmill_observe as status;
use rowmill_operators::{Changes, Progress};

/// The snapshot goes into the target.
pub(crate) struct Copy {
    pub(crate) snapshot: Box<AnySnapshot>,
    /// What is done of it, those rows included that are not committed yet.
    pub(crate) done: SnapshotProgress,
    /// The target is a picture of the source from here on, if the snapshot was resumed.
    pub(crate) converge: Option<Position>,
    /// What the target holds.
    pub(crate) over: Over,
    /// Rows that the process had read before.
    read_before: u64,
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Complete,
    Stopped,
}

impl Copy {
    /// What a snapshot lacks.
    pub(crate) fn resumed(snapshot: Box<AnySnapshot>, over: Over) -> Self {
        let done = snapshot.progress().clone();
        let converge = Some(snapshot.converged_at()).filter(|until| **until != done.start).cloned();
        Self { snapshot, done, converge, over, read_before: 0 }
    }

    pub(super) async fn run(mut self, worker: &mut Worker) -> Result<Next, Error> {
        let mut notes = Notes::of(worker, |target| target.nodes.is_empty()).await?;
        self.read_before = worker.reporter.now.rows_in;
        // The position and the (still empty) list of ranges are stored before the first row, so
        // that a crash from here on resumes this snapshot instead of beginning another one.
        worker.filling.reach(worker.handed.clone(), true, false);
        self.commit(worker).await?;
        let total = self.snapshot.rows_estimate();
        tracing::info!(rows_estimate = total, position = %worker.handed, "reading the snapshot");
        let read = self.read(worker, &mut notes).await?;
        if read == Read::Complete && !self.done.is_complete() {
            return Err(Error::internal("the snapshot ended before all of its ranges were read; run again"));
        }
        if read == Read::Complete {
            if !worker.reconcile_all(notes).await? {
                return Ok(Next::End);
            }
            let stored = worker.store_position(&mut self.converge).await?;
            tracing::info!(rows = worker.reporter.now.rows_in - self.read_before, "the snapshot is complete");
            return if stored { follow_on(worker, self.converge).await } else { Ok(Next::End) };
        }
        // What a rebuild has not committed is written again by the next start, which begins anew.
        if self.over != Over::Leftovers && worker.wait_idle().await? {
            worker.filling.reach(worker.handed.clone(), true, false);
            self.commit(worker).await?;
            worker.wait_idle().await?;
        }
        tracing::info!(
            rows = worker.reporter.now.rows_in - self.read_before,
            "the snapshot was stopped; the next start resumes it"
        );
        Ok(Next::End)
    }

    async fn commit(&mut self, worker: &mut Worker) -> Result<(), Error> {
        let storing = match self.over {
            Over::Leftovers => Storing::Nothing,
            _ => Storing::Copied { done: &self.done, converge: self.converge.as_ref() },
        };
        worker.start_commit(Close::Whole, storing).await
    }

    async fn read(&mut self, worker: &mut Worker, notes: &mut Notes) -> Result<Read, Error> {
        loop {
            let reads = match decide(&worker.facts()) {
                Action::Commit(_) => {
                    self.commit(worker).await?;
                    continue;
                }
                Action::Read(_) => true,
                _ => false,
            };
            tokio::select! {
                biased;
                () = stopped(&mut worker.stop) => return Ok(Read::Stopped),
                done = worker.committer.finished() => { let (committed, about) = done?; worker.note(&committed, &about); }
                batch = self.snapshot.next(), if reads => match batch {
                    Ok(None) => return Ok(Read::Complete),
                    Ok(Some(batch)) => self.add(worker, batch, notes).await?,
                    Err(error) if may_pass(&error) && is_resumable(&worker.plan) => {
                        tracing::warn!(%error, "the snapshot was interrupted; reading on when the source is back");
                        if !self.resume_when_back(worker).await? {
                            return Ok(Read::Stopped);
                        }
                    }
                    Err(error) => return Err(error.into()),
                },
            }
            let done = worker.reporter.now.rows_in - self.read_before;
            worker.show(status::Phase::Snapshot { done, total: self.snapshot.rows_estimate().max(done) });
        }
    }

    async fn add(&mut self, worker: &mut Worker, batch: SnapshotBatch, notes: &mut Notes) -> Result<(), Error> {
        let rows = batch.rows.num_rows();
        if rows > 0 {
            let ops = vec![Op::Insert; rows];
            // Rows of a snapshot have no commit of their own; they are as of now.
            let commit_time = vec![worker.clock.micros(); rows];
            let position = &worker.handed;
            let changes = Changes::without_event(&batch.rows, &ops, &commit_time, position);
            let event = [(batch.table, changes)];
            let running = worker.bound.graph.absorb(&event, Progress::Copy);
            let written = meanwhile(running, &mut worker.committer, &mut worker.finished).await;
            worker.note_finished();
            let written = written?;
            notes.note(&written.writes)?;
            worker.filling.add_read(rows as u64, 0, None);
            worker.filling.add_output(written);
            worker.reporter.now.rows_in += rows as u64;
        }
        self.done.finish(&batch.range);
        Ok(())
    }

    /// Resumes the snapshot as soon as the source answers again; false if told to stop before.
    async fn resume_when_back(&mut self, worker: &mut Worker) -> Result<bool, Error> {
        worker.publish();
        worker.reporter.now.retries += 1;
        ensure_resumable(&worker.plan)?;
        let Some(snapshot) = worker.resume_snapshot(&self.done).await? else { return Ok(false) };
        self.converge = Some(snapshot.converged_at().clone());
        // The ranges are numbered anew.
        self.done = snapshot.progress().clone();
        self.snapshot = snapshot;
        Ok(true)
    }
}

impl Worker {
    /// Reads what a snapshot lacks, as soon as the source answers; `None` if told to stop before.
    pub(super) async fn resume_snapshot(&mut self, done: &SnapshotProgress) -> Result<Option<Box<AnySnapshot>>, Error> {
        self.reporter.freshness.begin_snapshot(self.clock.micros());
        self.ask_source(|source| source.resume_snapshot(done.clone())).await
    }
}
