//! What a server has of the tables that a plan names.
//!
//! A pattern means tables. What a server also lists among them has no rows of its own in the binary log
//! (views) or rows that are none (sequences), or it is a table in a form that can't be read
//! (system-versioned). A [`Match`] says which, so that nothing that a pattern means is left out in silence.

use rowmill_change::{TableName, TablePattern, glob};

use crate::endpoint::Conn;
use crate::error::{Doing, Result};

const DOING: &str = "listing tables";

/// Something that a server lists among its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Its name, in the server's spelling.
    pub name: TableName,
    /// `BASE TABLE`, `VIEW`, `SYSTEM VERSIONED`, … as information_schema says.
    pub kind: String,
}

impl Match {
    /// A table whose rows can be read.
    pub fn is_base_table(&self) -> bool {
        self.kind == "BASE TABLE"
    }

    /// A table in a form that can't be read: its rows would be missing.
    pub fn is_system_versioned(&self) -> bool {
        self.kind == "SYSTEM VERSIONED"
    }
}

/// What the server lists under a name, if anything.
pub async fn match_of(conn: &mut Conn, name: &TableName) -> Result<Option<Match>> {
    let kind: Option<String> = conn
        .exec_first(
            "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
            (&name.schema, &name.name),
        )
        .await
        .doing(DOING)?;
    Ok(kind.map(|kind| Match { name: name.clone(), kind }))
}

/// What the server has for a pattern, as far as the user may see it, by name.
pub async fn matches_of(conn: &mut Conn, pattern: &TablePattern) -> Result<Vec<Match>> {
    let listed: Vec<(String, String)> = conn
        .exec(
            "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME",
            (pattern.schema(),),
        )
        .await
        .doing(DOING)?;
    let meant = listed.into_iter().filter(|(name, _)| glob(pattern.table(), name));
    Ok(meant.map(|(name, kind)| Match { name: TableName::new(pattern.schema(), name), kind }).collect())
}
