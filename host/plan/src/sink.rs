//! Where rows go.

use serde::{Deserialize, Serialize};

use crate::problem::child;
use crate::secret::Secret;
use crate::source::Tls;

/// The server that is written to, and its tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sink {
    /// `mysql://user:password@host:port/database`.
    pub url: Secret,
    /// Encryption of its connections.
    #[serde(default)]
    pub tls: Tls,
    /// Schema of the progress tables.
    pub meta: String,
    /// What is written, at least one.
    pub tables: Vec<SinkTable>,
}

/// A table that is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkTable {
    /// The relation, or the source's table, whose rows it holds. [`TABLE`]: one for each table of the source.
    pub from: String,
    /// Its name; `${table}` in it is the source table's. Use [`SinkTable::table_for`].
    pub table: String,
    /// Key columns of the target. `None`: derived from the key of the rows.
    pub key: Option<Vec<String>>,
    /// What a first start does with a target that holds rows.
    pub existing: Existing,
    /// How rows are written.
    pub mode: Mode,
    /// Create the table when it is missing.
    pub create: bool,
}

impl SinkTable {
    /// One for each table of the source, called like it.
    pub fn each_table() -> Self {
        Self {
            from: TABLE.to_owned(),
            table: TABLE.to_owned(),
            key: None,
            existing: Existing::default(),
            mode: Mode::default(),
            create: true,
        }
    }

    /// Whether it stands for one target for each table of the source.
    pub fn is_for_each_table(&self) -> bool {
        self.from == TABLE
    }

    /// Where one of its options stands in the file: `/sink/mode`, `/sink/tables/paid_orders/mode`.
    pub fn pointer(&self, key: &str) -> String {
        match self.is_for_each_table() {
            true => child("/sink", key),
            false => child(&child("/sink/tables", &self.table), key),
        }
    }

    /// The target table's name for a source table.
    pub fn table_for(&self, source: &str) -> String {
        self.table.replace(TABLE, source)
    }

    /// The target table's name, where it is the same for every source table.
    pub fn fixed_table(&self) -> Option<&str> {
        Some(&*self.table).filter(|table| !table.contains(TABLE))
    }

    /// Whether a target table can have this name, whatever the source table's is. `folds`: the server keeps names in
    /// lower case.
    pub fn may_be_table(&self, name: &str, folds: bool) -> bool {
        if folds {
            return Self { table: self.table.to_lowercase(), ..self.clone() }.may_be_table(&name.to_lowercase(), false);
        }
        let Some((before, after)) = self.table.split_once(TABLE) else { return self.table == name };
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

/// Stands for the source table's name in [`SinkTable::table`].
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
