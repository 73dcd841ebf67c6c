//! Types and fields: Arrow's on the host's side, the contract's on the guest's.
//!
//! The attributes of a field travel as field metadata under their own names. JSON is
//! `Utf8` with the metadata `type = json`, which is no attribute: it is in the type.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, TimeUnit};
use rowmill_foreign::UTC;

use crate::bindings::types;

/// The metadata key and value that mark a `Utf8` field as JSON.
pub const JSON_KEY: &str = "type";
/// See [`JSON_KEY`].
pub const JSON_VALUE: &str = "json";

/// Whether a field is marked as JSON.
#[must_use]
pub fn is_json(field: &Field) -> bool {
    field.metadata().get(JSON_KEY).is_some_and(|v| v == JSON_VALUE)
}

/// The contract's type of an Arrow field, or none if no MySQL column has such a type.
pub(crate) fn to_wit(field: &Field) -> Option<types::DataType> {
    Some(match field.data_type() {
        DataType::Boolean => types::DataType::Boolean,
        DataType::Int8 => types::DataType::Int8,
        DataType::Int16 => types::DataType::Int16,
        DataType::Int32 => types::DataType::Int32,
        DataType::Int64 => types::DataType::Int64,
        DataType::UInt8 => types::DataType::Uint8,
        DataType::UInt16 => types::DataType::Uint16,
        DataType::UInt32 => types::DataType::Uint32,
        DataType::UInt64 => types::DataType::Uint64,
        DataType::Float32 => types::DataType::Float32,
        DataType::Float64 => types::DataType::Float64,
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => {
            // The layout follows from the precision, on both sides.
            let narrow = matches!(field.data_type(), DataType::Decimal128(..));
            if narrow != (*p <= 38) {
                return None;
            }
            types::DataType::Decimal(types::DecimalType { precision: *p, scale: u8::try_from(*s).ok()? })
        }
        DataType::Utf8 if is_json(field) => types::DataType::Json,
        DataType::Utf8 => types::DataType::Utf8,
        DataType::Binary => types::DataType::Binary,
        DataType::Date32 => types::DataType::Date,
        DataType::Duration(TimeUnit::Microsecond) => types::DataType::Time,
        DataType::Timestamp(TimeUnit::Microsecond, None) => types::DataType::Datetime,
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => types::DataType::Timestamp,
        _ => return None,
    })
}

/// The Arrow type of a contract's type; an error says what a decimal may be.
pub(crate) fn to_arrow(data_type: types::DataType) -> Result<DataType, String> {
    Ok(match data_type {
        types::DataType::Boolean => DataType::Boolean,
        types::DataType::Int8 => DataType::Int8,
        types::DataType::Int16 => DataType::Int16,
        types::DataType::Int32 => DataType::Int32,
        types::DataType::Int64 => DataType::Int64,
        types::DataType::Uint8 => DataType::UInt8,
        types::DataType::Uint16 => DataType::UInt16,
        types::DataType::Uint32 => DataType::UInt32,
        types::DataType::Uint64 => DataType::UInt64,
        types::DataType::Float32 => DataType::Float32,
        types::DataType::Float64 => DataType::Float64,
        types::DataType::Decimal(types::DecimalType { precision, scale }) => {
            if !(1..=65).contains(&precision) || scale > 30 || scale > precision {
                return Err(format!(
                    "decimal({precision},{scale}), needed a precision of 1 to 65 and a scale of 0 to 30 that is not above it"
                ));
            }
            let scale = scale.cast_signed();
            if precision <= 38 {
                DataType::Decimal128(precision, scale)
            } else {
                DataType::Decimal256(precision, scale)
            }
        }
        types::DataType::Utf8 | types::DataType::Json => DataType::Utf8,
        types::DataType::Binary => DataType::Binary,
        types::DataType::Date => DataType::Date32,
        types::DataType::Time => DataType::Duration(TimeUnit::Microsecond),
        types::DataType::Datetime => DataType::Timestamp(TimeUnit::Microsecond, None),
        types::DataType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
    })
}

/// A field as the guest sees it. Attributes are sorted, so equal fields look equal.
pub(crate) fn field_to_wit(field: &Field) -> Option<types::FieldResult> {
    let mut attributes: Vec<types::AttributeResult> = field
        .metadata()
        .iter()
        .filter(|(key, _)| *key != JSON_KEY)
        .map(|(key, value)| types::AttributeResult { key: key.clone(), value: value.clone() })
        .collect();
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    Some(types::FieldResult {
        name: field.name().clone(),
        data_type: to_wit(field)?,
        nullable: field.is_nullable(),
        attributes,
    })
}

/// A guest's field, of a result or of a state.
pub(crate) fn field_to_arrow(field: types::FieldResult) -> Result<Field, String> {
    let json = matches!(field.data_type, types::DataType::Json);
    let data_type = to_arrow(field.data_type).map_err(|e| format!("{} has the type {e}", field.name))?;
    let mut metadata: HashMap<String, String> = HashMap::with_capacity(field.attributes.len() + 1);
    for types::AttributeResult { key, value } in field.attributes {
        if key != JSON_KEY {
            metadata.insert(key, value);
        }
    }
    if json {
        metadata.insert(JSON_KEY.to_owned(), JSON_VALUE.to_owned());
    }
    Ok(Field::new(field.name, data_type, field.nullable).with_metadata(metadata))
}

/// A type by the contract's name, for messages.
pub(crate) fn name(data_type: types::DataType) -> String {
    match data_type {
        types::DataType::Boolean => "boolean",
        types::DataType::Int8 => "int8",
        types::DataType::Int16 => "int16",
        types::DataType::Int32 => "int32",
        types::DataType::Int64 => "int64",
        types::DataType::Uint8 => "uint8",
        types::DataType::Uint16 => "uint16",
        types::DataType::Uint32 => "uint32",
        types::DataType::Uint64 => "uint64",
        types::DataType::Float32 => "float32",
        types::DataType::Float64 => "float64",
        types::DataType::Decimal(types::DecimalType { precision: 0, scale: 0 }) => "decimal",
        types::DataType::Decimal(types::DecimalType { precision, scale }) => {
            return format!("decimal({precision},{scale})");
        }
        types::DataType::Utf8 => "utf8",
        types::DataType::Binary => "binary",
        types::DataType::Json => "json",
        types::DataType::Date => "date",
        types::DataType::Time => "time",
        types::DataType::Datetime => "datetime",
        types::DataType::Timestamp => "timestamp",
    }
    .to_owned()
}

/// An Arrow field's type by the contract's name, for messages.
pub(crate) fn field_type_name(field: &Field) -> String {
    to_wit(field).map_or_else(|| field.data_type().to_string(), name)
}
