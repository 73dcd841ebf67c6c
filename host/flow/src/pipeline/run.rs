//! The loop: read, run the steps, commit.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rowmill_mysql::binlog::{self, ChangeEvent, Changes, Images, Op};
use rowmill_mysql::sink::{Committed, Epoch, Progress, ProgressUpdate, Sink};
use rowmill_mysql::snapshot::{Snapshot, SnapshotBatch, SnapshotProgress};
use rowmill_mysql::{Endpoint, Position, TableDef};
use tokio::sync::watch;

use super::commit::{Committer, InFlight};
use super::epoch::{Close, Filling};
use super::prepare::{Prepared, prepare};
use super::witness::Witness;
use crate::chain;
use crate::components::Environment;
use crate::error::Error;
use crate::plan::{Mode, Pipeline, Start};
use crate::status::{Phase, Status};

/// Positions without rows of this pipeline are stored at most this often: with source and target on
/// one server each is itself a binlog event. A restart reads at most this much of the binlog again.
const POSITION_INTERVAL: Duration = Duration::from_secs(10);

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
    plan: Arc<Pipeline>,
    environment: Environment,
    options: RunOptions,
    status: watch::Sender<Status>,
) -> Result<Summary, Error> {
    status.send_modify(|status| status.pipeline.clone_from(&plan.name));
    let mut stop = options.stop.clone();
    // Boxed, since the compiler can't see through their borrows inside of select.
    let preparing: Starting<'_, Prepared> = Box::pin(prepare(&plan, &environment));
    let prepared = tokio::select! {
        biased;
        () = stopped(&mut stop) => return Ok(Summary::default()),
        prepared = preparing => prepared?,
    };
    let claiming: Starting<'_, Flow> = Box::pin(Flow::claim(plan, prepared, options, status));
    let mut flow = tokio::select! {
        biased;
        () = stopped(&mut stop) => return Ok(Summary::default()),
        flow = claiming => flow?,
    };
    let result = flow.run().await;
    flow.publish();
    if let Some(position) = &flow.now.position {
        flow.witness.write(flow.commits_before + flow.now.epochs, position);
    }
    if let Err(error) = &result {
        flow.record_stop(error).await;
    }
    result?;
    Ok(flow.summary())
}

type Starting<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

struct Flow {
    plan: Arc<Pipeline>,
    prepared: Prepared,
    committer: Committer,
    filling: Filling,
    /// What is done of the snapshot, those rows included that are not committed yet; `None` when complete.
    snapshot: Option<SnapshotProgress>,
    /// A snapshot that was begun by this process.
    begun: Option<Snapshot>,
    /// The target is consistent from here on.
    converge_until: Option<Position>,
    /// The last position handed to the sink.
    handed: Position,
    handed_at: Instant,
    /// Where `--until-caught-up` ends.
    goal: Option<Position>,
    stop: watch::Receiver<bool>,
    witness: Witness,
    /// Commits of earlier runs.
    commits_before: u64,
    status: watch::Sender<Status>,
    now: Status,
}

/// What ended a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Complete,
    Stopped,
}

impl Flow {
    async fn claim(
        plan: Arc<Pipeline>,
        prepared: Prepared,
        options: RunOptions,
        status: watch::Sender<Status>,
    ) -> Result<Self, Error> {
        let source = serde_json::to_value(&prepared.server.identity)
            .map_err(|error| Error::internal(format!("the source's identity can't be stored: {error}")))?;
        let (plan_digest, tables) = (prepared.digest.clone(), prepared.definitions());
        // A start that isn't a snapshot is stored with the claim: a later one must not resolve it anew.
        let position = prepared.server.start.clone();
        let first = Progress { plan_digest, source, tables, position, ..Progress::default() };
        let (sink, progress) = Sink::claim(prepared.sink.clone(), prepared.targets(), first).await?;
        let goal = match options.until_caught_up {
            true => {
                let mut conn = prepared.source.connect().await?;
                Some(binlog::current_position(&mut conn, prepared.server.flavor).await?)
            }
            false => None,
        };
        let (witness, commits_before) = (Witness::open(&plan.name, &progress), progress.commits);
        let mut begun = None;
        let (handed, snapshot) = match (progress.position, &plan.source.start) {
            (Some(position), _) => (position, progress.snapshot),
            (None, Start::Snapshot) => {
                let snapshot = begin_snapshot(&plan, &prepared.source, prepared.definitions()).await?;
                let (start, progress) = (snapshot.start().clone(), snapshot.progress().clone());
                begun = Some(snapshot);
                (start, Some(progress))
            }
            (None, _) => return Err(Error::internal("preflight found no position to start from")),
        };
        let now = Status { pipeline: plan.name.clone(), ..Status::default() };
        Ok(Self {
            plan,
            prepared,
            committer: Committer::new(sink),
            filling: Filling::default(),
            snapshot,
            begun,
            converge_until: progress.converge_until,
            handed,
            handed_at: Instant::now(),
            goal,
            stop: options.stop,
            witness,
            commits_before,
            status,
            now,
        })
    }

