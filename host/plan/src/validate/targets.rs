//! Target tables, and what the way to each asks of it.

use std::collections::HashMap;

use super::names::{Names, is_table_name};
use super::relations::place;
use crate::problem::Problem;
use crate::{Aggregate, Emit, Late, Mode, Relation, Sink, SinkTable, Source, StepKind, TABLE, Upstream};

/// Names and keys.
pub(super) fn check(sink: &Sink, source: Option<&Source>, problems: &mut Vec<Problem>) {
    if sink.tables.is_empty() {
        problems.push(
            Problem::configuration("sink.tables is empty").at("/sink/tables").needed("at least one target table"),
        );
    }
    if sink.tables.len() > 1 && sink.tables.iter().any(SinkTable::is_for_each_table) {
        let problem = Problem::configuration("a target for each table together with others").at("/sink/tables");
        problems.push(problem.needed("one of the two"));
    }
    for (index, target) in sink.tables.iter().enumerate() {
        problems.extend(name(target, &sink.tables[..index], source));
        if let Some(key) = &target.key {
            Names::default().list(key, &target.pointer("key"), problems);
        }
    }
}

/// A target's name, and that it is not that of several.
fn name(target: &SinkTable, before: &[SinkTable], source: Option<&Source>) -> Option<Problem> {
    let table = &target.table;
    let at = || match target.is_for_each_table() {
        true => target.pointer("table"),
        false => target.pointer("from").trim_end_matches("/from").to_owned(),
    };
    if !is_table_name(&table.replace(TABLE, "t")) {
        let problem = Problem::configuration(format!("{table:?} is not a table name")).at_key(at());
        return Some(problem.needed("a table name of 1 to 64 characters"));
    }
    if !target.is_for_each_table() {
        if table.contains(TABLE) {
            return Some(Problem::configuration(format!("{TABLE} in the name of a target with from")).at_key(at()));
        }
        // Servers may keep names in lower case.
        let folded = table.to_lowercase();
        return before.iter().any(|other| other.table.to_lowercase() == folded).then(|| {
            let problem = Problem::configuration(format!("two targets are called {table}")).at_key(at());
            problem.needed("names that differ in more than case")
        });
    }
    let several = source.is_some_and(|source| source.tables.len() > 1);
    (several && target.fixed_table().is_some()).then(|| {
        Problem::configuration("several source tables would be written into one target table")
            .at("/sink/table")
            .found(format!("the text {table:?}"))
            .needed("a target for each, since rows of two tables can have the same key")
            .fix(format!("write table: \"${{table}}_{table}\", or one pipeline per table"))
    })
}

/// What each target asks of the relations that its rows come through.
pub(super) fn check_paths(sink: &Sink, relations: &[Relation], problems: &mut Vec<Problem>) {
    let each = relations.iter().any(|relation| relation.from == Upstream::EachTable);
    if each != sink.tables.iter().any(SinkTable::is_for_each_table) {
        let problem = Problem::configuration("relations and targets of different kinds").at("/sink");
        problems.push(problem.needed("a target for each table with steps for each table, or views with sink.tables"));
    }
    let has_state = relations.iter().any(Relation::has_aggregate);
    let known = aggregates(relations);
    for target in &sink.tables {
        let aggregates = known.get(target.from.as_str()).map(Vec::as_slice).unwrap_or_default();
        if aggregates.is_empty() && has_state && target.mode == Mode::Append {
            problems.push(
                Problem::configuration("mode: append of plain rows beside aggregates")
                    .at(target.pointer("mode"))
                    .needed("mode: upsert, since these rows are read after the aggregates' and some of them twice")
                    .fix("write mode: upsert, or put this target into a pipeline of its own"),
            );
        }
        problems.extend(finality(target, aggregates));
    }
}

/// The aggregates that the rows of each relation have come through, with their places in words. A union has none.
fn aggregates(relations: &[Relation]) -> HashMap<&str, Vec<(String, &Aggregate)>> {
    let mut all: HashMap<&str, Vec<(String, &Aggregate)>> = HashMap::new();
    for relation in relations {
        let mut passed = match &relation.from {
            Upstream::One(name) => all.get(name.as_str()).cloned().unwrap_or_default(),
            Upstream::EachTable | Upstream::Union { .. } => Vec::new(),
        };
        passed.extend(relation.steps.iter().enumerate().filter_map(|(index, step)| match &step.kind {
            StepKind::Aggregate(aggregate) => Some((place(relation, index), aggregate)),
            _ => None,
        }));
        all.insert(&relation.name, passed);
    }
    all
}

/// An append target gets only results that are final.
fn finality(target: &SinkTable, aggregates: &[(String, &Aggregate)]) -> Option<Problem> {
    let ((place, aggregate), others) = aggregates.split_first().filter(|_| target.mode == Mode::Append)?;
    let closes =
        aggregate.window.as_ref().is_some_and(|window| window.emit == Emit::Close && window.late == Late::Drop);
    let found = match others.first() {
        None if closes => return None,
        None => format!("results that change, of {place}"),
        Some((place, _)) => format!("a second aggregate, {place}"),
    };
    let what = if target.is_for_each_table() { "sink.mode: append" } else { "mode: append" };
    Some(
        Problem::configuration(format!("{what} after an aggregate"))
            .at(target.pointer("mode"))
            .found(found)
            .needed("results that are written once: of one aggregate, whose window has emit: close and late: drop")
            .fix("write mode: upsert"),
    )
}
