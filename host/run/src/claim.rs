//! A start, from what was looked at to the first phase: the state, where it begins, and last of all the claim.
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
//! answers ([`Replay`]). Ranges of a snapshot that it finished are read twice, as after any interruption. If the
//! pipeline has entered another stage, the claim finds no such progress and the start looks again.

use std::path::PathBuf;
use std::sync::Arc;

use rowmill_change::{Answer, Position, Standing, TargetTable};
use rowmill_mysql::sink::{Progress, Sink, SinkOptions, Takeover};

use crate::beginning::{Beginning, begin};
use crate::checkpoint::{Checkpointer, Pace};
use crate::clock::Clock;
use crate::commit::{AnyTarget, Committer};
use crate::digest::Digests;
use crate::epoch::Filling;
use crate::error::Error;
use crate::handle::Control;
use crate::last_seen::LastSeen;
use crate::manifest::{About, Manifest};
use crate::phase::{AnyChanges, AnySnapshot, Copy, Fill, Follow, Over, Phase, Publish, Replay};
use crate::prepare::Prepared;
use crate::progress;
use crate::reconcile::Leftovers;
use crate::start::Rebuild;
use crate::worker::{AnySource, Freshness, Reporter, Tended, Worker};
use rowmill_bind::{Bound, BoundSource};
use rowmill_observe::{Status, TargetStatus};
use rowmill_operators::aggregate::state::State;
use rowmill_operators::step::Overseer;
use rowmill_operators::{AggregateProgress, Graph, Node};
use rowmill_plan::{Mode, Plan, Start as StartAt};

/// Takes the target over, if its progress is as it was looked at.
pub(crate) type Claim =
    Box<dyn FnOnce() -> Answer<'static, Option<(Box<AnyTarget>, Standing)>, rowmill_mysql::Error> + Send>;

/// A pipeline that was looked at and can start.
pub(crate) struct Start {
    pub(crate) plan: Arc<Plan>,
    pub(crate) bound: Bound,
    pub(crate) digests: Digests,
    pub(crate) source: Box<AnySource>,
    /// What the target's progress said when it was looked at; of a first start, or one that starts over, what it will.
    pub(crate) found: Standing,
    pub(crate) claim: Claim,
    /// Where a rebuild, if one is under way, finds what was there before.
    pub(crate) sink: Option<SinkOptions>,
    pub(crate) last_seen: Option<PathBuf>,
    /// Where pipelines keep their state.
    pub(crate) state_root: Option<PathBuf>,
    pub(crate) pace: Pace,
}

/// What is read of the source first, opened.
#[derive(Default)]
struct Opened {
    snapshot: Option<Box<AnySnapshot>>,
    /// `None` where a snapshot or groups are written first: a server does not wait with its events for as long as that
    /// takes, so they are opened then.
    changes: Option<Box<AnyChanges>>,
}

/// What there is before the claim.
struct Ready {
    goal: Option<Position>,
    /// Of a plan with aggregates.
    begins: Option<Beginning>,
    /// The snapshot shows no moment before this one, in µs since 1970.
    opened_at: i64,
    from: Position,
    opened: Opened,
}

impl Start {
    /// As it was prepared.
    pub(crate) fn new(
        plan: Arc<Plan>,
        prepared: Prepared,
        rebuild: Option<Rebuild>,
        state_root: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let first = first_progress(&prepared, rebuild.is_some())?;
        let found = match rebuild {
            Some(_) => first.standing(),
            None => prepared.expected.progress().unwrap_or(&first).standing(),
        };
        let takeover =
            rebuild.map_or(Takeover::GoOn, |rebuild| Takeover::StartOver { delete_extra: rebuild.delete_extra });
        let source = Box::new(prepared.table_source(&plan));
        let (sink, targets, expected) = (prepared.sink.clone(), prepared.targets(), prepared.expected);
        let claim: Claim = Box::new(move || {
            Box::pin(async move {
                let claimed = Sink::take_over(sink.clone(), targets.clone(), first, takeover, &expected).await?;
                let Some((claimed, progress)) = claimed else { return Ok(None) };
                if rebuild.is_some() {
                    warn_of_abandoned(&sink, &targets).await?;
                }
                Ok(Some((Box::new(claimed) as Box<AnyTarget>, progress.standing())))
            })
        });
        Ok(Self {
            last_seen: LastSeen::file(state_root.as_deref(), &plan.name),
            state_root,
            plan,
            bound: prepared.bound,
            digests: prepared.digests,
            source,
            found,
            claim,
            sink: Some(prepared.sink),
            pace: Pace::default(),
        })
    }

