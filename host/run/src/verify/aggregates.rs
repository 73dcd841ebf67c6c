//! What a target of aggregates should hold: the source's rows through aggregates that begin empty.

use rowmill_change::Position;
use rowmill_state::Store;
use tempfile::TempDir;

use super::compare::Comparison;
use crate::error::Error;
use crate::prepare::Prepared;
use rowmill_bind::BoundTable;
use rowmill_operators::Changes;
use rowmill_operators::aggregate::Cursor;
use rowmill_operators::aggregate::state::State;
use rowmill_operators::{AggregateProgress, Dataflow, Progress};
use rowmill_plan::{Late, Plan, StepKind};

/// The state of a comparison, gone with it.
pub(super) struct Scratch(#[expect(dead_code, reason = "holds the folder")] Option<TempDir>);

impl Scratch {
    /// Gives the aggregates a state that begins empty.
    pub(super) async fn attach(plan: &Plan, prepared: &mut Prepared) -> Result<Self, Error> {
        if !plan.has_aggregates() {
            return Ok(Self(None));
        }
        let failed = |error: std::io::Error| Error::Verify {
            message: format!("no scratch folder in {}: {error}", std::env::temp_dir().display()),
        };
        let folder = tempfile::Builder::new().prefix("rowmill-verify-").tempdir().map_err(failed)?;
        let path = folder.path().join("state");
        let opening = tokio::task::spawn_blocking(move || Store::open(&path, rowmill_state::Options::default()));
        let store =
            opening.await.map_err(|error| Error::internal(format!("opening the scratch state ended: {error}")))?;
        let state = State::new(store?);
        for aggregate in prepared.tables.iter_mut().flat_map(|table| table.flow.aggregates_mut()) {
            aggregate.attach(state.clone(), None).await?;
        }
        Ok(Self(Some(folder)))
    }
}

/// With a time to live results depend on when rows came, which the source doesn't tell.
pub(super) fn ensure_repeatable(plan: &Plan) -> Result<(), Error> {
    for step in &plan.steps {
        if let StepKind::Aggregate(aggregate) = &step.kind
            && aggregate.ttl.is_some()
        {
            return Err(Error::Verify {
                message: format!(
                    "step {} forgets groups after their time to live, so its results can't be recomputed from the rows",
                    step.id
                ),
            });
        }
    }
    Ok(())
}

/// The windows that can't be compared, if rows came too late: those closed up to the watermark. Of
/// sessions those that a late row could have belonged to, which begin before the watermark or less than a
/// gap after it.
pub(super) fn frozen(table: &BoundTable, stored: &[AggregateProgress]) -> Result<Option<(usize, i64)>, Error> {
    for aggregate in table.flow.aggregates() {
        let Some(stored) = of(table, &aggregate.id, stored) else { continue };
        if stored.late == 0 || aggregate.late_policy() != Some(Late::Drop) {
            continue;
        }
        return match (aggregate.feeds, table.window) {
            (false, Some((start, end))) => Ok(aggregate.watermark_of(stored).map(|watermark| match aggregate.gap() {
                None => (end, watermark),
                Some(gap) => (start, watermark.saturating_add(gap - 1)),
            })),
            _ => Err(Error::Verify {
                message: format!(
                    "{} rows came too late for step {}, whose results go into another aggregate: they can't be \
                     recomputed",
                    stored.late, aggregate.id
                ),
            }),
        };
    }
    Ok(None)
}

/// Tells the aggregates which rows are out.
pub(super) fn leave_out(table: &mut BoundTable, stored: &[AggregateProgress]) -> Result<(), Error> {
    let name = table.source.to_string();
    for aggregate in table.flow.aggregates_mut() {
        let known = stored.iter().find(|status| status.table == name && status.step == aggregate.id);
        if let Some(status) = known.filter(|status| !aggregate.leave_out(status)) {
            return Err(Error::Verify {
                message: format!(
                    "step {} has left out {} rows whose updates came too late, more than it tells the names of: what \
                     they were in can't be recomputed",
                    aggregate.id, status.out
                ),
            });
        }
    }
    Ok(())
}

fn of<'a>(table: &BoundTable, step: &str, stored: &'a [AggregateProgress]) -> Option<&'a AggregateProgress> {
    let name = table.source.to_string();
    stored.iter().find(|status| status.table == name && status.step == step)
}

/// Takes in rows of the source.
pub(super) async fn absorb(flow: &mut Dataflow, table: usize, changes: &Changes<'_>) -> Result<(), Error> {
    flow.absorb(changes, Progress::Snapshot).await?;
    flow.close(Progress::Snapshot, changes.position, table).await?;
    Ok(flow.make_room().await?)
}

/// Notes what the target should hold, when all rows are in.
pub(super) async fn expect(
    table: &mut BoundTable,
    index: usize,
    stored: &[AggregateProgress],
    position: &Position,
    comparison: &mut Comparison,
) -> Result<(), Error> {
    if !table.flow.has_state() {
        return Ok(());
    }
    let ids: Vec<String> = table.flow.aggregates().map(|aggregate| aggregate.id.clone()).collect();
    let statuses: Vec<AggregateProgress> = ids.iter().filter_map(|id| of(table, id, stored).cloned()).collect();
    table.flow.complete_snapshot(position, &statuses).await?;
    let mut cursor = Cursor::default();
    let op = rowmill_change::Op::Insert;
    while let Some((_, events)) = table.flow.next_groups(&mut cursor, op, position, index).await? {
        comparison.expect(&events.write.rows)?;
    }
    Ok(())
}
