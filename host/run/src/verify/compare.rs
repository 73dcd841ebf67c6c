//! Expected rows against found rows, by key.
//!
//! Both sides are brought to the types that the target's columns have, then compared by a 128-bit
//! hash of the whole row. JSON is compared as a value: servers print it each in their own way.
//!
//! How a group's texts are spelled depends on which of its rows came first, which the source doesn't tell:
//! such columns are compared by their collation.
//!
//! Windows that were closed while rows came too late hold what the source had then, which can't be
//! computed any more: they are left out on both sides, and counted.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow_row::{RowConverter, SortField};
use arrow_schema::DataType;
use rowmill_collation::Rule;
use rowmill_mysql::{Conn, TableDef};
use xxhash_rust::xxh3::xxh3_128;

use super::{Difference, DifferenceKind, VerifyReport};
use crate::error::Error;
use crate::partitions::{Key, Partitions};
use rowmill_bind::{BoundTarget, same_name};
use rowmill_change::Existing;
use rowmill_operators::aggregate::keys::canonical;
use rowmill_operators::cell;

pub(crate) struct Comparison {
    definition: TableDef,
    /// Column i of the plan is column `columns[i]` of the target.
    columns: Vec<usize>,
    types: Vec<DataType>,
    is_json: Vec<bool>,
    key: Vec<usize>,
    key_names: Vec<String>,
    keys: RowConverter,
    rows: RowConverter,
    expected: Partitions,
    found: Partitions,
    /// Rows whose time in this column of the plan is up to this are left out.
    frozen: Option<(usize, i64)>,
    left_out: u64,
    rows_expected: u64,
    /// Columns of the plan that name a row where its key doesn't.
    names: Vec<usize>,
    column_names: Vec<String>,
    /// Per column of the plan how its texts are compared, if not by their bytes.
    rules: Vec<Option<Rule>>,
    /// Rows that were there before the pipeline are none of its business (`existing: keep`).
    extras_allowed: bool,
}

impl Comparison {
    /// `target` must exist: preflight has seen it.
    pub(crate) async fn new(conn: &mut Conn, bound: &BoundTarget, frozen: Option<(usize, i64)>) -> Result<Self, Error> {
        let target = &bound.table;
        let definition = rowmill_mysql::table::read_definition(conn, &target.table).await?;
        let definition =
            definition.ok_or_else(|| rowmill_mysql::Error::TableMissing { table: target.table.clone() })?;
        let schema = definition.schema();
        let mut columns = Vec::new();
        for field in target.schema.fields() {
            let found = schema.fields().iter().position(|column| same_name(column.name(), field.name()));
            columns.push(found.ok_or_else(|| Error::Verify {
                message: format!("table {} has no column {}", target.table, field.name()),
            })?);
        }
        let mut rules = vec![None; columns.len()];
        bound.group_columns.iter().for_each(|&(column, rule)| rules[column] = rule);
        // A hash of the key, and weights of texts, say nothing to people.
        let hashed = target.key.iter().any(|key| !bound.group_columns.iter().any(|(column, _)| column == key));
        let names = match !bound.group_columns.is_empty() && (hashed || rules.iter().any(Option::is_some)) {
            true => bound.group_columns.iter().map(|(column, _)| *column).collect(),
            false => Vec::new(),
        };
        let types: Vec<DataType> = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
        let marked = |field: &arrow_schema::Field| field.metadata().get("type").is_some_and(|kind| kind == "json");
        let sort = |column: &usize| match rules[*column] {
            Some(_) => SortField::new(DataType::Binary),
            None => SortField::new(types[*column].clone()),
        };
        Ok(Self {
            is_json: columns
                .iter()
                .zip(target.schema.fields())
                .map(|(&column, field)| marked(schema.field(column)) || marked(field))
                .collect(),
            key: target.key.clone(),
            key_names: target.key.iter().map(|&column| target.schema.field(column).name().clone()).collect(),
            keys: RowConverter::new(target.key.iter().map(sort).collect())?,
            rows: RowConverter::new((0..types.len()).collect::<Vec<_>>().iter().map(sort).collect())?,
            columns,
            types,
            definition,
            expected: Partitions::new(),
            found: Partitions::new(),
            frozen,
            left_out: 0,
            rows_expected: 0,
            names,
            column_names: target.schema.fields().iter().map(|field| field.name().clone()).collect(),
            rules,
            extras_allowed: target.options.existing == Existing::Keep,
        })
    }

    /// The target table as it is.
    pub(crate) fn definition(&self) -> &TableDef {
        &self.definition
    }

    /// Notes rows that the target should have.
    pub(crate) fn expect(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let columns = self.common(rows.columns().to_vec())?;
        let columns = self.without_frozen(columns, false)?;
        let names = self.names(&columns);
        let (keys, hashes) = self.digest(columns)?;
        self.rows_expected += keys.len() as u64;
        for ((key, hash), name) in keys.iter().zip(hashes).zip(names) {
            self.expected.add(key, hash, name.as_bytes()).map_err(scratch)?;
        }
        Ok(())
    }

    /// Notes rows that the target has.
    pub(crate) fn found(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let columns = self.columns.iter().map(|&column| rows.column(column).clone()).collect();
        let columns = self.common(columns)?;
        let columns = self.without_frozen(columns, true)?;
        let names = self.names(&columns);
        let (keys, hashes) = self.digest(columns)?;
        for ((key, hash), name) in keys.iter().zip(hashes).zip(names) {
            self.found.add(key, hash, name.as_bytes()).map_err(scratch)?;
        }
        Ok(())
    }