    /// The tables that a first snapshot reads: where there are aggregates, those that lead into them.
    fn first_read(&self) -> Vec<usize> {
        let state = self.plan.has_aggregates();
        let reads = |source: &BoundSource| if state { source.leads_to_state } else { source.writes };
        let sources = self.bound.sources.iter().enumerate();
        sources.filter(|(_, source)| reads(source)).map(|(index, _)| index).collect()
    }

    /// Does everything that can fail before the claim.
    async fn ready(&mut self, state: &State, until_caught_up: bool, clock: &Clock) -> Result<Ready, Error> {
        // What can't be read stops the start while the process before may go on.
        progress::kept(&self.plan.name, self.found.aggregates.as_deref())?;
        let goal = if until_caught_up { Some(self.source.end().await?) } else { None };
        let begins = match self.plan.has_aggregates() {
            true => Some(begin(&self.plan, state, &self.found, &self.digests, self.state_root.as_deref()).await?),
            false => None,
        };
        if let Some(Beginning::Write(manifest) | Beginning::Replay(manifest, _)) = &begins {
            attach(&mut self.bound.graph, state, Some(manifest)).await?;
        }
        let opened_at = clock.micros();
        let (from, opened) = open(&self.plan, self.first_read(), &*self.source, &self.found, begins.as_ref()).await?;
        Ok(Ready { goal, begins, opened_at, from, opened })
    }

    /// Gets everything ready, then takes the pipeline over; `None` if its progress is not what was looked at.
    pub(crate) async fn claim(
        mut self,
        state: State,
        until_caught_up: bool,
        control: &Control,
        clock: Clock,
    ) -> Result<Option<(Worker, Phase)>, Error> {
        let Ready { goal, begins, opened_at, from, opened } = self.ready(&state, until_caught_up, &clock).await?;
        let Some((target, standing)) = (self.claim)().await? else { return Ok(None) };

        let replay = replayed(begins.as_ref(), &standing, &opened, &from);
        // The target was set back in that moment.
        if replay.as_ref().is_some_and(|(from, target)| !target.reached(from)) {
            return Ok(None);
        }
        oversee(&mut self.bound, &*target, &standing, control);
        let stored = progress::kept(&self.plan.name, standing.aggregates.as_deref())?;
        let fills = begins == Some(Beginning::Fill);
        if fills {
            state.clear().await?;
            attach(&mut self.bound.graph, &state, None).await?;
        }
        let over = match standing.rebuilding {
            true => Over::Leftovers,
            // Writers know which targets may hold rows of others.
            false if fills => Over::Nothing,
            false => Over::OwnRows,
        };
        let handed = replay.as_ref().map_or(&from, |(_, target)| target).clone();
        let last_seen = LastSeen::open(self.last_seen, &standing, clock.clone());
        let reporter = reporter(&self.bound, &self.plan, control, &standing, last_seen, &clock);
        let checkpointer = begins.is_some().then(|| {
            let (pipeline, incarnation) = (self.plan.name.clone(), standing.incarnation.clone());
            let about = About { pipeline, incarnation, plan_digest: self.digests.now };
            Checkpointer::new(state.clone(), about, self.pace, clock.clone())
        });
        let mut worker = Worker {
            handed,
            leftovers: self.sink.filter(|_| standing.rebuilding).map(|sink| Leftovers::of(sink, &standing)),
            plan: self.plan,
            bound: self.bound,
            source: self.source,
            stop: control.stop.clone(),
            commands: control.commands().await,
            filling: Filling::default(),
            committer: Committer::new(target),
            finished: None,
            began: clock.now(),
            handed_at: None,
            goal,
            checkpointer,
            tended: Tended::default(),
            time_passed: false,
            changed_at: clock.now(),
            extras_left: standing.extras_left,
            reporter,
            clock,
        };
        if opened.snapshot.is_some() {
            worker.reporter.freshness.begin_snapshot(opened_at);
        }
        let pending = matches!(&begins, Some(Beginning::Replay(manifest, _)) if manifest.pending);
        let replay = replay.map(|(from, until)| Again { from, until, stored, pending });
        let phase = first_phase(opened, replay, standing.converge_until, over, fills);
        Ok(Some((worker, phase)))
    }
}

