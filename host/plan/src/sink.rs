//! Where rows go.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::source::Tls;

/// The table that is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sink {
    /// `mysql://user:password@host:port/database`.
    pub url: Secret,
    /// Encryption of its connections.
    #[serde(default)]
    pub tls: Tls,
    /// Name of the target table; `${table}` in it is the source table's. `None`: the source table's name.
    /// Use [`Sink::table_for`].
    pub table: Option<String>,
    /// Key columns of the target. `None`: derived from the source's primary key.
    pub key: Option<Vec<String>>,
    /// What a first start does with a target that holds rows.
    pub existing: Existing,
    /// Schema of the progress tables.
    pub meta: String,
    /// How rows are written.
    pub mode: Mode,
    /// Create the table when it is missing.
    pub create: bool,
}

impl Sink {
    /// The target table's name for a source table.
    pub fn table_for(&self, source: &str) -> String {
        self.table.as_ref().map_or_else(|| source.to_owned(), |table| table.replace(TABLE, source))
    }

    /// The target table's name, where it is the same for every source table.
    pub fn fixed_table(&self) -> Option<&str> {
        self.table.as_deref().filter(|table| !table.contains(TABLE))
    }

    /// Whether a target table can have this name, whatever the source table's is. `folds`: the server keeps names in
    /// lower case.
    pub fn may_be_table(&self, name: &str, folds: bool) -> bool {
        if folds && let Some(table) = &self.table {
            return Sink { table: Some(table.to_lowercase()), ..self.clone() }
                .may_be_table(&name.to_lowercase(), false);
        }
        let Some(table) = &self.table else { return true };
        let Some((before, after)) = table.split_once(TABLE) else { return table == name };
        let source = name.strip_prefix(before).and_then(|rest| {
            // The first of several tells the source table's name by what is left for each.
            let others = after.matches(TABLE).count();
            let fixed = after.len() - others * TABLE.len();
            let length = rest.len().checked_sub(fixed)? / (others + 1);
            rest.get(..length)
        });
        source.is_some_and(|source| !source.is_empty() && self.table_for(source) == name)
    }
}

/// Stands for the source table's name in [`Sink::table`].
pub const TABLE: &str = "${table}";

/// What a first start does with a target that holds rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Stops.
    #[default]
    Refuse,
    /// Writes into it.
    Keep,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Updates and deletes follow the key.
    #[default]
    Upsert,
    /// Inserts only; an update or a delete is an error.
    Append,
}
