//! The hash that stands for a key of which columns can be NULL, where a target takes no NULL in a primary key.
//!
//! It is in a column of its own, which `SELECT *` does not show. Whoever makes the rows can give it as a field of the
//! target's schema; otherwise the target computes it from the key's values.

use std::collections::HashMap;

use arrow_schema::{DataType, Field};

/// The column's name.
pub const KEY_HASH: &str = "_key";

/// The fact of a field whose column `SELECT *` does not show, with the value `true`.
pub const INVISIBLE: &str = "rowmill.invisible";

/// Bytes of a hash: at 16, a collision among a billion keys is less likely than one in 10^20.
pub const KEY_HASH_BYTES: usize = 16;

/// The field of a target whose caller computes the hash: [`KEY_HASH_BYTES`] bytes per row.
pub fn key_hash_field() -> Field {
    let facts = [("mysql-type", format!("binary({KEY_HASH_BYTES})")), (INVISIBLE, "true".to_owned())];
    let facts: HashMap<String, String> = facts.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    Field::new(KEY_HASH, DataType::Binary, false).with_metadata(facts)
}

/// True for such a field.
pub fn is_key_hash(field: &Field) -> bool {
    field.data_type() == &DataType::Binary && field.metadata().get(INVISIBLE).is_some_and(|v| v == "true")
}
