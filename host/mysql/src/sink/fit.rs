//! Whether a column of the target holds every value of an Arrow column.

use arrow_schema::{DataType, Field, TimeUnit};
use rowmill_change::{Geometry, SqlType};

use super::create::{fact, nullable_key, number_fact, sql_type};
use crate::table::{Column, ColumnData};

/// What was found and what is needed, where the column would lose values or refuse them.
pub(super) fn misfit(field: &Field, column: &Column, key: bool) -> Option<(String, String)> {
    let found = column.mysql_type.clone();
    if let Some(needed) = lacks(field, column) {
        return Some((found, needed));
    }
    let signed_source = !sql_type(field).is_some_and(|source| source.is_unsigned());
    let fraction = matches!(column.data, ColumnData::Decimal { .. } | ColumnData::Float | ColumnData::Double);
    let unsigned_arrow = field.data_type().is_unsigned_integer();
    if fraction && column.is_unsigned() && signed_source && !unsigned_arrow {
        return Some((found, "a signed type".to_owned()));
    }
    // A temporal column of a source is nullable only for its zero dates; those are refused one by one.
    let temporal = column.data.has_zero_dates();
    if field.is_nullable() && !column.nullable && !temporal && (!key || !nullable_key(field)) {
        return Some((format!("{found} NOT NULL"), "NULL allowed, since the value can be NULL".to_owned()));
    }
    None
}

/// What the column lacks, as what is needed.
fn lacks(field: &Field, column: &Column) -> Option<String> {
    let data = &column.data;
    let ok = |fits: bool, needed: &str| if fits { None } else { Some(needed.to_owned()) };
    match field.data_type() {
        DataType::Boolean => ok(matches!(data, ColumnData::Integer { .. } | ColumnData::Bit { .. }), "TINYINT(1)"),
        t if t.is_integer() => integer(field, data),
        DataType::Float32 => ok(matches!(data, ColumnData::Float | ColumnData::Double), "FLOAT or DOUBLE"),
        DataType::Float64 => ok(matches!(data, ColumnData::Double), "DOUBLE"),
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => {
            let (whole, scale) = (i16::from(*p) - i16::from(*s), i16::from(*s));
            let fits = matches!(data, ColumnData::Decimal { precision, scale: to }
                if i16::from(*to) >= scale && i16::from(*precision) - i16::from(*to) >= whole);
            ok(fits, &format!("DECIMAL({p},{s}) or wider on both sides of the point"))
        }
        DataType::Utf8 if fact(field, "type") == Some("json") => {
            let text = matches!(data, ColumnData::Text { max_bytes, .. } if *max_bytes >= u64::from(u32::MAX));
            ok(data.is_json() || text, "JSON")
        }
        DataType::Utf8 => text(field, column),
        DataType::Binary => binary(field, column),
        DataType::Date32 => ok(matches!(data, ColumnData::Date | ColumnData::DateTime { .. }), "DATE"),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let fsp = number_fact(field, "fsp");
            let (name, to) = match (data, zone) {
                (ColumnData::DateTime { fsp }, None) => ("DATETIME", Some(*fsp)),
                (ColumnData::DateTime { fsp } | ColumnData::Timestamp { fsp }, Some(_)) => ("TIMESTAMP", Some(*fsp)),
                (_, None) => ("DATETIME", None),
                (_, Some(_)) => ("TIMESTAMP", None),
            };
            fraction(name, fsp, to)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            let to = if let ColumnData::Time { fsp } = data { Some(*fsp) } else { None };
            fraction("TIME", number_fact(field, "fsp"), to)
        }
        other => Some(format!("a column for {other}, which MySQL does not have: convert it in a map step")),
    }
}

fn fraction(name: &str, from: Option<u64>, to: Option<u8>) -> Option<String> {
    match (from, to) {
        (_, None) => Some(format!("{name}({})", from.unwrap_or(6))),
        (Some(from), Some(to)) if u64::from(to) < from => Some(format!("{name}({from}), to keep the fraction")),
        _ => None,
    }
}

fn integer(field: &Field, data: &ColumnData) -> Option<String> {
    let source = sql_type(field);
    let (mut bits, unsigned) = match field.data_type() {
        DataType::Int8 => (8, false),
        DataType::Int16 => (16, false),
        DataType::Int32 => (32, false),
        DataType::Int64 => (64, false),
        DataType::UInt8 => (8, true),
        DataType::UInt16 => (16, true),
        DataType::UInt32 => (32, true),
        _ => (64, true),
    };
    if matches!(source, Some(SqlType::Integer { bits: 24, .. })) {
        bits = 24;
    }
    let digits = [(8, 3), (16, 5), (24, 8), (32, 10), (64, 20)].iter().find(|d| d.0 == bits).map_or(20, |d| d.1);
    let fits = match data {
        ColumnData::Integer { bits: to, unsigned: to_unsigned } => match (unsigned, to_unsigned) {
            (true, true) | (false, false) => *to >= bits,
            (true, false) => *to > bits,
            (false, true) => false,
        },
        ColumnData::Bit { bits: to } => {
            let from = if let Some(SqlType::Bit(from)) = source { from } else { bits };
            unsigned && *to >= from
        }
        ColumnData::Decimal { precision, scale } => precision - scale >= digits,
        ColumnData::Double => bits <= 32,
        ColumnData::Float => bits <= 16,
        // Years are checked one by one when they are written.
        ColumnData::Year => field.data_type() == &DataType::UInt16 && matches!(source, None | Some(SqlType::Year(_))),
        _ => false,
    };
    let sign = if unsigned { " UNSIGNED" } else { "" };
    let name = [(8, "TINYINT"), (16, "SMALLINT"), (24, "MEDIUMINT"), (32, "INT"), (64, "BIGINT")]
        .iter()
        .find(|d| d.0 == bits)
        .map_or("BIGINT", |d| d.1);
    (!fits).then(|| format!("{name}{sign} or wider"))
}

