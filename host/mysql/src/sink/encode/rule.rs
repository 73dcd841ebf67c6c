//! Which values of its Arrow type a column of the target holds: one rule per column.
//!
//! The encoder applies the rule to each value that it writes, [`Holds`](super::super::Holds) to whole
//! columns before rows are handed over. A rule is made of the column as the server has it now, which may
//! be narrower than the one that would be created. What only the server can judge (a CHECK, a foreign key,
//! bytes that are no geometry, characters that a rare character set lacks) is not looked at.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};
use rowmill_change::SqlType;

use super::characters::{Repertoire, Text};
use super::digits::Digits;
use super::json;
use super::time::{self, DAY};
use crate::table::{Column, ColumnData};

/// What a server's types hold where that depends on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Limits {
    /// Levels of arrays and objects in a JSON document; `None` where no limit is known.
    pub(in super::super) json_depth: Option<usize>,
    /// The first and the last microsecond of a TIMESTAMP.
    pub(in super::super) timestamp: (i64, i64),
}

/// What a column holds of the values of its array.
#[derive(Debug, Clone)]
pub(in super::super) enum Rule {
    /// Every one.
    Any,
    /// Integers of a signed array from one number to another.
    Signed(i64, i64),
    /// Integers of an unsigned array up to a number.
    Unsigned(u64),
    Year,
    /// Neither NaN nor an infinity; nothing below zero; and nothing that the column would round.
    Float {
        unsigned: bool,
        digits: Option<Digits>,
    },
    /// Unscaled values below a power of ten.
    Decimal128 {
        end: i128,
        unsigned: bool,
    },
    Decimal256 {
        end: i256,
        unsigned: bool,
    },
    Text(Text),
    /// One of the labels, sorted.
    Enum(Arc<[String]>),
    /// Labels in the order of the column, joined by commas.
    Set(Arc<[String]>),
    /// Levels of arrays and objects; and, where the document is kept in MySQL's binary form, what that has.
    Json {
        depth: usize,
        binary: bool,
    },
    /// Up to this many bytes.
    Bytes(u64),
    /// Exactly as many, since the server would pad them.
    ExactBytes(usize),
    /// Whole numbers of four bytes, up to as many.
    Vector(u64),
    Date,
    /// Microseconds from one to another, in whole units.
    DateTime {
        from: i64,
        through: i64,
        unit: i64,
    },
    Time {
        unit: i64,
    },
}

const DATE_MIN: i64 = -719_528;
const DATE_MAX: i64 = 2_932_896;

/// Microseconds of the last digit that the column keeps.
fn unit(target: &ColumnData) -> i64 {
    match target {
        // A DATE column takes no time of day at all.
        ColumnData::Date => DAY,
        other => 10_i64.pow(6 - u32::from(other.fsp().unwrap_or(6).min(6))),
    }
}

