//! The rules that every plan keeps, whoever made it.
//!
//! A front end reports what its own syntax asks for; what a plan means is decided here, once. Some of these
//! rules are about single values, some about what one part of a plan asks of another: an aggregate takes out what
//! it once put in, so it must have seen every row from the first, and what it gives out are changes, which an
//! append-only target can't take. The runtime relies on all of them, so binding begins with [`validate`].
//!
//! Problems point into the plan and show its values, not what a file says in their place. A front end that
//! has found a problem of its own at a place leaves out the one of a rule there.

mod aggregate;
mod names;

use std::collections::BTreeSet;

use crate::problem::{Problem, child};
use crate::{Aggregate, Emit, Late, Mode, Plan, Sink, Source, Start, Step, StepKind, TABLE, step_pointer};
use names::Names;

pub use aggregate::WINDOW_COLUMNS;
pub use names::{column_list, is_table_name};

/// All that is wrong with a plan; empty if it can be bound.
pub fn validate(plan: &Plan) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_pipeline_name(&plan.name) {
        let problem = Problem::configuration("the pipeline's name is none").at("/pipeline");
        problems.push(problem.found(format!("{:?}", plan.name)).needed("1 to 63 of a-z, 0-9 and -"));
    }
    for (key, value) in [("rows", plan.batch.rows), ("bytes", plan.batch.bytes)] {
        problems.extend((value == 0).then(|| Problem::configuration("an empty batch").at(format!("/batch/{key}"))));
    }
    for (key, value) in [("rows", plan.epoch.rows), ("bytes", plan.epoch.bytes)] {
        problems.extend((value == 0).then(|| Problem::configuration("an empty epoch").at(format!("/epoch/{key}"))));
    }
    problems.extend(parts(Some(&plan.source), Some(&plan.steps), Some(&plan.sink)));
    problems
}

/// What is wrong with the parts of a plan that there are: for a front end that could not read the others.
pub fn parts(source: Option<&Source>, steps: Option<&[Step]>, sink: Option<&Sink>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(steps) = steps {
        ids(steps, &mut problems);
        let mut aggregated = false;
        for (index, step) in steps.iter().enumerate() {
            kind(index, &step.kind, aggregated, &mut problems);
            aggregated |= matches!(step.kind, StepKind::Aggregate(_));
        }
    }
    if let (Some(source), Some(steps)) = (source, steps) {
        problems.extend(from_the_first_row(source, steps));
    }
    if let Some(source) = source {
        tables(source, &mut problems);
    }
    if let Some(sink) = sink {
        problems.extend(target(sink, source));
        if let Some(key) = &sink.key {
            Names::default().list(key, "/sink/key", &mut problems);
        }
    }
    if let (Some(sink), Some(steps)) = (sink, steps) {
        problems.extend(finality(sink, steps));
    }
    problems
}

