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

use arrow_schema::{DataType, Field};

use super::Target;

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
