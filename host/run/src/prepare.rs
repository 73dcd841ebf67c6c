//! Everything that is looked at before a row moves: both servers, the stored progress, the plan
//! bound to the tables, the target. All problems are reported at once where one does not hide another.

use rowmill_change::{Definition, TargetTable};
use rowmill_mysql::binlog::{ChangesOptions, Images, TableRead};
use rowmill_mysql::preflight::{self, CheckOptions, PreflightError, ServerInfo};
use rowmill_mysql::sink::{Expected, Held, Progress, Sink, SinkOptions};
use rowmill_mysql::{ANEW, Endpoint, Flavor, TableDef, TableSource};

use super::digest::{Digests, difference};
use super::manifest::Manifest;
use crate::error::{Error, fault};
use crate::policy::may_pass;
use crate::servers::{changes_options, endpoints, snapshot_options};
use rowmill_bind::{Bound, Databases, Environment, PlanView, bind};
use rowmill_foreign::Parts;
use rowmill_operators::aggregate::state::State;
use rowmill_plan::problem::Problem;
use rowmill_plan::{Plan, SinkTable, Start};

/// A plan that can run.
pub(crate) struct Prepared {
    pub(crate) source: Endpoint,
    pub(crate) server: ServerInfo,
    pub(crate) sink: SinkOptions,
    /// The source's tables: those that rows are decoded with.
    pub(crate) definitions: Vec<TableDef>,
    pub(crate) bound: Bound,
    pub(crate) digests: Digests,
    /// The progress that all of this was decided by.
    pub(crate) expected: Expected,
}

impl Prepared {
    pub(crate) fn targets(&self) -> Vec<TargetTable> {
        self.bound.targets.iter().map(|target| target.table.clone()).collect()
    }

    /// The tables as they are read.
    pub(crate) fn reads(&self) -> Vec<TableRead> {
        let tables = self.definitions.iter().zip(&self.bound.sources);
        tables.map(|(def, source)| TableRead { def: def.clone(), key: source.key.clone() }).collect()
    }

    /// The source as a run reads it.
    pub(crate) fn table_source(&self, plan: &Plan) -> TableSource {
        let images = if plan.has_aggregates() { Images::Both } else { Images::After };
        let changes =
            ChangesOptions { unread: self.server.unread.clone(), ..changes_options(plan, &self.source, images) };
        let snapshot = snapshot_options(plan, &self.source);
        TableSource { snapshot, changes, identity: self.server.identity.clone(), tables: self.reads() }
    }

    pub(crate) fn view(&self, plan: &Plan) -> PlanView {
        let mut warnings: Vec<Problem> = Vec::new();
        if self.server.flavor == Flavor::MariaDb {
            // The same place says the same for each table and way.
            for warning in &self.bound.mariadb {
                if !warnings.contains(warning) {
                    warnings.push(warning.clone());
                }
            }
        }
        PlanView {
            warnings,
            pipeline: plan.name.clone(),
            digest: self.digests.now.clone(),
            ..match plan.sink.tables.iter().all(SinkTable::is_for_each_table) {
                true => PlanView { tables: self.bound.tables(), ..PlanView::default() },
                false => PlanView {
                    views: self.bound.relations.clone(),
                    targets: self.bound.targets.iter().map(|target| target.view.clone()).collect(),
                    ..PlanView::default()
                },
            }
        }
    }
}

/// What comes after the look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Nothing is written.
    Look,
    /// The pipeline runs, which opens the stream of changes before it claims anything.
    Run,
    /// It runs, and what is stored is set back.
    Rebuild,
}

