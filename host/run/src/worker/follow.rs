//! The stream of changes, up to where the pipeline is told to stop or has caught up.

use std::time::{Duration, Instant};

use rowmill_change::Position;
use rowmill_mysql::binlog::ChangeEvent;

use super::absorb::{Absorbed, absorb, meanwhile};
use super::{CAPTURE_PAUSE, DRAIN, Ended, POSITION_INTERVAL, Worker, claim, committed, micros_now, stopped};
use crate::checkpoint::Checkpointer;
use crate::epoch::{Close, Filling};
use crate::error::Error;
use crate::status::Phase;

impl Worker {
    /// Follows the changes until the end; first passes those that the target has already, which brings
    /// aggregates from the state's position to the target's.
    pub(super) async fn follow(&mut self, replay: Option<(Position, Position)>) -> Result<Ended, Error> {
        let mut changes = match self.changes.take() {
            Some(changes) => changes,
            None => claim::open_changes(&self.plan, &self.prepared, self.handed.clone()).await?,
        };
        if let Some((state, target)) = replay {
            if state.order(&target).is_ne() {
                changes.set_until(Some(target.clone()))?;
            }
            self.replay_from = Some(state);
            let stored = std::mem::take(&mut self.stored);
            if self.replay(&mut changes, &target, &stored).await? == Ended::Stopped {
                return Ok(Ended::Stopped);
            }
        }
        self.filling = Filling::resumed(self.handed.clone());
        self.in_step = true;
        self.changed_at = Instant::now();
        let mut drain: Option<Instant> = None;
        // A batch was given up; nothing can be read after it.
        let mut interrupted = false;
        loop {
            self.let_time_pass().await?;
            self.commit_if_due().await?;
            self.keep_state().await?;
            if self.caught_up() {
                return Ok(Ended::Complete);
            }
            let mut pause = self.idle_pause().unwrap_or(POSITION_INTERVAL);
            if let Some(since) = drain {
                if self.committer.is_idle() && self.filling.at_boundary() && self.filling.has_rows() {
                    self.start_commit(Close::Whole).await?;
                }
                let clean = self.committer.is_idle() && (self.filling.at_boundary() || interrupted);
                if clean || since.elapsed() > DRAIN {
                    return Ok(Ended::Stopped);
                }
                pause = DRAIN.saturating_sub(since.elapsed()) + Duration::from_millis(10);
            }
            // A piece of a checkpoint is captured between any two events.
            let capturing = self.checkpointer.as_ref().is_some_and(Checkpointer::can_capture);
            if capturing {
                pause = CAPTURE_PAUSE;
            }
            if let (Close::Later(left), true) = (self.close(), self.committer.is_idle()) {
                pause = pause.min(left);
            }
            let room = !self.filling.is_full(self.plan.epoch) || self.close() == Close::No;
            let draining = drain.is_some() && (self.filling.at_boundary() || interrupted);
            let hurried = drain.is_some() || self.filling.is_full(self.plan.epoch);
            if hurried && !self.filling.at_boundary() {
                changes.want_boundary();
            }
            let listening = room && !draining && !self.held;
            self.look_at_freshness(listening.then(|| changes.heard()));
            tokio::select! {
                biased;
                _ = stopped(&mut self.stop), if drain.is_none() => {
                    drain = Some(Instant::now());
                    self.phase(Phase::Stopping);
                }
                done = self.committer.finished() => { let (committed, about) = done?; self.note(&committed, &about); }
                done = committed(&mut self.checkpointer) => {
                    done?;
                    self.held = false;
                    self.prepared.tables.iter_mut().flat_map(|t| t.flow.aggregates_mut()).for_each(|a| a.end_checkpoint());
                }
                event = changes.next(), if listening => match self.add_changes(event?).await {
                    Err(Error::Operator(rowmill_operators::Error::Interrupted)) if self.checkpointer.is_none() => {
                        interrupted = true;
                        drain = Some(Instant::now());
                        self.phase(Phase::Stopping);
                    }
                    // Aggregates are somewhere in the midst of the batch: they are of no more use.
                    added => added?,
                },
                () = tokio::time::sleep(pause) => {}
            }
            self.now.retries += changes.take_lost();
            if drain.is_none() {
                let phase = match (&self.converge_until, self.filling.is_dry()) {
                    (Some(_), _) => Phase::Converging,
                    (None, true) => Phase::Streaming,
                    (None, false) if self.now.phase == Phase::Streaming => Phase::Streaming,
                    (None, false) => Phase::CatchingUp,
                };
                self.phase(phase);
            }
        }
    }

    async fn add_changes(&mut self, event: ChangeEvent) -> Result<(), Error> {
        match event {
            ChangeEvent::Position { position, commit_time, dry, idle } => {
                self.filling.reach(position, true, dry);
                self.filling.show(if idle { Some(micros_now()) } else { commit_time });
            }
            ChangeEvent::Rows { batches, position, boundary, dry } => {
                let absorbing = absorb(&self.plan, &mut self.prepared.tables, &batches, &position);
                let absorbed = meanwhile(absorbing, &mut self.committer, &mut self.finished).await;
                self.note_finished();
                for part in absorbed? {
                    self.now.rows_in += match part {
                        Absorbed::Rows { write, rows, skipped, newest } => {
                            self.filling.add(write, rows, skipped, newest);
                            rows
                        }
                        Absorbed::Groups { changes, skipped, bytes, newest } => {
                            self.changed_at = Instant::now();
                            self.filling.add_absorbed(changes, skipped, bytes, newest);
                            changes
                        }
                    };
                }
                self.filling.reach(position, boundary, dry);
            }
        }
        Ok(())
    }

    /// Starts a commit if the sink is idle and there is something that must be stored now.
    async fn commit_if_due(&mut self) -> Result<(), Error> {
        if !self.committer.is_idle() {
            return Ok(());
        }
        if let close @ (Close::Whole | Close::Split) = self.close() {
            return self.start_commit(close).await;
        }
        let Some(position) = self.filling.position.clone().filter(|_| self.filling.at_boundary()) else {
            return Ok(());
        };
        let converged = self.converge_until.as_ref().is_some_and(|until| position.reached(until));
        let at_goal = self.goal.as_ref().is_some_and(|goal| position.reached(goal) && !self.handed.reached(goal));
        // Where nothing moves, the target still shows a later moment of the source than it says.
        let newer = position != self.handed || self.freshness.is_news(self.filling.as_of);
        let moved = newer && self.handed_at.unwrap_or(self.began).elapsed() >= POSITION_INTERVAL;
        if moved || converged || at_goal {
            return self.start_commit(Close::Whole).await;
        }
        Ok(())
    }

    /// What may happen with the epoch now. Who waits for an end doesn't wait for company.
    fn close(&self) -> Close {
        let since = self.handed_at.filter(|_| self.goal.is_none()).map(|handed| handed.elapsed());
        self.filling.close(self.plan.epoch, since)
    }

    /// With `--until-caught-up`: all that the source had at the start is committed.
    fn caught_up(&self) -> bool {
        let reached = self.goal.as_ref().is_some_and(|goal| self.handed.reached(goal));
        reached && self.committer.is_idle() && self.converge_until.is_none()
    }
}
