//! Arrow arrays to the contract's columns.
//!
//! An array that starts at row 0 of its buffers is lent as it is: the only copy is the
//! one into the guest's memory. A slice needs its offsets to start at 0 and its bitmaps
//! at a byte, with no bits past the last row; where they don't, that buffer (never the
//! values) is made anew.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, GenericByteArray, types::ByteArrayType};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, TimeUnit};

use crate::bindings::types::ColumnParam;

/// A column's buffers, lent where possible.
#[derive(Debug)]
pub(crate) struct Lowered<'a> {
    validity: Option<Cow<'a, [u8]>>,
    offsets: Option<Cow<'a, [u8]>>,
    values: Cow<'a, [u8]>,
}

impl Lowered<'_> {
    /// The column as a parameter of a call.
    pub(crate) fn param(&self) -> ColumnParam<'_> {
        ColumnParam { validity: self.validity.as_deref(), offsets: self.offsets.as_deref(), values: &self.values }
    }
}

/// The buffers of an array; none for a type that the contract doesn't have.
pub(crate) fn lower(array: &dyn Array) -> Option<Lowered<'_>> {
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
    Some(Lowered { validity, offsets, values })
}

/// The values of one row fact.
pub(crate) fn fact<T: ArrowPrimitiveType>(array: &arrow_array::PrimitiveArray<T>) -> Lowered<'_> {
    Lowered { validity: None, offsets: None, values: Cow::Borrowed(array.values().inner().as_slice()) }
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array) -> Cow<'_, [u8]> {
    Cow::Borrowed(array.as_primitive::<T>().values().inner().as_slice())
}

fn variable<T: ByteArrayType<Offset = i32>>(array: &GenericByteArray<T>) -> (Option<Cow<'_, [u8]>>, Cow<'_, [u8]>) {
    let offsets = array.offsets();
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    // Arrow's offsets are never negative.
    let range = first.unsigned_abs() as usize..last.unsigned_abs() as usize;
    let values = Cow::Borrowed(&array.value_data()[range]);
    let offsets = if first == 0 {
        Cow::Borrowed(offsets.inner().inner().as_slice())
    } else {
        let rebased = offsets.iter().flat_map(|o| (o - first).to_le_bytes());
        Cow::Owned(rebased.collect())
    };
    (Some(offsets), values)
}

fn bitmap(bits: &BooleanBuffer) -> Cow<'_, [u8]> {
    let bytes = bits.len().div_ceil(8);
    let spare = bytes * 8 - bits.len();
    let mask = 0xff_u8 >> spare;
    if bits.offset().is_multiple_of(8) {
        let start = bits.offset() / 8;
        let found = &bits.values()[start..start + bytes];
        if found.last().is_none_or(|last| last & !mask == 0) {
            return Cow::Borrowed(found);
        }
    }
    let mut made = bits.sliced().as_slice()[..bytes].to_vec();
    if let Some(last) = made.last_mut() {
        *last &= mask;
    }
    Cow::Owned(made)
}