/// The identity under which progress is kept.
pub fn is_pipeline_name(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The name of a step.
pub fn is_step_id(id: &str) -> bool {
    (1..=63).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn ids(steps: &[Step], problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (index, step) in steps.iter().enumerate() {
        let at = step_pointer(index, "id");
        if !is_step_id(&step.id) {
            let problem = Problem::configuration(format!("{:?} is no id of a step", step.id)).at(at);
            problems.push(problem.needed("1 to 63 letters, digits, - and _"));
        } else if !seen.insert(&step.id) {
            problems.push(
                Problem::configuration(format!("two steps have the id {}", step.id))
                    .at(at)
                    .needed("a different id for each step (without one it is <kind>-<n>)"),
            );
        }
    }
}

fn kind(index: usize, kind: &StepKind, aggregated: bool, problems: &mut Vec<Problem>) {
    let at = step_pointer(index, kind.name());
    match kind {
        StepKind::Filter(_) => {}
        StepKind::Map(columns) => Names::default().keys(columns.iter().map(|(name, _)| name), &at, problems),
        StepKind::Select(columns) | StepKind::Drop(columns) => Names::default().list(columns, &at, problems),
        StepKind::Rename(columns) => {
            let mut names = Names::default();
            columns.iter().for_each(|(old, new)| names.take(new, child(&at, old), problems));
        }
        // The order of an aggregate's results is that of the groups that changed, no longer that of the source,
        // and the rows that a transform makes of one are told apart by their order.
        StepKind::Transform(_) if aggregated => problems.push(
            Problem::configuration("a transform after an aggregate is not supported in this version")
                .at_key(at)
                .fix("put the transform before the aggregate, or into a pipeline that reads this one's target"),
        ),
        StepKind::Transform(_) => {}
        StepKind::Aggregate(step) => {
            aggregate::check(step, &at, problems);
            if aggregated && step.window.is_some() {
                problems.push(
                    Problem::configuration("a window after another aggregate")
                        .at_key(child(&at, "window"))
                        .needed("the order of the source, which results of an aggregate do not have")
                        .fix("put the window into the first aggregate; a later one can group by its window_start"),
                );
            }
        }
    }
}

fn tables(source: &Source, problems: &mut Vec<Problem>) {
    if source.tables.is_empty() {
        problems
            .push(Problem::configuration("source.tables is empty").at("/source/tables").needed("at least one table"));
    }
    for (index, table) in source.tables.iter().enumerate() {
        if source.tables[..index].contains(table) {
            let problem = Problem::configuration(format!("table {table} is listed twice")).fix("leave one out");
            problems.push(problem.at(child("/source/tables", index)));
        }
    }
}

/// The target's name, and that it is not that of several.
fn target(sink: &Sink, source: Option<&Source>) -> Option<Problem> {
    let table = sink.table.as_deref()?;
    if !is_table_name(&table.replace(TABLE, "t")) {
        let problem = Problem::configuration(format!("{table:?} is not a table name")).at("/sink/table");
        return Some(problem.needed("a table name of 1 to 64 characters"));
    }
    let several = source.is_some_and(|source| source.tables.len() > 1);
    (several && sink.fixed_table().is_some()).then(|| {
        Problem::configuration("several source tables would be written into one target table")
            .at("/sink/table")
            .found(format!("the text {table:?}"))
            .needed("a target for each, since rows of two tables can have the same key")
            .fix(format!("write table: \"${{table}}_{table}\", or one pipeline per table"))
    })
}

/// Aggregates need a source that begins with all rows.
fn from_the_first_row(source: &Source, steps: &[Step]) -> Option<Problem> {
    let found = match source.start {
        Start::Snapshot => return None,
        Start::Latest => "latest",
        Start::Earliest => "earliest",
        Start::File { .. } => "a position in a binlog file",
        Start::Gtid(_) => "a GTID set",
    };
    let (index, _) = aggregates(steps).next()?;
    Some(
        Problem::configuration(format!("steps[{index}] is an aggregate, which needs source.start: snapshot"))
            .at("/source/start")
            .found(found)
            .needed("all rows from the first, since a delete of one that was there before could not be taken out")
            .fix("leave source.start out"),
    )
}

/// An append sink gets only results that are final.
fn finality(sink: &Sink, steps: &[Step]) -> Option<Problem> {
    let mut aggregates = aggregates(steps);
    let (first, second) = (aggregates.next(), aggregates.next());
    let (index, aggregate) = first.filter(|_| sink.mode == Mode::Append)?;
    let closes =
        aggregate.window.as_ref().is_some_and(|window| window.emit == Emit::Close && window.late == Late::Drop);
    let found = match second {
        None if closes => return None,
        None => format!("results that change, of steps[{index}]"),
        Some((index, _)) => format!("a second aggregate, steps[{index}]"),
    };
    Some(
        Problem::configuration("sink.mode: append after an aggregate")
            .at("/sink/mode")
            .found(found)
            .needed("results that are written once: of one aggregate, whose window has emit: close and late: drop")
            .fix("write mode: upsert"),
    )
}

fn aggregates(steps: &[Step]) -> impl Iterator<Item = (usize, &Aggregate)> {
    steps.iter().enumerate().filter_map(|(index, step)| match &step.kind {
        StepKind::Aggregate(aggregate) => Some((index, aggregate)),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
