//! The vectors behind a column, and how they become an Arrow array.

use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, BinaryArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer, OffsetBuffer, ScalarBuffer, i256};
use rowmill_foreign::UTC;

use super::bytes::Bad;
use super::decimal::Layout;
use crate::binlog::ZeroDates;
use crate::charset::{Charset, Charsets};
use crate::table::{self, ColumnData};

/// Variable-length values end to end.
#[derive(Debug)]
pub(crate) struct Strings {
    pub(crate) data: Vec<u8>,
    pub(crate) offsets: Vec<i32>,
}

impl Default for Strings {
    fn default() -> Strings {
        Strings { data: Vec::new(), offsets: vec![0] }
    }
}

impl Strings {
    /// Ends the value whose bytes were appended to `data`.
    #[inline(always)]
    pub(crate) fn end(&mut self) -> Result<(), Bad> {
        let end = i32::try_from(self.data.len()).map_err(|_| "makes the batch larger than 2 GiB")?;
        self.offsets.push(end);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: &[u8]) -> Result<(), Bad> {
        self.data.extend_from_slice(value);
        self.end()
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Vec<u8>) {
        let taken = std::mem::take(self);
        self.offsets.reserve(taken.offsets.len());
        self.data.reserve(taken.data.len());
        // Offsets only grow: they are lengths of a vector that is only appended to.
        (OffsetBuffer::new(ScalarBuffer::from(taken.offsets)), taken.data)
    }
}

/// The values of a column, by how its cells are read.
#[derive(Debug)]
pub(crate) enum Store {
    I8(Vec<i8>),
    U8(Vec<u8>),
    I16(Vec<i16>),
    U16(Vec<u16>),
    I24(Vec<i32>),
    U24(Vec<u32>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    Year(Vec<u16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Decimal128 { layout: Layout, precision: u8, scale: u8, values: Vec<i128> },
    Decimal256 { layout: Layout, precision: u8, scale: u8, values: Vec<i256> },
    Bit { bytes: u8, values: Vec<u64> },
    Text { charset: Charset, strings: Strings },
    Enum { labels: Vec<String>, strings: Strings },
    Set { labels: Vec<String>, strings: Strings },
    FixedBinary { length: usize, strings: Strings },
    Binary { strings: Strings },
    Json { binary: bool, strings: Strings },
    Date(Vec<i32>),
    DateTime(Vec<i64>),
    Timestamp(Vec<i64>),
    Time(Vec<i64>),
}

/// A column under construction.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) store: Store,
    /// Made when the first NULL comes.
    nulls: Option<BooleanBufferBuilder>,
    pub(crate) len: usize,
    pub(crate) zero_dates: ZeroDates,
}

impl Column {
    /// An empty column for this definition; `None` if its type or character set is not known.
    pub(crate) fn new(column: &table::Column, charsets: &Charsets, zero_dates: ZeroDates) -> Option<Column> {
        let strings = Strings::default();
        let store = match &column.data {
            ColumnData::Integer { bits: 8, unsigned: false } => Store::I8(Vec::new()),
            ColumnData::Integer { bits: 8, unsigned: true } => Store::U8(Vec::new()),
            ColumnData::Integer { bits: 16, unsigned: false } => Store::I16(Vec::new()),
            ColumnData::Integer { bits: 16, unsigned: true } => Store::U16(Vec::new()),
            ColumnData::Integer { bits: 24, unsigned: false } => Store::I24(Vec::new()),
            ColumnData::Integer { bits: 24, unsigned: true } => Store::U24(Vec::new()),
            ColumnData::Integer { bits: 32, unsigned: false } => Store::I32(Vec::new()),
            ColumnData::Integer { bits: 32, unsigned: true } => Store::U32(Vec::new()),
            ColumnData::Integer { unsigned: false, .. } => Store::I64(Vec::new()),
            ColumnData::Integer { unsigned: true, .. } => Store::U64(Vec::new()),
            ColumnData::Year => Store::Year(Vec::new()),
            ColumnData::Float => Store::F32(Vec::new()),
            ColumnData::Double => Store::F64(Vec::new()),
            &ColumnData::Decimal { precision, scale } if precision <= 38 => {
                Store::Decimal128 { layout: Layout::new(precision, scale), precision, scale, values: Vec::new() }
            }
            &ColumnData::Decimal { precision, scale } => {
                Store::Decimal256 { layout: Layout::new(precision, scale), precision, scale, values: Vec::new() }
            }
            ColumnData::Bit { bits } => Store::Bit { bytes: bits.div_ceil(8), values: Vec::new() },
            ColumnData::Text { charset, .. } => Store::Text { charset: charsets.get(charset)?, strings },
            ColumnData::Enum { labels } => Store::Enum { labels: labels.clone(), strings },
            ColumnData::Set { labels } => Store::Set { labels: labels.clone(), strings },
            ColumnData::FixedBinary { length } => Store::FixedBinary { length: *length as usize, strings },
            ColumnData::Binary { .. } | ColumnData::Geometry | ColumnData::Vector => Store::Binary { strings },
            ColumnData::Json { binary } => Store::Json { binary: *binary, strings },
            ColumnData::Date => Store::Date(Vec::new()),
            ColumnData::DateTime { .. } => Store::DateTime(Vec::new()),
            ColumnData::Timestamp { .. } => Store::Timestamp(Vec::new()),
            ColumnData::Time { .. } => Store::Time(Vec::new()),
            ColumnData::Unsupported => return None,
        };
        Some(Column { store, nulls: None, len: 0, zero_dates })
    }

