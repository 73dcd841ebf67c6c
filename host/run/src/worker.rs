//! The loop: read, run the steps, commit.

mod absorb;
mod claim;
mod follow;
mod freshness;
mod snapshot;
mod upkeep;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rowmill_change::{ChangeBatch, Op, Position};
use rowmill_mysql::binlog::Changes;
use rowmill_mysql::sink::{Committed, Epoch, ProgressUpdate};
use rowmill_mysql::snapshot::{Snapshot, SnapshotProgress};
use tokio::sync::watch;

use self::freshness::Freshness;
use crate::checkpoint::Checkpointer;
use crate::commit::{Committer, InFlight};
use crate::epoch::{Close, Filling};
use crate::error::{Error, with_causes};
use crate::last_seen::LastSeen;
use crate::prepare::{Prepared, Purpose, endpoints, prepare};
use crate::reconcile::Written;
use crate::replay::Beginning;
use crate::status::{AggregateStatus, CheckpointStatus, Phase, Status};
use rowmill_bind::{BoundTable, Environment};
use rowmill_operators::Progress::Live;
use rowmill_plan::problem::Problem;
use rowmill_plan::{Mode, Plan, Start};

/// Positions without rows of this pipeline are stored at most this often: with source and target on
/// one server each is itself a binlog event. A restart reads at most this much of the binlog again.
const POSITION_INTERVAL: Duration = Duration::from_secs(10);

/// Between two pieces of a checkpoint when there is nothing else to do.
const CAPTURE_PAUSE: Duration = Duration::from_millis(1);

/// How long a stop waits for the end of the source transaction that is being read; then what was
/// not committed is dropped, to be read again.
const DRAIN: Duration = Duration::from_secs(5);

/// How to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Stop when all that the source had at the start is committed.
    pub until_caught_up: bool,
    /// Becomes true when the pipeline shall stop.
    pub stop: watch::Receiver<bool>,
    /// Forget progress and state, read the source anew and reconcile the target with it.
    pub rebuild: Option<Rebuild>,
}

/// How to rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuild {
    /// Delete rows that the source does not give in every target: also in tables that the pipeline did not
    /// create, and under `existing: keep`.
    pub delete_extra: bool,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows and row changes read.
    pub rows_in: u64,
    /// Rows written.
    pub rows_out: u64,
    /// Rows deleted.
    pub rows_deleted: u64,
    /// Rows left out.
    pub skipped: u64,
    /// Epochs committed.
    pub epochs: u64,
}

/// Runs a pipeline until it is told to stop, has caught up (if asked), or fails.
pub async fn run(
    plan: Arc<Plan>,
    environment: Environment,
    options: RunOptions,
    status: watch::Sender<Status>,
) -> Result<Summary, Error> {
    status.send_modify(|status| status.pipeline.clone_from(&plan.name));
    if options.rebuild.is_some() {
        ensure_rebuildable(&plan)?;
    }
    let mut stop = options.stop.clone();
    let mut pause = Duration::from_millis(200);
    loop {
        let result = run_once(&plan, &environment, &options, &status).await;
        let Err(Error::SnapshotInterrupted(error)) = result else { return result };
        tracing::warn!(%error, "the snapshot was interrupted; beginning it anew when the source is back");
        if !is_back(&plan, &mut pause, &mut stop).await? {
            return Ok(Summary::default());
        }
    }
}

/// A rebuild finds the target's rows by their keys, and the source's in a snapshot.
fn ensure_rebuildable(plan: &Plan) -> Result<(), Error> {
    const ANEW: &str = "`rowmill reset FILE --drop-target`, then run again";
    let mut problems = Vec::new();
    if plan.sink.mode == Mode::Append {
        problems.push(
            Problem::configuration("an append sink can't be rebuilt: its rows have no key to find them by")
                .at("/sink/mode")
                .found("mode: append")
                .needed("mode: upsert")
                .fix(ANEW),
        );
    }
    if plan.source.start != Start::Snapshot {
        problems.push(
            Problem::configuration("a pipeline that does not begin with a snapshot can't be rebuilt")
                .at("/source/start")
                .needed("start: snapshot, since only the tables as they are say what the target has to hold")
                .fix(ANEW),
        );
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Plan(problems)) }
}

