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
mod limits;
mod names;
mod relations;
mod targets;

use crate::problem::{Problem, child};
use crate::{Plan, Relation, Sink, Source, Start, StepKind};

pub use aggregate::WINDOW_COLUMNS;
pub use names::{column_list, is_table_name};
pub use relations::called_like_a_table;

/// All that is wrong with a plan; empty if it can be bound.
pub fn validate(plan: &Plan) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_pipeline_name(&plan.name) {
        let problem = Problem::configuration("the pipeline's name is none").at("/pipeline");
        problems.push(problem.found(format!("{:?}", plan.name)).needed("1 to 63 of a-z, 0-9 and -"));
    }
    limits::check(plan, &mut problems);
    problems.extend(parts(Some(&plan.source), Some(&plan.relations), Some(&plan.sink)));
    problems
}

/// What is wrong with the parts of a plan that there are: for a front end that could not read the others.
pub fn parts(source: Option<&Source>, relations: Option<&[Relation]>, sink: Option<&Sink>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(relations) = relations {
        relations::check(relations, source, &mut problems);
    }
    if let (Some(source), Some(relations)) = (source, relations) {
        problems.extend(from_the_first_row(source, relations));
    }
    if let Some(source) = source {
        tables(source, &mut problems);
    }
    if let Some(sink) = sink {
        targets::check(sink, source, &mut problems);
    }
    if let (Some(sink), Some(relations)) = (sink, relations) {
        relations::unread(relations, sink, &mut problems);
        targets::check_paths(sink, relations, &mut problems);
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

/// Aggregates need a source that begins with all rows.
fn from_the_first_row(source: &Source, relations: &[Relation]) -> Option<Problem> {
    let found = match source.start {
        Start::Snapshot => return None,
        Start::Latest => "latest",
        Start::Earliest => "earliest",
        Start::File { .. } => "a position in a binlog file",
        Start::Gtid(_) => "a GTID set",
    };
    let mut steps = relations.iter().flat_map(|relation| relation.steps.iter().enumerate().map(move |s| (relation, s)));
    let (relation, (index, _)) = steps.find(|(_, (_, step))| matches!(step.kind, StepKind::Aggregate(_)))?;
    let place = relations::place(relation, index);
    Some(
        Problem::configuration(format!("{place} is an aggregate, which needs source.start: snapshot"))
            .at("/source/start")
            .found(found)
            .needed("all rows from the first, since a delete of one that was there before could not be taken out")
            .fix("leave source.start out"),
    )
}

#[cfg(test)]
mod tests;
