//! One column, buffer by buffer.

use std::sync::Arc;

use arrow_array::builder::GenericByteBuilder;
use arrow_array::types::{
    ArrowPrimitiveType, BinaryType, ByteArrayType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type, Utf8Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, GenericByteArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer, i256};
use arrow_schema::{DataType, Field, TimeUnit};
use serde::de::IgnoredAny;

use super::Faults;
use crate::bindings::types::ColumnResult;
use crate::data_type;

/// 0000-01-01 and 9999-12-31 in days since 1970-01-01.
const DAY_FIRST: i32 = -719_528;
const DAY_LAST: i32 = 2_932_896;
const DAY_MICROS: i64 = 86_400_000_000;
const INSTANT_FIRST: i64 = DAY_FIRST as i64 * DAY_MICROS;
const INSTANT_LAST: i64 = (DAY_LAST as i64 + 1) * DAY_MICROS - 1;
/// 838:59:59.999999, the widest TIME of both servers.
const TIME_LAST: i64 = ((838 * 60 + 59) * 60 + 60) * 1_000_000 - 1;

/// Checks a column of `rows` rows; what is wrong with its values goes to `faults`, the error says what
/// is wrong with its shape.
pub(super) fn lift_column(
    field: &Field,
    column: ColumnResult,
    rows: usize,
    faults: &mut Faults<'_>,
) -> Result<ArrayRef, String> {
    let what = faults.what;
    let nulls = match column.validity {
        Some(bits) => Some(NullBuffer::new(lift_bits(bits, rows, "validity")?)),
        None => None,
    };
    let mut nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    if let Some(found) = nulls.take_if(|_| !field.is_nullable()) {
        for row in (0..rows).filter(|row| found.is_null(*row)) {
            faults.add(row, "null-result", || format!("{what} {} is NULL, but is declared not to be", field.name()));
        }
    }
    let variable = matches!(field.data_type(), DataType::Utf8 | DataType::Binary);
    let offsets = match (variable, column.offsets) {
        (false, None) => None,
        (true, Some(offsets)) => Some(offsets),
        (true, None) => return Err("no offsets, needed rows + 1 of them".to_owned()),
        (false, Some(_)) => {
            let name = data_type::field_type_name(field);
            return Err(format!("offsets, which {name} has none of"));
        }
    };
    let values = column.values;
    if let Some(offsets) = offsets {
        let offsets = lift_offsets(offsets, rows, values.len())?;
        let values = Buffer::from_vec(values);
        return Ok(match field.data_type() {
            DataType::Utf8 => Arc::new(texts(field, offsets, values, nulls, faults)),
            _ => Arc::new(GenericByteArray::<BinaryType>::try_new(offsets, values, nulls).map_err(|e| e.to_string())?),
        });
    }
    Ok(match field.data_type() {
        DataType::Boolean => Arc::new(BooleanArray::new(lift_bits(values, rows, "values")?, nulls)) as ArrayRef,
        DataType::Int8 => fixed::<Int8Type>(values, rows, nulls)?,
        DataType::Int16 => fixed::<Int16Type>(values, rows, nulls)?,
        DataType::Int32 => fixed::<Int32Type>(values, rows, nulls)?,
        DataType::Int64 => fixed::<Int64Type>(values, rows, nulls)?,
        DataType::UInt8 => fixed::<UInt8Type>(values, rows, nulls)?,
        DataType::UInt16 => fixed::<UInt16Type>(values, rows, nulls)?,
        DataType::UInt32 => fixed::<UInt32Type>(values, rows, nulls)?,
        DataType::UInt64 => fixed::<UInt64Type>(values, rows, nulls)?,
        DataType::Float32 => fixed::<Float32Type>(values, rows, nulls)?,
        DataType::Float64 => fixed::<Float64Type>(values, rows, nulls)?,
        DataType::Decimal128(precision, _) => {
            let end = 10_i128.checked_pow(u32::from(*precision)).unwrap_or(i128::MAX);
            checked::<Decimal128Type>(field, values, rows, nulls, faults, |v| -end < v && v < end)?
        }
        DataType::Decimal256(precision, _) => {
            let end = i256::from_i128(10).wrapping_pow(u32::from(*precision));
            let start = end.wrapping_neg();
            checked::<Decimal256Type>(field, values, rows, nulls, faults, |v| start < v && v < end)?
        }
        DataType::Date32 => {
            checked::<Date32Type>(field, values, rows, nulls, faults, |v| (DAY_FIRST..=DAY_LAST).contains(&v))?
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            checked::<DurationMicrosecondType>(field, values, rows, nulls, faults, |v| {
                (-TIME_LAST..=TIME_LAST).contains(&v)
            })?
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            checked::<TimestampMicrosecondType>(field, values, rows, nulls, faults, |v| {
                (INSTANT_FIRST..=INSTANT_LAST).contains(&v)
            })?
        }
        other => return Err(format!("type {other} cannot be received")),
    })
}

fn lift_bits(bytes: Vec<u8>, rows: usize, what: &str) -> Result<BooleanBuffer, String> {
    let needed = rows.div_ceil(8);
    if bytes.len() != needed {
        return Err(format!("{what} of {} bytes, needed {needed} for {rows} rows", bytes.len()));
    }
    let spare = needed * 8 - rows;
    if let Some(last) = bytes.last()
        && spare > 0
        && last >> (8 - spare) != 0
    {
        return Err(format!("{what} with bits set past the last row"));
    }
    Ok(BooleanBuffer::new(Buffer::from_vec(bytes), 0, rows))
}

