//! What a target of aggregates should hold: the source's rows through aggregates that begin empty.

use rowmill_change::{Op, Position};
use rowmill_state::Store;
use tempfile::TempDir;

use super::compare::Comparison;
use crate::error::Error;
use crate::prepare::Prepared;
use rowmill_bind::Bound;
use rowmill_operators::aggregate::Cursor;
use rowmill_operators::aggregate::state::State;
use rowmill_operators::{AggregateProgress, Graph, Node};
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
        for aggregate in prepared.bound.graph.aggregates_mut() {
            aggregate.attach(state.clone(), None).await?;
        }
        Ok(Self(Some(folder)))
    }
}

/// With a time to live results depend on when rows came, which the source doesn't tell.
pub(super) fn ensure_repeatable(plan: &Plan) -> Result<(), Error> {
    for (_, step) in plan.steps() {
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
pub(super) fn frozen(
    bound: &Bound,
    target: usize,
    stored: &[AggregateProgress],
) -> Result<Option<(usize, i64)>, Error> {
    let target = &bound.targets[target];
    let nodes = target.nodes.iter().map(|&node| (node, &bound.graph.nodes()[node]));
    for (node, Node { relation, aggregate, .. }) in nodes {
        let Some(stored) = AggregateProgress::of(stored, relation, &aggregate.id) else { continue };
        if stored.late == 0 || aggregate.late_policy() != Some(Late::Drop) {
            continue;
        }
        return match (target.nodes.last() == Some(&node), target.window) {
            (true, Some((start, end))) => Ok(aggregate.watermark_of(stored).map(|watermark| match aggregate.gap() {
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
pub(super) fn leave_out(graph: &mut Graph, stored: &[AggregateProgress]) -> Result<(), Error> {
    for Node { relation, aggregate, .. } in graph.nodes_mut() {
        let known = AggregateProgress::of(stored, relation, &aggregate.id);
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

/// Notes what the targets behind aggregates should hold, when all rows are in.
pub(super) async fn expect(
    graph: &mut Graph,
    stored: &[AggregateProgress],
    position: &Position,
    comparisons: &mut [Comparison],
) -> Result<(), Error> {
    graph.complete_snapshot(position, stored).await?;
    for node in 0..graph.nodes().len() {
        let mut cursor = Cursor::default();
        while let Some(written) = graph.next_groups(node, &mut cursor, Op::Insert, position).await? {
            for write in written.writes {
                comparisons[write.target].expect(&write.rows)?;
            }
        }
    }
    Ok(())
}
