//! Lossless widening of arguments to what a parameter accepts.
//!
//! The host widens integers to wider ones, integers up to 32 bits and `float32` to
//! `float64`, decimals to wider ones, and lends JSON where text is accepted. Everything
//! else is a conversion that could lose, and is written in the pipeline's file.

use arrow_array::ArrayRef;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field};

use crate::bindings::types;
use crate::data_type::{self, JSON_KEY};

/// The field offered for an argument: the argument's own, or with the first accepted
/// type that it widens to. The error says what was found, needed, and what to write.
pub(crate) fn widened(field: &Field, accepts: &[types::DataType]) -> Result<Field, String> {
    let Some(found) = data_type::to_wit(field) else {
        return Err(format!("column {} has the type {}, which no MySQL column has", field.name(), field.data_type()));
    };
    if accepts.is_empty() || accepts.iter().any(|accepted| same(found, *accepted)) {
        return Ok(field.clone());
    }
    for accepted in accepts {
        if widens(found, *accepted)
            && let Ok(data_type) = data_type::to_arrow(*accepted)
        {
            let mut metadata = field.metadata().clone();
            metadata.remove(JSON_KEY);
            return Ok(field.clone().with_data_type(data_type).with_metadata(metadata));
        }
    }
    let needed: Vec<String> = accepts.iter().map(|t| data_type::name(*t)).collect();
    Err(format!(
        "{} is {}, needed {}; a conversion that may lose is written out: {{ column: {}, as: {} }}",
        field.name(),
        data_type::name(found),
        needed.join(" or "),
        field.name(),
        needed.first().map_or("", String::as_str),
    ))
}

/// A column in the type offered. Types that are the same cost nothing.
pub(crate) fn cast(column: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    if column.data_type() == to {
        return Ok(column.clone());
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(column, to, &options).map_err(|e| e.to_string())
}

fn same(found: types::DataType, accepted: types::DataType) -> bool {
    match (found, accepted) {
        (types::DataType::Decimal(found), types::DataType::Decimal(accepted)) => {
            (accepted.precision, accepted.scale) == (0, 0)
                || (found.precision, found.scale) == (accepted.precision, accepted.scale)
        }
        (found, accepted) => std::mem::discriminant(&found) == std::mem::discriminant(&accepted),
    }
}

fn widens(found: types::DataType, accepted: types::DataType) -> bool {
    use types::DataType as T;
    match (found, accepted) {
        (T::Json, T::Utf8) => true,
        (T::Decimal(f), T::Decimal(a)) => a.scale >= f.scale && a.precision >= f.precision + (a.scale - f.scale),
        (T::Float32, T::Float64) => true,
        (found, T::Float64) => integer(found).is_some_and(|(_, bits)| bits <= 32),
        (found, accepted) => match (integer(found), integer(accepted)) {
            (Some((from_signed, from)), Some((to_signed, to))) => from < to && (from_signed == to_signed || to_signed),
            _ => false,
        },
    }
}

/// Signedness and bits.
fn integer(data_type: types::DataType) -> Option<(bool, u32)> {
    use types::DataType as T;
    Some(match data_type {
        T::Int8 => (true, 8),
        T::Int16 => (true, 16),
        T::Int32 => (true, 32),
        T::Int64 => (true, 64),
        T::Uint8 => (false, 8),
        T::Uint16 => (false, 16),
        T::Uint32 => (false, 32),
        T::Uint64 => (false, 64),
        _ => return None,
    })
}
