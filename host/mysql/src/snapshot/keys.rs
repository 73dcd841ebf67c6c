//! Keys as SQL: literals that the server compares exactly as the column's own values, and the
//! conditions that bound a range.

use std::fmt::Write;

use mysql_async::Value;

use super::Key;
use crate::error::{Error, Result};
use crate::table::{Column, ColumnData, TableDef, quote};

/// What to select so that [`literal`] gets what it needs of a key column. ENUM and SET are
/// ordered by their numbers.
pub(super) fn select(column: &Column) -> String {
    let name = quote(&column.name);
    match column.data {
        ColumnData::Enum { .. } | ColumnData::Set { .. } => format!("{name} + 0"),
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
            let collation = column.collation.as_deref().unwrap_or(charset);
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
pub(super) fn bounds(def: &TableDef, key: &[usize], after: Option<&Key>, through: Option<&Key>) -> String {
    let names: Vec<String> = key.iter().map(|&i| quote(&def.columns[i].name)).collect();
    let mut parts = Vec::new();
    if let Some(after) = after {
        parts.push(compare(&names, after, ">", ">"));
    }
    if let Some(through) = through {
        parts.push(compare(&names, through, "<", "<="));
    }
    if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
}

/// `(a, b) op (x, y)`, strict in all columns but the last, which has its own operator.
fn compare(names: &[String], key: &[String], strict: &str, last: &str) -> String {
    match (names, key) {
        ([name], [value, ..]) => format!("{name} {last} {value}"),
        ([name, rest @ ..], [value, values @ ..]) if !values.is_empty() => {
            let rest = compare(rest, values, strict, last);
            format!("{name} {strict}= {value} AND ({name} {strict} {value} OR ({name} = {value} AND {rest}))")
        }
        _ => "FALSE".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composite_keys_are_compared_column_by_column() {
        let names = ["`a`".to_owned(), "`b`".to_owned()];
        let key = ["1".to_owned(), "2".to_owned()];
        assert_eq!(compare(&names, &key, ">", ">"), "`a` >= 1 AND (`a` > 1 OR (`a` = 1 AND `b` > 2))");
        assert_eq!(compare(&names, &key, "<", "<="), "`a` <= 1 AND (`a` < 1 OR (`a` = 1 AND `b` <= 2))");
    }
}
