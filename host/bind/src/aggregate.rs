//! Binding an aggregate step: the key, the window, and per value a function with its accumulators.

mod accumulators;
mod text;
mod value;

use std::collections::HashMap;

use arrow_schema::{DataType, Field, TimeUnit};
use rowmill_operators::aggregate::keys::Keys;
use rowmill_operators::aggregate::window::{Windowing, range};
use rowmill_operators::aggregate::{Aggregate, Groups, Parts};
use rowmill_operators::step::Map;
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::type_name;
use rowmill_plan::{Collate, WindowShape};

use super::call::{Binder, wrong_name};
use super::columns::{Column, Columns, Origin};
use super::show::StateView;
use super::under;
use value::Hidden;

/// What is around the step.
pub(super) struct Surroundings {
    /// The step's name in the state store.
    pub(super) name: String,
    /// Another aggregate follows.
    pub(super) feeds: bool,
    /// No aggregate comes before it.
    pub(super) first: bool,
    /// Rows can be taken out again: what comes in is not only inserts.
    pub(super) retracts: bool,
}

/// A bound step.
pub(super) struct BoundAggregate {
    pub(super) aggregate: Aggregate,
    pub(super) columns: Columns,
    /// The columns of the groups' key, first in the output.
    pub(super) key: Vec<String>,
    pub(super) view: StateView,
}

impl Binder<'_> {
    pub(super) async fn aggregate(
        &mut self,
        step: &rowmill_plan::Aggregate,
        columns: &Columns,
        surroundings: &Surroundings,
    ) -> Result<BoundAggregate, Vec<Problem>> {
        let pointer = self.pointer.clone();
        let mut problems = Vec::new();
        let by = positions(&step.by, columns, &child(&pointer, "by"), &mut problems);
        let window = window(step, columns, &pointer, &mut problems);
        problems.extend(forgetting(step, surroundings, &pointer));
        let keys = keys(step, &by, window.map(|(_, window)| &window.shape), columns, &pointer, &mut problems);
        let mut hidden = Hidden::over(columns);
        let offered = self.values(step, &mut hidden, columns).await.unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        let Some(keys) = keys.filter(|_| problems.is_empty()) else { return Err(problems) };
        let mut calls = Vec::new();
        let mut states = Vec::new();
        let mut results = Vec::new();
        for offered in offered {
            let name = offered.name;
            match self.accumulators(offered, &hidden.columns, step, surroundings).await {
                Ok((call, field)) => {
                    let state = &call.signature().state;
                    states.push((name.to_owned(), state.version, state.fields.clone()));
                    results.push((name, field));
                    calls.push(call);
                }
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let (key, after) = output(step, &by, window, columns, results, &pointer)?;
        let view = StateView::new(&key, states, step);
        let memory = usize::try_from(self.step.limits.memory).unwrap_or(usize::MAX);
        let width = hidden.columns.0.len();
        let parts = Parts {
            id: self.step.id.clone(),
            on_error: self.step.on_error,
            prepare: (!hidden.parts.is_empty()).then_some(Map { parts: hidden.parts, width }),
            by,
            window: window.map(|(on, window)| (on, Windowing::new(window, range(columns.0[on].field.data_type())))),
            keys,
            groups: Groups::new(surroundings.name.clone(), calls, memory),
            output: after.schema(),
            feeds: surroundings.feeds,
            ttl: step.ttl.map(|ttl| i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX)),
        };
        let aggregate =
            Aggregate::new(parts).map_err(|error| vec![Problem::configuration(error.to_string()).at(&pointer)])?;
        Ok(BoundAggregate { aggregate, columns: after, key, view })
    }
}

