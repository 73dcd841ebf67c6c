//! What happens to the rows of a pipeline: streams of changes with aggregates between them.
//!
//! ```text
//!  table ─▶ stream ─┬─▶ writes
//!                   └─▶ aggregate ─▶ stream ─┬─▶ writes
//!  table ─▶ stream ──────▶┘                  └─▶ aggregate ─▶ …
//! ```
//!
//! The batches of an event go through the streams of their tables ([`Graph::absorb`]). Rows that reach a target
//! without an aggregate before it become writes at once; what aggregates make of the others comes at the end of an
//! epoch ([`Graph::close`]): each aggregate's changelog goes through its own stream, into targets and the aggregates
//! after it. Nodes are in topological order, so one walk over them is enough.

use std::sync::Arc;

use rowmill_change::{Holds, Op, Position, TableName, Write};

use crate::aggregate::{Aggregate, Changelog, Cursor, Emission};
use crate::error::Error;
use crate::gather::{self, Part};
use crate::hold::Made;
use crate::status::AggregateProgress;
use crate::step::{BoundCall, Overseer, Used};
use crate::stream::{Branch, Changes, Demand, Outlet, Passed, Stream};

/// How far a pipeline is, for its operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A snapshot goes into the aggregates: nothing is passed on.
    Fill,
    /// A snapshot goes into the targets that no aggregate stands before; aggregates get nothing.
    Copy,
    /// Changes come again that the target has already: nothing is passed to it.
    Replay,
    /// Changes are new.
    Live,
}

/// An aggregate and what becomes of its groups.
pub struct Node {
    /// The relation that it is a step of.
    pub relation: String,
    /// It.
    pub aggregate: Aggregate,
    /// What its changelog goes through.
    pub output: Stream,
}

/// The streams and aggregates of a pipeline.
pub struct Graph {
    /// One per source table, by the number of its batches.
    inputs: Vec<Stream>,
    /// Each before those that its groups go into.
    nodes: Vec<Node>,
    overseer: Overseer,
}

/// What the targets get.
#[derive(Default)]
pub struct Written {
    /// In order.
    pub writes: Vec<Write>,
    /// Rows left out because they failed.
    pub skipped: u64,
}

impl Graph {
    /// `inputs`: one per source table. `nodes`: each before those that its groups go into.
    pub fn new(mut inputs: Vec<Stream>, mut nodes: Vec<Node>) -> Self {
        let prepared: Vec<bool> =
            nodes.iter().map(|node| node.aggregate.prepared().any(BoundCall::reads_seed)).collect();
        for stream in inputs.iter_mut().chain(nodes.iter_mut().map(|node| &mut node.output)) {
            let steps = stream.tree.walk().into_iter().flat_map(|branch| &branch.steps);
            let mut calls = steps.flat_map(|step| step.calls());
            stream.wants_seeds = calls.any(BoundCall::reads_seed) || stream.tree.entries().any(|to| prepared[to.node]);
        }
        Self { inputs, nodes, overseer: Overseer::default() }
    }

    /// Whether there are aggregates.
    pub fn has_state(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// The stream of each source table.
    pub fn inputs(&self) -> &[Stream] {
        &self.inputs
    }

    /// The aggregates, each before those that its groups go into.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The same, to change them.
    pub fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// All aggregates, in order.
    pub fn aggregates(&self) -> impl Iterator<Item = &Aggregate> {
        self.nodes.iter().map(|node| &node.aggregate)
    }

    /// The same, to change them.
    pub fn aggregates_mut(&mut self) -> impl Iterator<Item = &mut Aggregate> {
        self.nodes.iter_mut().map(|node| &mut node.aggregate)
    }

    fn streams_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.inputs.iter_mut().chain(self.nodes.iter_mut().map(|node| &mut node.output))
    }

    /// Lets `overseer` end the search for failing rows, and hear of it.
    pub fn oversee(&mut self, overseer: &Overseer) {
        self.streams_mut().for_each(|stream| stream.overseer = overseer.clone());
        self.overseer = overseer.clone();
    }

    /// The targets may hold rows of any key from now on, as in a rebuild: an insert is treated as an update.
    pub fn overwrite(&mut self) {
        self.streams_mut().for_each(|stream| stream.tree.for_each_writer(&mut |writer| writer.overwrite()));
    }

