//! Expected rows against found rows, by key.
//!
//! Both sides are brought to the types that the target's columns have, then compared by a 128-bit
//! hash of the whole row. JSON is compared as a value: servers print it each in their own way.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_row::{RowConverter, SortField};
use arrow_schema::DataType;
use rowmill_mysql::sink::Target;
use rowmill_mysql::{Conn, TableDef};
use xxhash_rust::xxh3::xxh3_128;

use super::{Difference, DifferenceKind, VerifyReport};
use crate::bind::same_name;
use crate::error::Error;

/// The key's columns as `arrow-row` writes them.
type Key = Box<[u8]>;

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
    expected: HashMap<Key, u128>,
    /// Rows that were there before the pipeline are none of its business (`existing: keep`).
    extras_allowed: bool,
    /// Keys that the target has otherwise, or has and should not have.
    wrong: Vec<(Key, DifferenceKind)>,
}

impl Comparison {
    /// `target` must exist: preflight has seen it.
    pub(crate) async fn new(conn: &mut Conn, target: &Target, extras_allowed: bool) -> Result<Self, Error> {
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
        let types: Vec<DataType> = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
        let marked = |field: &arrow_schema::Field| field.metadata().get("type").is_some_and(|kind| kind == "json");
        let sort = |column: &usize| SortField::new(types[*column].clone());
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
            expected: HashMap::new(),
            extras_allowed,
            wrong: Vec::new(),
        })
    }

    /// The target table as it is.
    pub(crate) fn definition(&self) -> &TableDef {
        &self.definition
    }

    /// Notes rows that the target should have.
    pub(crate) fn expect(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let columns = self.common(rows.columns().to_vec())?;
        let (keys, hashes) = self.digest(&columns)?;
        self.expected.extend(keys.into_iter().zip(hashes));
        Ok(())
    }

    /// Notes rows that the target has.
    pub(crate) fn found(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let columns = self.columns.iter().map(|&column| rows.column(column).clone()).collect();
        let columns = self.common(columns)?;
        let (keys, hashes) = self.digest(&columns)?;
        for (key, hash) in keys.into_iter().zip(hashes) {
            match self.expected.remove(&key) {
                Some(expected) if expected == hash => {}
                Some(_) => self.wrong.push((key, DifferenceKind::Different)),
                None if self.extras_allowed => {}
                None => self.wrong.push((key, DifferenceKind::Extra)),
            }
        }
        Ok(())
    }

    /// What is left of the expected rows is missing.
    pub(crate) fn finish(mut self, report: &mut VerifyReport, shown: usize) -> Result<(), Error> {
        self.wrong.extend(self.expected.drain().map(|(key, _)| (key, DifferenceKind::Missing)));
        self.wrong.sort();
        report.differing += self.wrong.len() as u64;
        let room = shown.saturating_sub(report.differences.len());
        for (key, kind) in self.wrong.iter().take(room) {
            report.differences.push(Difference {
                table: self.definition.name.to_string(),
                key: self.key_text(key)?,
                kind: *kind,
            });
        }
        Ok(())
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

    fn digest(&self, columns: &[ArrayRef]) -> Result<(Vec<Key>, Vec<u128>), Error> {
        let key: Vec<ArrayRef> = self.key.iter().map(|&column| Arc::clone(&columns[column])).collect();
        let keys = self.keys.convert_columns(&key)?;
        let rows = self.rows.convert_columns(columns)?;
        Ok((
            keys.iter().map(|key| Box::from(key.as_ref())).collect(),
            rows.iter().map(|row| xxh3_128(row.as_ref())).collect(),
        ))
    }

    fn key_text(&self, key: &[u8]) -> Result<String, Error> {
        let parser = self.keys.parser();
        let columns = self.keys.convert_rows([parser.parse(key)])?;
        let mut parts = Vec::new();
        for (column, name) in columns.iter().zip(&self.key_names) {
            parts.push(format!("{name}={}", arrow_cast::display::array_value_to_string(column, 0)?));
        }
        Ok(parts.join(", "))
    }
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
