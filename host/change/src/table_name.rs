//! Names of tables and how identifiers are quoted.

use std::fmt;

use rowmill_foreign::Printable;
use serde::{Deserialize, Serialize};

/// A table's schema and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    /// The schema (database).
    pub schema: String,
    /// The table's own name.
    pub name: String,
}

impl TableName {
    /// Makes a name from its two parts.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> TableName {
        TableName { schema: schema.into(), name: name.into() }
    }
}

/// As statements have it, but on one line: for people.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", Printable(&quote(&self.schema)), Printable(&quote(&self.name)))
    }
}

/// An identifier in backquotes.
pub fn quote(identifier: &str) -> String {
    format!("`{}`", identifier.replace('`', "``"))
}
