//! Column types: parsed from the server's own type text, mapped to Arrow.

use arrow_schema::{DataType, TimeUnit};
use rowmill_change::SqlType;
use rowmill_foreign::UTC;
use serde::{Deserialize, Serialize};

/// A column's type as far as its values are concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "type")]
pub enum ColumnData {
    /// TINYINT (8), SMALLINT (16), MEDIUMINT (24), INT (32), BIGINT (64).
    Integer {
        /// Width in bits.
        bits: u8,
        /// UNSIGNED.
        unsigned: bool,
    },
    /// YEAR.
    Year,
    /// FLOAT.
    Float,
    /// DOUBLE.
    Double,
    /// DECIMAL(precision, scale).
    Decimal {
        /// All digits.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// BIT(bits).
    Bit {
        /// 1 to 64.
        bits: u8,
    },
    /// CHAR, VARCHAR and the TEXTs.
    Text {
        /// MySQL's name of the character set.
        charset: String,
        /// CHAR rather than VARCHAR or a TEXT.
        fixed: bool,
        /// Length limit in bytes.
        max_bytes: u64,
        /// A TEXT (its length prefix has 1 to 4 bytes) rather than CHAR or VARCHAR.
        large: bool,
    },
    /// ENUM: values are labels.
    Enum {
        /// The labels, from number 1.
        labels: Vec<String>,
    },
    /// SET: values are labels joined by commas.
    Set {
        /// The labels, from bit 0.
        labels: Vec<String>,
    },
    /// BINARY(length).
    FixedBinary {
        /// Length in bytes; shorter values are padded with zero bytes.
        length: u16,
    },
    /// VARBINARY and the BLOBs.
    Binary {
        /// Length limit in bytes.
        max_bytes: u64,
        /// A BLOB rather than VARBINARY.
        large: bool,
    },
    /// GEOMETRY and its kinds: SRID and WKB, MySQL's own bytes.
    Geometry,
    /// VECTOR: float32 values, little-endian.
    Vector,
    /// JSON.
    Json {
        /// MySQL's binary form in the binary log; MariaDB keeps JSON as text.
        binary: bool,
    },
    /// DATE.
    Date,
    /// DATETIME(fsp).
    DateTime {
        /// Digits after the second.
        fsp: u8,
    },
    /// TIMESTAMP(fsp).
    Timestamp {
        /// Digits after the second.
        fsp: u8,
    },
    /// TIME(fsp).
    Time {
        /// Digits after the second.
        fsp: u8,
    },
    /// A type this version cannot read.
    Unsupported,
}

/// The type text and what information_schema says beside it.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    pub(super) data_type: &'a str,
    pub(super) column_type: &'a str,
    pub(super) charset: Option<&'a str>,
    pub(super) octets: Option<u64>,
    pub(super) precision: Option<u64>,
    pub(super) scale: Option<u64>,
    pub(super) fsp: Option<u64>,
    pub(super) maria_json: bool,
}

