//! The types of the WIT interface `rowmill:udf/aggregate-function`.

use super::{Column, Field, Signature};

/// The columns of a state that leaves the component.
///
/// Two schemas are the same when version, fields and the fields' attributes are equal. So
/// configuration that shapes the state (a precision, a number of buckets) goes into an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateSchema {
    /// The component's own number for this layout.
    pub version: u32,
    /// The state's columns.
    pub fields: Vec<Field>,
}

impl StateSchema {
    /// A layout with its number.
    pub fn new(version: u32, fields: Vec<Field>) -> Self {
        Self { version, fields }
    }
}

/// The states of a list of groups, as columns of their schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Per group a `u32`, how many rows its state takes, 0 included; the groups' rows follow each
    /// other in the list's order. `None`: one row each.
    pub rows: Option<Vec<u8>>,
    /// The columns of the schema, with as many rows as all groups together.
    pub columns: Vec<Column>,
}

impl State {
    /// States of one row per group.
    pub fn single(columns: Vec<Column>) -> Self {
        Self { rows: None, columns }
    }

    /// States of any number of rows per group, `counts` in the order of the groups.
    pub fn several(counts: impl IntoIterator<Item = u32>, columns: Vec<Column>) -> Self {
        let counts = counts.into_iter();
        let mut rows = Vec::with_capacity(counts.size_hint().0 * 4);
        counts.for_each(|count| rows.extend_from_slice(&count.to_le_bytes()));
        Self { rows: Some(rows), columns }
    }

    /// How many rows the state of each of `groups` groups takes. An error says what does not fit.
    pub fn counts(&self, groups: usize) -> Result<Vec<u32>, String> {
        let Some(rows) = &self.rows else { return Ok(vec![1; groups]) };
        if rows.len() != groups * 4 {
            return Err(format!("row counts of {} bytes do not fit the states of {groups} groups", rows.len()));
        }
        Ok(rows.as_chunks::<4>().0.iter().map(|count| u32::from_le_bytes(*count)).collect())
    }
}

/// A step between two versions of the state that an aggregate can migrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The version of the states given.
    pub source: u32,
    /// The version of the states returned.
    pub target: u32,
}

/// What a bound aggregate reads, returns and keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AggregateSignature {
    /// What it reads and returns; results have one row per group.
    pub call: Signature,
    /// The layout of the states that `snapshot` gives and `merge` takes.
    pub state: StateSchema,
    /// The migrations that `migrate` can do; each has `state.version` on one side.
    pub migrations: Vec<Migration>,
    /// Whether rows can be taken out again. Without it only sources that never change or delete
    /// rows can feed the aggregate.
    pub retract: bool,
    /// Whether a state can be merged into a group that is not empty. Without it `merge` is only a
    /// restore.
    pub merge: bool,
}

impl AggregateSignature {
    /// A signature without migrations that can neither retract nor merge.
    pub fn new(call: Signature, state: StateSchema) -> Self {
        Self { call, state, migrations: Vec::new(), retract: false, merge: false }
    }

    /// The same, and rows can be taken out again.
    #[must_use]
    pub fn with_retract(mut self) -> Self {
        self.retract = true;
        self
    }

    /// The same, and states can be merged.
    #[must_use]
    pub fn with_merge(mut self) -> Self {
        self.merge = true;
        self
    }

    /// The same, and states of another version can be taken over, in both directions.
    #[must_use]
    pub fn with_migration(mut self, other: u32) -> Self {
        let own = self.state.version;
        self.migrations.push(Migration { source: other, target: own });
        self.migrations.push(Migration { source: own, target: other });
        self
    }
}
