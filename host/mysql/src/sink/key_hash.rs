//! The hidden column by which rows are found where columns of the key can be NULL.
//!
//! A primary key takes no NULL, and a unique key holds any number of them apart. So the key of such a
//! table is a hash, in a column that `SELECT *` does not show. There are two ways to it:
//!
//! - The target names its key's columns, and one of them can be NULL. Then the sink adds the column
//!   and computes the hash from the key's values, of rows and of events alike.
//! - The target's schema has the column ([`key_hash_field`], as the last one), and it is the whole key.
//!   Then the caller computes the hash; keys whose spellings differ can be the same key.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};

use super::Target;
use super::compact::At;
use super::encode::{Cells, Rule, key_hash};
use crate::error::{Error, Result};
use crate::table::{ColumnData, TableDef};

/// The column's name.
pub const KEY_HASH: &str = "_key";

/// The fact of a field whose column `SELECT *` does not show, with the value `true`.
pub const INVISIBLE: &str = "rowmill.invisible";

/// Bytes of a hash: at 16, a collision among a billion keys is less likely than one in 10^20.
pub const KEY_HASH_BYTES: usize = 16;

/// What follows the column's name where it is created. MariaDB wants a default for a column that
/// statements may leave out.
pub(super) const DEFINITION: &str =
    "BINARY(16) NOT NULL DEFAULT '' INVISIBLE COMMENT 'hash of the key, which can be NULL'";

/// The field of a target whose caller computes the hash: [`KEY_HASH_BYTES`] bytes per row.
pub fn key_hash_field() -> Field {
    let facts = [("mysql-type", format!("binary({KEY_HASH_BYTES})")), (INVISIBLE, "true".to_owned())];
    let facts: HashMap<String, String> = facts.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    Field::new(KEY_HASH, DataType::Binary, false).with_metadata(facts)
}

/// True for such a field.
pub(super) fn is_key_hash(field: &Field) -> bool {
    field.data_type() == &DataType::Binary && field.metadata().get(INVISIBLE).is_some_and(|v| v == "true")
}

/// The target's schema has the column, so that the sink must not add it.
pub(super) fn is_given(target: &Target) -> bool {
    target.schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(KEY_HASH))
}

/// The sink computes the hash for this target, since its table has the column and the schema lacks it.
pub(super) fn is_added(target: &Target, def: &TableDef) -> bool {
    let column = def.columns.iter().position(|column| column.name.eq_ignore_ascii_case(KEY_HASH));
    !is_given(target) && column.is_some_and(|column| def.primary_key.contains(&column))
}

/// Computes the hashes that the sink gives the rows of a target.
#[derive(Debug)]
pub struct KeyHasher {
    columns: Vec<ColumnData>,
}

impl KeyHasher {
    /// Of a target whose table is `def`; `None` where rows are found by the key's own columns.
    pub fn of(target: &Target, def: &TableDef) -> Result<Option<KeyHasher>> {
        if !is_added(target, def) {
            return Ok(None);
        }
        let column = |key: usize| {
            let name = target.schema.field(key).name();
            let column = def.columns.iter().find(|column| column.name.to_lowercase() == name.to_lowercase());
            column.map(|column| column.data.clone()).ok_or_else(|| Error::internal(format!("no column {name}")))
        };
        Ok(Some(KeyHasher { columns: target.event_key().into_iter().map(column).collect::<Result<_>>()? }))
    }

    /// The hash of each key: [`KEY_HASH_BYTES`] bytes. `keys`: the key's columns without ordinality.
    pub fn hashes(&self, keys: &[ArrayRef]) -> Result<ArrayRef> {
        let cells = |(array, data): (&ArrayRef, &ColumnData)| {
            Cells::new(array, data, Rule::to_compare(array.data_type(), data), false).map_err(Error::internal)
        };
        let cells = keys.iter().zip(&self.columns).map(cells).collect::<Result<Vec<_>>>()?;
        let rows = keys.first().map_or(0, |key| key.len());
        let mut hashes = BinaryBuilder::with_capacity(rows, rows * KEY_HASH_BYTES);
        let mut scratch = Vec::new();
        for index in 0..rows {
            let hash = key_hash(cells.iter(), At { write: 0, index: index as u32 }, &mut scratch);
            hashes.append_value(hash.map_err(|value| Error::internal(value.message))?);
        }
        Ok(Arc::new(hashes.finish()))
    }
}
