//! `verify`: is the target what the source and the steps say?
//!
//! # Why it is exact, also under load
//!
//! 1. A consistent snapshot of the target shows its rows and its progress as of one moment: the
//!    rows are the result of exactly the changes before the stored position C.
//! 2. A consistent snapshot of the source, opened afterwards, shows the source at P, and P ≥ C.
//! 3. The changes between C and P are read from the binlog with both images. The first change of a
//!    key after C tells what the key was at C: its before-image, or nothing if it was inserted. With
//!    these rows in place of the snapshot's the source is as it was at C (`rewind`).
//! 4. The same steps run on the source as of C, and the result is compared with the target. Aggregates
//!    are filled anew for it, in a state folder of their own that is gone afterwards.
//!
//! The pipeline may run or be stopped, and is not held up. The price is memory for the rows that
//! changed between C and P: few on a running pipeline, and bounded for one that was stopped for long.

mod aggregates;
mod compare;
mod rewind;

use std::sync::Arc;
use std::time::Duration;

use rowmill_change::{ChangeEvent, Holds, Op, Position};
use rowmill_mysql::Conn;
use rowmill_mysql::binlog::{self, ChangesOptions, Images};
use rowmill_mysql::sink::{self, TargetHolds};
use rowmill_mysql::snapshot::{Snapshot, begin_consistent_read, scan};
use serde::Serialize;

use super::prepare::{Prepared, Purpose, prepare};
use super::progress;
use super::servers::{changes_options, snapshot_options};
use crate::error::Error;
use aggregates::{Scratch, ensure_repeatable};
use rowmill_bind::Environment;
use rowmill_operators::aggregate::state::State;
use rowmill_operators::{Changes, Graph, Progress};
use rowmill_plan::{Plan, Start};

use compare::Comparison;
use rewind::Rewind;

/// How often an idle source says where it is. The last changes before the snapshot may be of other tables,
/// and then only this tells that the stream has passed them; with the usual 5 s one waits that long.
const HEARTBEAT: Duration = Duration::from_millis(100);

/// How many differences are reported one by one.
const DIFFERENCES_SHOWN: usize = 20;

/// What `verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The position at which target and source were compared.
    pub position: String,
    /// Rows of the source at that position.
    pub rows_source: u64,
    /// What the steps make of them: rows that the target should have.
    pub rows_expected: u64,
    /// Rows of the target.
    pub rows_target: u64,
    /// Rows of the target that can't be compared: windows that were closed when rows came too late.
    pub left_out: u64,
    /// Rows of the target that the source does not give, where rows of others are allowed (`existing: keep`).
    /// They are no difference.
    pub others: u64,
    /// All differing keys: those that are missing, extra or different.
    pub differing: u64,
    /// Keys that the target should have and has not.
    pub missing: u64,
    /// Keys that the target has and should not have.
    pub extra: u64,
    /// Keys whose rows have other values.
    pub different: u64,
    /// The first of the differing keys.
    pub differences: Vec<Difference>,
    /// Target by target.
    pub targets: Vec<TargetReport>,
}

/// What was found of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TargetReport {
    /// The table.
    pub table: String,
    /// Rows that it should have.
    pub rows_expected: u64,
    /// Rows that it has.
    pub rows_target: u64,
    /// Keys that differ.
    pub differing: u64,
}

impl VerifyReport {
    /// Whether target and source agree.
    pub fn is_equal(&self) -> bool {
        self.differing == 0
    }
}

/// One key that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The target table.
    pub table: String,
    /// `id=7`.
    pub key: String,
    /// How.
    pub kind: DifferenceKind,
}

/// How a key differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceKind {
    /// The source has it, the target doesn't.
    Missing,
    /// The target has it, the source doesn't.
    Extra,
    /// Both have it, with other values.
    Different,
}

