//! A start, from what was looked at to the loop: the state, where it begins, and last of all the claim.
//!
//! # Order
//!
//! The claim raises the fence, which ends the process that ran the pipeline until then. So everything that can
//! still fail comes before it: the state folder is read and found to go with the progress, the snapshot is taken
//! or resumed, and the stream of changes is opened at the place where it will be read from. Under the fence is
//! only what writes: the target, and the state's own records.
//!
//! # The process before goes on meanwhile
//!
//! It may move the position that was looked at. Then the stream, which was opened at the older place, first
//! passes over the changes in between: the target has them, exactly up to the position that the claim
//! answers (`replay`). Ranges of a snapshot that it finished are read twice, as after any interruption. If the
//! pipeline has entered another stage, the claim finds no such progress and the start looks again.

use std::sync::Arc;
use std::time::Instant;

use rowmill_change::Position;
use rowmill_mysql::binlog::{self, Changes, Images};
use rowmill_mysql::sink::{Progress, Sink, Takeover};
use rowmill_mysql::snapshot::{Snapshot, SnapshotProgress};
use rowmill_mysql::{Endpoint, TableDef};
use rowmill_state::Store;
use tokio::sync::watch;

use super::freshness::Freshness;
use super::{RunOptions, Worker, micros_now};
use crate::checkpoint::Checkpointer;
use crate::commit::Committer;
use crate::epoch::Filling;
use crate::error::Error;
use crate::last_seen::LastSeen;
use crate::manifest::{About, Manifest, state_folder};
use crate::prepare::Prepared;
use crate::replay;
use crate::replay::Beginning;
use crate::status::Status;
use rowmill_operators::aggregate::state::State;
use rowmill_operators::step::Overseer;
use rowmill_plan::{Existing, Mode, Plan, Start};

/// What is read of the source, opened.
struct Reading {
    /// Where the changes begin: at the snapshot, or where the target or the state is.
    from: Position,
    snapshot: Option<Snapshot>,
    /// Where no snapshot and no groups come first. Otherwise it is opened when they are written: a server
    /// does not wait with its events for as long as that takes.
    changes: Option<Changes>,
}

