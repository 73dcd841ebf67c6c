//! A plan meets its tables and components: names become column numbers, calls become bound functions.
//!
//! Binding does I/O only to load components. It reports all problems at once, each with the JSON
//! pointer of its place in the plan. What comes out, one [`BoundTable`] per source table, is all
//! that the data path needs; it is made anew after a restart and holds nothing that must survive.

mod aggregate;
mod aggregate_text;
mod call;
mod columns;
mod components;
mod key;
mod show;

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use rowmill_change::{Definition, Holds, TableName, TargetTable};
use rowmill_collation::Rule;

use rowmill_operators::aggregate::keys::{self, Keys};
use rowmill_operators::step::{Operator, Project, Step};
use rowmill_operators::{Chain, Dataflow, Links, Stage};
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::{Collate, Plan, StepKind, step_pointer};

use aggregate::Surroundings;
use call::Binder;
use columns::Columns;
pub use columns::same_name;
use components::Components;
pub use components::{Behaviour, BuiltIn, Environment};
pub use show::{CallView, ColumnView, PlanView, StateView, StepView, TableView, ValueStateView};

/// A source table with its steps, bound.
pub struct BoundTable {
    /// The source table.
    pub source: TableName,
    /// The columns of its rows.
    pub columns: SchemaRef,
    /// What its rows go through.
    pub flow: Dataflow,
    /// Where they go.
    pub target: TargetTable,
    /// Columns of the source table that make the key of its rows, without an aggregate in the order of
    /// the target's key.
    pub key: Vec<usize>,
    /// The target's columns that say when a window starts and ends.
    pub window: Option<(usize, usize)>,
    /// After an aggregate: the target's columns that make its groups' key, with the rule of those texts
    /// whose spelling depends on which row came first.
    pub group_columns: Vec<(usize, Option<Rule>)>,
    /// What is shown of it.
    pub view: TableView,
    /// Where a MariaDB server would answer something else than the steps do.
    pub mariadb: Vec<Problem>,
}

impl BoundTable {
    /// From now on what the target can't hold fails: rows that steps made, and those whose windows it lacks.
    pub fn hold(&mut self, holds: Arc<dyn Holds>) {
        if let Some((start, end)) = self.window
            && let Some(aggregate) = self.flow.aggregates_mut().last()
        {
            [start, end]
                .iter()
                .filter_map(|&column| holds.times(column))
                .for_each(|range| aggregate.narrow_windows(&range));
        }
        self.flow.last.hold(&self.target.table, holds);
    }
}

/// A plan bound to its tables.
pub struct Bound {
    /// In the order of the tables that it was bound to.
    pub tables: Vec<BoundTable>,
}

