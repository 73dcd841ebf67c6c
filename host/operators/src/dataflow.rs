//! What happens to one table: chains of steps with aggregates between them.
//!
//! ```text
//!  changes ─▶ chain ─▶ aggregate ─▶ chain ─▶ aggregate ─▶ … ─▶ chain ─▶ writes
//!             └────── stage ──────┘
//! ```
//!
//! Without an aggregate there is only the last chain, and each batch becomes a write at once. With
//! one, batches go into the first aggregate ([`Dataflow::absorb`]), and writes come out at the end of
//! an epoch ([`Dataflow::close`]): each aggregate's changelog goes into the next one.

use arrow_array::RecordBatch;
use rowmill_change::{Op, Position};

use crate::aggregate::{Aggregate, Changelog, Cursor, Emission, Origin};
use crate::chain::{Chain, Changes, Events};
use crate::error::Error;
use crate::status::AggregateProgress;
use crate::step::{BoundCall, CallContext, Overseer, Used};

/// How far a pipeline is, for its aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A snapshot is being read: nothing is passed on.
    Snapshot,
    /// Changes come again that the target has already: nothing is passed to the target.
    Replay,
    /// Changes are new.
    Live,
}

/// The steps up to an aggregate, and it.
pub struct Stage {
    /// The steps before it.
    pub chain: Chain,
    /// It.
    pub aggregate: Aggregate,
}

/// The steps of one table.
pub struct Dataflow {
    /// In their order; none without aggregates.
    pub stages: Vec<Stage>,
    /// The steps behind the last aggregate, whose rows are written.
    pub last: Chain,
}

impl Dataflow {
    /// Whether there are aggregates.
    pub fn has_state(&self) -> bool {
        !self.stages.is_empty()
    }