/// Computes the target anew from the source and compares.
pub async fn verify(plan: &Plan, environment: &Environment) -> Result<VerifyReport, Error> {
    if plan.source.start != Start::Snapshot {
        return Err(Error::Verify {
            message: "the pipeline did not begin with a snapshot, so its target has no rows older than its start; \
                      only pipelines with `start: snapshot` can be verified"
                .to_owned(),
        });
    }
    ensure_repeatable(plan)?;
    let mut prepared = prepare(plan, environment, &State::default(), Purpose::Look).await?;
    ensure_without_history(&prepared.bound.graph)?;
    let scratch = Scratch::attach(plan, &mut prepared).await?;
    let mut target = prepared.sink.endpoint.connect().await?;
    begin_consistent_read(&mut target).await?;
    let stored = sink::read_progress_with(&mut target, &prepared.sink).await?;
    let document = stored.as_ref().and_then(|stored| stored.standing().aggregates);
    let aggregates = progress::kept(&plan.name, document.as_deref())?;
    let position = comparable(stored)?;

    let options = snapshot_options(plan, &prepared.source);
    let (mut snapshot, _) = Snapshot::begin(&options, &prepared.definitions).await?;
    let mut rewind = Rewind::new(&prepared.bound.sources)?;
    if !position.reached(snapshot.start()) {
        let options = ChangesOptions { heartbeat: HEARTBEAT, ..changes_options(plan, &prepared.source, Images::Both) };
        let changes =
            binlog::Changes::open(options, prepared.reads(), &prepared.server.identity, position.clone()).await?;
        read_changes(changes, snapshot.start(), &mut rewind).await?;
    }

    let mut report = VerifyReport { position: position.to_string(), ..VerifyReport::default() };
    let mut comparisons = Vec::new();
    aggregates::leave_out(&mut prepared.bound.graph, &aggregates)?;
    for number in 0..prepared.bound.targets.len() {
        // A row that was refused is not expected.
        let holds = TargetHolds::read(&mut target, &prepared.bound.targets[number].table).await?;
        prepared.bound.hold(number, &(Arc::new(holds) as Arc<dyn Holds>));
        let frozen = aggregates::frozen(&prepared.bound, number, &aggregates)?;
        let bound = &prepared.bound.targets[number];
        comparisons.push(Comparison::new(&mut target, bound, frozen).await?);
    }
    while let Some(batch) = snapshot.next().await? {
        let rows = rewind.without_changed(batch.table, &batch.rows)?;
        report.rows_source += rows.num_rows() as u64;
        expect(&mut prepared, &mut comparisons, batch.table, &rows, &position).await?;
    }
    for table in 0..prepared.bound.sources.len() {
        for rows in rewind.before_images(table)? {
            report.rows_source += rows.num_rows() as u64;
            expect(&mut prepared, &mut comparisons, table, &rows, &position).await?;
        }
    }
    aggregates::expect(&mut prepared.bound.graph, &aggregates, &position, &mut comparisons).await?;
    for comparison in comparisons {
        compare(&mut target, comparison, plan.batch.rows, &mut report).await?;
    }
    drop(scratch);
    Ok(report)
}

/// Reads a target and compares it with what it should hold. `rows`: at once.
async fn compare(
    target: &mut Conn,
    mut comparison: Comparison,
    rows: usize,
    report: &mut VerifyReport,
) -> Result<(), Error> {
    let definition = comparison.definition().clone();
    let mut rows_target = 0;
    scan(target, &definition, rows, |rows| {
        rows_target += rows.num_rows() as u64;
        comparison.found(rows)
    })
    .await?;
    report.rows_target += rows_target;
    let (differing, rows_expected) = (report.differing, report.rows_expected);
    comparison.finish(report, DIFFERENCES_SHOWN)?;
    report.targets.push(TargetReport {
        table: definition.name.to_string(),
        rows_expected: report.rows_expected - rows_expected,
        rows_target,
        differing: report.differing - differing,
    });
    Ok(())
}

/// Results that depend on more than the row can't be computed from rows.
fn ensure_without_history(graph: &Graph) -> Result<(), Error> {
    match graph.calls().into_iter().find(|call| call.reads_history()) {
        None => Ok(()),
        Some(call) => Err(Error::Verify {
            message: format!(
                "{} asks for the kind or the time of a change, so its results can't be recomputed from the rows",
                call.name
            ),
        }),
    }
}

/// The position that the target is a picture of.
fn comparable(stored: Option<sink::Progress>) -> Result<Position, Error> {
    let message = match stored {
        Some(sink::Progress { position: None, rebuilding: true, .. }) => {
            "the target is being rebuilt, or was when the pipeline stopped; run it, then verify"
        }
        Some(sink::Progress { position: Some(position), snapshot: None, converge_until: None, .. }) => {
            return Ok(position);
        }
        Some(sink::Progress { position: Some(_), snapshot: Some(_), .. }) => {
            "the pipeline is still in its snapshot; run it, then verify"
        }
        Some(sink::Progress { position: Some(_), .. }) => {
            "the pipeline is still converging after a resumed snapshot; run it, then verify"
        }
        _ => "the pipeline has not run yet; run it, then verify",
    };
    Err(Error::Verify { message: message.to_owned() })
}

/// Runs the steps on source rows and notes the result.
async fn expect(
    prepared: &mut Prepared,
    comparisons: &mut [Comparison],
    table: usize,
    rows: &arrow_array::RecordBatch,
    position: &Position,
) -> Result<(), Error> {
    if rows.num_rows() == 0 {
        return Ok(());
    }
    let ops = vec![Op::Insert; rows.num_rows()];
    let commit_time = vec![0; rows.num_rows()];
    let batch = || {
        let changes = Changes::without_event(rows, &ops, &commit_time, position);
        [(table, changes)]
    };
    let graph = &mut prepared.bound.graph;
    if prepared.bound.sources[table].leads_to_state {
        graph.absorb(&batch(), Progress::Fill).await?;
        graph.close(Progress::Fill, position).await?;
        graph.make_room().await?;
    }
    if prepared.bound.sources[table].writes {
        for write in graph.absorb(&batch(), Progress::Copy).await?.writes {
            comparisons[write.target].expect(&write.rows)?;
        }
    }
    Ok(())
}

/// What changed in the source between the target's position and the snapshot's.
async fn read_changes(mut changes: binlog::Changes, until: &Position, rewind: &mut Rewind) -> Result<(), Error> {
    loop {
        let position = match changes.next().await? {
            ChangeEvent::Rows { batches, position, .. } => {
                for batch in &batches {
                    rewind.add(batch, &position, until)?;
                }
                position
            }
            ChangeEvent::Position { position, .. } => position,
        };
        if position.reached(until) {
            return Ok(());
        }
    }
}
