//! Keys as SQL: literals that the server compares exactly as the column's own values, and the
//! conditions that bound a range.

use std::fmt::Write;

use mysql_async::Value;
use rowmill_change::Key;

use crate::error::{Error, Result};
use crate::statement::{KeyLiteral, Statement, Word};
use crate::table::{Column, ColumnData, TableDef};

/// What to select so that [`literal`] gets what it needs of a key column. ENUM and SET are
/// ordered by their numbers.
pub(super) fn select(statement: Statement, column: &Column) -> Statement {
    let name = statement.name(&column.name);
    match column.data {
        ColumnData::Enum { .. } | ColumnData::Set { .. } => name.text(" + 0"),
        _ => name,
    }
}

/// A value of a key column as a literal.
pub(super) fn literal(column: &Column, value: &Value) -> Result<String> {
    let refuse = || Error::internal(format!("key column {} has a value of an unexpected kind", column.name));
    let text = match (value, &column.data) {
        (Value::Int(n), _) => n.to_string(),
        (Value::UInt(n), _) => n.to_string(),
        (Value::Float(f), _) => format!("{:e}", f64::from(*f)),
        (Value::Double(f), _) => format!("{f:e}"),
        (Value::Bytes(bytes), ColumnData::Decimal { .. }) => {
            // Digits, sign and point only: nothing else may reach a statement.
            let text = String::from_utf8_lossy(bytes).into_owned();
            if !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.')) {
                return Err(refuse());
            }
            text
        }
        (Value::Bytes(bytes), ColumnData::Bit { .. }) => {
            bytes.iter().fold(0u64, |n, &b| n << 8 | u64::from(b)).to_string()
        }
        (Value::Bytes(bytes), ColumnData::Text { charset, .. }) => {
            // In the column's own set and collation, so that the column is not converted and its
            // index serves.
            let collation = Word::of_server(column.collation.as_deref().unwrap_or(charset))?;
            let (collation, charset) = (collation.as_str(), Word::of_server(charset)?);
            let charset = charset.as_str();
            if charset == "utf8mb4" {
                format!("_utf8mb4 {} COLLATE {collation}", hex(bytes))
            } else {
                format!("CONVERT(_utf8mb4 {} USING {charset}) COLLATE {collation}", hex(bytes))
            }
        }
        (Value::Bytes(bytes), _) => hex(bytes),
        (Value::Date(y, mo, d, h, mi, s, us), data) => match data {
            ColumnData::Date => format!("'{y:04}-{mo:02}-{d:02}'"),
            _ => format!("'{y:04}-{mo:02}-{d:02} {h:02}:{mi:02}:{s:02}.{us:06}'"),
        },
        (Value::Time(negative, days, h, m, s, us), _) => {
            let sign = if *negative { "-" } else { "" };
            format!("'{sign}{:02}:{m:02}:{s:02}.{us:06}'", days * 24 + u32::from(*h))
        }
        (Value::NULL, _) => return Err(refuse()),
    };
    Ok(text)
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2 + 3);
    text.push_str("X'");
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text.push('\'');
    text
}

/// The WHERE clause of a range, empty for everything. Row comparisons are written out, since the
/// server uses an index only for the leading column of `(a, b) > (1, 2)`.
pub(super) fn bounds(def: &TableDef, key: &[usize], after: Option<&Key>, through: Option<&Key>) -> Result<Statement> {
    let names: Vec<&str> = key.iter().map(|&i| def.columns[i].name.as_str()).collect();
    let mut bounds = Statement::new("");
    if let Some(after) = after {
        bounds = compare(bounds.text(" WHERE "), &names, &parsed(after)?, (">", ">=", ">"));
    }
    if let Some(through) = through {
        let and = if bounds.is_empty() { " WHERE " } else { " AND " };
        bounds = compare(bounds.text(and), &names, &parsed(through)?, ("<", "<=", "<="));
    }
    Ok(bounds)
}

fn parsed(key: &Key) -> Result<Vec<KeyLiteral<'_>>> {
    key.iter().map(|text| KeyLiteral::parse(text)).collect()
}

/// `(a, b) op (x, y)`: the operators are the strict one, the same with equality, and that of the last column.
fn compare(
    statement: Statement,
    names: &[&str],
    key: &[KeyLiteral<'_>],
    operators: (&'static str, &'static str, &'static str),
) -> Statement {
    let (strict, or_equal, last) = operators;
    let term = |statement: Statement, name: &str, operator: &'static str, value: &KeyLiteral<'_>| {
        statement.name(name).text(" ").text(operator).text(" ").key(value)
    };
    match (names, key) {
        ([name], [value, ..]) => term(statement, name, last, value),
        ([name, rest @ ..], [value, values @ ..]) if !values.is_empty() => {
            let statement = term(statement, name, or_equal, value).text(" AND (");
            let statement = term(statement, name, strict, value).text(" OR (");
            let statement = term(statement, name, "=", value).text(" AND ");
            compare(statement, rest, values, operators).text("))")
        }
        _ => statement.text("FALSE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composite_keys_are_compared_column_by_column() {
        let key = [KeyLiteral::parse("1").unwrap(), KeyLiteral::parse("2").unwrap()];
        let shown = |operators| compare(Statement::new(""), &["a", "b"], &key, operators).to_string();
        assert_eq!(shown((">", ">=", ">")), "`a` >= 1 AND (`a` > 1 OR (`a` = 1 AND `b` > 2))");
        assert_eq!(shown(("<", "<=", "<=")), "`a` <= 1 AND (`a` < 1 OR (`a` = 1 AND `b` <= 2))");
    }
}
