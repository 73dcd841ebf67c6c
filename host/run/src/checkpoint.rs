//! The running checkpoint: captured between batches, written behind them, committed after the target.
//!
//! # Order
//!
//! 1. An epoch closes at position A and is handed to the sink. That is the barrier: what changed
//!    since the last checkpoint is marked.
//! 2. Marked groups are captured, a piece between any two batches, and each before it changes again.
//!    A task of its own writes the pieces; when it is behind, nothing is captured for a while.
//! 3. When all is captured *and the sink has committed the epoch*, the checkpoint is committed. So the
//!    state on disk is never ahead of the target, unless the target was set back.
//!
//! Nothing else may write to the store between 1 and 3: a group that left the memory then would be on
//! disk as it is after A. So groups leave only while no checkpoint is under way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use rowmill_change::Position;
use rowmill_state::Writes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::manifest::{About, Manifest};
use crate::clock::Clock;
use crate::error::Error;
use rowmill_operators::Graph;
use rowmill_operators::aggregate::GROUPS_PER_WRITE as RECORDS_PER_WRITE;
use rowmill_operators::aggregate::state::State;

/// How much of the stream a restart reads again at most, in time.
const INTERVAL: Duration = Duration::from_secs(10);
/// Entries captured between two batches, as many as one call of a component takes: some milliseconds of
/// work, by which a change can be late.
const PIECE: usize = 8_192;
/// Pieces that wait for the disk.
const PIECES_WAITING: usize = 4;

/// How often, and how much at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// From the beginning of one to that of the next.
    pub(crate) interval: Duration,
    /// Entries captured between two batches.
    pub(crate) piece: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: INTERVAL, piece: PIECE }
    }
}

/// Takes checkpoints, one at a time.
pub(crate) struct Checkpointer {
    state: State,
    about: About,
    pace: Pace,
    clock: Clock,
    phase: Phase,
    begun: Instant,
    /// The newest checkpoint of this run.
    pub(crate) last: Option<Taken>,
}

/// A checkpoint that is in the store.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) position: Position,
    pub(crate) at: SystemTime,
    /// From the barrier to the store.
    pub(crate) took: Duration,
    /// The store's size on disk.
    pub(crate) bytes: u64,
}

enum Phase {
    Idle,
    Capturing(Box<Pending>),
    Committing(Box<Pending>, JoinHandle<Result<u64, Error>>),
}

struct Pending {
    manifest: Manifest,
    /// Commits of the sink after which the target has the epoch.
    covered_by: u64,
    removals: Vec<Writes>,
    pieces: mpsc::Sender<Vec<Writes>>,
    writer: JoinHandle<Result<(), Error>>,
    /// A piece that the writer had no room for.
    held: Option<Vec<Writes>>,
    complete: bool,
}

impl Checkpointer {
    pub(crate) fn new(state: State, about: About, pace: Pace, clock: Clock) -> Self {
        Self { state, about, pace, begun: clock.now(), clock, phase: Phase::Idle, last: None }
    }

    /// Whether one should begin.
    pub(crate) fn is_due(&self) -> bool {
        matches!(self.phase, Phase::Idle) && self.clock.since(self.begun) >= self.pace.interval
    }

    /// Whether one is under way.
    pub(crate) fn is_busy(&self) -> bool {
        !matches!(self.phase, Phase::Idle)
    }

    /// Whether there is something to capture right now.
    pub(crate) fn can_capture(&self) -> bool {
        matches!(&self.phase, Phase::Capturing(pending) if !pending.complete || pending.held.is_some())
    }

    /// A barrier at `position`. `covered_by`: the number of commits of the sink after which the target
    /// has everything up to there.
    pub(crate) fn begin(&mut self, graph: &mut Graph, position: Position, covered_by: u64, pending: bool) {
        let manifest = Manifest::of(graph, &self.about, position, pending);
        let removals = graph.aggregates_mut().flat_map(|aggregate| aggregate.begin_checkpoint()).collect();
        let (pieces, mut waiting) = mpsc::channel::<Vec<Writes>>(PIECES_WAITING);
        let state = self.state.clone();
        let writer = tokio::spawn(async move {
            let mut gathered = Gathered::default();
            while let Some(piece) = waiting.recv().await {
                gathered.add(piece);
                if gathered.entries >= RECORDS_PER_WRITE {
                    state.write(gathered.take()).await?;
                }
            }
            state.write(gathered.take()).await?;
            Ok(())
        });
        self.begun = self.clock.now();
        self.phase = Phase::Capturing(Box::new(Pending {
            manifest,
            covered_by,
            removals,
            pieces,
            writer,
            held: None,
            complete: false,
        }));
    }