impl Rule {
    /// The rule for an array of this type in this column. A combination that the check of the target
    /// refuses gets no rule.
    pub(in super::super) fn new(array: &DataType, column: &Column, limits: &Limits) -> Rule {
        let data = &column.data;
        let unsigned = column.is_unsigned();
        match array {
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => signed(array, data),
            DataType::UInt16 if *data == ColumnData::Year => Rule::Year,
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => unsigned_integer(array, data),
            DataType::Float32 | DataType::Float64 => {
                let digits = match column.sql_type() {
                    Some(SqlType::Float { digits: Some((all, fraction)), .. }) => {
                        Some(Digits::new(all, fraction, *array == DataType::Float32))
                    }
                    _ => None,
                };
                Rule::Float { unsigned, digits }
            }
            DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => {
                let &ColumnData::Decimal { precision, scale: kept } = data else { return Rule::Any };
                let digits = i32::from(precision) - i32::from(kept) + i32::from(*scale);
                let Ok(digits) = u32::try_from(digits) else { return Rule::Any };
                match array {
                    DataType::Decimal128(..) => {
                        Rule::Decimal128 { end: 10_i128.checked_pow(digits).unwrap_or(i128::MAX), unsigned }
                    }
                    _ => Rule::Decimal256 { end: i256::from_i128(10).wrapping_pow(digits.min(76)), unsigned },
                }
            }
            DataType::Utf8 => text(column, limits),
            DataType::Binary => match data {
                ColumnData::FixedBinary { length } => Rule::ExactBytes(usize::from(*length)),
                ColumnData::Binary { max_bytes, .. } => Rule::Bytes(*max_bytes),
                ColumnData::Vector => match column.sql_type() {
                    Some(SqlType::Vector(numbers)) => Rule::Vector(numbers.into()),
                    _ => Rule::Any,
                },
                _ => Rule::Any,
            },
            DataType::Date32 => Rule::Date,
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let (from, through) = match data {
                    ColumnData::Timestamp { .. } => limits.timestamp,
                    _ => (DATE_MIN * DAY, (DATE_MAX + 1) * DAY - 1),
                };
                Rule::DateTime { from, through, unit: unit(data) }
            }
            DataType::Duration(TimeUnit::Microsecond) => Rule::Time { unit: unit(data) },
            _ => Rule::Any,
        }
    }

    /// The rule for values that are only compared with the column: one that it cannot hold is not there.
    pub(in super::super) fn to_compare(array: &DataType, data: &ColumnData) -> Rule {
        match (array, data) {
            (DataType::UInt16, ColumnData::Year) => Rule::Year,
            (DataType::Float32 | DataType::Float64, _) => Rule::Float { unsigned: false, digits: None },
            _ => Rule::Any,
        }
    }

    /// The first and the last microsecond, of a column of dates with times.
    pub(in super::super) fn times(&self) -> Option<RangeInclusive<i64>> {
        match self {
            &Rule::DateTime { from, through, .. } => Some(from..=through),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn signed(&self, value: i64) -> Result<(), String> {
        match self {
            &Rule::Signed(from, through) if !(from..=through).contains(&value) => {
                Err(beyond(value, format_args!("the column holds {from} to {through}")))
            }
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn unsigned(&self, value: u64) -> Result<(), String> {
        match self {
            &Rule::Unsigned(max) if value > max => Err(beyond(value, format_args!("the column holds 0 to {max}"))),
            Rule::Year if value != 0 && !(1901..=2155).contains(&value) => {
                Err(beyond(value, format_args!("YEAR holds 1901 to 2155 and 0")))
            }
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn float(&self, value: f64) -> Result<(), String> {
        if !value.is_finite() {
            return Err(format!("is {value}, which MySQL cannot store"));
        }
        match self {
            Rule::Float { unsigned: true, .. } if value < 0.0 => Err(negative(value)),
            Rule::Float { digits: Some(digits), .. } => digits.check(value),
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn decimal128(&self, value: i128) -> Result<(), String> {
        match self {
            Rule::Decimal128 { unsigned: true, .. } if value < 0 => Err(negative("negative")),
            &Rule::Decimal128 { end, .. } if value >= end || value <= -end => Err(too_many_digits()),
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn decimal256(&self, value: i256) -> Result<(), String> {
        match self {
            Rule::Decimal256 { unsigned: true, .. } if value < i256::ZERO => Err(negative("negative")),
            &Rule::Decimal256 { end, .. } if value >= end || value <= end.wrapping_neg() => Err(too_many_digits()),
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn text(&self, value: &str) -> Result<(), String> {
        match self {
            Rule::Text(text) => text.check(value),
            Rule::Enum(labels) if labels.binary_search_by(|label| label.as_str().cmp(value)).is_err() => {
                Err(format!("is '{}', which is no label of the column", shown(value)))
            }
            Rule::Set(labels) => members(labels, value),
            &Rule::Json { depth, binary } => json::check(value.as_bytes(), depth, binary),
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn bytes(&self, value: &[u8]) -> Result<(), String> {
        let found = value.len();
        match *self {
            Rule::Bytes(max) if found as u64 > max => Err(format!("has {found} bytes, and the column holds {max}")),
            Rule::ExactBytes(length) if found != length => {
                Err(format!("has {found} bytes, and BINARY({length}) would pad or cut them"))
            }
            Rule::Vector(max) if !found.is_multiple_of(4) || (found / 4) as u64 > max || found == 0 => {
                Err(format!("has {found} bytes, and VECTOR({max}) holds 1 to {max} numbers of 4"))
            }
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn date(&self, days: i64) -> Result<(), String> {
        match self {
            Rule::Date if !(DATE_MIN..=DATE_MAX).contains(&days) || days == time::NO_DAY => {
                Err(time::date(days, &mut Vec::new()).err().unwrap_or_else(|| "is a date that MySQL lacks".to_owned()))
            }
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn date_time(&self, micros: i64) -> Result<(), String> {
        const NO_DAY: i64 = time::NO_DAY * DAY;
        let &Rule::DateTime { from, through, unit } = self else { return Ok(()) };
        let a_day = !(NO_DAY..NO_DAY + DAY).contains(&micros);
        if a_day && (from..=through).contains(&micros) && (unit == 1 || micros.rem_euclid(unit) == 0) {
            return Ok(());
        }
        let mut shown = Vec::new();
        time::date_time(micros, unit, &mut shown)?;
        Err(format!("is {}, which TIMESTAMP does not hold", String::from_utf8_lossy(&shown)))
    }

    #[inline]
    pub(super) fn time(&self, micros: i64) -> Result<(), String> {
        match self {
            &Rule::Time { unit }
                if !(-time::TIME_MAX..=time::TIME_MAX).contains(&micros) || (unit != 1 && micros % unit != 0) =>
            {
                time::time(micros, unit, &mut Vec::new())
            }
            _ => Ok(()),
        }
    }

    /// The unit of a column that keeps times, for the encoder.
    pub(super) fn unit(&self) -> i64 {
        match self {
            Rule::DateTime { unit, .. } | Rule::Time { unit } => *unit,
            _ => 1,
        }
    }
}

fn signed(array: &DataType, data: &ColumnData) -> Rule {
    let (from, through) = match array {
        DataType::Int8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        DataType::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DataType::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let (low, high) = match data {
        ColumnData::Integer { bits, unsigned: false } => (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits)),
        ColumnData::Integer { bits: 64, unsigned: true } => (0, i64::MAX),
        ColumnData::Integer { bits, unsigned: true } => (0, (1 << bits) - 1),
        ColumnData::Decimal { precision, scale } => match 10_i64.checked_pow(u32::from(precision - scale)) {
            Some(end) => (1 - end, end - 1),
            None => return Rule::Any,
        },
        _ => return Rule::Any,
    };
    if low <= from && through <= high { Rule::Any } else { Rule::Signed(low, high) }
}

fn unsigned_integer(array: &DataType, data: &ColumnData) -> Rule {
    let through = match array {
        DataType::UInt8 => u64::from(u8::MAX),
        DataType::UInt16 => u64::from(u16::MAX),
        DataType::UInt32 => u64::from(u32::MAX),
        _ => u64::MAX,
    };
    let high = match data {
        ColumnData::Integer { bits, unsigned } => u64::MAX >> (64 - bits) >> u8::from(!unsigned),
        ColumnData::Bit { bits } => u64::MAX >> (64 - bits.clamp(&1, &64)),
        ColumnData::Decimal { precision, scale } => match 10_u64.checked_pow(u32::from(precision - scale)) {
            Some(end) => end - 1,
            None => return Rule::Any,
        },
        _ => return Rule::Any,
    };
    if through <= high { Rule::Any } else { Rule::Unsigned(high) }
}

fn text(column: &Column, limits: &Limits) -> Rule {
    match &column.data {
        ColumnData::Text { charset, fixed, max_bytes, large } => {
            let repertoire = match charset.as_str() {
                "utf8mb3" | "utf8" | "ucs2" => Repertoire::Bmp,
                "latin1" => Repertoire::Latin1,
                "ascii" => Repertoire::Ascii,
                _ => Repertoire::All,
            };
            let (mut chars, mut bytes, mut units) = (u64::MAX, u64::MAX, u64::MAX);
            match charset.as_str() {
                _ if !large => chars = column.max_chars.unwrap_or(u64::MAX),
                "utf8mb4" | "utf8mb3" | "utf8" | "ascii" => bytes = *max_bytes,
                "utf16" | "utf16le" => units = max_bytes / 2,
                "ucs2" => chars = max_bytes / 2,
                "utf32" => chars = max_bytes / 4,
                // A byte for a character; in the multi-byte sets it is the least, and the server knows more.
                _ => chars = *max_bytes,
            }
            Rule::Text(Text { chars, bytes, units, repertoire, fixed: *fixed })
        }
        ColumnData::Enum { labels } => {
            let mut labels = labels.clone();
            labels.sort_unstable();
            Rule::Enum(labels.into())
        }
        ColumnData::Set { labels } => Rule::Set(labels.as_slice().into()),
        ColumnData::Json { binary: false } if limits.json_depth.is_none() => Rule::Any,
        ColumnData::Json { binary } => Rule::Json { depth: limits.json_depth.unwrap_or(usize::MAX), binary: *binary },
        _ => Rule::Any,
    }
}

/// Labels in another order, or one twice, would read back as another text.
fn members(labels: &[String], value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    let mut rest = labels.iter();
    for part in value.split(',') {
        if rest.any(|label| label == part) {
            continue;
        }
        return Err(match labels.iter().any(|label| label == part) {
            true => format!("is '{}', whose labels are not in the column's order", shown(value)),
            false => format!("has '{}', which is no label of the column", shown(part)),
        });
    }
    Ok(())
}

/// Enough of a value to know it by.
pub(super) fn shown(value: &str) -> String {
    let mut cut: String = value.chars().take(64).collect();
    if cut.len() < value.len() {
        cut.push('…');
    }
    rowmill_foreign::Printable(&cut).to_string()
}

#[cold]
fn beyond(value: impl Display, holds: std::fmt::Arguments<'_>) -> String {
    format!("is {value}, and {holds}")
}

#[cold]
fn negative(value: impl Display) -> String {
    format!("is {value}, and the column is UNSIGNED")
}

#[cold]
fn too_many_digits() -> String {
    "has more digits than the column".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_texts_have_bytes_of_their_character_set() {
        let holds = |charset: &str, text: &str| {
            let data = ColumnData::Text { charset: charset.into(), fixed: false, max_bytes: 255, large: true };
            let column = Column { max_chars: Some(255), ..Column::sample("tinytext", data) };
            let limits = Limits { json_depth: None, timestamp: (i64::MIN, i64::MAX) };
            Rule::new(&DataType::Utf8, &column, &limits).text(text).is_ok()
        };
        for (charset, c, most) in [
            ("latin1", "é", 255),
            ("ascii", "e", 255),
            ("cp1250", "é", 255),
            ("utf8mb4", "é", 127),
            ("ucs2", "é", 127),
            ("utf16", "é", 127),
            ("utf16le", "🎉", 63),
            ("utf32", "e", 63),
        ] {
            assert!(holds(charset, &c.repeat(most)), "{charset}");
            assert!(!holds(charset, &c.repeat(most + 1)), "{charset}");
        }
    }

    #[test]
    fn year_0000_is_no_leap_year() {
        let day = time::NO_DAY;
        let datetime = Rule::DateTime { from: DATE_MIN * DAY, through: (DATE_MAX + 1) * DAY - 1, unit: 1 };
        for micros in [day * DAY, (day + 1) * DAY - 1] {
            assert!(datetime.date_time(micros).is_err());
        }
        assert!(Rule::Date.date(day).is_err());
        for right in [day - 1, day + 1] {
            assert_eq!(Rule::Date.date(right), Ok(()));
            assert_eq!(datetime.date_time(right * DAY), Ok(()));
        }
    }

    #[test]
    fn sets_are_in_the_order_of_the_column() {
        let labels = ["a".to_owned(), "b".to_owned()];
        for right in ["", "a", "b", "a,b"] {
            assert_eq!(members(&labels, right), Ok(()));
        }
        for wrong in ["b,a", "a,a", "A", "a,", "1", "c"] {
            assert!(members(&labels, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn character_sets_have_what_they_have() {
        assert!(Repertoire::Latin1.has('€') && Repertoire::Latin1.has('ÿ') && Repertoire::Latin1.has('\u{81}'));
        assert!(!Repertoire::Latin1.has('\u{80}') && !Repertoire::Latin1.has('ł'));
        assert!(Repertoire::Bmp.has('世') && !Repertoire::Bmp.has('🎉'));
    }
}
