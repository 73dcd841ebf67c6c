//! The names of column types in the file and in `rowmill plan`: the ones of the WIT interface.
//!
//! `{ column: price, as: float64 }` names a type of `rowmill:udf/types`; inside the host a
//! column has an Arrow type. The two lists are the same but for `json`, which is text with a
//! mark in Arrow and therefore not a type that a cast can lead to.

use arrow_schema::{DataType, TimeUnit};
use rowmill_foreign::UTC;

/// Every name that `as` takes, for messages.
pub const NAMES: &[&str] = &[
    "boolean",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "decimal(p,s)",
    "utf8",
    "binary",
    "date",
    "time",
    "datetime",
    "timestamp",
];

/// The Arrow type of `float64`, `decimal(10,2)`, `datetime`.
pub fn parse(name: &str) -> Option<DataType> {
    Some(match name.trim() {
        "boolean" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float32" => DataType::Float32,
        "float64" => DataType::Float64,
        "utf8" => DataType::Utf8,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "time" => DataType::Duration(TimeUnit::Microsecond),
        "datetime" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        other => {
            let inside = other.strip_prefix("decimal(")?.strip_suffix(')')?;
            let (precision, scale) = inside.split_once(',')?;
            let precision: u8 = precision.trim().parse().ok()?;
            let scale: u8 = scale.trim().parse().ok()?;
            if !(1..=65).contains(&precision) || scale > 30 || scale > precision {
                return None;
            }
            if precision <= 38 {
                DataType::Decimal128(precision, scale.cast_signed())
            } else {
                DataType::Decimal256(precision, scale.cast_signed())
            }
        }
    })
}

/// `DataType::Float64` as `float64`. A type that never crosses the boundary keeps Arrow's name.
pub fn format(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "int8".to_owned(),
        DataType::Int16 => "int16".to_owned(),
        DataType::Int32 => "int32".to_owned(),
        DataType::Int64 => "int64".to_owned(),
        DataType::UInt8 => "uint8".to_owned(),
        DataType::UInt16 => "uint16".to_owned(),
        DataType::UInt32 => "uint32".to_owned(),
        DataType::UInt64 => "uint64".to_owned(),
        DataType::Float32 => "float32".to_owned(),
        DataType::Float64 => "float64".to_owned(),
        DataType::Utf8 => "utf8".to_owned(),
        DataType::Binary => "binary".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Duration(TimeUnit::Microsecond) => "time".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "datetime".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".to_owned(),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("decimal({precision},{scale})")
        }
        other => other.to_string(),
    }
}

/// For `#[serde(with = "type_name::optional")]`.
pub(crate) mod optional {
    use arrow_schema::DataType;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(value: &Option<DataType>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(data_type) => serializer.serialize_some(&super::format(data_type)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DataType>, D::Error> {
        match Option::<String>::deserialize(deserializer)? {
            None => Ok(None),
            Some(name) => super::parse(&name)
                .map(Some)
                .ok_or_else(|| D::Error::custom(format!("found {name:?}, needed one of {}", super::NAMES.join(", ")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_go_both_ways() {
        for name in NAMES.iter().copied().filter(|name| !name.contains('(')) {
            let data_type = parse(name).expect(name);
            assert_eq!(format(&data_type), name);
        }
        assert_eq!(parse("decimal(10, 2)"), Some(DataType::Decimal128(10, 2)));
        assert_eq!(parse("decimal(50,30)"), Some(DataType::Decimal256(50, 30)));
        for wrong in ["double", "decimal", "decimal(66,0)", "decimal(5,6)", "json", ""] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
