//! Tables as the source describes them, and what they look like as Arrow columns.
//!
//! A definition is read once under the snapshot's lock, stored with the progress, and from then
//! on every row is decoded with the **stored** definition; [`TableDef::difference`] says in words
//! how another one deviates from it.

mod data;
mod difference;
mod pattern;
mod read;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use rowmill_change::{Definition, SqlType, TableName};
use serde::{Deserialize, Serialize};

pub use data::ColumnData;
pub use pattern::{Match, match_of, matches_of};
pub use read::read_definition;
pub use rowmill_change::TablePattern;
pub(crate) use rowmill_change::glob;

/// How a generated column is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generated {
    /// Computed when written and stored.
    Stored,
    /// Computed when read.
    Virtual,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as the server writes it: `varchar(40)`, `decimal(10,2) unsigned`.
    pub mysql_type: String,
    /// Its type as read.
    pub data: ColumnData,
    /// May be NULL.
    pub nullable: bool,
    /// The collation of a text column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// Length limit in characters of a text column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u64>,
    /// The default as the server writes it; `None` when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// AUTO_INCREMENT.
    #[serde(default)]
    pub auto_increment: bool,
    /// Generated from other columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Generated>,
    /// Left out of `SELECT *`.
    #[serde(default)]
    pub invisible: bool,
}

/// A unique key other than the primary key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniqueKey {
    /// Its name.
    pub name: String,
    /// Positions of its columns; empty if a part is an expression.
    pub columns: Vec<usize>,
    /// One of its columns may be NULL (then it does not identify rows).
    pub nullable: bool,
    /// Covers only a prefix of a column, or an expression.
    #[serde(default)]
    pub partial: bool,
}

/// A table's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDef {
    /// Schema and name.
    pub name: TableName,
    /// All columns in the table's order, generated and invisible ones included.
    pub columns: Vec<Column>,
    /// Positions of the primary key's columns, in key order; empty if there is none.
    pub primary_key: Vec<usize>,
    /// The other unique keys.
    pub unique_keys: Vec<UniqueKey>,
    /// Storage engine.
    pub engine: String,
    /// The table's default collation.
    #[serde(default)]
    pub collation: String,
}

impl TableDef {
    /// The schema of the rows read from this table: every column, with MySQL's facts as metadata.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(Column::field).collect::<Vec<_>>()))
    }

    /// The key that identifies rows: the primary key, else the first unique key over whole
    /// columns that cannot be NULL.
    pub fn row_key(&self) -> Option<Vec<usize>> {
        if !self.primary_key.is_empty() {
            return Some(self.primary_key.clone());
        }
        self.unique_keys.iter().find(|k| !k.nullable && !k.partial && !k.columns.is_empty()).map(|k| k.columns.clone())
    }

    /// The table as if it had only these columns, in this order; for reading only them.
    pub fn with_columns(&self, columns: &[usize]) -> TableDef {
        let kept = |key: &[usize]| key.iter().map(|i| columns.iter().position(|c| c == i)).collect::<Option<Vec<_>>>();
        let unique = |key: &UniqueKey| Some(UniqueKey { columns: kept(&key.columns)?, ..key.clone() });
        TableDef {
            columns: columns.iter().filter_map(|&i| self.columns.get(i)).cloned().collect(),
            primary_key: kept(&self.primary_key).unwrap_or_default(),
            unique_keys: self.unique_keys.iter().filter_map(unique).collect(),
            ..self.clone()
        }
    }
}

impl Definition for TableDef {
    fn name(&self) -> &TableName {
        &self.name
    }

    fn schema(&self) -> SchemaRef {
        self.schema()
    }

    fn row_key(&self) -> Option<Vec<usize>> {
        self.row_key()
    }

    fn unique_keys(&self) -> Vec<Vec<usize>> {
        let unique = self.unique_keys.iter().filter(|key| !key.nullable && !key.partial).map(|key| &key.columns);
        std::iter::once(&self.primary_key).chain(unique).filter(|columns| !columns.is_empty()).cloned().collect()
    }
}

impl Column {
    /// Its type, parsed; `None` for a type that this version does not know.
    pub fn sql_type(&self) -> Option<SqlType> {
        SqlType::parse(&self.mysql_type).ok()
    }

    /// UNSIGNED.
    pub fn is_unsigned(&self) -> bool {
        self.sql_type().is_some_and(|parsed| parsed.is_unsigned())
    }

    /// The column as an Arrow field.
    pub fn field(&self) -> Field {
        let mut facts = HashMap::from([("mysql-type".to_owned(), self.mysql_type.clone())]);
        if let Some(collation) = &self.collation {
            facts.insert("collation".into(), collation.clone());
        }
        if let Some(chars) = self.max_chars {
            facts.insert("max-chars".into(), chars.to_string());
        }
        if let Some(fsp) = self.data.fsp() {
            facts.insert("fsp".into(), fsp.to_string());
        }
        if self.data.is_json() {
            facts.insert("type".into(), "json".into());
        }
        // A zero date reads as NULL, so a temporal column can always hold one.
        let nullable = self.nullable || self.data.has_zero_dates();
        Field::new(&self.name, self.data.arrow(), nullable).with_metadata(facts)
    }
}

#[cfg(test)]
impl Column {
    /// A column as tests need one: it is called `c`, can be NULL and has no facts.
    pub(crate) fn sample(mysql_type: &str, data: ColumnData) -> Column {
        Column {
            name: "c".into(),
            mysql_type: mysql_type.into(),
            data,
            nullable: true,
            collation: None,
            max_chars: None,
            default: None,
            auto_increment: false,
            generated: None,
            invisible: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(label: &str) -> TableDef {
        let column = Column::sample(r"enum('a\\b')", ColumnData::Enum { labels: vec![label.into()] });
        TableDef {
            name: TableName::new("shop", "t"),
            columns: vec![column],
            primary_key: Vec::new(),
            unique_keys: Vec::new(),
            engine: "InnoDB".into(),
            collation: String::new(),
        }
    }

    #[test]
    fn labels_that_were_read_differently_are_a_difference() {
        let (before, now) = (table(r"a\\b"), table(r"a\b"));
        assert_eq!(now.difference(&now), None);
        let difference = before.difference(&now).unwrap();
        assert!(difference.contains("labels differently"), "{difference}");
    }
}
