//! One value of an Arrow column as JSON: numbers as numbers, exact or foreign types as texts.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, Field, TimeUnit};
use rowmill_operators::cell;
use serde_json::Value;

/// The value in a row. Decimals and temporals are texts, so that nothing is rounded; bytes are
/// `0x…`; a column marked as JSON gives its document.
pub(super) fn value(field: &Field, array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float32 => float(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => {
            let text = array.as_string::<i32>().value(row);
            let json = field.metadata().get("type").is_some_and(|of| of == "json");
            match serde_json::from_str(text) {
                Ok(document) if json => document,
                _ => text.into(),
            }
        }
        DataType::Binary | DataType::Duration(TimeUnit::Microsecond) => cell::text(array, row).into(),
        _ => array_value_to_string(array, row).map_or(Value::Null, Value::from),
    }
}

/// JSON has no NaN and no infinity.
fn float(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BinaryArray, Date32Array, Decimal128Array, DurationMicrosecondArray, Float64Array, StringArray,
        TimestampMicrosecondArray, UInt64Array,
    };

    use super::*;

    fn json(array: impl Array + 'static) -> String {
        let array: ArrayRef = Arc::new(array);
        let field = Field::new("x", array.data_type().clone(), true);
        value(&field, &array, 0).to_string()
    }

    #[test]
    fn every_kind_of_value_is_exact() {
        assert_eq!(json(UInt64Array::from(vec![u64::MAX])), "18446744073709551615");
        assert_eq!(json(Float64Array::from(vec![0.5])), "0.5");
        assert_eq!(json(Float64Array::from(vec![f64::NAN])), "\"NaN\"");
        assert_eq!(json(StringArray::from(vec![None::<&str>])), "null");
        assert_eq!(json(BinaryArray::from(vec![&b"\x00\xff"[..]])), "\"0x00ff\"");
        assert_eq!(json(Date32Array::from(vec![1])), "\"1970-01-02\"");
        let decimal = Decimal128Array::from(vec![-1_50]).with_precision_and_scale(10, 2).expect("fits");
        assert_eq!(json(decimal), "\"-1.50\"");
        assert_eq!(json(DurationMicrosecondArray::from(vec![-3_020_399_500_000])), "\"-838:59:59.5\"");
        let at = TimestampMicrosecondArray::from(vec![1_000_000]);
        assert_eq!(json(at.clone()), "\"1970-01-01T00:00:01\"");
        assert_eq!(json(at.with_timezone(rowmill_foreign::UTC)), "\"1970-01-01T00:00:01Z\"");
    }
}
