//! The bound plan for people and tools: what `rowmill plan` prints.

use arrow_schema::Field;
use rowmill_change::TargetTable;
use rowmill_wasm::Signature;
use serde::Serialize;

use super::columns::Columns;
use super::{Bound, BoundTarget};
use rowmill_plan::problem::Problem;
use rowmill_plan::units::format_duration;
use rowmill_plan::{Aggregate, Emit, Late, Limits, Step, Upstream, WindowShape};

/// A plan bound to its tables and components.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PlanView {
    /// The pipeline's name.
    pub pipeline: String,
    /// Digest of everything that decides what is written.
    pub digest: String,
    /// One entry for each source table, of a plan that does the same with each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableView>,
    /// The views, each after those that it is made from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<RelationView>,
    /// The target tables, of a plan that names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetView>,
    /// What is no mistake, but should be known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
}

/// What happens to one source table.
#[derive(Clone, Debug, Serialize)]
pub struct TableView {
    /// The source table.
    pub source: String,
    /// Its columns.
    pub columns: Vec<ColumnView>,
    /// The steps in order.
    pub steps: Vec<StepView>,
    /// The target table.
    pub target: String,
    /// The target's key columns.
    pub key: Vec<String>,
}

/// What becomes of the rows of a relation.
#[derive(Clone, Debug, Serialize)]
pub struct RelationView {
    /// Its name.
    pub name: String,
    /// The tables and views that it is made from.
    pub from: Vec<String>,
    /// The columns before its first step, those of a union's tags included.
    pub columns: Vec<ColumnView>,
    /// The steps in order.
    pub steps: Vec<StepView>,
}

/// A target table.
#[derive(Clone, Debug, Serialize)]
pub struct TargetView {
    /// The table.
    pub table: String,
    /// The view or table whose rows it holds.
    pub from: String,
    /// Its columns.
    pub columns: Vec<ColumnView>,
    /// Its key columns.
    pub key: Vec<String>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnView {
    /// Its name.
    pub name: String,
    /// MySQL's type where it is known, else Arrow's.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// One bound step.
#[derive(Clone, Debug, Serialize)]
pub struct StepView {
    /// Its id.
    pub id: String,
    /// `filter`, `map`, …
    pub kind: String,
    /// What happens to failing rows.
    pub on_error: String,
    /// The calls of components.
    pub calls: Vec<CallView>,
    /// Columns before it.
    pub input: Vec<ColumnView>,
    /// Columns after it.
    pub output: Vec<ColumnView>,
    /// What an aggregate keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateView>,
}

/// What an aggregate keeps for each group.
#[derive(Clone, Debug, Serialize)]
pub struct StateView {
    /// The columns that tell groups apart.
    pub key: Vec<String>,
    /// The window, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Per value the layout of its accumulator.
    pub values: Vec<ValueStateView>,
}

/// The accumulator of one value.
#[derive(Clone, Debug, Serialize)]
pub struct ValueStateView {
    /// The value's name.
    pub value: String,
    /// The component's version of the layout.
    pub version: u32,
    /// Its columns.
    pub columns: Vec<ColumnView>,
}

impl StateView {
    pub(super) fn new(key: &[String], states: Vec<(String, u32, Vec<Field>)>, step: &Aggregate) -> Self {
        let value = |(value, version, fields): (String, u32, Vec<Field>)| ValueStateView {
            value,
            version,
            columns: fields.iter().map(ColumnView::new).collect(),
        };
        let window = step.window.as_ref().map(|window| {
            let shape = match window.shape {
                WindowShape::Tumble { size } => format!("tumble {}", format_duration(size)),
                WindowShape::Hop { size, slide } => {
                    format!("hop {} every {}", format_duration(size), format_duration(slide))
                }
                WindowShape::Cumulate { size, step } => {
                    format!("cumulate {} by {}", format_duration(size), format_duration(step))
                }
                WindowShape::Session { gap } => format!("session with a gap of {}", format_duration(gap)),
            };
            let late = if window.late == Late::Drop { "dropped" } else { "applied" };
            let emit = if window.emit == Emit::Update { "on every change" } else { "when it closes" };
            let lateness = format_duration(window.lateness);
            format!("{shape} on {}, {lateness} late at most, later rows {late}, written {emit}", window.on)
        });
        Self { key: key.to_vec(), window, values: states.into_iter().map(value).collect() }
    }
}

/// One bound call.
#[derive(Clone, Debug, Serialize)]
pub struct CallView {
    /// `std/sql#filter`.
    pub function: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// Result columns.
    pub results: Vec<ColumnView>,
    /// What it may use.
    pub limits: Limits,
}

impl ColumnView {
    fn new(field: &Field) -> Self {
        let data_type = match field.metadata().get("mysql-type") {
            Some(data_type) => data_type.clone(),
            None if field.metadata().get("type").is_some_and(|kind| kind == "json") => "json".to_owned(),
            None => rowmill_plan::type_name::format(field.data_type()),
        };
        Self { name: field.name().clone(), data_type, nullable: field.is_nullable() }
    }
}

impl StepView {
    pub(crate) fn new(
        step: &Step,
        before: &Columns,
        after: &Columns,
        calls: Vec<CallView>,
        state: Option<StateView>,
    ) -> Self {
        let views = |columns: &Columns| columns.0.iter().map(|column| ColumnView::new(&column.field)).collect();
        Self {
            id: step.id.clone(),
            kind: step.kind.name().to_owned(),
            on_error: format!("{:?}", step.on_error).to_lowercase(),
            calls,
            input: views(before),
            output: views(after),
            state,
        }
    }
}

impl CallView {
    pub(crate) fn new(function: &str, digest: &str, signature: &Signature, limits: &Limits) -> Self {
        Self {
            function: function.to_owned(),
            digest: digest.to_owned(),
            results: signature.results.iter().map(ColumnView::new).collect(),
            limits: *limits,
        }
    }
}

impl RelationView {
    pub(crate) fn new(name: &str, from: &Upstream, columns: Option<&Columns>, steps: Vec<StepView>) -> Self {
        let columns = columns.into_iter().flat_map(|columns| &columns.0);
        Self {
            name: name.to_owned(),
            from: from.names().into_iter().map(|(name, _)| name.to_owned()).collect(),
            columns: columns.map(|column| ColumnView::new(&column.field)).collect(),
            steps,
        }
    }
}

impl TargetView {
    pub(crate) fn new(target: &TargetTable, from: &str) -> Self {
        Self {
            table: target.table.to_string(),
            from: from.to_owned(),
            columns: target.schema.fields().iter().map(|field| ColumnView::new(field)).collect(),
            key: target.key.iter().map(|&column| target.schema.field(column).name().clone()).collect(),
        }
    }
}

impl Bound {
    /// What happens to each source table, in a plan that does the same with each: one relation and one target for each.
    pub fn tables(&self) -> Vec<TableView> {
        let bound = self.relations.iter().zip(&self.targets);
        let table = |(relation, target): (&RelationView, &BoundTarget)| TableView {
            source: relation.name.clone(),
            columns: relation.columns.clone(),
            steps: relation.steps.clone(),
            target: target.view.table.clone(),
            key: target.view.key.clone(),
        };
        bound.map(table).collect()
    }
}
