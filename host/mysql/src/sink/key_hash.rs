//! The hidden column by which rows are found where columns of the key can be NULL.
//!
//! A primary key takes no NULL, and a unique key holds any number of them apart. So the key of such a
//! table is a hash, in a column that `SELECT *` does not show. There are two ways to it:
//!
//! - The target names its key's columns, and one of them can be NULL. Then the sink adds the column
//!   and computes the hash from the key's values, of rows and of events alike.
//! - The target's schema has the column ([`key_hash_field`](rowmill_change::key_hash_field), as the last one), and it is the whole key.
//!   Then the caller computes the hash; keys whose spellings differ can be the same key.

use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::{Array, ArrayRef};
use rowmill_change::{KEY_HASH, KEY_HASH_BYTES, TargetTable};

use super::compact::At;
use super::encode::{Cells, Rule, key_hash};
use crate::error::{Error, Result};
use crate::table::{ColumnData, TableDef};

/// What follows the column's name where it is created. MariaDB wants a default for a column that
/// statements may leave out.
pub(super) const DEFINITION: &str =
    "BINARY(16) NOT NULL DEFAULT '' INVISIBLE COMMENT 'hash of the key, which can be NULL'";

/// The target's schema has the column, so that the sink must not add it.
pub(super) fn is_given(target: &TargetTable) -> bool {
    target.schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(KEY_HASH))
}

/// The sink computes the hash for this target, since its table has the column and the schema lacks it.
pub(super) fn is_added(target: &TargetTable, def: &TableDef) -> bool {
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
    pub fn of(target: &TargetTable, def: &TableDef) -> Result<Option<KeyHasher>> {
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