    /// Counts a value that was appended to the store.
    #[inline(always)]
    pub(crate) fn valid(&mut self) {
        self.len += 1;
        if let Some(nulls) = &mut self.nulls {
            nulls.append(true);
        }
    }

    /// Counts a NULL whose placeholder was appended to the store.
    #[inline]
    fn null(&mut self) {
        let nulls = self.nulls.get_or_insert_with(|| {
            let mut bits = BooleanBufferBuilder::new((self.len + 1).max(1024));
            bits.append_n(self.len, true);
            bits
        });
        nulls.append(false);
        self.len += 1;
    }

    /// Appends a NULL.
    #[inline]
    pub(crate) fn push_null(&mut self) -> Result<(), Bad> {
        match &mut self.store {
            Store::I8(v) => v.push(0),
            Store::U8(v) => v.push(0),
            Store::I16(v) => v.push(0),
            Store::U16(v) | Store::Year(v) => v.push(0),
            Store::I24(v) | Store::I32(v) | Store::Date(v) => v.push(0),
            Store::U24(v) | Store::U32(v) => v.push(0),
            Store::I64(v) | Store::DateTime(v) | Store::Timestamp(v) | Store::Time(v) => v.push(0),
            Store::U64(v) | Store::Bit { values: v, .. } => v.push(0),
            Store::F32(v) => v.push(0.0),
            Store::F64(v) => v.push(0.0),
            Store::Decimal128 { values, .. } => values.push(0),
            Store::Decimal256 { values, .. } => values.push(i256::ZERO),
            Store::Text { strings, .. }
            | Store::Enum { strings, .. }
            | Store::Set { strings, .. }
            | Store::FixedBinary { strings, .. }
            | Store::Binary { strings }
            | Store::Json { strings, .. } => strings.end()?,
        }
        self.null();
        Ok(())
    }

    /// A date that is none: NULL, or an error, as configured.
    #[inline]
    pub(crate) fn push_zero_date(&mut self) -> Result<(), Bad> {
        match self.zero_dates {
            ZeroDates::Null => self.push_null(),
            ZeroDates::Error => Err("is a date that the calendar does not have (zero_dates: null reads it as NULL)"),
            ZeroDates::Apart => {
                match &mut self.store {
                    Store::Date(v) => v.push(i32::MIN),
                    Store::DateTime(v) | Store::Timestamp(v) => v.push(i64::MIN),
                    _ => return self.push_null(),
                }
                self.valid();
                Ok(())
            }
        }
    }

    /// The array of all values so far; the column is empty afterwards, its vectors as large as before.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, Bad> {
        let nulls = self.nulls.take().map(|mut n| NullBuffer::new(n.finish()));
        self.len = 0;
        macro_rules! primitive {
            ($type:ty, $values:expr) => {
                Arc::new(PrimitiveArray::<$type>::new(take($values), nulls)) as ArrayRef
            };
        }
        const TEXT: Bad = "has bytes that are not UTF-8";
        Ok(match &mut self.store {
            Store::I8(v) => primitive!(Int8Type, v),
            Store::U8(v) => primitive!(UInt8Type, v),
            Store::I16(v) => primitive!(Int16Type, v),
            Store::U16(v) | Store::Year(v) => primitive!(UInt16Type, v),
            Store::I24(v) | Store::I32(v) => primitive!(Int32Type, v),
            Store::U24(v) | Store::U32(v) => primitive!(UInt32Type, v),
            Store::I64(v) => primitive!(Int64Type, v),
            Store::U64(v) | Store::Bit { values: v, .. } => primitive!(UInt64Type, v),
            Store::F32(v) => primitive!(Float32Type, v),
            Store::F64(v) => primitive!(Float64Type, v),
            Store::Decimal128 { precision, scale, values, .. } => Arc::new(
                PrimitiveArray::<Decimal128Type>::new(take(values), nulls)
                    .with_precision_and_scale(*precision, *scale as i8)
                    .map_err(|_| "has a precision that Arrow does not know")?,
            ),
            Store::Decimal256 { precision, scale, values, .. } => Arc::new(
                PrimitiveArray::<Decimal256Type>::new(take(values), nulls)
                    .with_precision_and_scale(*precision, *scale as i8)
                    .map_err(|_| "has a precision that Arrow does not know")?,
            ),
            Store::Date(v) => primitive!(Date32Type, v),
            Store::DateTime(v) => primitive!(TimestampMicrosecondType, v),
            Store::Timestamp(v) => {
                Arc::new(PrimitiveArray::<TimestampMicrosecondType>::new(take(v), nulls).with_timezone(UTC))
            }
            Store::Time(v) => primitive!(DurationMicrosecondType, v),
            Store::Text { strings, .. }
            | Store::Enum { strings, .. }
            | Store::Set { strings, .. }
            | Store::Json { strings, .. } => {
                let (offsets, data) = strings.take();
                Arc::new(StringArray::try_new(offsets, data.into(), nulls).map_err(|_| TEXT)?)
            }
            Store::FixedBinary { strings, .. } | Store::Binary { strings } => {
                let (offsets, data) = strings.take();
                Arc::new(BinaryArray::try_new(offsets, data.into(), nulls).map_err(|_| "has wrong offsets")?)
            }
        })
    }
}

/// Takes the values, leaving room for as many again.
fn take<T: arrow_buffer::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let room = Vec::with_capacity(values.len());
    ScalarBuffer::from(std::mem::replace(values, room))
}
