//! The key of the target's rows, and the proof that it is unique.
//!
//! A key is unique when it consists of source columns that passed through unchanged and that
//! contain the source's primary key, or a unique key without NULLs; after a table function
//! `ordinality` completes it. After an aggregate it is `by`, `window_start` and `window_end`, all of
//! them, unchanged. Anything else is refused with what to write.

use super::BoundTable;
use super::columns::{Columns, Origin};
use rowmill_change::Definition;
use rowmill_plan::Plan;
use rowmill_plan::problem::{Problem, child};

/// The key, from both ends.
pub(crate) struct Key {
    /// Columns of the source table (after an aggregate: of its output), without `ordinality`, in the
    /// target's order.
    pub(crate) source: Vec<usize>,
    /// Columns of the target, `ordinality` last.
    pub(crate) target: Vec<usize>,
    /// The target column that is `ordinality`.
    pub(crate) ordinality: Option<usize>,
}

pub(crate) fn resolve(plan: &Plan, table: &dyn Definition, columns: &Columns) -> Result<Key, Vec<Problem>> {
    let ordinality = columns.0.iter().position(|column| column.origin == Origin::Ordinality);
    let expanded = plan.steps.iter().any(|step| matches!(step.kind, rowmill_plan::StepKind::Transform(_)));
    if expanded && ordinality.is_none() {
        return Err(vec![
            Problem::configuration("`ordinality` does not reach the target, so its rows have no unique key")
                .at("/sink")
                .needed("the column `ordinality` that the transform appends")
                .fix("keep `ordinality` in select, drop and map steps"),
        ]);
    }
    let chosen = match &plan.sink.key {
        None => default_key(table, columns)?,
        Some(names) => explicit_key(names, columns)?,
    };
    let mut source = Vec::new();
    let mut target = Vec::new();
    for column in chosen {
        if let Origin::Source(index) = columns.0[column].origin {
            source.push(index);
            target.push(column);
        }
    }
    if plan.sink.key.is_some() && !is_unique(table, &source) {
        return Err(vec![
            Problem::configuration(format!("the key is not provably unique for table {}", table.name()))
                .at("/sink/key")
                .found(names(table, &source))
                .needed(format!(
                    "all columns of the primary key ({})",
                    names(table, &table.row_key().unwrap_or_default())
                ))
                .fix("leave `key` out, or name the columns of the primary key or of a unique key without NULLs"),
        ]);
    }
    target.extend(ordinality);
    Ok(Key { source, target, ordinality })
}

/// The key after an aggregate whose output begins with `groups` columns of its key.
pub(crate) fn resolve_groups(plan: &Plan, groups: &[String], columns: &Columns) -> Result<Key, Vec<Problem>> {
    let mut key = Key { source: Vec::new(), target: Vec::new(), ordinality: None };
    let mut lost = Vec::new();
    for (group, name) in groups.iter().enumerate() {
        match columns.0.iter().position(|column| column.origin == Origin::Group(group)) {
            Some(column) => {
                key.source.push(group);
                key.target.push(column);
            }
            None => lost.push(name.as_str()),
        }
    }
    if !lost.is_empty() {
        return Err(vec![
            Problem::configuration("the key of the aggregate's groups does not reach the target unchanged")
                .at("/sink")
                .found(format!("no unchanged {} after the steps", lost.join(", ")))
                .needed(format!("all columns of the groups' key ({})", groups.join(", ")))
                .fix(format!("keep {} (write computed values to another column)", lost.join(", "))),
        ]);
    }
    let Some(names) = &plan.sink.key else { return Ok(key) };
    let mut chosen = Vec::new();
    for column in explicit_key(names, columns)? {
        match columns.0[column].origin {
            Origin::Group(group) => chosen.push((group, column)),
            _ => chosen.clear(),
        }
    }
    if chosen.len() != groups.len() {
        return Err(vec![
            Problem::configuration("the key is not provably unique")
                .at("/sink/key")
                .found(names.join(", "))
                .needed(format!("all columns of the groups' key ({})", groups.join(", ")))
                .fix("leave `key` out"),
        ]);
    }
    (key.source, key.target) = chosen.into_iter().unzip();
    Ok(key)
}

/// The source's primary key, wherever its columns are now.
fn default_key(table: &dyn Definition, columns: &Columns) -> Result<Vec<usize>, Vec<Problem>> {
    let mut key = Vec::new();
    let mut lost = Vec::new();
    let row_key = row_key(table)?;
    for &primary in &row_key {
        match columns.0.iter().position(|column| column.origin == Origin::Source(primary)) {
            Some(column) => key.push(column),
            None => lost.push(names(table, &[primary])),
        }
    }
    match lost.is_empty() {
        true => Ok(key),
        false => Err(vec![
            Problem::configuration(format!(
                "the primary key of table {} does not reach the target unchanged",
                table.name()
            ))
            .at("/sink")
            .found(format!("no unchanged {} after the steps", lost.join(", ")))
            .needed(format!("all columns of the primary key ({})", names(table, &row_key)))
            .fix(format!("keep {} (write computed values to another column), or set sink.key", lost.join(", "))),
        ]),
    }
}

/// The columns that identify a source row.
fn row_key(table: &dyn Definition) -> Result<Vec<usize>, Vec<Problem>> {
    table.row_key().ok_or_else(|| {
        vec![
            Problem::server(format!("table {} has no key that identifies its rows", table.name()))
                .at("/source/tables")
                .needed("a primary key, or a unique key over columns that can't be NULL")
                .fix(format!("ALTER TABLE {} ADD PRIMARY KEY (…)", table.name())),
        ]
    })
}

fn explicit_key(wanted: &[String], columns: &Columns) -> Result<Vec<usize>, Vec<Problem>> {
    let mut key = Vec::new();
    let mut problems = Vec::new();
    for (index, name) in wanted.iter().enumerate() {
        let pointer = child("/sink/key", index);
        match columns.find(name, &pointer) {
            Err(problem) => problems.push(problem),
            Ok(column) if columns.0[column].origin == Origin::Computed => problems.push(
                Problem::configuration(format!("key column {name:?} is computed, so it can't be proven unique"))
                    .at(pointer)
                    .needed("a column that reaches the target unchanged from the source"),
            ),
            Ok(column) => key.push(column),
        }
    }
    if problems.is_empty() { Ok(key) } else { Err(problems) }
}

fn is_unique(table: &dyn Definition, key: &[usize]) -> bool {
    table.unique_keys().iter().any(|unique| unique.iter().all(|column| key.contains(column)))
}

fn names(table: &dyn Definition, columns: &[usize]) -> String {
    let schema = table.schema();
    let names: Vec<&str> = columns.iter().map(|&column| schema.field(column).name().as_str()).collect();
    names.join(", ")
}

/// Several source tables into one target: their keys could meet.
pub(crate) fn shared_targets(tables: &[BoundTable]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        if let Some(other) = tables[..index].iter().find(|other| other.target.table == table.target.table) {
            problems.push(
                Problem::configuration(format!(
                    "tables {} and {} would both write into {}, where their keys could meet",
                    other.source, table.source, table.target.table
                ))
                .at("/sink/table")
                .needed("one target table for each source table")
                .fix("table: \"${table}\", or for instance \"${table}_clean\""),
            );
        }
    }
    problems
}