fn reporter(
    bound: &Bound,
    plan: &Plan,
    control: &Control,
    standing: &Standing,
    last_seen: LastSeen,
    clock: &Clock,
) -> Reporter {
    let tables = bound.targets.iter().map(|target| target.table.table.to_string());
    let targets = tables.map(|table| TargetStatus { table, ..TargetStatus::default() }).collect();
    let claim = rowmill_observe::Claim { incarnation: standing.incarnation.clone(), fence: standing.fence };
    Reporter {
        status: control.status.clone(),
        now: Status { pipeline: plan.name.clone(), claim: Some(claim), targets, ..Status::default() },
        freshness: Freshness::stored(standing.age_seconds, clock),
        last_seen,
        commits_before: standing.commits,
        untold: false,
    }
}

/// Between which places the target has the changes that come again. `from`: where they begin.
fn replayed(
    begins: Option<&Beginning>,
    standing: &Standing,
    opened: &Opened,
    from: &Position,
) -> Option<(Position, Position)> {
    let target = standing.position.as_ref()?;
    match begins {
        Some(Beginning::Replay(manifest, _)) => Some((manifest.position.clone(), target.clone())),
        _ if opened.changes.is_some() && target.order(from).is_ne() => Some((from.clone(), target.clone())),
        _ => None,
    }
}

/// Changes that come again.
struct Again {
    from: Position,
    until: Position,
    /// What the target's progress says of the aggregates at its end.
    stored: Vec<AggregateProgress>,
    /// The state is that of a snapshot.
    pending: bool,
}

/// Where the work begins. `fills`: a snapshot goes into aggregates.
fn first_phase(opened: Opened, replay: Option<Again>, converge: Option<Position>, over: Over, fills: bool) -> Phase {
    match (opened.snapshot, opened.changes, replay) {
        (None, None, _) => Phase::Publish(Publish { over }),
        (Some(snapshot), None, _) if fills => Phase::Fill(Fill { snapshot, over }),
        (Some(snapshot), None, _) => Phase::Copy(Box::new(Copy::resumed(snapshot, over))),
        (snapshot, Some(changes), Some(Again { from, until, stored, pending })) => {
            let copy = snapshot.map(|snapshot| Box::new(Copy::resumed(snapshot, over)));
            Phase::Replay(Box::new(Replay { changes, from, until, stored, pending, converge, copy }))
        }
        (_, Some(changes), None) => Phase::Follow(Follow { changes, converge }),
    }
}

/// Tells the steps what the target holds and who may end a search in them.
fn oversee(bound: &mut Bound, target: &AnyTarget, standing: &Standing, control: &Control) {
    let shown = control.status.clone();
    let show = move |search| shown.send_modify(|status| status.search = search);
    let overseer = Overseer::new(control.stop.clone(), show);
    bound.graph.oversee(&overseer);
    if standing.extras_left || standing.rebuilding {
        bound.graph.overwrite();
    }
    for number in 0..bound.targets.len() {
        if let Some(holds) = target.holds(number) {
            bound.hold(number, &holds);
        }
    }
}

