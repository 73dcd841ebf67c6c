//! What relations are made from, and what their steps ask of each other along the way from a table.

use std::collections::{BTreeSet, HashSet};

use super::names::{Names, is_identifier};
use super::{aggregate, is_step_id};
use crate::problem::{Problem, child};
use crate::{Relation, Sink, Source, StepKind, TABLE_TAG, Upstream, is_glob};

/// Views are bound one inside of the other.
const VIEWS_MAX: usize = 250;

/// Checks the relations, each with those that it is made from.
pub(super) fn check(relations: &[Relation], source: Option<&Source>, problems: &mut Vec<Problem>) {
    ids(relations, problems);
    let each = relations.iter().filter(|relation| relation.from == Upstream::EachTable).count();
    if each > 0 && relations.len() > 1 {
        let problem = Problem::configuration("steps for each table together with views").at("/steps");
        problems.push(problem.needed("one of the two").fix("make these steps a view"));
    }
    if relations.len() > VIEWS_MAX {
        let problem = Problem::configuration(format!("{} views", relations.len())).at("/views");
        problems.push(problem.needed(format!("at most {VIEWS_MAX}")));
        return;
    }
    // Those whose rows are results of aggregates.
    let mut groups: HashSet<&str> = HashSet::new();
    for (index, relation) in relations.iter().enumerate() {
        name(relation, &relations[..index], source, problems);
        let mut aggregated = relation.from.names().iter().any(|(name, _)| groups.contains(name));
        from(relation, index, relations, aggregated, problems);
        if aggregated || relation.has_aggregate() {
            groups.insert(&relation.name);
        }
        for (index, step) in relation.steps.iter().enumerate() {
            kind(relation.step_pointer(index, step.kind.name()), &step.kind, aggregated, problems);
            aggregated |= matches!(step.kind, StepKind::Aggregate(_));
        }
    }
}

/// A step in words: `steps[2]`, `views.paid.steps[2]`.
pub(super) fn place(relation: &Relation, step: usize) -> String {
    match relation.from {
        Upstream::EachTable => format!("steps[{step}]"),
        _ => format!("views.{}.steps[{step}]", relation.name),
    }
}

fn ids(relations: &[Relation], problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    let steps = relations.iter().flat_map(|relation| {
        relation.steps.iter().enumerate().map(|(index, step)| (relation.step_pointer(index, "id"), step))
    });
    for (at, step) in steps {
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

fn name(relation: &Relation, before: &[Relation], source: Option<&Source>, problems: &mut Vec<Problem>) {
    if relation.from == Upstream::EachTable {
        return;
    }
    let at = relation.pointer();
    if !is_step_id(&relation.name) {
        let problem = Problem::configuration(format!("{:?} is no name of a view", relation.name)).at_key(at);
        problems.push(problem.needed("1 to 63 letters, digits, - and _"));
    } else if before.iter().any(|known| known.name == relation.name) {
        problems.push(Problem::configuration(format!("two views are called {}", relation.name)).at_key(at));
    } else if let Some(source) = source
        && source.tables.iter().any(|table| table.rsplit('.').next() == Some(&relation.name))
    {
        problems.push(called_like_a_table(&relation.name));
    }
}

/// A view and a table of the same name: which of them is meant could not be said.
pub fn called_like_a_table(name: &str) -> Problem {
    Problem::configuration(format!("the view {name} is called like a table that is read"))
        .at_key(child("/views", name))
        .needed("another name, since `from` names both views and tables")
}

/// `aggregated`: the rows are results of aggregates.
fn from(relation: &Relation, index: usize, relations: &[Relation], aggregated: bool, problems: &mut Vec<Problem>) {
    let names = relation.from.names();
    let later = |name: &str| relations[index..].iter().any(|known| known.name == name);
    for (number, (name, at)) in names.iter().enumerate() {
        let at = format!("{}{at}", relation.pointer());
        if name.is_empty() {
            problems.push(Problem::configuration("from names nothing").at(at).needed("a table or a view"));
        } else if later(name) {
            problems.push(
                Problem::configuration(format!("view {} is made from itself", relation.name))
                    .at(at)
                    .found((*name).to_owned())
                    .needed("tables, and views that are not made from this one"),
            );
        } else if names[..number].iter().any(|(other, _)| other == name) {
            problems.push(Problem::configuration(format!("{name} is listed twice")).at(at).fix("leave one out"));
        }
    }
    let Upstream::Union { branches, tag } = &relation.from else { return };
    let at = |key: &str| child(&relation.pointer(), key);
    if branches.is_empty() {
        problems.push(Problem::configuration("a union of nothing").at(at("from")).needed("at least one table or view"));
    }
    let views: Vec<&String> =
        branches.iter().filter(|name| relations.iter().any(|known| known.name == **name)).collect();
    match tag.as_deref() {
        Some(TABLE_TAG) | None => problems.extend(views.first().map(|view| {
            let problem = Problem::configuration("a union with a view needs a tag").at(at("from"));
            problem
                .found(format!("the view {view}"))
                .needed("a column that says which of them a row is of, since rows of two can have the same key")
                .fix("add a name for it, for example tag: kind")
        })),
        Some(tag) if !is_identifier(tag) => Names::default().take(tag, at("tag"), problems),
        Some(_) => problems.extend(views.first().filter(|_| branches.iter().any(|name| is_glob(name))).map(|view| {
            let problem = Problem::configuration("a union of a view and of tables by a pattern").at(at("from"));
            problem
                .found(format!("the view {view}"))
                .needed("either views and single tables, or only tables")
                .fix("make the tables of the pattern a view of their own, if the others have its columns, too")
        })),
    }
    if aggregated {
        problems.push(
            Problem::configuration("a union of the results of an aggregate is not supported in this version")
                .at(at("from"))
                .needed("tables, and views without an aggregate")
                .fix("aggregate after the union, or write each result into a target of its own"),
        );
    }
}

/// Views that nobody reads.
pub(super) fn unread(relations: &[Relation], sink: &Sink, problems: &mut Vec<Problem>) {
    for relation in relations.iter().filter(|relation| relation.from != Upstream::EachTable) {
        let is_it = |name: &str| name == relation.name;
        let read = relations.iter().any(|other| other.from.names().iter().any(|(name, _)| is_it(name)));
        if !read && !sink.tables.iter().any(|table| is_it(&table.from)) {
            problems.push(
                Problem::configuration(format!("nothing reads the view {}", relation.name))
                    .at_key(relation.pointer())
                    .needed("a target or another view that is made from it")
                    .fix(format!(
                        "write it: sink: {{ tables: {{ {0}: {{ from: {0} }} }} }}, or leave it out",
                        relation.name
                    )),
            );
        }
    }
}

fn kind(at: String, kind: &StepKind, aggregated: bool, problems: &mut Vec<Problem>) {
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
