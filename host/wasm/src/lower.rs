//! Arrow arrays to the contract's columns.
//!
//! An array that starts at row 0 of its buffers is lent as it is: the only copy is the one into the
//! guest's memory. The contract wants offsets that start at 0, and bitmaps that start at a byte and
//! have no bits past the last row; a slice that differs ([`is_plain`]) is copied to a plain array
//! first ([`plain`]). Slices come from batches run again in halves, never from the usual path.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ByteArrayType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, GenericByteArray, PrimitiveArray, make_array};
use arrow_buffer::{BooleanBuffer, Buffer};
use arrow_data::transform::MutableArrayData;
use arrow_schema::{DataType, TimeUnit};

use crate::bindings::types::ColumnParam;

/// Whether [`lower`] can lend the array's buffers.
pub(crate) fn is_plain(array: &dyn Array) -> bool {
    let values = match array.data_type() {
        DataType::Boolean => is_plain_bitmap(array.as_boolean().values()),
        DataType::Utf8 => array.as_string::<i32>().offsets()[0] == 0,
        DataType::Binary => array.as_binary::<i32>().offsets()[0] == 0,
        _ => true,
    };
    values && array.nulls().is_none_or(|nulls| nulls.null_count() == 0 || is_plain_bitmap(nulls.inner()))
}

fn is_plain_bitmap(bits: &BooleanBuffer) -> bool {
    if !bits.offset().is_multiple_of(8) {
        return false;
    }
    let spare = bits.len().next_multiple_of(8) - bits.len();
    let last = bits.len().checked_sub(1).map_or(0, |last| bits.values()[(bits.offset() + last) / 8]);
    last & !(0xff_u8 >> spare) == 0
}

/// A copy of an array whose buffers start at row 0; the error is Arrow's, of sizes beyond its offsets.
pub(crate) fn plain(array: &dyn Array) -> Result<ArrayRef, String> {
    let data = array.to_data();
    let mut copy = MutableArrayData::new(vec![&data], false, array.len());
    copy.try_extend(0, 0, array.len()).map_err(|e| e.to_string())?;
    Ok(make_array(copy.freeze()))
}

/// The bits from the first bit of a buffer on, 0 past the last; a copy only if they are not so.
pub(crate) fn plain_bitmap(bits: &BooleanBuffer) -> Cow<'_, BooleanBuffer> {
    if is_plain_bitmap(bits) {
        return Cow::Borrowed(bits);
    }
    let words: Vec<u64> = bits.bit_chunks().iter_padded().collect();
    Cow::Owned(BooleanBuffer::new(Buffer::from_vec(words), 0, bits.len()))
}

/// The buffers of a plain array; none for a type that the contract doesn't have.
pub(crate) fn lower(array: &dyn Array) -> Option<ColumnParam<'_>> {
    let (offsets, values) = match array.data_type() {
        DataType::Boolean => (None, bitmap(array.as_boolean().values())),
        DataType::Int8 => (None, primitive::<Int8Type>(array)),
        DataType::Int16 => (None, primitive::<Int16Type>(array)),
        DataType::Int32 => (None, primitive::<Int32Type>(array)),
        DataType::Int64 => (None, primitive::<Int64Type>(array)),
        DataType::UInt8 => (None, primitive::<UInt8Type>(array)),
        DataType::UInt16 => (None, primitive::<UInt16Type>(array)),
        DataType::UInt32 => (None, primitive::<UInt32Type>(array)),
        DataType::UInt64 => (None, primitive::<UInt64Type>(array)),
        DataType::Float32 => (None, primitive::<Float32Type>(array)),
        DataType::Float64 => (None, primitive::<Float64Type>(array)),
        DataType::Decimal128(..) => (None, primitive::<Decimal128Type>(array)),
        DataType::Decimal256(..) => (None, primitive::<Decimal256Type>(array)),
        DataType::Date32 => (None, primitive::<Date32Type>(array)),
        DataType::Duration(TimeUnit::Microsecond) => (None, primitive::<DurationMicrosecondType>(array)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => (None, primitive::<TimestampMicrosecondType>(array)),
        DataType::Utf8 => variable(array.as_string::<i32>()),
        DataType::Binary => variable(array.as_binary::<i32>()),
        _ => return None,
    };
    let validity = array.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| bitmap(nulls.inner()));
    Some(ColumnParam { validity, offsets, values })
}

/// The values of one row fact.
pub(crate) fn fact<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> ColumnParam<'_> {
    ColumnParam { validity: None, offsets: None, values: array.values().inner().as_slice() }
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array) -> &[u8] {
    array.as_primitive::<T>().values().inner().as_slice()
}

fn variable<T: ByteArrayType<Offset = i32>>(array: &GenericByteArray<T>) -> (Option<&[u8]>, &[u8]) {
    let offsets = array.offsets();
    // Arrow's offsets are never negative.
    let end = offsets[offsets.len() - 1].unsigned_abs() as usize;
    (Some(offsets.inner().inner().as_slice()), &array.value_data()[..end])
}

/// The bytes of a plain bitmap.
pub(crate) fn bitmap(bits: &BooleanBuffer) -> &[u8] {
    let start = bits.offset() / 8;
    &bits.values()[start..start + bits.len().div_ceil(8)]
}