impl Worker {
    /// Gets everything ready, then takes the pipeline over; `None` if its progress is not what was looked at.
    pub(super) async fn claim(
        plan: Arc<Plan>,
        mut prepared: Prepared,
        state: State,
        options: RunOptions,
        status: watch::Sender<Status>,
    ) -> Result<Option<Self>, Error> {
        let first = first_progress(&prepared, options.rebuild.is_some())?;
        let found = match options.rebuild {
            Some(_) => first.clone(),
            None => prepared.expected.progress().unwrap_or(&first).clone(),
        };
        let goal = match options.until_caught_up {
            true => {
                let mut conn = prepared.source.connect().await?;
                Some(binlog::current_position(&mut conn, prepared.server.flavor).await?)
            }
            false => None,
        };
        let begins = match plan.has_aggregates() {
            true => Some(replay::begin(&plan, &state, &found, &prepared.digest).await?),
            false => None,
        };
        match &begins {
            Some(Beginning::Write(manifest) | Beginning::Replay(manifest, _)) => {
                attach(&mut prepared, &state, Some(manifest)).await?;
            }
            Some(Beginning::Fill) | None => {}
        }
        let opened_at = micros_now();
        let Reading { from, snapshot: begun, changes } = open(&plan, &mut prepared, &found, begins.as_ref()).await?;

        let takeover = options
            .rebuild
            .map_or(Takeover::GoOn, |rebuild| Takeover::StartOver { delete_extra: rebuild.delete_extra });
        let claimed =
            Sink::take_over(prepared.sink.clone(), prepared.targets(), first, takeover, &prepared.expected).await?;
        let Some((sink, progress)) = claimed else { return Ok(None) };
        if options.rebuild.is_some() {
            for table in rowmill_mysql::sink::abandoned(&prepared.sink, &prepared.targets()).await? {
                tracing::warn!(%table, "an earlier plan of this pipeline created and wrote this table, and this one does \
                    not: its rows stay as they are; DROP TABLE it if nobody needs them");
            }
        }

        let reached = progress.position.clone();
        let replay = match (&begins, reached, &changes) {
            (Some(Beginning::Replay(manifest, _)), Some(target), _) => Some((manifest.position.clone(), target)),
            (_, Some(target), Some(_)) if target.order(&from).is_ne() => Some((from.clone(), target)),
            _ => None,
        };
        // The target was set back in that moment.
        if replay.as_ref().is_some_and(|(from, target)| !target.reached(from)) {
            return Ok(None);
        }
        let shown = status.clone();
        let show = move |search| shown.send_modify(|status| status.search = search);
        let overseer = Overseer::new(options.stop.clone(), show);
        for (index, table) in prepared.tables.iter_mut().enumerate() {
            table.flow.oversee(&overseer);
            if progress.extras_left || progress.rebuilding {
                table.flow.last.overwrite();
            }
            if let Some(holds) = sink.holds(index) {
                table.hold(Arc::new(holds));
            }
        }
        let checkpointer = begins.is_some().then(|| {
            let (pipeline, incarnation) = (plan.name.clone(), progress.incarnation.clone());
            let plan_digest = prepared.digest.clone();
            Checkpointer::new(state.clone(), About { pipeline, incarnation, plan_digest })
        });
        if begins == Some(Beginning::Fill) {
            state.clear().await?;
            attach(&mut prepared, &state, None).await?;
        }
        let (last_seen, commits_before) = (LastSeen::open(&plan.name, &progress), progress.commits);
        let mut freshness = Freshness::stored(progress.age_seconds);
        if begun.is_some() {
            freshness.begin_snapshot(opened_at);
        }
        let stored = progress.aggregates.and_then(|stored| serde_json::from_value(stored).ok()).unwrap_or_default();
        let now = Status { pipeline: plan.name.clone(), ..Status::default() };
        let of_rows = begun.as_ref().filter(|_| begins.is_none());
        let converge_until = match of_rows.map(|snapshot| (snapshot.start(), snapshot.converged_at())) {
            Some((start, converged_at)) if start != converged_at => Some(converged_at.clone()),
            Some(_) => None,
            None => progress.converge_until,
        };
        Ok(Some(Self {
            target_is_fresh: plan.sink.existing == Existing::Refuse && begins == Some(Beginning::Fill),
            plan,
            prepared,
            committer: Committer::new(sink),
            filling: Filling::default(),
            snapshot: of_rows.map(|snapshot| snapshot.progress().clone()),
            begun,
            handed: replay.as_ref().map_or(from, |(_, target)| target.clone()),
            changes,
            replay,
            converge_until,
            began: Instant::now(),
            handed_at: None,
            freshness,
            goal,
            stop: options.stop,
            last_seen,
            commits_before,
            status,
            now,
            checkpointer,
            beginning: begins,
            stored,
            replay_from: None,
            storing_position: true,
            rebuilding: progress.rebuilding,
            delete_extra: progress.delete_extra,
            extras_left: progress.extras_left,
            written: None,
            changed_at: Instant::now(),
            held: false,
            in_step: false,
            finished: None,
        }))
    }
}

/// The progress of a first start, or of one that starts over.
fn first_progress(prepared: &Prepared, rebuilding: bool) -> Result<Progress, Error> {
    let source = serde_json::to_value(&prepared.server.identity)
        .map_err(|error| Error::internal(format!("the source's identity can't be stored: {error}")))?;
    // A start that isn't a snapshot is stored with the claim: a later one must not resolve it anew.
    let position = prepared.server.start.clone().filter(|_| !rebuilding);
    let (plan_digest, tables) = (prepared.digest.clone(), prepared.definitions.clone());
    Ok(Progress { plan_digest, source, tables, position, rebuilding, ..Progress::default() })
}

async fn attach(prepared: &mut Prepared, state: &State, manifest: Option<&Manifest>) -> Result<(), Error> {
    for table in &mut prepared.tables {
        let name = table.source.to_string();
        for aggregate in table.flow.aggregates_mut() {
            let part = manifest.and_then(|manifest| manifest.state(&name, &aggregate.id));
            aggregate.attach(state.clone(), part).await?;
        }
    }
    Ok(())
}

