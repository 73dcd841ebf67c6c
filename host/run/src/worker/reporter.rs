//! What is told of a run: to whoever shows it, to the machine that may see an older target, and to the target itself.

use std::time::Duration;

use rowmill_change::Committed;
use tokio::sync::watch;

use super::{Freshness, Worker};
use crate::commit::InFlight;
use crate::decide::DRAIN;
use crate::error::{Error, with_causes};
use crate::last_seen::LastSeen;
use crate::start::Summary;
use rowmill_observe::{Phase, Status};

/// The last that was known, and who is told.
pub(crate) struct Reporter {
    pub(crate) status: watch::Sender<Status>,
    pub(crate) now: Status,
    pub(crate) freshness: Freshness,
    pub(crate) last_seen: LastSeen,
    /// Commits of earlier runs.
    pub(crate) commits_before: u64,
    /// Something is known that was not told yet.
    pub(crate) untold: bool,
}

/// What changes all the time is told so often: whoever shows it can't show more, and putting it together costs as much
/// as a small commit.
pub(crate) const TELL_EVERY: Duration = Duration::from_millis(200);

impl Worker {
    /// Notes the commit that ended while a batch was in the steps, if one did.
    pub(crate) fn note_finished(&mut self) {
        if let Some((committed, about)) = self.finished.take() {
            self.note(&committed, &about);
        }
    }

    /// Notes a commit.
    pub(crate) fn note(&mut self, committed: &Committed, about: &InFlight) {
        let Reporter { now, freshness, last_seen, commits_before, .. } = &mut self.reporter;
        now.epochs += 1;
        now.rows_out += committed.rows_written();
        now.rows_deleted += committed.rows_deleted();
        for (shown, written) in now.targets.iter_mut().zip(&committed.targets) {
            shown.rows_out += written.rows;
            shown.rows_deleted += written.deleted;
        }
        now.retries += committed.retries;
        let position = self.handed.to_string();
        last_seen.note(*commits_before + now.epochs, &position);
        now.position = Some(position);
        freshness.committed(about.as_of);
        self.publish_in_time();
    }

    /// Shows what the pipeline is busy with.
    pub(crate) fn show(&mut self, phase: Phase) {
        let now = &mut self.reporter.now;
        now.bytes_in_flight = self.filling.bytes as u64 + self.committer.bytes_in_flight();
        if now.phase != phase {
            let begins = now.phase.name() != phase.name();
            now.phase = phase;
            if begins {
                tracing::info!(phase = phase.name(), "phase");
                self.publish();
            } else {
                self.publish_in_time();
            }
        }
    }

    /// Tells everything that is known, unless that was done a moment ago.
    pub(crate) fn publish_in_time(&mut self) {
        match self.reporter.freshness.is_published_since(TELL_EVERY, &self.clock) {
            true => self.reporter.untold = true,
            false => self.publish(),
        }
    }

    /// Tells everything that is known.
    pub(crate) fn publish(&mut self) {
        let aggregates = self.aggregates();
        let checkpoint = self.last_checkpoint();
        let Reporter { now, freshness, status, untold, .. } = &mut self.reporter;
        *untold = false;
        freshness.published(now, &self.clock);
        now.steps = crate::meters::meters(&self.bound.graph);
        now.aggregates = aggregates;
        if let Some(taken) = self.checkpointer.as_ref().and_then(|checkpointer| checkpointer.last.as_ref()) {
            now.state_bytes = taken.bytes;
            now.checkpoint = checkpoint;
        }
        status.send_replace(now.clone());
    }

    /// What the run did.
    pub(crate) fn summary(&self) -> Summary {
        let now = &self.reporter.now;
        Summary {
            rows_in: now.rows_in,
            rows_out: now.rows_out,
            rows_deleted: now.rows_deleted,
            skipped: now.skipped,
            epochs: now.epochs,
        }
    }

    /// Tells how the run ended.
    pub(crate) async fn report_end(&mut self, result: &Result<(), Error>) {
        self.publish();
        let Reporter { now, last_seen, commits_before, .. } = &mut self.reporter;
        if let Some(position) = &now.position {
            last_seen.write(*commits_before + now.epochs, position);
        }
        if let Err(error) = result {
            self.record_stop(error).await;
        }
    }

    /// Leaves the reason in the target for `status`; best effort, since the target may be the reason.
    async fn record_stop(&mut self, error: &Error) {
        if matches!(error, Error::MySql(rowmill_mysql::Error::Fenced { .. })) {
            return;
        }
        let reason = with_causes(error);
        // A commit that is still running holds the target; it ends by itself.
        let _ = tokio::time::timeout(DRAIN, self.wait_idle()).await;
        if let Some(target) = self.committer.target() {
            let recorded = target.record_stop(&reason).await;
            if let Err(failed) = recorded {
                tracing::debug!(error = %failed, "the reason of the stop could not be stored");
            }
        }
    }
}
