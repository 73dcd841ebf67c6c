//! The stream of changes, up to where the pipeline is told to stop or has caught up; and how it comes to rest.

use std::time::Instant;

use rowmill_change::{ChangeEvent, Position};

use super::{AnyChanges, Next, Phase};
use crate::checkpoint::Checkpointer;
use crate::decide::{Action, Draining, Facts, POSITION_INTERVAL, decide};
use crate::epoch::Filling;
use crate::error::Error;
use crate::start::stopped;
use crate::worker::{Absorbed, Storing, TELL_EVERY, Worker, absorb, meanwhile};
use rowmill_observe as status;

/// Changes are followed.
pub(crate) struct Follow {
    pub(crate) changes: Box<AnyChanges>,
    /// The target is a picture of the source from here on; `None`: it is one.
    pub(crate) converge: Option<Position>,
}

/// What was begun is brought to an end: the source transaction that is being read, and its commit.
pub(crate) struct Drain {
    changes: Box<AnyChanges>,
    converge: Option<Position>,
    since: Instant,
    /// A batch was given up; nothing can be read after it.
    interrupted: bool,
}

/// What a turn came to.
enum Turn {
    Again,
    /// The pipeline was told to stop.
    Stop {
        interrupted: bool,
    },
    End,
}

impl Follow {
    pub(super) async fn run(self, worker: &mut Worker) -> Result<Next, Error> {
        let Self { mut changes, mut converge } = self;
        worker.filling = Filling::resumed(worker.handed.clone());
        worker.changed_at = worker.clock.now();
        loop {
            match worker.turn(&mut *changes, &mut converge, None).await? {
                Turn::Again => {
                    let phase = match (&converge, worker.filling.is_dry()) {
                        (Some(_), _) => status::Phase::Converging,
                        (None, true) => status::Phase::Streaming,
                        (None, false) if worker.reporter.now.phase == status::Phase::Streaming => {
                            status::Phase::Streaming
                        }
                        (None, false) => status::Phase::CatchingUp,
                    };
                    worker.show(phase);
                }
                Turn::Stop { interrupted } => {
                    let since = worker.clock.now();
                    return Ok(Phase::Drain(Drain { changes, converge, since, interrupted }).into());
                }
                Turn::End => break,
            }
        }
        worker.checkpoint_the_end().await?;
        Ok(Next::End)
    }
}

impl Drain {
    pub(super) async fn run(self, worker: &mut Worker) -> Result<Next, Error> {
        let Self { mut changes, mut converge, mut since, mut interrupted } = self;
        worker.show(status::Phase::Stopping);
        loop {
            let draining = Draining { since: worker.clock.since(since), interrupted };
            match worker.turn(&mut *changes, &mut converge, Some(draining)).await? {
                Turn::Again => {}
                // The batch is not in the epoch, and the stream is behind it: nothing after it may be read.
                Turn::Stop { interrupted: batch } => (since, interrupted) = (worker.clock.now(), interrupted || batch),
                Turn::End => break,
            }
        }
        worker.checkpoint_the_end().await?;
        Ok(Next::End)
    }
}