    /// All chains, in order.
    pub fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.stages.iter().map(|stage| &stage.chain).chain([&self.last])
    }

    /// Lets `overseer` end the search for failing rows, and hear of it.
    pub fn oversee(&mut self, overseer: &Overseer) {
        let stages = self.stages.iter_mut().map(|stage| &mut stage.chain);
        stages.chain([&mut self.last]).for_each(|chain| chain.overseer = overseer.clone());
    }

    /// All aggregates, in order.
    pub fn aggregates(&self) -> impl Iterator<Item = &Aggregate> {
        self.stages.iter().map(|stage| &stage.aggregate)
    }

    /// The same, to change them.
    pub fn aggregates_mut(&mut self) -> impl Iterator<Item = &mut Aggregate> {
        self.stages.iter_mut().map(|stage| &mut stage.aggregate)
    }

    /// The functions of a step, each with the digest of its component.
    pub fn components<'a>(&'a self, step: &'a str) -> Vec<(&'a str, &'a str)> {
        let steps = self.chains().flat_map(|chain| &chain.steps).filter(|bound| bound.id == step);
        let mut found: Vec<_> = steps.flat_map(|bound| bound.calls()).map(|c| (&*c.name, &*c.digest)).collect();
        for aggregate in self.aggregates().filter(|aggregate| aggregate.id == step) {
            found.extend(aggregate.prepared().map(|call| (&*call.name, &*call.digest)));
            found.extend(aggregate.groups.calls.iter().map(|call| (&*call.name, &*call.digest)));
        }
        found
    }

    /// The calls of components, in the order of the steps: step, function, meter, rows refused.
    pub fn meters(&self) -> Vec<(&str, Used<'_>)> {
        let mut meters = Vec::new();
        for (stage, chain) in self.chains().enumerate() {
            for step in &chain.steps {
                meters.extend(step.calls().into_iter().map(|call| (&*step.id, call.used())));
            }
            let Some(Stage { aggregate, .. }) = self.stages.get(stage) else { continue };
            let id = &*aggregate.id;
            meters.extend(aggregate.prepared().map(|call| (id, call.used())));
            meters.extend(aggregate.groups.calls.iter().map(|call| (id, call.used())));
        }
        meters
    }

    /// What aggregate `stage` does with its changes.
    fn emission(&self, stage: usize, progress: Progress) -> Emission {
        match (progress, stage + 1 == self.stages.len()) {
            (Progress::Snapshot, _) => Emission::Fill,
            (Progress::Replay, true) => Emission::None,
            (Progress::Replay | Progress::Live, false) => Emission::Images,
            (Progress::Live, true) => Emission::Rows,
        }
    }

    /// Takes changes of the source into the first aggregate. Answers how many rows failed.
    pub async fn absorb(&mut self, changes: &Changes<'_>, progress: Progress) -> Result<u64, Error> {
        self.feed(0, changes, progress).await
    }

    async fn feed(&mut self, stage: usize, changes: &Changes<'_>, progress: Progress) -> Result<u64, Error> {
        let emission = self.emission(stage, progress);
        let Stage { chain, aggregate } = &mut self.stages[stage];
        let mut search = chain.search();
        let facts = chain.facts(changes, aggregate.prepared().any(BoundCall::reads_seed))?;
        let (frame, skipped) = chain.images(changes, &facts, &mut search).await?;
        let keys = aggregate.has_window().then(|| chain.row_keys(changes.rows)).transpose()?;
        let mut context = CallContext { facts: &facts, search: &mut search };
        let origin = Origin { ops: changes.ops, commit_time: changes.commit_time, keys: keys.as_ref() };
        let mut failures = Vec::new();
        aggregate.absorb(frame, &mut context, &origin, emission, &mut failures).await?;
        Ok(skipped + chain.failed(&aggregate.id, aggregate.on_error, failures, changes)?)
    }

    /// Ends an epoch: changelogs go from aggregate to aggregate, the last one's into the last chain.
    pub async fn close(
        &mut self,
        progress: Progress,
        position: &Position,
        target: usize,
    ) -> Result<Option<Events>, Error> {
        for stage in 0..self.stages.len() {
            let emission = self.emission(stage, progress);
            let changelog = self.stages[stage].aggregate.finish(emission).await?;
            let Some(Changelog { rows, ops }) = changelog else { continue };
            let commit_time = vec![0; ops.len()];
            let changes = Changes { rows: &rows, ops: &ops, commit_time: &commit_time, position };
            if stage + 1 == self.stages.len() {
                return Ok(Some(self.last.run(&changes, target).await?));
            }
            self.feed(stage + 1, &changes, progress).await?;
        }
        Ok(None)
    }

    /// The snapshot is complete: what the first aggregates have goes into the next ones, and event
    /// time begins. Nothing is passed on yet; see [`Dataflow::next_groups`]. `stored`: event time may have
    /// come further than the rows say.
    pub async fn complete_snapshot(&mut self, position: &Position, stored: &[AggregateProgress]) -> Result<(), Error> {
        for stage in 0..self.stages.len() {
            let aggregate = &mut self.stages[stage].aggregate;
            aggregate.finish(Emission::Fill).await?;
            aggregate.complete_snapshot();
            if let Some(status) = stored.iter().find(|status| status.step == aggregate.id) {
                aggregate.reach_stored(status);
            }
            if stage + 1 == self.stages.len() {
                break;
            }
            let mut cursor = Cursor::default();
            while let Some(rows) = self.stages[stage].aggregate.next_groups(&mut cursor).await? {
                // Not the one that is walked over: what left its memory would be met again on disk.
                for later in self.stages[stage + 1..].iter_mut().filter(|later| later.aggregate.is_full()) {
                    later.aggregate.make_room().await?;
                }
                let (ops, commit_time) = (vec![Op::Insert; rows.num_rows()], vec![0; rows.num_rows()]);
                let changes = Changes { rows: &rows, ops: &ops, commit_time: &commit_time, position };
                self.feed(stage + 1, &changes, Progress::Snapshot).await?;
                self.stages[stage + 1].aggregate.finish(Emission::Fill).await?;
            }
            // What had closed by then has been passed on.
            self.stages[stage].aggregate.finish(Emission::Fill).await?;
        }
        Ok(())
    }

    /// The next groups of the last aggregate as the target has to have them. `op`: an insert where the
    /// target can't hold them.
    pub async fn next_groups(
        &mut self,
        cursor: &mut Cursor,
        op: Op,
        position: &Position,
        target: usize,
    ) -> Result<Option<(RecordBatch, Events)>, Error> {
        let Some(stage) = self.stages.last_mut() else { return Ok(None) };
        let Some(rows) = stage.aggregate.next_groups(cursor).await? else { return Ok(None) };
        let (ops, commit_time) = (vec![op; rows.num_rows()], vec![0; rows.num_rows()]);
        let changes = Changes { rows: &rows, ops: &ops, commit_time: &commit_time, position };
        let events = self.last.run(&changes, target).await?;
        Ok(Some((rows, events)))
    }

    /// Whether groups have to leave the memory before more rows come.
    pub fn is_full(&self) -> bool {
        self.aggregates().any(Aggregate::is_full)
    }

    /// Makes room where it is needed. Not while a checkpoint is under way.
    pub async fn make_room(&mut self) -> Result<(), Error> {
        for aggregate in self.aggregates_mut().filter(|aggregate| aggregate.is_full()) {
            aggregate.make_room().await?;
        }
        Ok(())
    }
}