    /// Compares; what is left of the expected rows is missing.
    pub(crate) fn finish(mut self, report: &mut VerifyReport, shown: usize) -> Result<(), Error> {
        let room = shown.saturating_sub(report.differences.len());
        let mut first: BTreeSet<(Key, DifferenceKind, Box<[u8]>)> = BTreeSet::new();
        let mut note = |key: Key, kind, name| {
            report.differing += 1;
            match kind {
                DifferenceKind::Missing => report.missing += 1,
                DifferenceKind::Extra => report.extra += 1,
                DifferenceKind::Different => report.different += 1,
            }
            first.insert((key, kind, name));
            if first.len() > room {
                first.pop_last();
            }
        };
        let mut others = 0;
        let expected = std::mem::replace(&mut self.expected, Partitions::new());
        let found = std::mem::replace(&mut self.found, Partitions::new());
        for (expected, found) in expected.parts().zip(found.parts()) {
            let expected = expected.map_err(scratch)?;
            let known = expected.map(|row| row.map(|row| (row.key, (row.hash, row.note))));
            let mut known: HashMap<Key, (u128, Box<[u8]>)> = known.collect::<Result<_, _>>().map_err(scratch)?;
            for row in found.map_err(scratch)? {
                let row = row.map_err(scratch)?;
                match known.remove(&row.key) {
                    Some((hash, _)) if hash == row.hash => {}
                    Some(_) => note(row.key, DifferenceKind::Different, row.note),
                    None if self.extras_allowed => others += 1,
                    None => note(row.key, DifferenceKind::Extra, row.note),
                }
            }
            known.into_iter().for_each(|(key, (_, name))| note(key, DifferenceKind::Missing, name));
        }
        report.left_out += self.left_out;
        report.others += others;
        report.rows_expected += self.rows_expected;
        for (key, kind, name) in first {
            let name = String::from_utf8_lossy(&name);
            let key = if name.is_empty() { self.key_text(&key)? } else { name.into_owned() };
            let table = self.definition.name.to_string();
            report.differences.push(Difference { table, key, kind });
        }
        Ok(())
    }

    fn without_frozen(&mut self, columns: Vec<ArrayRef>, counted: bool) -> Result<Vec<ArrayRef>, Error> {
        let Some((column, until)) = self.frozen else { return Ok(columns) };
        let plain = DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, None);
        let ends = arrow_cast::cast(&columns[column], &plain)?;
        let ends = ends.as_primitive::<TimestampMicrosecondType>();
        let keep: BooleanArray = ends.iter().map(|end| Some(end.is_none_or(|end| end > until))).collect();
        if counted {
            self.left_out += (keep.len() - keep.true_count()) as u64;
        }
        let kept = columns.iter().map(|column| arrow_select::filter::filter(column, &keep));
        Ok(kept.collect::<Result<_, _>>()?)
    }

    fn common(&self, columns: Vec<ArrayRef>) -> Result<Vec<ArrayRef>, Error> {
        let mut common = Vec::with_capacity(columns.len());
        for (index, column) in columns.into_iter().enumerate() {
            let column = match column.data_type() == &self.types[index] {
                true => column,
                false => arrow_cast::cast(&column, &self.types[index])?,
            };
            common.push(if self.is_json[index] { canonical_json(&column) } else { column });
        }
        Ok(common)
    }

    /// What to call rows where their keys don't say it; empty otherwise.
    fn names(&self, columns: &[ArrayRef]) -> Vec<String> {
        let rows = columns.first().map_or(0, |column| column.len());
        let part = |column: usize, row| format!("{}={}", self.column_names[column], cell::text(&columns[column], row));
        let name = |row| self.names.iter().map(|&column| part(column, row)).collect::<Vec<_>>().join(", ");
        (0..rows).map(name).collect()
    }

    fn digest(&self, columns: Vec<ArrayRef>) -> Result<(Vec<Key>, Vec<u128>), Error> {
        let weighed = |(column, rule): (ArrayRef, &Option<Rule>)| match rule {
            Some(rule) => canonical(&column, Some(*rule)),
            None => column,
        };
        let columns: Vec<ArrayRef> = columns.into_iter().zip(&self.rules).map(weighed).collect();
        let key: Vec<ArrayRef> = self.key.iter().map(|&column| Arc::clone(&columns[column])).collect();
        let keys = self.keys.convert_columns(&key)?;
        let rows = self.rows.convert_columns(&columns)?;
        Ok((
            keys.iter().map(|key| Box::from(key.as_ref())).collect(),
            rows.iter().map(|row| xxh3_128(row.as_ref())).collect(),
        ))
    }

    fn key_text(&self, key: &[u8]) -> Result<String, Error> {
        let parser = self.keys.parser();
        let columns = self.keys.convert_rows([parser.parse(key)])?;
        let named = columns.iter().zip(&self.key_names);
        let parts: Vec<String> = named.map(|(column, name)| format!("{name}={}", cell::text(column, 0))).collect();
        Ok(parts.join(", "))
    }
}

/// The scratch files are ours; what they lack is room.
fn scratch(error: std::io::Error) -> Error {
    Error::Verify { message: format!("no room for the comparison in {}: {error}", std::env::temp_dir().display()) }
}

fn canonical_json(column: &ArrayRef) -> ArrayRef {
    let Some(texts) = column.as_any().downcast_ref::<StringArray>() else { return Arc::clone(column) };
    let canonical = |text: &str| match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => sorted(&value).to_string(),
        Err(_) => text.to_owned(),
    };
    Arc::new(texts.iter().map(|text| text.map(canonical)).collect::<StringArray>())
}

/// The value with the keys of its objects in order.
fn sorted(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(members) => {
            let ordered: std::collections::BTreeMap<_, _> =
                members.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            serde_json::Value::Object(ordered.into_iter().collect())
        }
        serde_json::Value::Array(items) => serde_json::Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
