//! A run from its start to its end, over interrupted snapshots.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rowmill_operators::aggregate::state::State;
use rowmill_state::Store;
use tokio::sync::watch;

use crate::claim::Start;
use crate::clock::Clock;
use crate::decide::POSITION_INTERVAL;
use crate::error::Error;
use crate::handle::Control;
use crate::manifest::state_folder;
use crate::phase::{self, Phase};
use crate::policy::may_pass;
use crate::prepare::{Prepared, Purpose, prepare};
use crate::servers::endpoints;
use crate::worker::Worker;
use rowmill_bind::Environment;
use rowmill_plan::problem::Problem;
use rowmill_plan::{Mode, Plan};

/// How to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Stop when all that the source had at the start is committed.
    pub until_caught_up: bool,
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
    control: Control,
) -> Result<Summary, Error> {
    control.status.send_modify(|status| status.pipeline.clone_from(&plan.name));
    if options.rebuild.is_some() {
        ensure_rebuildable(&plan)?;
    }
    if !plan.has_aggregates() {
        control.has_no_state().await;
    }
    let mut stop = control.stop.clone();
    let mut pause = Duration::from_millis(200);
    loop {
        let result = run_once(&plan, &environment, &options, &control).await;
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
    if let Some(target) = plan.sink.tables.iter().find(|target| target.mode == Mode::Append) {
        problems.push(
            Problem::configuration("an append sink can't be rebuilt: its rows have no key to find them by")
                .at(target.pointer("mode"))
                .found("mode: append")
                .needed("mode: upsert")
                .fix(ANEW),
        );
    }
    if plan.source.start != rowmill_plan::Start::Snapshot {
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
            Err(error) if may_pass(&error) => tracing::warn!(%error, "the source is not back yet"),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn run_once(
    plan: &Arc<Plan>,
    environment: &Environment,
    options: &RunOptions,
    control: &Control,
) -> Result<Summary, Error> {
    let mut stop = control.stop.clone();
    let state = open_state(plan, environment.state_root.as_deref(), options.rebuild.is_some()).await?;
    let purpose = if options.rebuild.is_some() { Purpose::Rebuild } else { Purpose::Run };
    let (mut worker, first) = loop {
        // Boxed, since the compiler can't see through their borrows inside of select.
        let preparing: Starting<'_, Prepared> = Box::pin(prepare(plan, environment, &state, purpose));
        let prepared = tokio::select! {
            biased;
            () = stopped(&mut stop) => return Ok(Summary::default()),
            prepared = preparing => prepared?,
        };
        let root = environment.state_root.clone();
        let start = Start::new(Arc::clone(plan), prepared, options.rebuild, root)?;
        let claiming: Starting<'_, Option<(Worker, Phase)>> =
            Box::pin(start.claim(state.clone(), options.until_caught_up, control, Clock::system()));
        let claimed = tokio::select! {
            biased;
            () = stopped(&mut stop) => return Ok(Summary::default()),
            claimed = claiming => claimed?,
        };
        match claimed {
            Some(claimed) => break claimed,
            None => tracing::info!("the progress changed while this start looked at it; looking again"),
        }
    };
    let result = work(&mut worker, first).await;
    worker.report_end(&result).await;
    result.map(|()| worker.summary())
}

type Starting<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Runs the phases, from the first one to the end.
pub(crate) async fn work(worker: &mut Worker, first: Phase) -> Result<(), Error> {
    match phase::run(worker, first).await {
        // What is being committed ends; the rows that were looked into are read again.
        Err(Error::Operator(rowmill_operators::Error::Interrupted)) => worker.wait_idle().await.map(drop),
        result => result,
    }
}

/// The state store of a plan with aggregates. `rebuild`: one that is damaged makes room for another.
async fn open_state(plan: &Plan, root: Option<&Path>, rebuild: bool) -> Result<State, Error> {
    if !plan.has_aggregates() {
        return Ok(State::default());
    }
    let folder = state_folder(plan, root)?;
    let opening = tokio::task::spawn_blocking(move || {
        let open = || Store::open(&folder, rowmill_state::Options::default());
        match open() {
            Err(error @ (rowmill_state::Error::Damaged { .. } | rowmill_state::Error::Version { .. })) if rebuild => {
                tracing::warn!(%error, "the state is made anew");
                rowmill_state::remove(&folder).and_then(|()| open())
            }
            opened => opened,
        }
    });
    let store = opening.await.map_err(|error| Error::internal(format!("opening the state ended: {error}")))?;
    Ok(State::new(store?))
}

/// Resolves when the pipeline shall stop; never if nobody can say so any more.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