fn lift_offsets(bytes: Vec<u8>, rows: usize, end: usize) -> Result<OffsetBuffer<i32>, String> {
    let needed = (rows + 1) * 4;
    if bytes.len() != needed {
        return Err(format!("offsets of {} bytes, needed {needed} for {rows} rows", bytes.len()));
    }
    let offsets: ScalarBuffer<i32> = scalars(bytes, rows + 1);
    if offsets[0] != 0 {
        return Err(format!("a first offset of {}, needed 0", offsets[0]));
    }
    // No early exit: the loop is then short vector code.
    let falls = offsets.windows(2).fold(false, |falls, pair| falls | (pair[0] > pair[1]));
    if falls {
        let at = offsets.windows(2).position(|pair| pair[0] > pair[1]);
        return Err(format!("offsets that decrease at row {}", at.unwrap_or(0)));
    }
    let last = offsets[rows];
    if usize::try_from(last) != Ok(end) {
        return Err(format!("a last offset of {last} for values of {end} bytes"));
    }
    Ok(OffsetBuffer::new(offsets))
}

/// The bytes as values of `T`, without a copy if they are aligned. `bytes` holds exactly
/// `rows` values.
pub(super) fn scalars<T: arrow_buffer::ArrowNativeType>(bytes: Vec<u8>, rows: usize) -> ScalarBuffer<T> {
    if rows == 0 {
        return ScalarBuffer::from(Vec::new());
    }
    let buffer = if bytes.as_ptr().align_offset(align_of::<T>()) == 0 {
        Buffer::from_vec(bytes)
    } else {
        // Arrow's own allocations are aligned for every type.
        let mut copy = MutableBuffer::with_capacity(bytes.len());
        copy.extend_from_slice(&bytes);
        copy.into()
    };
    ScalarBuffer::from(buffer)
}

fn values<T: ArrowPrimitiveType>(bytes: Vec<u8>, rows: usize) -> Result<ScalarBuffer<T::Native>, String> {
    let needed = rows * size_of::<T::Native>();
    if bytes.len() != needed {
        return Err(format!("values of {} bytes, needed {needed} for {rows} rows", bytes.len()));
    }
    Ok(scalars(bytes, rows))
}

fn fixed<T: ArrowPrimitiveType>(bytes: Vec<u8>, rows: usize, nulls: Option<NullBuffer>) -> Result<ArrayRef, String> {
    let values = values::<T>(bytes, rows)?;
    Ok(Arc::new(PrimitiveArray::<T>::new(values, nulls)))
}

/// Like [`fixed`], for types of which some values are out of range.
fn checked<T: ArrowPrimitiveType>(
    field: &Field,
    bytes: Vec<u8>,
    rows: usize,
    nulls: Option<NullBuffer>,
    faults: &mut Faults<'_>,
    fits: impl Fn(T::Native) -> bool,
) -> Result<ArrayRef, String> {
    let what = faults.what;
    let mut values = values::<T>(bytes, rows)?;
    // NULL slots may hold anything; only if some slot is off is it worth looking closer.
    let all_fit = values.iter().fold(true, |all, value| all & fits(*value));
    if !all_fit {
        let mut mended = values.to_vec();
        for (row, value) in mended.iter_mut().enumerate() {
            if fits(*value) {
                continue;
            }
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                let found = *value;
                faults.add(row, "out-of-range", || {
                    format!("{what} {} is {found:?}, outside of {}", field.name(), data_type::field_type_name(field))
                });
            }
            *value = T::Native::default();
        }
        values = mended.into();
    }
    let array = PrimitiveArray::<T>::new(values, nulls);
    Ok(Arc::new(array.with_data_type(field.data_type().clone())))
}

/// Text or JSON. The common case is one pass of Arrow's own check over all bytes.
fn texts(
    field: &Field,
    offsets: OffsetBuffer<i32>,
    values: Buffer,
    nulls: Option<NullBuffer>,
    faults: &mut Faults<'_>,
) -> GenericByteArray<Utf8Type> {
    let json = data_type::is_json(field);
    let text = GenericByteArray::<Utf8Type>::try_new(offsets.clone(), values.clone(), nulls.clone());
    if let Ok(text) = text {
        let is_json = |row: usize| text.is_null(row) || valid_json(text.value(row));
        if !json || (0..text.len()).all(is_json) {
            return text;
        }
    }
    // Some value is off: look at each.
    let what = faults.what;
    let neutral = if json { "null" } else { "" };
    let mut builder = GenericByteBuilder::<Utf8Type>::with_capacity(offsets.len() - 1, values.len());
    for row in 0..offsets.len() - 1 {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            builder.append_null();
            continue;
        }
        let bytes = &values[at(offsets[row])..at(offsets[row + 1])];
        match std::str::from_utf8(bytes) {
            Ok(text) if !json || valid_json(text) => builder.append_value(text),
            Ok(_) => {
                builder.append_value(neutral);
                faults.add(row, "invalid-json", || format!("{what} {} is not valid JSON", field.name()));
            }
            Err(error) => {
                builder.append_value(neutral);
                faults.add(row, "invalid-utf8", || format!("{what} {} is not UTF-8: {error}", field.name()));
            }
        }
    }
    builder.finish()
}

/// Offsets were checked to be neither negative nor decreasing.
fn at(offset: <Utf8Type as ByteArrayType>::Offset) -> usize {
    offset.unsigned_abs() as usize
}

fn valid_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}
