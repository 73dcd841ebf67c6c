//! Taking a pipeline over: its state, its progress in the target, and where it begins.

use std::sync::Arc;
use std::time::Instant;

use rowmill_mysql::sink::{Progress, Sink};
use rowmill_mysql::snapshot::Snapshot;
use rowmill_mysql::{Endpoint, TableDef, binlog};
use rowmill_state::Store;
use tokio::sync::watch;

use super::freshness::Freshness;
use super::{Flow, RunOptions};
use crate::aggregate::state::State;
use crate::error::Error;
use crate::pipeline::checkpoint::Checkpointer;
use crate::pipeline::commit::Committer;
use crate::pipeline::epoch::Filling;
use crate::pipeline::manifest::{About, state_folder};
use crate::pipeline::prepare::Prepared;
use crate::pipeline::replay;
use crate::pipeline::replay::Beginning;
use crate::pipeline::witness::Witness;
use crate::plan::{Existing, Pipeline, Start};
use crate::status::Status;
use crate::step::Overseer;

impl Flow {
    pub(super) async fn claim(
        plan: Arc<Pipeline>,
        mut prepared: Prepared,
        state: State,
        options: RunOptions,
        status: watch::Sender<Status>,
    ) -> Result<Self, Error> {
        let source = serde_json::to_value(&prepared.server.identity)
            .map_err(|error| Error::internal(format!("the source's identity can't be stored: {error}")))?;
        let (plan_digest, tables) = (prepared.digest.clone(), prepared.definitions());
        // A start that isn't a snapshot is stored with the claim: a later one must not resolve it anew.
        let position = prepared.server.start.clone();
        let first = Progress { plan_digest, source, tables, position, ..Progress::default() };
        let (sink, progress) = match options.rebuild {
            true => {
                Sink::rebuild(prepared.sink.clone(), prepared.targets(), Progress { position: None, ..first }).await?
            }
            false => Sink::claim(prepared.sink.clone(), prepared.targets(), first).await?,
        };
        let overseer = Overseer::new(options.stop.clone(), status.clone());
        for (index, table) in prepared.tables.iter_mut().enumerate() {
            table.flow.oversee(&overseer);
            if let Some(holds) = sink.holds(index) {
                table.hold(holds);
            }
        }
        let goal = match options.until_caught_up {
            true => {
                let mut conn = prepared.source.connect().await?;
                Some(binlog::current_position(&mut conn, prepared.server.flavor).await?)
            }
            false => None,
        };
        let (witness, commits_before) = (Witness::open(&plan.name, &progress), progress.commits);
        let mut beginning = None;
        let mut checkpointer = None;
        if plan.has_aggregates() {
            let about = About {
                pipeline: plan.name.clone(),
                incarnation: progress.incarnation.clone(),
                plan_digest: prepared.digest.clone(),
            };
            let begins = replay::begin(&plan, &state, &progress, &about).await?;
            if begins == Beginning::Fill {
                state.clear().await?;
            }
            let manifest = match &begins {
                Beginning::Fill => None,
                Beginning::Write(manifest) | Beginning::Replay(manifest, _) => Some(manifest),
            };
            for table in &mut prepared.tables {
                let name = table.source.name.to_string();
                for aggregate in table.flow.aggregates_mut() {
                    let part = manifest.and_then(|manifest| manifest.state(&name, &aggregate.id));
                    aggregate.attach(state.clone(), part).await?;
                }
            }
            checkpointer = Some(Checkpointer::new(state, about));
            beginning = Some(begins);
        }
        let mut begun = None;
        let mut freshness = Freshness::stored(progress.age_seconds);
        let (handed, snapshot) = match (&beginning, progress.position, &plan.source.start) {
            (Some(Beginning::Write(manifest)), ..) => (manifest.position.clone(), None),
            (_, Some(position), _) => (position, progress.snapshot),
            (_, None, Start::Snapshot) => {
                freshness.begin_snapshot();
                let snapshot = begin_snapshot(&plan, &prepared.source, prepared.definitions()).await?;
                let (start, progress) = (snapshot.start().clone(), snapshot.progress().clone());
                begun = Some(snapshot);
                (start, Some(progress).filter(|_| beginning.is_none()))
            }
            (_, None, _) => return Err(Error::internal("preflight found no position to start from")),
        };
        let stored = progress.aggregates.and_then(|stored| serde_json::from_value(stored).ok()).unwrap_or_default();
        let now = Status { pipeline: plan.name.clone(), ..Status::default() };
        Ok(Self {
            target_is_fresh: plan.sink.existing == Existing::Refuse && beginning == Some(Beginning::Fill),
            plan,
            prepared,
            committer: Committer::new(sink),
            filling: Filling::default(),
            snapshot,
            begun,
            converge_until: progress.converge_until,
            handed,
            handed_at: Instant::now(),
            freshness,
            goal,
            stop: options.stop,
            witness,
            commits_before,
            status,
            now,
            checkpointer,
            beginning,
            stored,
            replay_from: None,
            storing_position: true,
            rebuilding: progress.rebuilding,
            changed_at: Instant::now(),
            held: false,
            in_step: false,
            finished: None,
        })
    }
}

/// The state store of a plan with aggregates. `rebuild`: one that is damaged makes room for another.
pub(super) async fn open_state(plan: &Pipeline, rebuild: bool) -> Result<State, Error> {
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

async fn begin_snapshot(plan: &Pipeline, source: &Endpoint, definitions: Vec<TableDef>) -> Result<Snapshot, Error> {
    let options = super::super::source::snapshot_options(plan, source);
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