/// Looks at everything, changes nothing.
pub(crate) async fn prepare(
    plan: &Plan,
    environment: &Environment,
    state: &State,
    purpose: Purpose,
) -> Result<Prepared, Error> {
    let rebuild = purpose == Purpose::Rebuild;
    let (source, sink) = endpoints(plan).map_err(Error::Plan)?;
    let expected = match Sink::read_progress(&sink).await {
        Ok(progress) => Ok(Expected::AsRead(progress.map(Box::new))),
        // What can't be read is replaced.
        Err(rowmill_mysql::Error::ProgressLost { .. }) if rebuild => Ok(Expected::Anything),
        Err(error) => Err(error),
    };
    let stored = expected.as_ref().map(|expected| expected.progress().filter(|_| !rebuild));
    // A rebuild makes the state anew, whatever is left of it.
    let checkpoint = state.checkpoint().filter(|_| !rebuild);
    let checkpoint = checkpoint.map(|checkpoint| Manifest::read(&checkpoint)).transpose()?;
    let start = start(plan, stored.as_ref().ok().copied().flatten(), checkpoint.as_ref());
    let options = CheckOptions {
        allow_unlogged_cascades: plan.source.allow_unlogged_cascades,
        ignore_statements: plan.source.ignore_statements.clone(),
        opens_stream: purpose != Purpose::Look,
    };
    let checked = preflight::check_source(&source, &plan.source.tables, &start, &options).await;

    let mut problems = Vec::new();
    problems.extend(stored.err().map(|error| server_problem(error, "/sink/url")));
    problems.extend(checked.as_ref().err().into_iter().flat_map(source_problems));
    let (Ok(progress), Ok((server, found))) = (stored, checked) else { return Err(Error::Plan(problems)) };

    let definitions = match progress {
        Some(progress) => trusted_definitions(plan, progress, &server, found)?,
        None => found,
    };
    let database = sink.endpoint.database().unwrap_or_default().to_owned();
    let tables: Vec<&dyn Definition> = definitions.iter().map(|table| table as &dyn Definition).collect();
    let databases = Databases { source: source.database().unwrap_or_default(), target: &database };
    let bound = bind(plan, &tables, databases, environment).await.map_err(Error::Plan)?;
    let digests = Digests::of(plan, &bound, environment);
    if let Some(progress) = progress.filter(|progress| !digests.accept(&progress.plan_digest)) {
        return Err(mismatch(
            plan,
            &format!("the plan changed: {}", difference(&progress.plan_digest, &digests.now)),
            &digests.now,
            &progress.plan_digest,
        ));
    }
    let targets: Vec<TargetTable> = bound.targets.iter().map(|target| target.table.clone()).collect();
    let held = match progress {
        Some(progress) if progress.position.is_some() => Held::Rows,
        // A rebuild writes over what is there; so does one that a crash has interrupted, or that has its state.
        _ if rebuild || checkpoint.is_some() => Held::Anything,
        Some(progress) if progress.rebuilding => Held::Anything,
        _ => Held::Nothing,
    };
    let findings = Sink::check(&sink, &targets, held).await;
    let findings = findings.map_err(|error| Error::Plan(vec![server_problem(&error, "/sink/url")]))?;
    if !findings.is_empty() {
        // A process that runs meanwhile can have written its first rows after its progress was read.
        let begun = |now: Option<Progress>| now.is_some_and(|now| now.position.is_some());
        if held == Held::Nothing && Sink::read_progress(&sink).await.is_ok_and(begun) {
            return Box::pin(prepare(plan, environment, state, purpose)).await;
        }
        return Err(Error::Plan(findings.iter().map(|finding| finding_problem(finding, "/sink")).collect()));
    }
    let expected = expected.map_err(|error| Error::Plan(vec![server_problem(&error, "/sink/url")]))?;
    Ok(Prepared { source, server, sink, definitions, bound, digests, expected })
}

/// Where the source is read from.
fn start(plan: &Plan, stored: Option<&Progress>, checkpoint: Option<&Manifest>) -> preflight::Start {
    let Some(Progress { position: Some(position), incarnation, .. }) = stored else {
        return first_start(&plan.source.start);
    };
    // Aggregates are brought up from their state's position, which is the older one.
    let older = checkpoint.filter(|state| state.incarnation == *incarnation && position.reached(&state.position));
    preflight::Start::Stored(older.map_or(position, |state| &state.position).clone())
}

