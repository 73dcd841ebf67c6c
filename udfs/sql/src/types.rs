//! MySQL's types as expressions see them, and the Arrow type that carries each.
//!
//! A column may be carried more narrowly than its type says (INT as Int32); `canonical` is what functions compute
//! with. A decimal has two scales: the declared one, which MySQL shows, and `held`, the digits that products and sums
//! really keep until then.

use arrow_schema::{DataType, Field, TimeUnit};

use crate::collation::{Collation, Strength};

/// The largest precision and scale of DECIMAL.
pub(crate) const PRECISION_MAX: u8 = 65;
pub(crate) const SCALE_MAX: u8 = 30;

/// How a literal of bytes is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Digits {
    /// `0x41`, a BIGINT UNSIGNED among numbers.
    Hexadecimal,
    /// `x'41'`, the same.
    QuotedHexadecimal,
    /// `0b101` and `b'101'`, a BIGINT in MySQL 9.7's arithmetic, whatever its manual says.
    Binary,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    /// The literal NULL, which is of every type.
    Null,
    /// What predicates give: 0, 1 or NULL.
    Bool,
    /// `digits`: how many a decimal needs for it.
    Int {
        unsigned: bool,
        digits: u8,
    },
    Decimal {
        precision: u8,
        scale: u8,
        held: u8,
    },
    Double,
    /// `chars`: the most characters a value has, if known.
    Text {
        chars: Option<u32>,
        collation: Collation,
        strength: Strength,
    },
    /// `literal`: written as `0x41` or `b'101'`, which is a number where one is needed.
    Bytes {
        length: Option<u32>,
        literal: Option<Digits>,
    },
    Json,
    Date,
    /// DATETIME and TIMESTAMP; sessions run in UTC, so the two are one here.
    DateTime {
        fsp: u8,
    },
    Time {
        fsp: u8,
    },
}

/// A text computed from literals only.
pub(crate) fn literal_text(chars: Option<u32>) -> Type {
    Type::Text { chars, collation: Collation::literal(), strength: Strength::Coercible }
}

pub(crate) fn bytes(length: Option<u32>) -> Type {
    Type::Bytes { length, literal: None }
}

pub(crate) fn bigint() -> Type {
    Type::Int { unsigned: false, digits: 19 }
}

pub(crate) fn int(digits: u8) -> Type {
    Type::Int { unsigned: false, digits }
}

/// The type of a column of years.
pub(crate) const YEAR: Type = Type::Int { unsigned: true, digits: 4 };

pub(crate) fn decimal(precision: u32, scale: u32) -> Type {
    let scale = scale.min(u32::from(SCALE_MAX)) as u8;
    let precision = precision.clamp(1, u32::from(PRECISION_MAX)) as u8;
    Type::Decimal { precision: precision.max(scale), scale, held: scale }
}

impl Type {
    /// The type of a column, or what is wrong with it.
    pub(crate) fn of(field: &Field) -> Result<Type, String> {
        let attribute = |name: &str| field.metadata().get(name);
        let number = |name: &str| attribute(name).and_then(|v| v.parse::<u32>().ok());
        let int = |unsigned, digits| Type::Int { unsigned, digits };
        Ok(match field.data_type() {
            DataType::Boolean => Type::Bool,
            DataType::Int8 => int(false, 3),
            DataType::Int16 => int(false, 5),
            DataType::Int32 => int(false, 10),
            DataType::Int64 => int(false, 19),
            DataType::UInt8 => int(true, 3),
            // A YEAR, which no other integer column has the digits of.
            DataType::UInt16 if attribute("mysql-type").is_some_and(|ty| ty.starts_with("year")) => YEAR,
            DataType::UInt16 => int(true, 5),
            DataType::UInt32 => int(true, 10),
            DataType::UInt64 => int(true, 20),
            DataType::Float32 | DataType::Float64 => Type::Double,
            DataType::Decimal128(p, s) | DataType::Decimal256(p, s) if *s >= 0 => {
                Type::Decimal { precision: *p, scale: *s as u8, held: *s as u8 }
            }
            DataType::Utf8 if attribute("type").is_some_and(|t| t == "json") => Type::Json,
            DataType::Utf8 => Type::Text {
                chars: number("max-chars"),
                collation: attribute("collation").map_or(Collation::unknown(), |name| Collation::named(name)),
                strength: Strength::Implicit,
            },
            DataType::Binary => bytes(number("max-chars")),
            DataType::Date32 => Type::Date,
            DataType::Timestamp(TimeUnit::Microsecond, _) => Type::DateTime { fsp: fsp(number("fsp")) },
            DataType::Duration(TimeUnit::Microsecond) => Type::Time { fsp: fsp(number("fsp")) },
            other => return Err(format!("columns of the type {other} can't be used in expressions")),
        })
    }

