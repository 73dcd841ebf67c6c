//! The key of a target's rows, and the proof that it is unique.
//!
//! A key is unique when it consists of source columns that passed through unchanged and that
//! contain the source's primary key, or a unique key without NULLs; after a table function
//! `ordinality` completes it, after a union its tags do. After an aggregate it is `by`, `window_start` and
//! `window_end`, all of them, unchanged. Anything else is refused with what to write.

use rowmill_change::Definition;
use rowmill_operators::KeyPart;
use rowmill_plan::SinkTable;
use rowmill_plan::problem::{Problem, child};

use super::columns::{Columns, Origin};
use super::relation::Way;

/// The key, from both ends.
pub(crate) struct Key {
    /// Where its columns come from, without `ordinality`, in the target's order.
    pub(crate) parts: Vec<KeyPart>,
    /// Columns of the target, `ordinality` last.
    pub(crate) target: Vec<usize>,
    /// The target column that is `ordinality`.
    pub(crate) ordinality: Option<usize>,
}

impl Key {
    /// The columns of the way's origin, in the target's order.
    pub(crate) fn source(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part {
            KeyPart::Column(column, _) => Some(*column),
            KeyPart::Tag(_) => None,
        })
    }

    fn push(&mut self, way: &Way, column: usize) {
        let column_type = || way.columns.0[column].field.data_type().clone();
        let part = match way.columns.0[column].origin {
            Origin::Source(index) | Origin::Group(index) => KeyPart::Column(index, column_type()),
            Origin::Tag(tag) => KeyPart::Tag(way.tags[tag].clone()),
            // Completes the key at its end, or was refused.
            Origin::Ordinality | Origin::Computed => return,
        };
        self.parts.push(part);
        self.target.push(column);
    }
}

/// Where a sink's own keys are written: for messages.
fn sink(target: &SinkTable) -> String {
    target.pointer("key").trim_end_matches("/key").to_owned()
}

/// The key of rows that come from a table on this way.
pub(crate) fn resolve(target: &SinkTable, table: &dyn Definition, way: &Way) -> Result<Key, Vec<Problem>> {
    let columns = &way.columns;
    let ordinality = columns.0.iter().position(|column| column.origin == Origin::Ordinality);
    if way.expanded && ordinality.is_none() {
        return Err(vec![
            Problem::configuration("`ordinality` does not reach the target, so its rows have no unique key")
                .at(sink(target))
                .needed("the column `ordinality` that the transform appends")
                .fix("keep `ordinality` in select, drop and map steps"),
        ]);
    }
    let mut tags = Vec::new();
    for (tag, text) in way.tags.iter().enumerate() {
        let column = columns.0.iter().position(|column| column.origin == Origin::Tag(tag));
        tags.push(column.ok_or_else(|| {
            vec![
                Problem::configuration("the tag of a union does not reach the target, so its rows have no unique key")
                    .at(sink(target))
                    .found(format!("no column that says that a row is of {text}"))
                    .needed("the column of the union's tag, unchanged")
                    .fix("keep it in select, drop and map steps"),
            ]
        })?);
    }
    let chosen = match &target.key {
        None => default_key(target, table, columns)?.into_iter().chain(tags.iter().copied()).collect(),
        Some(names) => explicit_key(names, target, columns)?,
    };
    let mut key = Key { parts: Vec::new(), target: Vec::new(), ordinality };
    chosen.iter().for_each(|&column| key.push(way, column));
    let source: Vec<usize> = key.source().collect();
    let tagged = tags.iter().all(|tag| key.target.contains(tag));
    if target.key.is_some() && !(is_unique(table, &source) && tagged) {
        let tag_names: Vec<&str> = tags.iter().map(|&tag| columns.0[tag].field.name().as_str()).collect();
        let primary = names(table, &table.row_key().unwrap_or_default());
        let needed = match tag_names.is_empty() {
            true => format!("all columns of the primary key ({primary})"),
            false => format!("all columns of the primary key ({primary}) and of the tags ({})", tag_names.join(", ")),
        };
        return Err(vec![
            Problem::configuration(format!("the key is not provably unique for table {}", table.name()))
                .at(target.pointer("key"))
                .found(names(table, &source))
                .needed(needed)
                .fix("leave `key` out, or name the columns of the primary key or of a unique key without NULLs"),
        ]);
    }
    key.target.extend(ordinality);
    Ok(key)
}

/// The key after an aggregate whose output begins with `groups` columns of its key.
pub(crate) fn resolve_groups(target: &SinkTable, groups: &[String], way: &Way) -> Result<Key, Vec<Problem>> {
    let columns = &way.columns;
    let mut key = Key { parts: Vec::new(), target: Vec::new(), ordinality: None };
    let mut lost = Vec::new();
    for (group, name) in groups.iter().enumerate() {
        match columns.0.iter().position(|column| column.origin == Origin::Group(group)) {
            Some(column) => key.push(way, column),
            None => lost.push(name.as_str()),
        }
    }
    if !lost.is_empty() {
        return Err(vec![
            Problem::configuration("the key of the aggregate's groups does not reach the target unchanged")
                .at(sink(target))
                .found(format!("no unchanged {} after the steps", lost.join(", ")))
                .needed(format!("all columns of the groups' key ({})", groups.join(", ")))
                .fix(format!("keep {} (write computed values to another column)", lost.join(", "))),
        ]);
    }
    let Some(names) = &target.key else { return Ok(key) };
    let mut chosen = Key { parts: Vec::new(), target: Vec::new(), ordinality: None };
    let mut others = false;
    for column in explicit_key(names, target, columns)? {
        others |= !matches!(columns.0[column].origin, Origin::Group(_));
        chosen.push(way, column);
    }
    if others || chosen.parts.len() != groups.len() {
        return Err(vec![
            Problem::configuration("the key is not provably unique")
                .at(target.pointer("key"))
                .found(names.join(", "))
                .needed(format!("all columns of the groups' key ({})", groups.join(", ")))
                .fix("leave `key` out"),
        ]);
    }
    Ok(chosen)
}

/// The source's primary key, wherever its columns are now.
fn default_key(target: &SinkTable, table: &dyn Definition, columns: &Columns) -> Result<Vec<usize>, Vec<Problem>> {
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
            .at(sink(target))
            .found(format!("no unchanged {} after the steps", lost.join(", ")))
            .needed(format!("all columns of the primary key ({})", names(table, &row_key)))
            .fix(format!(
                "keep {} (write computed values to another column), or set {}",
                lost.join(", "),
                target.pointer("key").trim_start_matches('/').replace('/', "."),
            )),
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

fn explicit_key(wanted: &[String], target: &SinkTable, columns: &Columns) -> Result<Vec<usize>, Vec<Problem>> {
    let mut key = Vec::new();
    let mut problems = Vec::new();
    for (index, name) in wanted.iter().enumerate() {
        let pointer = child(&target.pointer("key"), index);
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