impl Worker {
    /// Does what is next, and answers what came of it.
    async fn turn(
        &mut self,
        changes: &mut AnyChanges,
        converge: &mut Option<Position>,
        draining: Option<Draining>,
    ) -> Result<Turn, Error> {
        let facts = Facts {
            position_due: self.position_due(converge.as_ref()) || self.checkpoint_wanted(),
            caught_up: converge.is_none() && self.goal.as_ref().is_some_and(|goal| self.handed.reached(goal)),
            draining,
            state: self.state_facts(),
            ..self.facts()
        };
        let (listens, pause) = match decide(&facts) {
            Action::Commit(close) => {
                self.start_commit(close, Storing::Reached { converge }).await?;
                return Ok(Turn::Again);
            }
            Action::Capture => {
                self.capture().await?;
                return Ok(Turn::Again);
            }
            Action::MakeRoom => {
                self.make_room().await?;
                return Ok(Turn::Again);
            }
            Action::LetTimePass(passed) => {
                self.let_time_pass(passed, converge).await?;
                return Ok(Turn::Again);
            }
            Action::End => return Ok(Turn::End),
            Action::Read(pause) => (true, pause),
            Action::Hold(pause) => (false, pause),
        };
        if (facts.draining.is_some() || facts.full) && !facts.at_boundary {
            changes.want_boundary();
        }
        self.look_at_freshness(listens.then(|| changes.heard()), converge.is_some());
        let pause = if self.reporter.untold { pause.min(TELL_EVERY) } else { pause };
        let mut turn = Turn::Again;
        tokio::select! {
            biased;
            () = stopped(&mut self.stop), if draining.is_none() => turn = Turn::Stop { interrupted: false },
            done = self.committer.finished() => { let (committed, about) = done?; self.note(&committed, &about); }
            done = Worker::checkpoint_committed(&mut self.checkpointer) => { done?; self.checkpointed(); }
            command = self.commands.next(), if draining.is_none() => {
                self.commands.note(command, self.checkpointer.is_some());
            }
            event = changes.next(), if listens => match self.add_changes(event?).await {
                Err(Error::Operator(rowmill_operators::Error::Interrupted)) if self.checkpointer.is_none() => {
                    turn = Turn::Stop { interrupted: true };
                }
                // Aggregates are somewhere in the midst of the batch: they are of no more use.
                added => added?,
            },
            () = tokio::time::sleep(pause) => {}
        }
        self.waited();
        self.reporter.now.retries += changes.take_lost();
        Ok(turn)
    }

    /// What is known of the epoch and of the commit before it.
    pub(crate) fn facts(&self) -> Facts {
        let filling = &self.filling;
        // Who waits for an end doesn't wait for company.
        let since = self.since_commit().filter(|_| self.goal.is_none());
        Facts {
            can_commit: self.committer.is_idle(),
            close: filling.close(self.plan.epoch, since),
            has_rows: filling.has_rows(),
            full: filling.is_full(self.plan.epoch),
            at_boundary: filling.at_boundary(),
            dry: filling.is_dry(),
            position_due: false,
            caught_up: false,
            draining: None,
            state: None,
        }
    }

    /// Whether a checkpoint is asked for and can begin with the next epoch.
    fn checkpoint_wanted(&self) -> bool {
        let busy = self.checkpointer.as_ref().is_none_or(Checkpointer::is_busy);
        !busy && self.commands.want_checkpoint()
    }

    /// Whether the position has to be stored, with rows or without.
    fn position_due(&self, converge: Option<&Position>) -> bool {
        let Some(position) = &self.filling.position else { return false };
        let converged = converge.is_some_and(|until| position.reached(until));
        let at_goal = self.goal.as_ref().is_some_and(|goal| position.reached(goal) && !self.handed.reached(goal));
        let last = self.handed_at.unwrap_or(self.began);
        // Where nothing moves, the target still shows a later moment of the source than it says.
        let moved = || *position != self.handed || self.reporter.freshness.is_news(self.filling.as_of);
        converged || at_goal || self.clock.since(last) >= POSITION_INTERVAL && moved()
    }

    async fn add_changes(&mut self, event: ChangeEvent) -> Result<(), Error> {
        match event {
            ChangeEvent::Position { position, commit_time, dry, idle } => {
                self.filling.reach(position, true, dry);
                self.filling.show(if idle { Some(self.clock.micros()) } else { commit_time });
            }
            ChangeEvent::Rows { batches, position, boundary, dry } => {
                let absorbing = absorb(&self.plan, &mut self.bound, &batches, &position);
                let absorbed = meanwhile(absorbing, &mut self.committer, &mut self.finished).await;
                self.note_finished();
                let Absorbed { written, rows, bytes, newest, into_state } = absorbed?;
                if into_state {
                    self.changed_at = self.clock.now();
                }
                self.reporter.now.rows_in += rows;
                self.filling.add_read(rows, bytes, newest);
                self.filling.add_output(written);
                self.filling.reach(position, boundary, dry);
            }
        }
        Ok(())
    }
}
