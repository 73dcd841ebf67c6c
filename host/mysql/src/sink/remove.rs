//! Rows of a target that no event names, deleted by the table's own key.
//!
//! What a table holds beside the rows that a pipeline writes can have keys that the plan's types do not
//! express: numbers beyond them, another spelling, an ordinality that no row has. So such a row is named
//! as the table itself gave it, by the literals of [`KeyScan`](crate::snapshot::KeyScan), which the server
//! compares as the column's own values.

use super::delete::KEYS_PER_STATEMENT;
use super::shape::Shape;
use crate::error::{Error, Result};
use crate::snapshot::Key;
use crate::statement::{KeyLiteral, Statement};

/// Rows to delete from one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// Index into the targets.
    pub target: usize,
    /// The columns of the table's key ([`KeyScan::key_names`](crate::snapshot::KeyScan::key_names)).
    pub columns: Vec<String>,
    /// The key of each row, one literal per column.
    pub rows: Vec<Key>,
}

impl Removal {
    /// The statement that deletes the first of `rows`, and how many it deletes; `None` if there are none.
    pub(super) fn statement(
        &self,
        shape: &Shape,
        rows: &[Key],
        limit_bytes: usize,
    ) -> Result<Option<(Statement, usize)>> {
        if rows.is_empty() {
            return Ok(None);
        }
        let mut statement = Statement::with_capacity(16 << 10).part(&shape.delete);
        let mut taken = 0;
        for key in rows.iter().take(KEYS_PER_STATEMENT) {
            if taken > 0 && statement.len() > limit_bytes {
                break;
            }
            if key.len() != self.columns.len() || key.is_empty() {
                return Err(Error::internal(format!("a row of {} has a key of other columns", shape.table)));
            }
            statement = statement.text(if taken > 0 { " OR (" } else { "(" });
            for (part, (column, value)) in self.columns.iter().zip(key).enumerate() {
                statement = statement.text(if part > 0 { " AND " } else { "" }).name(column).text(" = ");
                statement = statement.key(&KeyLiteral::parse(value)?);
            }
            statement = statement.text(")");
            taken += 1;
        }
        Ok(Some((statement, taken)))
    }
}