    async fn run(&mut self) -> Result<(), Error> {
        if self.snapshot.is_some() && self.read_snapshot().await? == Ended::Stopped {
            return Ok(());
        }
        self.follow().await?;
        Ok(())
    }

    /// Reads what is missing of the snapshot and commits it.
    async fn read_snapshot(&mut self) -> Result<Ended, Error> {
        let mut snapshot = match self.begun.take() {
            Some(snapshot) => snapshot,
            None => self.resume_snapshot().await?,
        };
        // The position and the (still empty) list of ranges are stored before the first row, so
        // that a crash from here on resumes this snapshot instead of beginning another one.
        self.filling.reach(self.handed.clone(), true, false);
        self.start_commit(Close::Whole)?;
        let total = snapshot.rows_estimate();
        tracing::info!(rows_estimate = total, position = %self.handed, "reading the snapshot");
        let mut ended = Ended::Complete;
        loop {
            let full = self.filling.is_full(self.plan.epoch);
            if full && self.committer.is_idle() {
                self.start_commit(Close::Whole)?;
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
        }
        if !self.wait_idle().await? {
            return Ok(Ended::Stopped);
        }
        self.filling.reach(self.handed.clone(), true, true);
        self.start_commit(Close::Whole)?;
        if !self.wait_idle().await? {
            return Ok(Ended::Stopped);
        }
        tracing::info!(rows = self.now.rows_in, ?ended, "snapshot");
        Ok(ended)
    }

    async fn resume_snapshot(&mut self) -> Result<Snapshot, Error> {
        let progress = self.snapshot.clone().ok_or_else(|| Error::internal("no snapshot to resume"))?;
        if self.plan.sink.mode == Mode::Append {
            return Err(Error::Progress {
                pipeline: self.plan.name.clone(),
                what: "the snapshot was interrupted, and an append sink can't tell which rows it has".to_owned(),
                found: "mode append".to_owned(),
                needed: "mode upsert, to resume".to_owned(),
                choices: "`rowmill reset FILE --drop-target`, then run again".to_owned(),
            });
        }
        let options = super::source::snapshot_options(&self.plan, &self.prepared.source);
        let snapshot = Snapshot::resume(&options, &self.prepared.definitions(), progress).await?;
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
            let events = self.prepared.tables[batch.table].chain.run(&changes, batch.table).await?;
            self.filling.add(events.write, rows as u64, events.skipped, None);
            self.now.rows_in += rows as u64;
        }
        if let Some(progress) = &mut self.snapshot {
            progress.finish(&batch.range);
        }
        Ok(())
    }

    /// Follows the changes until the end.
    async fn follow(&mut self) -> Result<Ended, Error> {
        let from = self.handed.clone();
        let identity = self.prepared.server.identity.clone();
        let options = super::source::changes_options(&self.plan, &self.prepared.source, Images::After);
        let tables = super::source::reads(&self.prepared.tables);
        let mut changes = Changes::open(options, tables, &identity, from).await?;
        self.filling = Filling::resumed(self.handed.clone());
        let mut drain: Option<Instant> = None;
        loop {
            self.commit_if_due()?;
            if self.caught_up() {
                return Ok(Ended::Complete);
            }
            let mut pause = POSITION_INTERVAL;
            if let Some(since) = drain {
                if self.committer.is_idle() && self.filling.at_boundary() && self.filling.has_rows() {
                    self.start_commit(Close::Whole)?;
                }
                let clean = self.committer.is_idle() && self.filling.at_boundary();
                if clean || since.elapsed() > DRAIN {
                    return Ok(Ended::Stopped);
                }
                pause = DRAIN.saturating_sub(since.elapsed()) + Duration::from_millis(10);
            }
            let room = !self.filling.is_full(self.plan.epoch) || self.filling.close(self.plan.epoch) == Close::No;
            let draining = drain.is_some() && self.filling.at_boundary();
            let hurried = drain.is_some() || self.filling.is_full(self.plan.epoch);
            if hurried && !self.filling.at_boundary() {
                changes.want_boundary();
            }
            tokio::select! {
                biased;
                _ = stopped(&mut self.stop), if drain.is_none() => {
                    drain = Some(Instant::now());
                    self.phase(Phase::Stopping);
                }
                done = self.committer.finished() => { let (committed, about) = done?; self.note(&committed, &about); }
                event = changes.next(), if room && !draining => self.add_changes(event?).await?,
                () = tokio::time::sleep(pause) => {}
            }
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
            ChangeEvent::Position { position, commit_time, dry } => {
                self.filling.reach(position, true, dry);
                self.filling.pass(commit_time);
            }
            ChangeEvent::Rows { batches, position, boundary, dry } => {
                for batch in batches {
                    let rows = batch.rows.num_rows() as u64;
                    let newest = batch.commit_time.iter().max().copied();
                    let changes = chain::Changes {
                        rows: &batch.rows,
                        ops: &batch.ops,
                        commit_time: &batch.commit_time,
                        position: &position,
                    };
                    let events = self.prepared.tables[batch.table].chain.run(&changes, batch.table).await?;
                    self.filling.add(events.write, rows, events.skipped, newest);
                    self.now.rows_in += rows;
                }
                self.filling.reach(position, boundary, dry);
            }
        }
        Ok(())
    }