/// The column of event time, with the window over it.
fn window<'a>(
    step: &'a rowmill_plan::Aggregate,
    columns: &Columns,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Option<(usize, &'a rowmill_plan::Window)> {
    let window = step.window.as_ref()?;
    let at = under(pointer, &["window", "on"]);
    match columns.find(&window.on, &at).and_then(|on| event_time(&columns.0[on], &at).map(|()| on)) {
        Ok(on) => Some((on, window)),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

/// Why groups can't be forgotten after a time, where the step asks for it.
fn forgetting(step: &rowmill_plan::Aggregate, surroundings: &Surroundings, pointer: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if step.ttl.is_some() && !surroundings.first {
        problems.push(
            Problem::configuration("a time to live needs the commit times of the source's changes")
                .at(child(pointer, "ttl"))
                .found("an aggregate before this one")
                .fix("leave ttl out"),
        );
    }
    if step.ttl.is_some() && surroundings.feeds {
        problems.push(
            Problem::configuration(
                "what is forgotten after a time to live can't be taken out of the aggregate after it",
            )
            .at(child(pointer, "ttl"))
            .found("an aggregate after this one")
            .fix("leave ttl out, or write the groups into a table and aggregate that with another pipeline"),
        );
    }
    problems
}

/// The columns of the groups' key, and all columns of the groups: the key, the window's times, the values.
fn output(
    step: &rowmill_plan::Aggregate,
    by: &[usize],
    window: Option<(usize, &rowmill_plan::Window)>,
    columns: &Columns,
    results: Vec<(&str, Field)>,
    pointer: &str,
) -> Result<(Vec<String>, Columns), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut after = Columns(Vec::new());
    for &column in by {
        let field = key_field(&columns.0[column].field, step.collate);
        problems.extend(after.append(field, Origin::Group(after.0.len()), pointer).err());
    }
    if let Some((on, window)) = window {
        for name in rowmill_plan::WINDOW_COLUMNS {
            let field = window_field(name, &columns.0[on].field, &window.shape);
            problems.extend(after.append(field, Origin::Group(after.0.len()), pointer).err());
        }
    }
    let key = after.0.iter().map(|column| column.field.name().clone()).collect();
    for (name, field) in results {
        let at = under(pointer, &["values", name]);
        problems.extend(wrong_name(name, &at));
        problems.extend(after.append(field.with_name(name), Origin::Computed, &at).err());
    }
    if problems.is_empty() { Ok((key, after)) } else { Err(problems) }
}

fn positions(names: &[String], columns: &Columns, pointer: &str, problems: &mut Vec<Problem>) -> Vec<usize> {
    let mut positions = Vec::new();
    for (n, name) in names.iter().enumerate() {
        match columns.find(name, &child(pointer, n)) {
            Ok(column) => positions.push(column),
            Err(problem) => problems.push(problem),
        }
    }
    positions
}

fn event_time(column: &Column, at: &str) -> Result<(), Problem> {
    match column.field.data_type() {
        DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _) => Ok(()),
        other => Err(Problem::configuration(format!("column {} has no event time", column.field.name()))
            .at(at)
            .found(type_name::format(other))
            .needed("a DATE, DATETIME or TIMESTAMP")),
    }
}

/// Keys over `by`, with the window's times where they belong.
fn keys(
    step: &rowmill_plan::Aggregate,
    by: &[usize],
    window: Option<&WindowShape>,
    columns: &Columns,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Option<Keys> {
    let time = Field::new("", DataType::Timestamp(TimeUnit::Microsecond, None), false);
    let mut fields: Vec<&Field> = by.iter().map(|&column| columns.0[column].field.as_ref()).collect();
    let before = match window {
        None => 0,
        Some(WindowShape::Session { .. }) => {
            fields.push(&time);
            0
        }
        Some(_) => {
            fields.splice(0..0, [&time, &time]);
            2
        }
    };
    match Keys::new(&fields, step.collate) {
        Ok(keys) => Some(keys),
        Err((index, message)) => {
            let place = under(pointer, &["by", &index.saturating_sub(before).to_string()]);
            problems.push(
                Problem::configuration(message)
                    .at(place)
                    .fix("say `collate: binary` in the aggregate, or compute a column to group by"),
            );
            None
        }
    }
}

/// A key's column in the output.
fn key_field(field: &Field, collate: Collate) -> Field {
    let mut field = field.clone();
    if collate == Collate::Binary && *field.data_type() == DataType::Utf8 {
        field.metadata_mut().insert("collation".to_owned(), "binary".to_owned());
    }
    field
}

/// `window_start` or `window_end`, as the event time's column but for its fraction.
fn window_field(name: &str, on: &Field, shape: &WindowShape) -> Field {
    let data_type = match on.data_type() {
        DataType::Date32 => DataType::Timestamp(TimeUnit::Microsecond, None),
        other => other.clone(),
    };
    let is_session = matches!(shape, WindowShape::Session { .. });
    let own = on.metadata().get("fsp").and_then(|fsp| fsp.parse::<u8>().ok()).unwrap_or(0);
    let whole = rowmill_operators::aggregate::window::Assigner::new(*shape).is_in_seconds();
    let fsp = match (is_session, whole) {
        (false, true) => 0,
        (true, true) => own,
        (_, false) => 6,
    };
    let kind = if matches!(data_type, DataType::Timestamp(_, Some(_))) { "timestamp" } else { "datetime" };
    let mysql_type = if fsp == 0 { kind.to_owned() } else { format!("{kind}({fsp})") };
    let facts = [("fsp".to_owned(), fsp.to_string()), ("mysql-type".to_owned(), mysql_type)];
    Field::new(name, data_type, false).with_metadata(facts.into_iter().collect::<HashMap<_, _>>())
}
