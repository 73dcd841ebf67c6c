//! A plan meets its tables and components: names become column numbers, calls become bound functions.
//!
//! Binding does I/O only to load components. It reports all problems at once, each with the JSON
//! pointer of its place in the plan. What comes out, one [`BoundTable`] per source table, is all
//! that the data path needs; it is made anew after a restart and holds nothing that must survive.

mod call;
mod columns;
mod key;
mod show;

use std::sync::Arc;

use arrow_schema::Schema;
use rowmill_mysql::sink::Target;
use rowmill_mysql::{TableDef, TableName};

use crate::chain::Chain;
use crate::components::{Components, Environment};
use crate::plan::{Pipeline, StepKind, step_pointer};
use crate::problem::{Problem, child};
use crate::step::{Operator, Project, Step};

use call::Binder;
use columns::Columns;
pub(crate) use columns::same_name;
pub use show::{CallView, ColumnView, PlanView, StepView, TableView};

/// A source table with its steps, bound.
pub(crate) struct BoundTable {
    pub(crate) source: TableDef,
    pub(crate) chain: Chain,
    pub(crate) target: Target,
    /// Columns of the source table that make the key of its rows, in the order of the target's key.
    pub(crate) key: Vec<usize>,
    pub(crate) view: TableView,
}

/// A plan bound to its tables.
pub(crate) struct Bound {
    pub(crate) tables: Vec<BoundTable>,
}

/// Binds `plan` to `tables`. `target_database`: where target tables without a database are.
pub(crate) async fn bind(
    plan: &Pipeline,
    tables: &[TableDef],
    target_database: &str,
    environment: &Environment,
) -> Result<Bound, Vec<Problem>> {
    let mut components = Components::new(environment.clone());
    let mut problems = Vec::new();
    let mut bound = Vec::new();
    for table in tables {
        match bind_table(plan, table, target_database, &mut components).await {
            Ok(table) => bound.push(table),
            Err(found) => problems.extend(found.into_iter().map(|problem| match tables.len() {
                1 => problem,
                _ => Problem { message: format!("table {}: {}", table.name, problem.message), ..problem },
            })),
        }
    }
    if problems.is_empty() {
        problems.extend(key::shared_targets(&bound));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Bound { tables: bound })
}

async fn bind_table(
    plan: &Pipeline,
    table: &TableDef,
    target_database: &str,
    components: &mut Components,
) -> Result<BoundTable, Vec<Problem>> {
    let mut columns = Columns::of(table);
    let mut steps = Vec::new();
    let mut views = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let before = columns.clone();
        let mut binder = Binder { plan, step, index, components, calls: Vec::new() };
        let operator = match &step.kind {
            StepKind::Filter(call) => Operator::Filter(binder.filter(call, &columns).await?),
            StepKind::Map(entries) => {
                let (map, after) = binder.map(entries, &columns).await?;
                columns = after;
                Operator::Map(map)
            }
            StepKind::Transform(call) => {
                let (transform, after) = binder.transform(call, &columns).await?;
                columns = after;
                Operator::Transform(transform)
            }
            StepKind::Select(_) | StepKind::Drop(_) | StepKind::Rename(_) => {
                let (moves, after) = columns.project(&step.kind, &step_pointer(index, step.kind.name()))?;
                columns = after;
                Operator::Project(Project { columns: moves })
            }
        };
        views.push(StepView::new(step, &before, &columns, binder.calls));
        steps.push(Step { id: step.id.clone(), on_error: step.on_error, output: columns.schema(), operator });
    }
    let key = key::resolve(plan, table, &columns)?;
    let name = TableName { schema: target_database.to_owned(), name: plan.sink.table_for(&table.name.name) };
    let schema = Arc::new(Schema::new(columns.schema().fields().clone()));
    let target = Target { table: name, schema, key: key.target.clone(), ordinality: key.ordinality };
    if plan.source.url.expose() == plan.sink.url.expose() && target.table == table.name {
        return Err(vec![
            Problem::configuration("the target is the source table itself")
                .at("/sink/table")
                .found(table.name.to_string())
                .needed("another table or another server"),
        ]);
    }
    let view = TableView::new(table, &target, views);
    let chain = Chain::new(plan, table, key.source.clone(), steps);
    Ok(BoundTable { source: table.clone(), chain, target, key: key.source, view })
}

/// The pointer of a call's argument, configuration key, …
fn under(pointer: &str, keys: &[&str]) -> String {
    keys.iter().fold(pointer.to_owned(), |pointer, key| child(&pointer, key))
}
