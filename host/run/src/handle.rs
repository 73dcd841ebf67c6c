//! A running pipeline from outside: what it can be told, and what it tells.
//!
//! A [`Handle`] is for whoever started the pipeline, its [`Control`] for the run. A wish to stop is seen in every phase; a
//! command waits until the pipeline follows its source, which is when it can be carried out. When the run ends, its
//! control goes with it, and whoever still waits for an answer hears so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot, watch};

use rowmill_observe::{CheckpointStatus, Status};

/// Commands that wait for their turn; who gives more waits, too.
const COMMANDS_WAITING: usize = 16;

/// A pipeline that runs, for whoever tells it what to do. Clones are of the same one.
#[derive(Clone, Debug)]
pub struct Handle {
    stop: watch::Sender<bool>,
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
    stateless: Arc<AtomicBool>,
}

/// The other end of a [`Handle`], for [`run`](crate::run).
#[derive(Debug)]
pub struct Control {
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) status: watch::Sender<Status>,
    commands: Arc<Mutex<mpsc::Receiver<Command>>>,
    /// There is nothing to take a checkpoint of.
    stateless: Arc<AtomicBool>,
}

/// What a pipeline is told to do, with where the answer goes.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take a checkpoint now.
    Checkpoint(oneshot::Sender<Result<CheckpointStatus, Refused>>),
}

/// Why a command was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is nothing to take a checkpoint of.
    #[error("the pipeline has no aggregate, so it keeps no state")]
    NoState,
    /// The run ended first.
    #[error("the pipeline ended before it could do so")]
    Ended,
}

/// A handle and its control.
pub fn handle() -> (Handle, Control) {
    let (stop, stopped) = watch::channel(false);
    let (status, shown) = watch::channel(Status::default());
    let (commands, given) = mpsc::channel(COMMANDS_WAITING);
    let stateless: Arc<AtomicBool> = Arc::default();
    let commands_given = Arc::new(Mutex::new(given));
    let control = Control { stop: stopped, status, commands: commands_given, stateless: Arc::clone(&stateless) };
    (Handle { stop, commands, status: shown, stateless }, control)
}

impl Handle {
    /// Tells the pipeline to finish its epoch, commit it and end. Returns at once.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Whether it was told to.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Takes a checkpoint of the aggregates, and waits until it is in the store. A start from there reads nothing again
    /// that was committed before. Waits for the end of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Refused`], if there is no state, or the run ends before.
    pub async fn checkpoint(&self) -> Result<CheckpointStatus, Refused> {
        if self.stateless.load(Ordering::SeqCst) {
            return Err(Refused::NoState);
        }
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Checkpoint(answer)).await.map_err(|_| Refused::Ended)?;
        answered.await.unwrap_or(Err(Refused::Ended))
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// The same, with a word at every change.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}

impl Control {
    /// The pipeline has no state: commands about it are answered at once, those that were given before included.
    pub(crate) async fn has_no_state(&self) {
        self.stateless.store(true, Ordering::SeqCst);
        let mut commands = self.commands().await;
        while let Ok(command) = commands.given.try_recv() {
            commands.note(command, false);
        }
    }

    /// The commands, for one worker at a time.
    pub(crate) async fn commands(&self) -> Commands {
        Commands { given: Arc::clone(&self.commands).lock_owned().await, asked: Vec::new(), begun: Vec::new() }
    }
}

/// Commands as a worker gets them, and those that it has not answered yet.
pub(crate) struct Commands {
    given: OwnedMutexGuard<mpsc::Receiver<Command>>,
    /// Want a checkpoint that has not begun.
    asked: Vec<oneshot::Sender<Result<CheckpointStatus, Refused>>>,
    /// Want the one that is under way.
    begun: Vec<oneshot::Sender<Result<CheckpointStatus, Refused>>>,
}

impl Commands {
    /// The next command; never if nobody is left who could give one. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Command {
        match self.given.recv().await {
            Some(command) => command,
            None => std::future::pending().await,
        }
    }

    /// Notes a command. `has_state`: there is something to take a checkpoint of.
    pub(crate) fn note(&mut self, command: Command, has_state: bool) {
        match command {
            Command::Checkpoint(answer) if has_state => self.asked.push(answer),
            // Who asked and went away needs no answer.
            Command::Checkpoint(answer) => drop(answer.send(Err(Refused::NoState))),
        }
    }

    /// Whether a checkpoint is asked for that has not begun.
    pub(crate) fn want_checkpoint(&self) -> bool {
        !self.asked.is_empty()
    }

    /// A checkpoint begins, of all that was committed when it was asked for.
    pub(crate) fn checkpoint_begins(&mut self) {
        self.begun.append(&mut self.asked);
    }

    /// It is in the store.
    pub(crate) fn checkpoint_ends(&mut self, taken: &CheckpointStatus) {
        for answer in self.begun.drain(..) {
            drop(answer.send(Ok(taken.clone())));
        }
    }
}