/// Waits until the source answers again, at first for `pause`; false if told to stop before.
async fn is_back(plan: &Plan, pause: &mut Duration, stop: &mut watch::Receiver<bool>) -> Result<bool, Error> {
    let (source, _) = endpoints(plan).map_err(Error::Plan)?;
    loop {
        tokio::select! {
            biased;
            () = stopped(stop) => return Ok(false),
            () = tokio::time::sleep(*pause) => *pause = (*pause * 2).min(POSITION_INTERVAL),
        }
        match source.connect().await {
            Ok(_) => return Ok(true),
            Err(error) if error.is_transient() => tracing::warn!(%error, "the source is not back yet"),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn run_once(
    plan: &Arc<Plan>,
    environment: &Environment,
    options: &RunOptions,
    status: &watch::Sender<Status>,
) -> Result<Summary, Error> {
    let mut stop = options.stop.clone();
    let state = claim::open_state(plan, options.rebuild.is_some()).await?;
    let purpose = if options.rebuild.is_some() { Purpose::Rebuild } else { Purpose::Run };
    let mut worker = loop {
        // Boxed, since the compiler can't see through their borrows inside of select.
        let preparing: Starting<'_, Prepared> = Box::pin(prepare(plan, environment, &state, purpose));
        let prepared = tokio::select! {
            biased;
            () = stopped(&mut stop) => return Ok(Summary::default()),
            prepared = preparing => prepared?,
        };
        let claiming: Starting<'_, Option<Worker>> =
            Box::pin(Worker::claim(Arc::clone(plan), prepared, state.clone(), options.clone(), status.clone()));
        let claimed = tokio::select! {
            biased;
            () = stopped(&mut stop) => return Ok(Summary::default()),
            claimed = claiming => claimed?,
        };
        match claimed {
            Some(worker) => break worker,
            None => tracing::info!("the progress changed while this start looked at it; looking again"),
        }
    };
    let result = match worker.run().await {
        // What is being committed ends; the rows that were looked into are read again.
        Err(Error::Operator(rowmill_operators::Error::Interrupted)) => worker.wait_idle().await.map(drop),
        result => result,
    };
    worker.publish();
    if let Some(position) = &worker.now.position {
        worker.last_seen.write(worker.commits_before + worker.now.epochs, position);
    }
    if let Err(error) = &result {
        worker.record_stop(error).await;
    }
    result?;
    Ok(worker.summary())
}

type Starting<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

pub(super) struct Worker {
    pub(super) plan: Arc<Plan>,
    pub(super) prepared: Prepared,
    committer: Committer,
    pub(super) filling: Filling,
    /// What is done of the snapshot, those rows included that are not committed yet; `None` when complete.
    snapshot: Option<SnapshotProgress>,
    /// A snapshot that was begun or resumed before the claim.
    pub(super) begun: Option<Snapshot>,
    /// The stream of changes, where it was opened before the claim.
    changes: Option<Changes>,
    /// Changes between these places are read again without being written: the target has them.
    replay: Option<(Position, Position)>,
    /// The target is consistent from here on.
    converge_until: Option<Position>,
    /// The last position handed to the sink.
    pub(super) handed: Position,
    began: Instant,
    /// None: the first epoch has no commit before it to keep its distance from.
    handed_at: Option<Instant>,
    freshness: Freshness,
    /// Where `--until-caught-up` ends.
    goal: Option<Position>,
    pub(super) stop: watch::Receiver<bool>,
    last_seen: LastSeen,
    /// Commits of earlier runs.
    commits_before: u64,
    status: watch::Sender<Status>,
    pub(super) now: Status,
    /// Of pipelines with aggregates.
    pub(super) checkpointer: Option<Checkpointer>,
    /// What the state folder asks for.
    beginning: Option<Beginning>,
    /// What the target's progress says of the aggregates.
    stored: Vec<AggregateStatus>,
    /// Where a replay begins.
    pub(super) replay_from: Option<Position>,
    /// Epochs store the position that they reach. Not those that write groups after a snapshot.
    pub(super) storing_position: bool,
    /// The target's rows may be left over from before.
    pub(super) rebuilding: bool,
    /// Those are deleted in every target.
    pub(super) delete_extra: bool,
    /// A rebuild left rows that the source does not give, so an insert can meet rows of its key.
    pub(super) extras_left: bool,
    /// What a rebuild has written, per table.
    written: Option<Vec<Written>>,
    /// The target can't hold a group yet.
    pub(super) target_is_fresh: bool,
    /// When a change was last seen, for event time that goes on without changes.
    changed_at: Instant,
    /// Nothing is read until the running checkpoint is in the store.
    held: bool,
    /// The aggregates are where the target is, or ahead of it by what is being filled.
    in_step: bool,
    /// A commit that ended while a batch was in the steps.
    finished: Option<(Committed, InFlight)>,
}

/// What ended a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Complete,
    Stopped,
}

impl Worker {
    async fn run(&mut self) -> Result<(), Error> {
        let beginning = self.beginning.take();
        let replay = self.replay.take();
        if beginning == Some(Beginning::Fill) && self.fill().await? == Ended::Stopped {
            return Ok(());
        }
        if matches!(beginning, Some(Beginning::Fill | Beginning::Write(_)))
            && self.write_groups().await? == Ended::Stopped
        {
            return Ok(());
        }
        if self.snapshot.is_some() && self.read_snapshot().await? == Ended::Stopped {
            return Ok(());
        }
        self.follow(replay).await?;
        // What is stored now is found by the next start without reading anything again.
        if let Some(checkpointer) = &mut self.checkpointer
            && self.committer.is_idle()
            && self.in_step
        {
            checkpointer.finish(&mut self.prepared.tables, u64::MAX).await?;
            if checkpointer.last.as_ref().is_none_or(|last| last.position != self.handed) && self.filling.is_clean() {
                checkpointer.take(&mut self.prepared.tables, self.handed.clone(), false).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn start_commit(&mut self, close: Close) -> Result<(), Error> {
        if self.checkpointer.is_some() && self.storing_position && self.beginning.is_none() {
            let position = self.filling.position.clone().unwrap_or_else(|| self.handed.clone());
            for table in 0..self.prepared.tables.len() {
                let events = self.prepared.tables[table].flow.close(Live, &position, table).await?;
                if let Some(events) = events {
                    self.filling.add_output(events.write, events.skipped);
                }
            }
        }
        let filled = self.filling.take();
        let position = filled.position.clone().unwrap_or_else(|| self.handed.clone());
        let converging = self.snapshot.is_some() || self.converge_until.is_some();
        if self.converge_until.as_ref().is_some_and(|until| self.snapshot.is_none() && position.reached(until)) {
            tracing::info!(%position, "the target has converged");
            self.converge_until = None;
        }
        // A transaction that is cut several times is one.
        let split = u64::from(close == Close::Split && !filled.began_inside);
        let aggregates = self.aggregates();
        let is_picture = self.storing_position && self.snapshot.is_none() && self.converge_until.is_none();
        let as_of = if is_picture { self.freshness.store(filled.as_of) } else { None };
        let update = ProgressUpdate {
            position: self.storing_position.then(|| position.clone()),
            snapshot: self.snapshot.clone().filter(|_| self.storing_position),
            converge_until: self.converge_until.clone().filter(|_| self.storing_position),
            converging: converging || !self.storing_position,
            as_of,
            rows_in: filled.rows_in,
            skipped: filled.skipped,
            split_transactions: split,
            aggregates: (!aggregates.is_empty()).then(|| serde_json::to_value(&aggregates).unwrap_or_default()),
            rebuilt: self.rebuilding && self.storing_position,
            extras_left: self.extras_left,
        };
        self.now.skipped += filled.skipped;
        self.now.split_transactions += split;
        self.filling.position = Some(position.clone());
        self.handed = position;
        self.handed_at = Some(Instant::now());
        let about = InFlight { as_of, bytes: filled.bytes };
        let epoch = Epoch { writes: filled.writes, removals: filled.removals, progress: update };
        self.committer.start(epoch, about)?;
        if let Some(checkpointer) = self.checkpointer.as_mut().filter(|_| self.storing_position)
            && (checkpointer.is_due() || self.held && !checkpointer.is_busy())
        {
            for aggregate in self.prepared.tables.iter_mut().flat_map(|table| table.flow.aggregates_mut()) {
                aggregate.sweep().await?;
            }
            checkpointer.begin(&mut self.prepared.tables, self.handed.clone(), self.now.epochs + 1, false);
        }
        Ok(())
    }

    /// Waits for the running commit; false if the pipeline is told to stop and the commit still
    /// doesn't end. Whether its epoch is in the target is then known to the next claim.
    pub(super) async fn wait_idle(&mut self) -> Result<bool, Error> {
        if self.committer.is_idle() {
            return Ok(true);
        }
        let mut stop = self.stop.clone();
        let given_up = async {
            stopped(&mut stop).await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            biased;
            done = self.committer.finished() => { let (committed, about) = done?; self.note(&committed, &about); Ok(true) }
            () = given_up => Ok(false),
        }
    }

    fn note_finished(&mut self) {
        if let Some((committed, about)) = self.finished.take() {
            self.note(&committed, &about);
        }
    }

    fn note(&mut self, committed: &Committed, about: &InFlight) {
        self.now.epochs += 1;
        self.now.rows_out += committed.rows_written;
        self.now.rows_deleted += committed.rows_deleted;
        self.now.retries += committed.retries;
        let position = self.handed.to_string();
        self.last_seen.note(self.commits_before + self.now.epochs, &position);
        self.now.position = Some(position);
        self.freshness.committed(about.as_of);
        self.publish();
    }

    pub(super) fn phase(&mut self, phase: Phase) {
        self.now.bytes_in_flight = self.filling.bytes as u64 + self.committer.bytes_in_flight();
        if self.now.phase != phase {
            let renamed = self.now.phase.name() != phase.name();
            self.now.phase = phase;
            if renamed {
                tracing::info!(phase = phase.name(), "phase");
            }
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.freshness.published(&mut self.now);
        self.now.steps = crate::source::meters(&self.prepared.tables);
        self.now.aggregates = self.aggregates();
        if let Some(taken) = self.checkpointer.as_ref().and_then(|checkpointer| checkpointer.last.as_ref()) {
            self.now.state_bytes = taken.bytes;
            self.now.checkpoint =
                Some(CheckpointStatus { position: taken.position.to_string(), at: taken.at, took: taken.took });
        }
        self.status.send_replace(self.now.clone());
    }

    fn summary(&self) -> Summary {
        let now = &self.now;
        Summary {
            rows_in: now.rows_in,
            rows_out: now.rows_out,
            rows_deleted: now.rows_deleted,
            skipped: now.skipped,
            epochs: now.epochs,
        }
    }

    /// Leaves the reason in the target for `status`; best effort, since the target may be the reason.
    async fn record_stop(&mut self, error: &Error) {
        if matches!(error, Error::MySql(rowmill_mysql::Error::Fenced { .. })) {
            return;
        }
        let reason = with_causes(error);
        // A commit that is still running holds the sink; it ends by itself.
        let _ = tokio::time::timeout(DRAIN, self.wait_idle()).await;
        if let Some(sink) = self.committer.sink() {
            let recorded = sink.record_stop(&reason).await;
            if let Err(failed) = recorded {
                tracing::debug!(error = %failed, "the reason of the stop could not be stored");
            }
        }
    }
}

/// Waits for the checkpoint that is being committed, if any.
async fn committed(checkpointer: &mut Option<Checkpointer>) -> Result<(), Error> {
    match checkpointer {
        Some(checkpointer) => checkpointer.committed().await,
        None => std::future::pending().await,
    }
}

/// Rows of an append-only source are never changed.
fn ensure_append_only(plan: &Plan, batch: &ChangeBatch, table: &BoundTable) -> Result<(), Error> {
    if !plan.source.append_only || batch.ops.iter().all(|op| *op == Op::Insert) {
        return Ok(());
    }
    Err(Error::Plan(vec![
        Problem::configuration(format!("a row of {} was updated or deleted", table.source))
            .at("/source/append_only")
            .found("append_only: true")
            .needed("a table whose rows are only inserted")
            .fix("take `append_only` out, use functions that can retract, and start over: rowmill run FILE --rebuild"),
    ]))
}

/// Resolves when the pipeline shall stop; never if nobody can say so any more.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

pub(super) fn micros_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}