/// Binds `plan` to `tables`. `target_database`: where target tables without a database are.
pub async fn bind(
    plan: &Plan,
    tables: &[&dyn Definition],
    target_database: &str,
    environment: &Environment,
) -> Result<Bound, Vec<Problem>> {
    let mut problems = rowmill_plan::validate(plan);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut components = Components::new(environment.clone());
    let mut bound = Vec::new();
    for &table in tables {
        match bind_table(plan, table, target_database, &mut components).await {
            Ok(table) => bound.push(table),
            Err(found) => problems.extend(found.into_iter().map(|problem| match tables.len() {
                1 => problem,
                _ => Problem { message: format!("table {}: {}", table.name(), problem.message), ..problem },
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
    plan: &Plan,
    table: &dyn Definition,
    target_database: &str,
    components: &mut Components,
) -> Result<BoundTable, Vec<Problem>> {
    let mut columns = Columns::of(table);
    let mut segment = Segment {
        input: columns.schema(),
        // Where aggregates are told which rows are which; the target's key comes from the steps.
        key: table.row_key().unwrap_or_default(),
        steps: Vec::new(),
    };
    let mut stages = Vec::new();
    let mut views = Vec::new();
    let mut mariadb = Vec::new();
    let mut groups: Option<Vec<String>> = None;
    let is_aggregate = |step: &rowmill_plan::Step| matches!(step.kind, StepKind::Aggregate(_));
    let last_aggregate = plan.steps.iter().rposition(is_aggregate);
    let internal =
        |error: rowmill_operators::Error| vec![Problem::new(rowmill_plan::problem::Fault::Internal, error.to_string())];
    for (index, step) in plan.steps.iter().enumerate() {
        let before = columns.clone();
        let upstream = last_aggregate.is_some_and(|last| index <= last);
        let pure = last_aggregate.is_some();
        let mut binder =
            Binder { plan, step, index, components, calls: Vec::new(), mariadb: Vec::new(), upstream, pure };
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
            StepKind::Aggregate(aggregate) => {
                let surroundings = Surroundings {
                    name: format!("{}/{}", table.name(), step.id),
                    feeds: last_aggregate != Some(index),
                    first: groups.is_none(),
                    retracts: groups.is_some() || !plan.source.append_only,
                };
                let bound = binder.aggregate(aggregate, &columns, &surroundings).await?;
                views.push(StepView::new(step, &before, &bound.columns, binder.calls, Some(bound.view)));
                mariadb.extend(binder.mariadb);
                columns = bound.columns;
                let key = (0..bound.key.len()).collect();
                let next = Segment { input: columns.schema(), key, steps: Vec::new() };
                let chain = std::mem::replace(&mut segment, next).chain(plan, table, None).map_err(internal)?;
                stages.push(Stage { chain, aggregate: bound.aggregate });
                groups = Some(bound.key);
                continue;
            }
        };
        views.push(StepView::new(step, &before, &columns, binder.calls, None));
        mariadb.extend(binder.mariadb);
        segment.steps.push(Step { id: step.id.clone(), on_error: step.on_error, output: columns.schema(), operator });
    }
    let key = match &groups {
        None => key::resolve(plan, table, &columns)?,
        Some(groups) => key::resolve_groups(plan, groups, &columns)?,
    };
    let name = TableName { schema: target_database.to_owned(), name: plan.sink.table_for(&table.name().name) };
    let mut fields: Vec<_> = columns.schema().fields().iter().cloned().collect();
    let mut target_key = key.target.clone();
    let key_fields: Vec<_> = key.source.iter().map(|&column| segment.input.field(column).clone()).collect();
    let mut hash = None;
    if groups.is_some() && key_fields.iter().any(arrow_schema::Field::is_nullable) {
        // MySQL's primary keys hold no NULL, groups may.
        target_key = vec![fields.len()];
        fields.push(Arc::new(rowmill_change::key_hash_field()));
        let collate = plan.steps.iter().rev().find_map(|step| match &step.kind {
            StepKind::Aggregate(aggregate) => Some(aggregate.collate),
            _ => None,
        });
        let keys = Keys::new(&key_fields.iter().collect::<Vec<_>>(), collate.unwrap_or_default());
        hash = Some(keys.map_err(|(_, message)| vec![Problem::configuration(message).at("/sink/key")])?);
    }
    let schema = Arc::new(Schema::new(fields));
    let target = TargetTable { table: name, schema, key: target_key, ordinality: key.ordinality };
    if plan.source.url.expose() == plan.sink.url.expose() && target.table == *table.name() {
        return Err(vec![
            Problem::configuration("the target is the source table itself")
                .at("/sink/table")
                .found(table.name().to_string())
                .needed("another table or another server"),
        ]);
    }
    let view = TableView::new(table, &target, views);
    // The source's rows are told apart by what the target's key is made of, if that are their columns.
    let row_key = match groups {
        None => key.source.clone(),
        Some(_) => table.row_key().unwrap_or_default(),
    };
    let time = |wanted: &str| {
        let group = groups.iter().flatten().position(|name| name == wanted)?;
        key.source.iter().position(|&known| known == group).map(|at| key.target[at])
    };
    let window = time("window_start").zip(time("window_end"));
    let rule = |&column: &usize| {
        let rule = keys::rule(columns.0[column].field.as_ref(), Collate::Column).ok().flatten();
        (column, rule)
    };
    let group_columns = match groups {
        Some(_) => key.target.iter().map(rule).collect(),
        None => Vec::new(),
    };
    segment.key = key.source;
    let last = segment.chain(plan, table, hash).map_err(internal)?;
    let flow = Dataflow { stages, last };
    let (source, columns) = (table.name().clone(), table.schema());
    Ok(BoundTable { source, columns, flow, target, key: row_key, window, group_columns, view, mariadb })
}

/// The steps between two aggregates, in the making.
struct Segment {
    input: SchemaRef,
    key: Vec<usize>,
    steps: Vec<Step>,
}

impl Segment {
    fn chain(self, plan: &Plan, table: &dyn Definition, hash: Option<Keys>) -> Result<Chain, rowmill_operators::Error> {
        let Segment { input, key, steps } = self;
        Chain::new(plan, Links { table: table.name().to_string(), input, key, steps, hash })
    }
}

/// The pointer of a call's argument, configuration key, …
fn under(pointer: &str, keys: &[&str]) -> String {
    keys.iter().fold(pointer.to_owned(), |pointer, key| child(&pointer, key))
}
