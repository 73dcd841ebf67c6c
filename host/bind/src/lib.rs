//! A plan meets its tables and components: names become column numbers, calls become bound functions.
//!
//! Binding does I/O only to load components. It reports all problems at once, each with the JSON
//! pointer of its place in the plan. What comes out, a [`Bound`], is all that the data path needs; it is made again
//! after a restart and holds nothing that must survive.

mod aggregate;
mod call;
mod columns;
mod components;
mod key;
mod relation;
mod show;
mod target;
mod tree;
mod union;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::SchemaRef;
use rowmill_change::{Definition, Holds, TableName};
use rowmill_operators::{Graph, Node};
use rowmill_plan::Plan;
use rowmill_plan::problem::Problem;

pub use columns::same_name;
use components::Components;
pub use components::{Behaviour, BuiltIn, Environment};
use relation::{BoundNode, Relations, under};
pub use show::{
    CallView, ColumnView, PlanView, RelationView, StateView, StepView, TableView, TargetView, ValueStateView,
};
pub use target::BoundTarget;
use target::KeysRead;

/// A source table, as it is read.
pub struct BoundSource {
    /// Its name.
    pub name: TableName,
    /// The columns of its rows.
    pub columns: SchemaRef,
    /// The columns by which its rows are told apart: those of the targets' keys, or else its own.
    pub key: Vec<usize>,
    /// Rows lead into an aggregate.
    pub leads_to_state: bool,
    /// Rows lead to a target without an aggregate before it.
    pub writes: bool,
}

/// A plan bound to its tables.
pub struct Bound {
    /// In the order of the tables that it was bound to.
    pub sources: Vec<BoundSource>,
    /// In the order of the plan.
    pub targets: Vec<BoundTarget>,
    /// What lies between.
    pub graph: Graph,
    /// What is shown of the relations, in order.
    pub relations: Vec<RelationView>,
    /// Where a MariaDB server would answer something else than the steps do.
    pub mariadb: Vec<Problem>,
    /// What each name of the plan stands for that is none of a relation.
    pub meant: BTreeMap<String, Vec<TableName>>,
}

/// The schemas of tables that are named without one.
#[derive(Clone, Copy, Debug)]
pub struct Databases<'a> {
    /// Of the source.
    pub source: &'a str,
    /// Of the targets.
    pub target: &'a str,
}

impl Bound {
    /// From now on what a target can't hold fails: rows that steps made, and those whose windows it lacks.
    pub fn hold(&mut self, target: usize, holds: &Arc<dyn Holds>) {
        let Some(BoundTarget { table, window, nodes, .. }) = self.targets.get(target) else { return };
        // Where others get the windows, too, one that the target can't hold is an error of the write.
        let alone = nodes.last().copied().filter(|node| {
            let readers = self.targets.iter().filter(|target| target.nodes.last() == Some(node)).count();
            readers == 1 && !self.graph.nodes()[*node].output.tree.leads_to_state()
        });
        if let (Some((start, end)), Some(node)) = (*window, alone) {
            let aggregate = &mut self.graph.nodes_mut()[node].aggregate;
            let ranges = [start, end].into_iter().filter_map(|column| holds.times(column));
            ranges.for_each(|range| aggregate.narrow_windows(&range));
        }
        self.graph.hold(target, &table.table, holds);
    }
}

/// Binds `plan` to `tables`.
pub async fn bind(
    plan: &Plan,
    tables: &[&dyn Definition],
    databases: Databases<'_>,
    environment: &Environment,
) -> Result<Bound, Vec<Problem>> {
    let problems = rowmill_plan::validate(plan);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut relations = Relations::new(plan, tables, databases.source, Components::new(environment.clone()));
    let mut problems = relations.bind().await;
    let mut targets = Vec::new();
    let mut keys = KeysRead::default();
    for target in &plan.sink.tables {
        problems.extend(relations.target(target, databases.target, &mut targets, &mut keys));
    }
    if problems.is_empty() {
        problems.extend(target::shared(&targets));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    finish(relations, targets, keys).map_err(|problem| vec![problem])
}

/// The columns of all keys, each once: a row whose target's key changes is known by its before-image.
fn read_key(keys: Option<&BTreeSet<Vec<usize>>>) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for &column in keys?.iter().flatten() {
        if !all.contains(&column) {
            all.push(column);
        }
    }
    Some(all)
}

/// Puts the graph together. `keys`: those by which targets find rows.
fn finish(mut relations: Relations<'_>, targets: Vec<BoundTarget>, keys: KeysRead) -> Result<Bound, Problem> {
    let tables = relations.tables;
    let mut inputs = Vec::with_capacity(tables.len());
    let mut sources = Vec::with_capacity(tables.len());
    for (index, &table) in tables.iter().enumerate() {
        let own = table.row_key().unwrap_or_default();
        let read = keys.tables.get(&index);
        // Targets name rows as they find them; aggregates, and targets that don't agree, by the table's own key.
        let stream_key = |state: bool| match target::only(read) {
            Some(key) if !state => key.clone(),
            _ => own.clone(),
        };
        let stream = relations.stream(relations.roots[index], index, table.schema(), stream_key)?;
        let (leads_to_state, writes) = (stream.tree.leads_to_state(), stream.tree.writes());
        if !leads_to_state && !writes {
            return Err(Problem::configuration(format!("nothing is made from table {}", table.name()))
                .at("/source/tables")
                .needed("a view or a target that reads each table")
                .fix("leave it out of source.tables"));
        }
        sources.push(BoundSource {
            name: table.name().clone(),
            columns: table.schema(),
            key: read_key(read).unwrap_or(own),
            leads_to_state,
            writes,
        });
        inputs.push(stream);
    }
    let mut nodes = Vec::new();
    let bound = std::mem::take(&mut relations.nodes).into_iter().enumerate();
    for (number, BoundNode { relation, aggregate, root, input, table, key }) in bound {
        let key = target::only(keys.nodes.get(&number)).cloned().unwrap_or(key);
        let output = relations.stream(root, table, input, |_| key)?;
        nodes.push(Node { relation, aggregate, output });
    }
    let graph = Graph::new(inputs, nodes);
    let meant = relations.meant();
    Ok(Bound { sources, targets, graph, relations: relations.views, mariadb: relations.mariadb, meant })
}