    /// The Arrow type that functions compute with.
    pub(crate) fn canonical(&self) -> DataType {
        match self {
            Type::Null => DataType::Null,
            Type::Bool => DataType::Boolean,
            Type::Int { unsigned: false, .. } => DataType::Int64,
            Type::Int { unsigned: true, .. } => DataType::UInt64,
            Type::Decimal { held, .. } if self.is_wide() => DataType::Decimal256(76, *held as i8),
            Type::Decimal { held, .. } => DataType::Decimal128(38, *held as i8),
            Type::Double => DataType::Float64,
            Type::Text { .. } | Type::Json => DataType::Utf8,
            Type::Bytes { .. } => DataType::Binary,
            Type::Date => DataType::Date32,
            Type::DateTime { .. } => DataType::Timestamp(TimeUnit::Microsecond, None),
            Type::Time { .. } => DataType::Duration(TimeUnit::Microsecond),
        }
    }

    /// Whether a decimal needs more than 38 digits.
    pub(crate) fn is_wide(&self) -> bool {
        matches!(self, Type::Decimal { precision, scale, held } if precision - scale + held > 38)
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Type::Text { .. } | Type::Bytes { .. } | Type::Json)
    }

    /// `0x41`, `x'41'`, `b'101'` as such.
    pub(crate) fn is_byte_literal(&self) -> bool {
        matches!(self, Type::Bytes { literal: Some(_), .. })
    }

    /// DATE and DATETIME.
    pub(crate) fn is_date(&self) -> bool {
        matches!(self, Type::Date | Type::DateTime { .. })
    }

    pub(crate) fn is_temporal(&self) -> bool {
        matches!(self, Type::Date | Type::DateTime { .. } | Type::Time { .. })
    }

    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Type::Bool | Type::Int { .. })
    }

    pub(crate) fn is_unsigned(&self) -> bool {
        matches!(self, Type::Int { unsigned: true, .. })
    }

    /// Precision and scale as an exact number; None if it is not exact.
    pub(crate) fn exact(&self) -> Option<(u8, u8)> {
        match self {
            Type::Null => Some((1, 0)),
            Type::Bool => Some((1, 0)),
            Type::Int { digits, .. } => Some((*digits, 0)),
            Type::Decimal { precision, scale, .. } => Some((*precision, *scale)),
            Type::Date => Some((8, 0)),
            Type::DateTime { fsp } => Some((14 + fsp, *fsp)),
            Type::Time { fsp } => Some((7 + fsp, *fsp)),
            _ => None,
        }
    }

    /// How a person would say it.
    pub(crate) fn name(&self) -> String {
        match self {
            Type::Null => "NULL".to_owned(),
            Type::Bool => "a condition".to_owned(),
            Type::Int { unsigned: false, .. } => "an integer".to_owned(),
            Type::Int { unsigned: true, .. } => "an unsigned integer".to_owned(),
            Type::Decimal { precision, scale, .. } => format!("DECIMAL({precision},{scale})"),
            Type::Double => "a floating-point number".to_owned(),
            Type::Text { .. } => "a text".to_owned(),
            Type::Bytes { .. } => "a binary string".to_owned(),
            Type::Json => "JSON".to_owned(),
            Type::Date => "a DATE".to_owned(),
            Type::DateTime { .. } => "a DATETIME".to_owned(),
            Type::Time { .. } => "a TIME".to_owned(),
        }
    }

    /// The most characters of a value when written as a text.
    pub(crate) fn chars(&self) -> Option<u32> {
        let point = |fsp: u8| if fsp > 0 { u32::from(fsp) + 1 } else { 0 };
        Some(match self {
            Type::Null => 0,
            Type::Bool => 1,
            Type::Int { digits, unsigned } => u32::from(*digits) + u32::from(!unsigned),
            Type::Decimal { precision, scale, .. } => u32::from(*precision) + 2 - u32::from(*scale == 0),
            Type::Double => 22,
            Type::Text { chars, .. } => return *chars,
            Type::Bytes { length, .. } => return *length,
            Type::Json => return None,
            Type::Date => 10,
            Type::DateTime { fsp } => 19 + point(*fsp),
            Type::Time { fsp } => 10 + point(*fsp),
        })
    }

    /// Attributes of a result field: what a created target column needs to know.
    pub(crate) fn attributes(&self) -> Vec<(&'static str, String)> {
        match self {
            Type::Text { chars, collation, .. } => {
                let mut attributes = Vec::new();
                attributes.extend(chars.map(|c| ("max-chars", c.to_string())));
                attributes.extend(collation.name().map(|name| ("collation", name.to_owned())));
                attributes
            }
            Type::Bytes { length, .. } => length.iter().map(|l| ("max-chars", l.to_string())).collect(),
            Type::DateTime { fsp } | Type::Time { fsp } => vec![("fsp", fsp.to_string())],
            _ => Vec::new(),
        }
    }

    /// The Arrow type in which a result leaves.
    pub(crate) fn leaving(&self) -> DataType {
        match self {
            Type::Decimal { precision, scale, .. } if *precision > 38 => DataType::Decimal256(*precision, *scale as i8),
            Type::Decimal { precision, scale, .. } => DataType::Decimal128(*precision, *scale as i8),
            other => other.canonical(),
        }
    }
}

fn fsp(attribute: Option<u32>) -> u8 {
    attribute.unwrap_or(6).min(6) as u8
}