impl ColumnData {
    pub(super) fn parse(facts: &Facts<'_>) -> ColumnData {
        let parsed = SqlType::parse(facts.column_type).ok();
        let unsigned = parsed.as_ref().is_some_and(SqlType::is_unsigned);
        let integer = |bits| ColumnData::Integer { bits, unsigned };
        let fsp = facts.fsp.unwrap_or(0) as u8;
        let octets = facts.octets.unwrap_or(0);
        let text = |fixed, large| match facts.charset {
            // Text without a character set does not exist; CHAR BYTE is shown as BINARY.
            None => ColumnData::Unsupported,
            Some(charset) => ColumnData::Text { charset: charset.to_owned(), fixed, max_bytes: octets, large },
        };
        match facts.data_type {
            "tinyint" => integer(8),
            "smallint" => integer(16),
            "mediumint" => integer(24),
            "int" => integer(32),
            "bigint" => integer(64),
            "year" => ColumnData::Year,
            "float" => ColumnData::Float,
            "double" => ColumnData::Double,
            "decimal" => ColumnData::Decimal {
                precision: facts.precision.unwrap_or(10) as u8,
                scale: facts.scale.unwrap_or(0) as u8,
            },
            "bit" => ColumnData::Bit { bits: facts.precision.unwrap_or(1) as u8 },
            "char" => text(true, false),
            "varchar" => text(false, false),
            "longtext" if facts.maria_json => ColumnData::Json { binary: false },
            "tinytext" | "text" | "mediumtext" | "longtext" => text(false, true),
            "enum" | "set" => match parsed {
                Some(SqlType::Enum(labels)) => ColumnData::Enum { labels },
                Some(SqlType::Set(labels)) => ColumnData::Set { labels },
                _ => ColumnData::Unsupported,
            },
            "binary" => ColumnData::FixedBinary { length: octets as u16 },
            "varbinary" => ColumnData::Binary { max_bytes: octets, large: false },
            "tinyblob" | "blob" | "mediumblob" | "longblob" => ColumnData::Binary { max_bytes: octets, large: true },
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
            | "geometrycollection" | "geomcollection" => ColumnData::Geometry,
            "vector" => ColumnData::Vector,
            "json" => ColumnData::Json { binary: true },
            "date" => ColumnData::Date,
            "datetime" => ColumnData::DateTime { fsp },
            "timestamp" => ColumnData::Timestamp { fsp },
            "time" => ColumnData::Time { fsp },
            _ => ColumnData::Unsupported,
        }
    }

    /// The Arrow type of its values.
    pub fn arrow(&self) -> DataType {
        match self {
            ColumnData::Integer { bits: 8, unsigned: false } => DataType::Int8,
            ColumnData::Integer { bits: 16, unsigned: false } => DataType::Int16,
            ColumnData::Integer { bits: 24 | 32, unsigned: false } => DataType::Int32,
            ColumnData::Integer { unsigned: false, .. } => DataType::Int64,
            ColumnData::Integer { bits: 8, unsigned: true } => DataType::UInt8,
            ColumnData::Integer { bits: 16, unsigned: true } => DataType::UInt16,
            ColumnData::Integer { bits: 24 | 32, unsigned: true } => DataType::UInt32,
            ColumnData::Integer { unsigned: true, .. } => DataType::UInt64,
            ColumnData::Year => DataType::UInt16,
            ColumnData::Float => DataType::Float32,
            ColumnData::Double => DataType::Float64,
            ColumnData::Decimal { precision, scale } if *precision <= 38 => {
                DataType::Decimal128(*precision, *scale as i8)
            }
            ColumnData::Decimal { precision, scale } => DataType::Decimal256(*precision, *scale as i8),
            ColumnData::Bit { .. } => DataType::UInt64,
            ColumnData::Text { .. } | ColumnData::Enum { .. } | ColumnData::Set { .. } | ColumnData::Json { .. } => {
                DataType::Utf8
            }
            ColumnData::FixedBinary { .. }
            | ColumnData::Binary { .. }
            | ColumnData::Geometry
            | ColumnData::Vector
            | ColumnData::Unsupported => DataType::Binary,
            ColumnData::Date => DataType::Date32,
            ColumnData::DateTime { .. } => DataType::Timestamp(TimeUnit::Microsecond, None),
            ColumnData::Timestamp { .. } => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            ColumnData::Time { .. } => DataType::Duration(TimeUnit::Microsecond),
        }
    }

    /// Digits after the second, for the temporal types that have them.
    pub fn fsp(&self) -> Option<u8> {
        match self {
            ColumnData::DateTime { fsp } | ColumnData::Timestamp { fsp } | ColumnData::Time { fsp } => Some(*fsp),
            _ => None,
        }
    }

    /// True for JSON, in either server's form.
    pub fn is_json(&self) -> bool {
        matches!(self, ColumnData::Json { .. })
    }

    /// True for the types that can hold `0000-00-00`.
    pub fn has_zero_dates(&self) -> bool {
        matches!(self, ColumnData::Date | ColumnData::DateTime { .. } | ColumnData::Timestamp { .. })
    }
}