    /// Starts a commit if the sink is idle and there is something that must be stored now.
    fn commit_if_due(&mut self) -> Result<(), Error> {
        if !self.committer.is_idle() {
            return Ok(());
        }
        let close = self.filling.close(self.plan.epoch);
        if close != Close::No {
            return self.start_commit(close);
        }
        let Some(position) = self.filling.position.clone().filter(|_| self.filling.at_boundary()) else {
            return Ok(());
        };
        let converged = self.converge_until.as_ref().is_some_and(|until| position.reached(until));
        let at_goal = self.goal.as_ref().is_some_and(|goal| position.reached(goal) && !self.handed.reached(goal));
        let moved = position != self.handed && self.handed_at.elapsed() >= POSITION_INTERVAL;
        if moved || converged || at_goal {
            return self.start_commit(Close::Whole);
        }
        Ok(())
    }

    fn start_commit(&mut self, close: Close) -> Result<(), Error> {
        let filled = self.filling.take();
        let position = filled.position.clone().unwrap_or_else(|| self.handed.clone());
        let converging = self.snapshot.is_some() || self.converge_until.is_some();
        if self.converge_until.as_ref().is_some_and(|until| self.snapshot.is_none() && position.reached(until)) {
            tracing::info!(%position, "the target has converged");
            self.converge_until = None;
        }
        // A transaction that is cut several times is one.
        let split = u64::from(close == Close::Split && !filled.began_inside);
        let update = ProgressUpdate {
            position: Some(position.clone()),
            snapshot: self.snapshot.clone(),
            converge_until: self.converge_until.clone(),
            converging,
            as_of: if self.filling.is_dry() { Some(micros_now()) } else { filled.commit_time },
            rows_in: filled.rows_in,
            skipped: filled.skipped,
            split_transactions: split,
        };
        self.now.skipped += filled.skipped;
        self.now.split_transactions += split;
        self.filling.position = Some(position.clone());
        self.handed = position;
        self.handed_at = Instant::now();
        let about = InFlight { commit_time: filled.commit_time, bytes: filled.bytes, dry: self.filling.is_dry() };
        self.committer.start(Epoch { writes: filled.writes, progress: update }, about)
    }

    /// Waits for the running commit; false if the pipeline is told to stop and the commit still
    /// doesn't end. Whether its epoch is in the target is then known to the next claim.
    async fn wait_idle(&mut self) -> Result<bool, Error> {
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

    /// With `--until-caught-up`: all that the source had at the start is committed.
    fn caught_up(&self) -> bool {
        let reached = self.goal.as_ref().is_some_and(|goal| self.handed.reached(goal));
        reached && self.committer.is_idle() && self.converge_until.is_none()
    }

    fn note(&mut self, committed: &Committed, about: &InFlight) {
        self.now.epochs += 1;
        self.now.rows_out += committed.rows_written;
        self.now.rows_deleted += committed.rows_deleted;
        let position = self.handed.to_string();
        self.witness.note(self.commits_before + self.now.epochs, &position);
        self.now.position = Some(position);
        let age = |time: i64| Duration::from_micros(u64::try_from(micros_now() - time).unwrap_or(0));
        self.now.lag = match about.commit_time {
            Some(time) => Some(age(time)),
            None if about.dry => Some(Duration::ZERO),
            None => self.now.lag,
        };
        self.publish();
    }

    fn phase(&mut self, phase: Phase) {
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
        self.now.steps = super::source::meters(&self.prepared.tables);
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
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            reason = format!("{reason}: {cause}");
            source = cause.source();
        }
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

async fn begin_snapshot(plan: &Pipeline, source: &Endpoint, definitions: Vec<TableDef>) -> Result<Snapshot, Error> {
    let options = super::source::snapshot_options(plan, source);
    let (snapshot, locked) = Snapshot::begin(&options, &definitions).await?;
    for (before, now) in definitions.iter().zip(&locked) {
        if let Some(difference) = before.difference(now) {
            return Err(rowmill_mysql::Error::SchemaChanged {
                table: before.name.clone(),
                statement: format!("a statement while the pipeline was starting ({difference})"),
                position: snapshot.start().clone(),
            }
            .into());
        }
    }
    Ok(snapshot)
}

/// Resolves when the pipeline shall stop; never if nobody can say so any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn micros_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}