    /// From now on rows that this target can't hold are failures of the step that made the value.
    pub fn hold(&mut self, target: usize, table: &TableName, holds: &Arc<dyn Holds>) {
        for stream in self.streams_mut() {
            let inputs = stream.root.input.fields().len();
            Made::attach(&mut stream.tree, target, (table, holds), inputs);
        }
    }

    /// Takes the batches of one event, or one batch of a snapshot: by table.
    pub async fn absorb(&mut self, event: &[(usize, Changes<'_>)], progress: Progress) -> Result<Written, Error> {
        let demand = Demand {
            state: progress != Progress::Copy,
            writes: matches!(progress, Progress::Copy | Progress::Live),
            counted: progress == Progress::Copy,
        };
        let mut passed = Passed::default();
        for (table, changes) in event {
            self.inputs[*table].run(changes, demand, &mut passed).await?;
        }
        let Passed { parts, writes, skipped } = passed;
        let failed = self.take_in(parts, progress).await?;
        Ok(Written { writes, skipped: skipped + failed })
    }

    /// Hands what passed the steps to the aggregates.
    async fn take_in(&mut self, mut parts: Vec<Part<'_>>, progress: Progress) -> Result<u64, Error> {
        let mut skipped = 0;
        // Ways into one aggregate come in the order of their tags, however the file lists them.
        parts.sort_by(|one, other| (one.entry.node, &one.entry.tags).cmp(&(other.entry.node, &other.entry.tags)));
        while let Some(node) = parts.first().map(|part| part.entry.node) {
            let rest = parts.split_off(parts.partition_point(|part| part.entry.node == node));
            let Node { aggregate, output, .. } = &mut self.nodes[node];
            let emission = emission(&output.tree, progress);
            skipped += gather::take_in(aggregate, parts, emission, &self.overseer).await?;
            parts = rest;
        }
        Ok(skipped)
    }

    /// Ends an epoch: changelogs go from aggregate to aggregate, and into the targets.
    pub async fn close(&mut self, progress: Progress, position: &Position) -> Result<Written, Error> {
        let mut written = Written::default();
        let demand = Demand { state: progress != Progress::Fill, writes: progress == Progress::Live, counted: false };
        for node in 0..self.nodes.len() {
            let Node { aggregate, output, .. } = &mut self.nodes[node];
            let changelog = aggregate.finish(emission(&output.tree, progress)).await?;
            let Some(Changelog { rows, ops }) = changelog else { continue };
            let commit_time = vec![0; ops.len()];
            let changes = Changes::without_event(&rows, &ops, &commit_time, position);
            let mut passed = Passed::default();
            output.run(&changes, demand, &mut passed).await?;
            let Passed { parts, writes, skipped } = passed;
            written.writes.extend(writes);
            written.skipped += skipped + self.take_in(parts, progress).await?;
        }
        Ok(written)
    }

    /// The snapshot is complete: what the aggregates have goes into those after them, and event time begins. Nothing is
    /// passed to the targets yet; see [`Graph::next_groups`], after which [`Graph::close`] frees what had closed by then.
    /// `stored`: event time may have come further than the rows say.
    pub async fn complete_snapshot(&mut self, position: &Position, stored: &[AggregateProgress]) -> Result<(), Error> {
        for node in 0..self.nodes.len() {
            let Node { relation, aggregate, output } = &mut self.nodes[node];
            aggregate.finish(Emission::Fill).await?;
            aggregate.complete_snapshot();
            if let Some(status) = AggregateProgress::of(stored, relation, &aggregate.id) {
                aggregate.reach_stored(status);
            }
            if !output.tree.leads_to_state() {
                continue;
            }
            let mut cursor = Cursor::default();
            while let Some(rows) = self.nodes[node].aggregate.next_groups(&mut cursor).await? {
                // Not the one that is walked over: what left its memory would be met again on disk.
                for later in self.nodes[node + 1..].iter_mut().filter(|later| later.aggregate.is_full()) {
                    later.aggregate.make_room().await?;
                }
                let (ops, commit_time) = (vec![Op::Insert; rows.num_rows()], vec![0; rows.num_rows()]);
                let changes = Changes::without_event(&rows, &ops, &commit_time, position);
                let mut passed = Passed::default();
                let demand = Demand { state: true, writes: false, counted: false };
                self.nodes[node].output.run(&changes, demand, &mut passed).await?;
                let reached: Vec<usize> = passed.parts.iter().map(|part| part.entry.node).collect();
                self.take_in(passed.parts, Progress::Fill).await?;
                for later in reached {
                    self.nodes[later].aggregate.finish(Emission::Fill).await?;
                }
            }
            // What had closed by then has been passed on, but for what targets get: see `next_groups`.
            if !self.nodes[node].output.tree.writes() {
                self.nodes[node].aggregate.finish(Emission::Fill).await?;
            }
        }
        Ok(())
    }

    /// The next groups of an aggregate as the targets have to have them. `op`: an insert where the target can't hold
    /// them. `None`: that were all, or no target gets them.
    pub async fn next_groups(
        &mut self,
        node: usize,
        cursor: &mut Cursor,
        op: Op,
        position: &Position,
    ) -> Result<Option<Written>, Error> {
        let Some(Node { aggregate, output, .. }) = self.nodes.get_mut(node).filter(|node| node.output.tree.writes())
        else {
            return Ok(None);
        };
        let Some(rows) = aggregate.next_groups(cursor).await? else { return Ok(None) };
        let (ops, commit_time) = (vec![op; rows.num_rows()], vec![0; rows.num_rows()]);
        let changes = Changes::without_event(&rows, &ops, &commit_time, position);
        let mut passed = Passed::default();
        output.run(&changes, Demand { state: false, writes: true, counted: false }, &mut passed).await?;
        let Passed { writes, skipped, .. } = passed;
        Ok(Some(Written { writes, skipped }))
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

    /// The functions of a step, each with the digest of its component, once for each copy of the step.
    pub fn components(&self, step: &str) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        self.visit(&mut |visited| match visited {
            Visited::Step(bound) if bound.id == step => {
                found.extend(bound.calls().into_iter().map(|call| (&*call.name, &*call.digest)));
            }
            Visited::Node(node) if node.aggregate.id == step => {
                found.extend(node.aggregate.prepared().map(|call| (&*call.name, &*call.digest)));
                found.extend(node.aggregate.groups.calls.iter().map(|call| (&*call.name, &*call.digest)));
            }
            _ => {}
        });
        found
    }

    /// The calls of components, in the order in which rows meet them: step and what was used.
    pub fn meters(&self) -> Vec<(&str, Used<'_>)> {
        let mut meters = Vec::new();
        self.visit(&mut |visited| match visited {
            Visited::Step(step) => meters.extend(step.calls().into_iter().map(|call| (&*step.id, call.used()))),
            Visited::Node(Node { aggregate, .. }) => {
                meters.extend(aggregate.prepared().map(|call| (&*aggregate.id, call.used())));
                meters.extend(aggregate.groups.calls.iter().map(|call| (&*aggregate.id, call.used())));
            }
        });
        meters
    }

    /// All calls of components in steps, those that prepare an aggregate's arguments not included.
    pub fn calls(&self) -> Vec<&BoundCall> {
        let mut calls = Vec::new();
        self.visit(&mut |visited| {
            if let Visited::Step(step) = visited {
                calls.extend(step.calls());
            }
        });
        calls
    }

    /// Visits each step and aggregate once, table by table as rows meet them.
    fn visit<'g>(&'g self, see: &mut impl FnMut(Visited<'g>)) {
        let mut seen = vec![false; self.nodes.len()];
        for input in &self.inputs {
            self.visit_branch(&input.tree, &mut seen, see);
        }
    }

    fn visit_branch<'g>(&'g self, branch: &'g Branch, seen: &mut [bool], see: &mut impl FnMut(Visited<'g>)) {
        branch.steps.iter().for_each(|step| see(Visited::Step(step)));
        for outlet in &branch.outlets {
            match outlet {
                Outlet::Branch(branch) => self.visit_branch(branch, seen, see),
                Outlet::Aggregate(entry) if !std::mem::replace(&mut seen[entry.node], true) => {
                    let node = &self.nodes[entry.node];
                    see(Visited::Node(node));
                    self.visit_branch(&node.output.tree, seen, see);
                }
                Outlet::Aggregate(_) | Outlet::Write(_) => {}
            }
        }
    }
}

/// What is met on a walk over a graph.
enum Visited<'g> {
    Step(&'g crate::step::Step),
    Node(&'g Node),
}

/// What an aggregate does with its changes. `after`: what its groups go through.
fn emission(after: &Branch, progress: Progress) -> Emission {
    match progress {
        Progress::Fill | Progress::Copy => Emission::Fill,
        Progress::Replay | Progress::Live if after.leads_to_state() => Emission::Images,
        Progress::Replay => Emission::None,
        Progress::Live => Emission::Rows,
    }
}
