//! A batch goes through the steps, while the end of the running commit is not missed.
//!
//! Nothing of an event is added to the epoch before all of its batches have been through their
//! steps: an event that is given up half-way, because a row failed or the pipeline was told to stop,
//! leaves the epoch as it was.

use rowmill_change::{ChangeBatch, Committed, Op, Position};

use crate::commit::{Committer, InFlight};
use crate::error::Error;
use rowmill_bind::{Bound, BoundSource};
use rowmill_operators::Progress::Live;
use rowmill_operators::{Changes, Written};
use rowmill_plan::Plan;
use rowmill_plan::problem::Problem;

/// What an event became.
pub(crate) struct Absorbed {
    /// For the targets.
    pub(crate) written: Written,
    /// Changes read; an update that goes into an aggregate is one with two images.
    pub(crate) rows: u64,
    /// Of the rows that went into aggregates.
    pub(crate) bytes: usize,
    /// When the newest of them was committed, in µs since 1970.
    pub(crate) newest: Option<i64>,
    /// Rows went into an aggregate.
    pub(crate) into_state: bool,
}

/// Takes the batches of an event through the graph.
pub(crate) async fn absorb(
    plan: &Plan,
    bound: &mut Bound,
    batches: &[ChangeBatch],
    position: &Position,
) -> Result<Absorbed, Error> {
    let (mut rows, mut bytes, mut newest, mut into_state) = (0, 0, None, false);
    for batch in batches {
        let source = &bound.sources[batch.table];
        ensure_append_only(plan, batch, source)?;
        newest = newest.max(batch.commit_time.iter().max().copied());
        rows += match bound.graph.has_state() {
            true => batch.ops.iter().filter(|op| **op != Op::UpdateBefore).count() as u64,
            false => batch.rows.num_rows() as u64,
        };
        into_state |= source.leads_to_state;
        bytes += if source.leads_to_state { batch.rows.get_array_memory_size() } else { 0 };
    }
    let written = bound.graph.absorb(&changes(batches, position), Live).await?;
    Ok(Absorbed { written, rows, bytes, newest, into_state })
}

/// The batches of an event, as the graph takes them.
pub(crate) fn changes<'a>(batches: &'a [ChangeBatch], position: &'a Position) -> Vec<(usize, Changes<'a>)> {
    let changes = |batch: &'a ChangeBatch| {
        let ChangeBatch { table, rows, ops, commit_time, ordinals, transactions } = batch;
        (*table, Changes { rows, ops, commit_time, ordinals, transactions, position })
    };
    batches.iter().map(changes).collect()
}

/// Waits for `work`, and puts aside the outcome of a commit that ends in the meantime. A commit that
/// failed ends the work: what it makes could not be written.
pub(crate) async fn meanwhile<T, E>(
    work: impl Future<Output = Result<T, E>>,
    committer: &mut Committer,
    finished: &mut Option<(Committed, InFlight)>,
) -> Result<T, Error>
where
    Error: From<E>,
{
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done?),
            done = committer.finished() => *finished = Some(done?),
        }
    }
}

/// Rows of an append-only source are never changed.
fn ensure_append_only(plan: &Plan, batch: &ChangeBatch, source: &BoundSource) -> Result<(), Error> {
    if !plan.source.append_only || batch.ops.iter().all(|op| *op == Op::Insert) {
        return Ok(());
    }
    Err(Error::Plan(vec![
        Problem::configuration(format!("a row of {} was updated or deleted", source.name))
            .at("/source/append_only")
            .found("append_only: true")
            .needed("a table whose rows are only inserted")
            .fix("take `append_only` out, use functions that can retract, and start over: rowmill run FILE --rebuild"),
    ]))
}