    /// Captures a piece, if the disk keeps up.
    async fn capture(&mut self, graph: &mut Graph) -> Result<(), Error> {
        let Phase::Capturing(pending) = &mut self.phase else { return Ok(()) };
        if !pending.send()? || pending.complete {
            return Ok(());
        }
        let mut piece = Vec::new();
        pending.complete = true;
        for aggregate in graph.aggregates_mut() {
            let captured = aggregate.capture(self.pace.piece).await?;
            piece.extend(captured.writes);
            pending.complete &= captured.complete;
        }
        pending.held = (!piece.is_empty()).then_some(piece);
        pending.send()?;
        Ok(())
    }

    /// Goes on as far as it can without waiting. `commits`: what the sink has committed by now.
    pub(crate) async fn advance(&mut self, graph: &mut Graph, commits: u64) -> Result<(), Error> {
        self.capture(graph).await?;
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Capturing(pending)
                if pending.complete && pending.held.is_none() && commits >= pending.covered_by =>
            {
                self.commit(pending);
            }
            other => self.phase = other,
        }
        Ok(())
    }

    fn commit(&mut self, mut pending: Box<Pending>) {
        let (state, removals) = (self.state.clone(), std::mem::take(&mut pending.removals));
        let manifest = pending.manifest.bytes();
        // The writer ends when there is nobody left who could send.
        let (closed, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut pending.pieces, closed));
        let writer = std::mem::replace(&mut pending.writer, tokio::spawn(async { Ok(()) }));
        let task = tokio::spawn(async move {
            writer.await.map_err(|error| Error::internal(format!("the state's writer ended: {error}")))??;
            state.commit(removals, manifest?).await?;
            Ok(state.bytes_on_disk().await?)
        });
        self.phase = Phase::Committing(pending, task);
    }

    /// Waits until the checkpoint is in the store; never resolves when none is being committed.
    /// Cancel-safe.
    pub(crate) async fn committed(&mut self) -> Result<(), Error> {
        let Phase::Committing(_, task) = &mut self.phase else { return std::future::pending().await };
        let joined = task.await;
        if let Phase::Committing(pending, _) = std::mem::replace(&mut self.phase, Phase::Idle) {
            let bytes = joined.map_err(|error| Error::internal(format!("the checkpoint task ended: {error}")))??;
            let took = self.clock.since(self.begun);
            tracing::debug!(position = %pending.manifest.position, took_ms = took.as_millis() as u64, "checkpoint");
            self.last = Some(Taken { position: pending.manifest.position, at: self.clock.moment(), took, bytes });
        }
        Ok(())
    }

    /// Takes a whole checkpoint of what the target has, waiting for it.
    pub(crate) async fn take(&mut self, graph: &mut Graph, position: Position, pending: bool) -> Result<(), Error> {
        self.begin(graph, position, 0, pending);
        self.finish(graph, u64::MAX).await
    }

    /// Finishes the running checkpoint, waiting for it. The sink has committed its epoch.
    pub(crate) async fn finish(&mut self, graph: &mut Graph, commits: u64) -> Result<(), Error> {
        while self.is_busy() {
            if let Phase::Capturing(pending) = &mut self.phase
                && let Some(piece) = pending.held.take()
                && pending.pieces.send(piece).await.is_err()
            {
                return Err(pending.writer_failed().await);
            }
            self.advance(graph, commits).await?;
            if matches!(self.phase, Phase::Committing(..)) {
                self.committed().await?;
                graph.aggregates_mut().for_each(|a| a.end_checkpoint());
            }
        }
        Ok(())
    }
}

/// Pieces on their way to the disk, put together: in key order and many at once neighbours are written
/// together.
#[derive(Default)]
struct Gathered {
    tables: BTreeMap<String, Writes>,
    entries: usize,
}

impl Gathered {
    fn add(&mut self, piece: Vec<Writes>) {
        for writes in piece {
            self.entries += writes.entries.len();
            match self.tables.get_mut(&writes.table) {
                Some(known) => known.entries.extend(writes.entries),
                None => drop(self.tables.insert(writes.table.clone(), writes)),
            }
        }
    }

    fn take(&mut self) -> Vec<Writes> {
        self.entries = 0;
        let mut all: Vec<Writes> = std::mem::take(&mut self.tables).into_values().collect();
        all.iter_mut().for_each(|writes| writes.entries.sort_by(|a, b| a.0.cmp(&b.0)));
        all
    }
}

impl Pending {
    /// Hands the held piece to the writer. False if the writer is behind.
    fn send(&mut self) -> Result<bool, Error> {
        let Some(piece) = self.held.take() else { return Ok(true) };
        match self.pieces.try_send(piece) {
            Ok(()) => Ok(true),
            Err(mpsc::error::TrySendError::Full(piece)) => {
                self.held = Some(piece);
                Ok(false)
            }
            // Its error comes with the commit.
            Err(mpsc::error::TrySendError::Closed(_)) => Ok(true),
        }
    }

    async fn writer_failed(&mut self) -> Error {
        match (&mut self.writer).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) => Error::internal("the state's writer ended early"),
            Err(error) => Error::internal(format!("the state's writer ended: {error}")),
        }
    }
}
