//! A batch goes through the steps, while the end of the running commit is not missed.
//!
//! Nothing of an event is added to the epoch before all of its batches have been through their
//! steps: an event that is given up half-way, because a row failed or the pipeline was told to stop,
//! leaves the epoch as it was.

use rowmill_change::{ChangeBatch, Committed, Op, Position, Write};

use crate::commit::{Committer, InFlight};
use crate::error::Error;
use rowmill_bind::BoundTable;
use rowmill_operators::Changes;
use rowmill_operators::Progress::Live;
use rowmill_plan::Plan;
use rowmill_plan::problem::Problem;

/// What a batch became.
pub(crate) enum Absorbed {
    /// Rows for the target.
    Rows { write: Write, rows: u64, skipped: u64, newest: Option<i64> },
    /// Changes of the aggregates' groups.
    Groups { changes: u64, skipped: u64, bytes: usize, newest: Option<i64> },
}

/// Takes the batches of an event through the steps of their tables.
pub(crate) async fn absorb(
    plan: &Plan,
    tables: &mut [BoundTable],
    batches: &[ChangeBatch],
    position: &Position,
) -> Result<Vec<Absorbed>, Error> {
    let mut absorbed = Vec::with_capacity(batches.len());
    for batch in batches {
        let newest = batch.commit_time.iter().max().copied();
        let changes = Changes { rows: &batch.rows, ops: &batch.ops, commit_time: &batch.commit_time, position };
        ensure_append_only(plan, batch, &tables[batch.table])?;
        let flow = &mut tables[batch.table].flow;
        absorbed.push(match flow.has_state() {
            true => {
                let skipped = flow.absorb(&changes, Live).await?;
                // An update is one change with two images.
                let changes = batch.ops.iter().filter(|op| **op != Op::UpdateBefore).count() as u64;
                Absorbed::Groups { changes, skipped, bytes: batch.rows.get_array_memory_size(), newest }
            }
            false => {
                let events = flow.last.run(&changes, batch.table).await?;
                let rows = batch.rows.num_rows() as u64;
                Absorbed::Rows { write: events.write, rows, skipped: events.skipped, newest }
            }
        });
    }
    Ok(absorbed)
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