fn first_start(start: &Start) -> preflight::Start {
    match start {
        Start::Snapshot => preflight::Start::Snapshot,
        Start::Latest => preflight::Start::Latest,
        Start::Earliest => preflight::Start::Earliest,
        Start::File { file, position } => preflight::Start::File { file: file.clone(), position: *position },
        Start::Gtid(set) => preflight::Start::Gtid(set.clone()),
    }
}

/// The definitions that the stored progress was made with, if source and tables are still the same.
///
/// Rows between the stored position and now were logged with these definitions; what the server
/// says today is only compared with them.
fn trusted_definitions(
    plan: &Plan,
    progress: &Progress,
    server: &ServerInfo,
    found: Vec<TableDef>,
) -> Result<Vec<TableDef>, Error> {
    let identity = serde_json::to_value(&server.identity).unwrap_or_default();
    if progress.source != identity {
        let stored = match serde_json::from_value::<rowmill_mysql::Identity>(progress.source.clone()) {
            Ok(stored) => stored.to_string(),
            Err(_) => progress.source.to_string(),
        };
        return Err(mismatch(plan, "the source is another server", &server.identity.to_string(), &stored));
    }
    let names = |tables: &[TableDef]| {
        let mut names: Vec<String> = tables.iter().map(|table| table.name.to_string()).collect();
        names.sort();
        names
    };
    let (before, now) = (names(&progress.tables), names(&found));
    if before != now {
        let new = now.iter().filter(|name| !before.contains(name)).map(|name| format!("{name} is new"));
        let gone = before.iter().filter(|name| !now.contains(name)).map(|name| format!("{name} is gone"));
        let changed = new.chain(gone).collect::<Vec<_>>().join(", ");
        let what = format!("the list of source tables changed: {changed}");
        return Err(mismatch(plan, &what, &now.join(", "), &before.join(", ")));
    }
    for stored in &progress.tables {
        let now = found.iter().find(|table| table.name == stored.name);
        if let Some(difference) = now.and_then(|now| stored.difference(now)) {
            let what = format!("table {} was altered: {difference}", stored.name);
            return Err(mismatch(plan, &what, "the new definition", "the one that the progress was made with"));
        }
    }
    Ok(progress.tables.clone())
}

fn mismatch(plan: &Plan, what: &str, found: &str, needed: &str) -> Error {
    Error::Progress {
        pipeline: plan.name.clone(),
        what: what.to_owned(),
        found: found.to_owned(),
        needed: needed.to_owned(),
        choices: format!("go back to what it was, give the pipeline another name and target, or {ANEW}"),
    }
}

fn source_problems(error: &PreflightError) -> Vec<Problem> {
    match error {
        PreflightError::Server(error) => vec![server_problem(error, "/source/url")],
        PreflightError::Problems { problems } => {
            problems.iter().map(|finding| finding_problem(finding, "/source")).collect()
        }
    }
}

pub(crate) fn server_problem(error: &rowmill_mysql::Error, pointer: &str) -> Problem {
    let fault = match error.fault() {
        // A refused password is a server that can't be used, for scripts that look at the exit code.
        rowmill_mysql::Fault::Configuration => rowmill_plan::problem::Fault::Server,
        other => fault(other),
    };
    let Parts { message, found, needed, fix } = error.parts();
    let passes = may_pass(error);
    Problem { found, needed, fix, passes, ..Problem::new(fault, message).at(pointer) }
}

fn finding_problem(finding: &rowmill_mysql::Problem, pointer: &str) -> Problem {
    let mut problem = Problem::server(finding.subject.clone()).found(&*finding.found).needed(&*finding.needed);
    if !finding.fix.is_empty() {
        problem = problem.fix(&*finding.fix);
    }
    problem.at(pointer)
}