fn text(field: &Field, column: &Column) -> Option<String> {
    let source = sql_type(field);
    let max_chars = number_fact(field, "max-chars");
    match &column.data {
        ColumnData::Text { charset, .. } => {
            let from = fact(field, "collation").and_then(|c| c.split('_').next());
            let holds = match (from, charset.as_str()) {
                (_, "utf8mb4" | "utf16" | "utf32" | "utf16le" | "gb18030") | (None, _) => true,
                (Some(from), to) if from == to || from == "ascii" => true,
                // MySQL's older name of the same set.
                (Some("utf8" | "utf8mb3"), "utf8" | "utf8mb3" | "ucs2")
                | (Some("latin1" | "ucs2"), "utf8" | "utf8mb3") => true,
                _ => false,
            };
            if !holds {
                return Some(format!(
                    "CHARACTER SET utf8mb4 (found {charset}, which lacks characters of {})",
                    from.unwrap_or("?")
                ));
            }
            match (max_chars, column.max_chars) {
                (Some(from), Some(to)) if to < from => Some(format!("room for {from} characters")),
                _ => None,
            }
        }
        // Labels are matched exactly; a text that is none could be taken for a label's number.
        ColumnData::Enum { labels } | ColumnData::Set { labels } => {
            // The source's list is the beginning of the target's: then numbers agree as well.
            let fits = match (&column.data, &source) {
                (ColumnData::Enum { .. }, Some(SqlType::Enum(known)))
                | (ColumnData::Set { .. }, Some(SqlType::Set(known))) => labels.starts_with(known),
                _ => false,
            };
            (!fits).then(|| match source {
                Some(source) => format!("{source}, or VARCHAR"),
                None => "VARCHAR or TEXT".to_owned(),
            })
        }
        _ => Some(match max_chars {
            Some(n) => format!("VARCHAR({n}) or TEXT"),
            None => "VARCHAR or TEXT".to_owned(),
        }),
    }
}

fn binary(field: &Field, column: &Column) -> Option<String> {
    let Some(source) = sql_type(field) else {
        let any = matches!(
            column.data,
            ColumnData::FixedBinary { .. } | ColumnData::Binary { .. } | ColumnData::Geometry | ColumnData::Vector
        );
        return (!any).then(|| "VARBINARY or BLOB".to_owned());
    };
    let octets = match &source {
        SqlType::Binary(bytes) => Some(u64::from(*bytes)),
        SqlType::Varbinary(bytes) => Some(u64::from(*bytes)),
        SqlType::Blob(size) => Some(size.bytes_max()),
        _ => None,
    };
    let fits = match (&column.data, column.sql_type()) {
        (ColumnData::FixedBinary { length }, _) => {
            matches!(source, SqlType::Binary(_)) && octets == Some(u64::from(*length))
        }
        (ColumnData::Binary { max_bytes, .. }, _) => octets.is_none_or(|from| from <= *max_bytes),
        (ColumnData::Geometry, Some(SqlType::Geometry(to))) => {
            matches!(&source, SqlType::Geometry(from) if to == Geometry::Geometry || to.same_kind(*from))
        }
        (ColumnData::Vector, Some(SqlType::Vector(to))) => {
            matches!(source, SqlType::Vector(from) if from <= to)
        }
        _ => false,
    };
    (!fits).then(|| source.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(mysql_type: &str, data: ColumnData, nullable: bool) -> Column {
        Column { nullable, ..Column::sample(mysql_type, data) }
    }

    fn field(data: DataType, facts: &[(&str, &str)]) -> Field {
        let facts: std::collections::HashMap<String, String> =
            facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Field::new("c", data, false).with_metadata(facts)
    }

    #[test]
    fn what_would_lose_is_refused_and_what_holds_is_not() {
        let int = column("int", ColumnData::Integer { bits: 32, unsigned: false }, false);
        assert!(misfit(&field(DataType::Int32, &[]), &int, false).is_none());
        assert!(misfit(&field(DataType::UInt16, &[]), &int, false).is_none());
        assert!(misfit(&field(DataType::UInt32, &[]), &int, false).is_some());
        assert!(misfit(&field(DataType::Int64, &[]), &int, false).is_some());
        let decimal = column("decimal(10,2)", ColumnData::Decimal { precision: 10, scale: 2 }, true);
        assert!(misfit(&field(DataType::Decimal128(9, 2), &[]), &decimal, false).is_none());
        assert!(misfit(&field(DataType::Decimal128(10, 3), &[]), &decimal, false).is_some());
        assert!(misfit(&field(DataType::Decimal128(10, 1), &[]), &decimal, false).is_some());
        let second = column("datetime", ColumnData::DateTime { fsp: 0 }, true);
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert!(misfit(&field(micros.clone(), &[("fsp", "0")]), &second, false).is_none());
        assert!(misfit(&field(micros, &[("fsp", "3")]), &second, false).is_some());
    }

    #[test]
    fn labels_must_be_the_same_from_the_start() {
        let labels = vec!["a".to_owned(), "it's".to_owned(), "c".to_owned()];
        let target = column("enum(…)", ColumnData::Enum { labels }, true);
        let fits = |t: &str| misfit(&field(DataType::Utf8, &[("mysql-type", t)]), &target, false).is_none();
        assert!(fits("enum('a','it''s')"));
        assert!(!fits("enum('it''s','a')"));
        assert!(!fits("varchar(10)"));
    }
}
