//! MySQL's types of arguments and results.
//!
//! The sum of an integer or a decimal has 22 digits more than its argument, the average four more
//! behind the point; both at most 65, 30 of them behind the point.

use rowmill_sdk::{DataType, DecimalType, Field};

/// The most digits of a DECIMAL, and of those behind the point.
pub(crate) const PRECISION_MAX: u8 = 65;
pub(crate) const SCALE_MAX: u8 = 30;

/// The digits that MySQL gives a column of exact numbers; `None` when it is none.
pub(crate) fn exact(field: &Field) -> Option<DecimalType> {
    let mysql_type = field.attribute("mysql-type").unwrap_or_default().to_ascii_lowercase();
    let digits = |precision| Some(DecimalType { precision, scale: 0 });
    match field.data_type {
        DataType::Boolean => digits(1),
        DataType::Int8 | DataType::Uint8 => digits(3),
        DataType::Int16 | DataType::Uint16 if mysql_type.starts_with("year") => digits(4),
        DataType::Int16 | DataType::Uint16 => digits(5),
        DataType::Int32 | DataType::Uint32 if mysql_type.starts_with("mediumint") => digits(8),
        DataType::Int32 | DataType::Uint32 => digits(10),
        DataType::Int64 => digits(19),
        // As many as it has bits.
        DataType::Uint64 if mysql_type.starts_with("bit(") => {
            let bits = mysql_type.trim_start_matches("bit(").trim_end_matches(')').parse().unwrap_or(64);
            digits(u8::min(bits, PRECISION_MAX))
        }
        DataType::Uint64 => digits(20),
        DataType::Decimal(decimal) => Some(decimal),
        _ => None,
    }
}

/// The type of a sum.
pub(crate) fn sum_of(argument: DecimalType) -> DecimalType {
    DecimalType { precision: (argument.precision + 22).min(PRECISION_MAX), scale: argument.scale }
}

/// The type of an average.
pub(crate) fn average_of(argument: DecimalType) -> DecimalType {
    DecimalType { precision: (argument.precision + 4).min(PRECISION_MAX), scale: (argument.scale + 4).min(SCALE_MAX) }
}

/// The bytes that a decimal of this type takes.
pub(crate) fn is_wide(decimal: DecimalType) -> bool {
    decimal.precision > 38
}

/// A result that can be NULL.
pub(crate) fn result(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type)
}

/// A column of a state, or a result, that is never NULL.
pub(crate) fn required(name: &str, data_type: DataType) -> Field {
    Field { nullable: false, ..Field::new(name, data_type) }
}
