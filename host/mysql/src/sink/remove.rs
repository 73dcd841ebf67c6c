//! Rows of a target that no event names, deleted by the table's own key.
//!
//! What a table holds beside the rows that a pipeline writes can have keys that the plan's types do not
//! express: numbers beyond them, another spelling, an ordinality that no row has. So such a row is named
//! as the table itself gave it, by the literals of [`KeyScan`](crate::snapshot::KeyScan), which the server
//! compares as the column's own values.

use rowmill_change::Key;

use super::delete::KEYS_PER_STATEMENT;
use super::shape::Shape;
use crate::error::{Error, Result};
use crate::statement::{KeyLiteral, Statement};

/// The statement that deletes the first of `rows` by these columns, and how many it deletes; `None` if there are none.
pub(super) fn statement(
    shape: &Shape,
    columns: &[String],
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
        if key.len() != columns.len() || key.is_empty() {
            return Err(Error::internal(format!("a row of {} has a key of other columns", shape.table)));
        }
        statement = statement.text(if taken > 0 { " OR (" } else { "(" });
        for (part, (column, value)) in columns.iter().zip(key).enumerate() {
            statement = statement.text(if part > 0 { " AND " } else { "" }).name(column).text(" = ");
            statement = statement.key(&KeyLiteral::parse(value)?);
        }
        statement = statement.text(")");
        taken += 1;
    }
    Ok(Some((statement, taken)))
}