/// Opens what is read first, and sees that the changes after it can be had. (Bound steps can't be shared between
/// threads, so what is awaited here and below holds no reference to them.)
async fn open(
    plan: &Plan,
    prepared: &mut Prepared,
    found: &Progress,
    begins: Option<&Beginning>,
) -> Result<Reading, Error> {
    let (from, snapshot) = match (begins, &found.position, &found.snapshot) {
        (Some(Beginning::Write(manifest)), ..) => {
            open_changes(plan, prepared, manifest.position.clone()).await?;
            return Ok(Reading { from: manifest.position.clone(), snapshot: None, changes: None });
        }
        (Some(Beginning::Replay(manifest, _)), ..) => (manifest.position.clone(), None),
        (_, Some(_), Some(progress)) => {
            let snapshot = resume_snapshot(plan, prepared, progress.clone()).await?;
            (snapshot.start().clone(), Some(snapshot))
        }
        (_, Some(position), None) => (position.clone(), None),
        (_, None, _) if plan.source.start == Start::Snapshot => {
            let snapshot = begin_snapshot(plan, &prepared.source, prepared.definitions.clone()).await?;
            (snapshot.start().clone(), Some(snapshot))
        }
        (_, None, _) => {
            return Err(Error::Progress {
                pipeline: plan.name.clone(),
                what: "a start with a snapshot was interrupted before it stored a row".to_owned(),
                found: "a file that begins elsewhere by now".to_owned(),
                needed: "`start: snapshot`".to_owned(),
                choices: "write that again, or `rowmill reset FILE --drop-target` and then run".to_owned(),
            });
        }
    };
    let changes = open_changes(plan, prepared, from.clone()).await?;
    let changes = Some(changes).filter(|_| snapshot.is_none());
    Ok(Reading { from, snapshot, changes })
}

/// The changes after `from`.
pub(super) fn open_changes(
    plan: &Plan,
    prepared: &Prepared,
    from: Position,
) -> impl Future<Output = Result<Changes, Error>> + Send + use<> {
    let images = if plan.has_aggregates() { Images::Both } else { Images::After };
    let mut options = crate::source::changes_options(plan, &prepared.source, images);
    options.unread = prepared.server.unread.clone();
    let tables = prepared.reads();
    let identity = prepared.server.identity.clone();
    async move { Ok(Changes::open(options, tables, &identity, from).await?) }
}

/// Reads the ranges of a snapshot that are missing.
pub(super) fn resume_snapshot(
    plan: &Plan,
    prepared: &Prepared,
    progress: SnapshotProgress,
) -> impl Future<Output = Result<Snapshot, Error>> + Send + use<> {
    let appends = (plan.sink.mode == Mode::Append).then(|| Error::Progress {
        pipeline: plan.name.clone(),
        what: "the snapshot was interrupted, and an append sink can't tell which rows it has".to_owned(),
        found: "mode append".to_owned(),
        needed: "mode upsert, to resume".to_owned(),
        choices: "`rowmill reset FILE --drop-target`, then run again".to_owned(),
    });
    let options = crate::source::snapshot_options(plan, &prepared.source);
    let definitions = prepared.definitions.clone();
    async move {
        match appends {
            Some(error) => Err(error),
            None => Ok(Snapshot::resume(&options, &definitions, progress).await?),
        }
    }
}

/// The state store of a plan with aggregates. `rebuild`: one that is damaged makes room for another.
pub(super) async fn open_state(plan: &Plan, rebuild: bool) -> Result<State, Error> {
    if !plan.has_aggregates() {
        return Ok(State::default());
    }
    let folder = state_folder(plan)?;
    let opening = tokio::task::spawn_blocking(move || {
        let open = || Store::open(&folder, rowmill_state::Options::default());
        match open() {
            Err(error @ rowmill_state::Error::Damaged { .. }) if rebuild => {
                tracing::warn!(%error, "the state is made anew");
                rowmill_state::remove(&folder).and_then(|()| open())
            }
            opened => opened,
        }
    });
    let store = opening.await.map_err(|error| Error::internal(format!("opening the state ended: {error}")))?;
    Ok(State::new(store?))
}

/// Takes a snapshot.
async fn begin_snapshot(plan: &Plan, source: &Endpoint, definitions: Vec<TableDef>) -> Result<Snapshot, Error> {
    let options = crate::source::snapshot_options(plan, source);
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
