//! A plan meets its tables and components: names become column numbers, calls become bound functions.
//!
//! Binding does I/O only to load components. It reports all problems at once, each with the JSON
//! pointer of its place in the plan. What comes out, a [`Bound`], is all that the data path needs; it is made again
//! after a restart and holds nothing that must survive.

mod aggregate;
mod aggregate_text;
mod call;
mod columns;
mod components;
mod key;
mod relation;
mod show;
mod target;
mod tree;
mod union;

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
        let Some(bound) = self.targets.get(target) else { return };
        if let (Some((start, end)), Some(&node)) = (bound.window, bound.nodes.last()) {
            let aggregate = &mut self.graph.nodes_mut()[node].aggregate;
            let ranges = [start, end].into_iter().filter_map(|column| holds.times(column));
            ranges.for_each(|range| aggregate.narrow_windows(&range));
        }
        self.graph.hold(target, &bound.table.table, holds);
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
    let mut keys = vec![Vec::new(); tables.len()];
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

/// Puts the graph together. `keys`: of each table the columns by which targets find its rows.
fn finish(mut relations: Relations<'_>, targets: Vec<BoundTarget>, keys: Vec<Vec<usize>>) -> Result<Bound, Problem> {
    let tables = relations.tables;
    let mut inputs = Vec::with_capacity(tables.len());
    let mut sources = Vec::with_capacity(tables.len());
    for ((index, &table), key) in tables.iter().enumerate().zip(keys) {
        let own = table.row_key().unwrap_or_default();
        // Targets name rows as they find them; aggregates tell them apart by the table's own key.
        let stream_key = |state: bool| if state || key.is_empty() { own.clone() } else { key.clone() };
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
            key: if key.is_empty() { own } else { key },
            leads_to_state,
            writes,
        });
        inputs.push(stream);
    }
    let mut nodes = Vec::new();
    for BoundNode { relation, aggregate, root, input, table, key } in std::mem::take(&mut relations.nodes) {
        let output = relations.stream(root, table, input, |_| key)?;
        nodes.push(Node { relation, aggregate, output });
    }
    let graph = Graph::new(inputs, nodes);
    Ok(Bound { sources, targets, graph, relations: relations.views, mariadb: relations.mariadb })
}