/// The progress of a first start, or of one that starts over.
fn first_progress(prepared: &Prepared, rebuilding: bool) -> Result<Progress, Error> {
    let source = serde_json::to_value(&prepared.server.identity)
        .map_err(|error| Error::internal(format!("the source's identity can't be stored: {error}")))?;
    // A start that isn't a snapshot is stored with the claim: a later one must not resolve it anew.
    let position = prepared.server.start.clone().filter(|_| !rebuilding);
    let (plan_digest, tables) = (prepared.digests.now.clone(), prepared.definitions.clone());
    Ok(Progress { plan_digest, source, tables, position, rebuilding, ..Progress::default() })
}

async fn warn_of_abandoned(sink: &SinkOptions, targets: &[TargetTable]) -> Result<(), rowmill_mysql::Error> {
    for table in rowmill_mysql::sink::abandoned(sink, targets).await? {
        tracing::warn!(%table, "an earlier plan of this pipeline created and wrote this table, and this one does \
            not: its rows stay as they are; DROP TABLE it if nobody needs them");
    }
    Ok(())
}

async fn attach(graph: &mut Graph, state: &State, manifest: Option<&Manifest>) -> Result<(), Error> {
    for Node { relation, aggregate, .. } in graph.nodes_mut() {
        let part = manifest.and_then(|manifest| manifest.state(relation, &aggregate.id));
        aggregate.attach(state.clone(), part).await?;
    }
    Ok(())
}

/// Opens what is read first, and sees that the changes after it can be had. Answers where they begin: at the snapshot,
/// or where the target or the state is. `read`: the tables of a first snapshot.
async fn open(
    plan: &Plan,
    read: Vec<usize>,
    source: &AnySource,
    found: &Standing,
    begins: Option<&Beginning>,
) -> Result<(Position, Opened), Error> {
    let (from, snapshot) = match (begins, &found.position, &found.snapshot) {
        (Some(Beginning::Write(manifest)), ..) => {
            source.open_changes(manifest.position.clone()).await?;
            return Ok((manifest.position.clone(), Opened::default()));
        }
        // Targets that no aggregate stands before were being copied.
        (Some(Beginning::Replay(manifest, _)), _, Some(progress)) => {
            let snapshot = source.resume_snapshot(progress.clone()).await?;
            let changes = source.open_changes(manifest.position.clone()).await?;
            let opened = Opened { snapshot: Some(snapshot), changes: Some(changes) };
            return Ok((manifest.position.clone(), opened));
        }
        (Some(Beginning::Replay(manifest, _)), ..) => (manifest.position.clone(), None),
        (_, Some(_), Some(progress)) => {
            ensure_resumable(plan)?;
            let snapshot = source.resume_snapshot(progress.clone()).await?;
            (snapshot.progress().start.clone(), Some(snapshot))
        }
        (_, Some(position), None) => (position.clone(), None),
        (_, None, _) if plan.source.start == StartAt::Snapshot => {
            let snapshot = source.begin_snapshot(read).await?;
            (snapshot.progress().start.clone(), Some(snapshot))
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
    let changes = source.open_changes(from.clone()).await?;
    let opened = match snapshot {
        Some(snapshot) => Opened { snapshot: Some(snapshot), changes: None },
        None => Opened { snapshot: None, changes: Some(changes) },
    };
    Ok((from, opened))
}

/// Whether a snapshot can be resumed. An append target can't tell which rows of it it has; one behind an aggregate gets
/// none of them.
pub(crate) fn is_resumable(plan: &Plan) -> bool {
    plan.has_aggregates() || plan.sink.tables.iter().all(|target| target.mode == Mode::Upsert)
}

/// The same, or why not.
pub(crate) fn ensure_resumable(plan: &Plan) -> Result<(), Error> {
    if is_resumable(plan) {
        return Ok(());
    }
    Err(Error::Progress {
        pipeline: plan.name.clone(),
        what: "the snapshot was interrupted, and an append sink can't tell which rows it has".to_owned(),
        found: "mode append".to_owned(),
        needed: "mode upsert, to resume".to_owned(),
        choices: "`rowmill reset FILE --drop-target`, then run again".to_owned(),
    })
}
