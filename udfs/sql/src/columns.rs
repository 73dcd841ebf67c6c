//! Columns of the contract as Arrow arrays and back. Incoming buffers are taken over without a copy where they are
//! aligned (the host's allocator in practice always aligns to 16 bytes); outgoing ones are copied once.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType as Arrow, Field as ArrowField, TimeUnit};
use rowmill_sdk::{Attribute, Column, DataType, DecimalType, Field};

/// The Arrow field of an offered column, its attributes as metadata.
pub(crate) fn field(field: &Field) -> ArrowField {
    let data_type = match field.data_type {
        DataType::Boolean => Arrow::Boolean,
        DataType::Int8 => Arrow::Int8,
        DataType::Int16 => Arrow::Int16,
        DataType::Int32 => Arrow::Int32,
        DataType::Int64 => Arrow::Int64,
        DataType::Uint8 => Arrow::UInt8,
        DataType::Uint16 => Arrow::UInt16,
        DataType::Uint32 => Arrow::UInt32,
        DataType::Uint64 => Arrow::UInt64,
        DataType::Float32 => Arrow::Float32,
        DataType::Float64 => Arrow::Float64,
        DataType::Decimal(DecimalType { precision, scale }) if precision > 38 => {
            Arrow::Decimal256(precision, scale as i8)
        }
        DataType::Decimal(DecimalType { precision, scale }) => Arrow::Decimal128(precision, scale as i8),
        DataType::Utf8 | DataType::Json => Arrow::Utf8,
        DataType::Binary => Arrow::Binary,
        DataType::Date => Arrow::Date32,
        DataType::Time => Arrow::Duration(TimeUnit::Microsecond),
        DataType::Datetime => Arrow::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    };
    let mut metadata: HashMap<String, String> =
        field.attributes.iter().map(|a| (a.key.clone(), a.value.clone())).collect();
    if field.data_type == DataType::Json {
        metadata.insert("type".to_owned(), "json".to_owned());
    }
    ArrowField::new(&field.name, data_type, field.nullable).with_metadata(metadata)
}

/// The contract's type of a result; None if it has none.
pub(crate) fn data_type(field: &ArrowField) -> Option<DataType> {
    Some(match field.data_type() {
        Arrow::Boolean => DataType::Boolean,
        Arrow::Int8 => DataType::Int8,
        Arrow::Int16 => DataType::Int16,
        Arrow::Int32 => DataType::Int32,
        Arrow::Int64 => DataType::Int64,
        Arrow::UInt8 => DataType::Uint8,
        Arrow::UInt16 => DataType::Uint16,
        Arrow::UInt32 => DataType::Uint32,
        Arrow::UInt64 => DataType::Uint64,
        Arrow::Float32 => DataType::Float32,
        Arrow::Float64 => DataType::Float64,
        Arrow::Decimal128(p, s) | Arrow::Decimal256(p, s) => {
            DataType::Decimal(DecimalType { precision: *p, scale: u8::try_from(*s).ok()? })
        }
        Arrow::Utf8 if field.metadata().get("type").is_some_and(|t| t == "json") => DataType::Json,
        Arrow::Utf8 => DataType::Utf8,
        Arrow::Binary => DataType::Binary,
        Arrow::Date32 => DataType::Date,
        Arrow::Duration(TimeUnit::Microsecond) => DataType::Time,
        Arrow::Timestamp(TimeUnit::Microsecond, None) => DataType::Datetime,
        Arrow::Timestamp(TimeUnit::Microsecond, Some(_)) => DataType::Timestamp,
        _ => return None,
    })
}

/// The contract's field of a result; metadata as attributes, in the order of their names.
pub(crate) fn leaving(field: &ArrowField, data_type: DataType) -> Field {
    let mut attributes: Vec<Attribute> = field
        .metadata()
        .iter()
        .filter(|(key, _)| *key != "type")
        .map(|(key, value)| Attribute { key: key.clone(), value: value.clone() })
        .collect();
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    Field { name: field.name().clone(), data_type, nullable: field.is_nullable(), attributes }
}

/// A buffer at an address that its values may have.
fn aligned<T>(bytes: Vec<u8>) -> Buffer {
    if bytes.as_ptr().addr().is_multiple_of(align_of::<T>()) {
        return Buffer::from_vec(bytes);
    }
    let mut copy = MutableBuffer::new(bytes.len());
    copy.extend_from_slice(&bytes);
    copy.into()
}

/// An Arrow array of a column of `rows` rows.
pub(crate) fn array(column: Column, data_type: &Arrow, rows: usize) -> Result<ArrayRef, String> {
    let short = |what: &str| format!("a column of {data_type} has too few bytes of {what} for {rows} rows");
    let nulls = match column.validity {
        None => None,
        Some(bits) if bits.len() * 8 < rows => return Err(short("validity")),
        Some(bits) => Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, rows))),
    };
    fn numbers<T: ArrowPrimitiveType>(
        values: Vec<u8>,
        nulls: Option<NullBuffer>,
        data_type: &Arrow,
        rows: usize,
    ) -> Result<ArrayRef, String> {
        if values.len() < rows * size_of::<T::Native>() {
            return Err(format!("a column of {data_type} has too few bytes of values for {rows} rows"));
        }
        let values = ScalarBuffer::new(aligned::<T::Native>(values), 0, rows);
        Ok(Arc::new(PrimitiveArray::<T>::new(values, nulls).with_data_type(data_type.clone())))
    }
    let values = column.values;
    Ok(match data_type {
        Arrow::Boolean if values.len() * 8 < rows => return Err(short("values")),
        Arrow::Boolean => Arc::new(BooleanArray::new(BooleanBuffer::new(Buffer::from_vec(values), 0, rows), nulls)),
        Arrow::Int8 => numbers::<Int8Type>(values, nulls, data_type, rows)?,
        Arrow::Int16 => numbers::<Int16Type>(values, nulls, data_type, rows)?,
        Arrow::Int32 => numbers::<Int32Type>(values, nulls, data_type, rows)?,
        Arrow::Int64 => numbers::<Int64Type>(values, nulls, data_type, rows)?,
        Arrow::UInt8 => numbers::<UInt8Type>(values, nulls, data_type, rows)?,
        Arrow::UInt16 => numbers::<UInt16Type>(values, nulls, data_type, rows)?,
        Arrow::UInt32 => numbers::<UInt32Type>(values, nulls, data_type, rows)?,
        Arrow::UInt64 => numbers::<UInt64Type>(values, nulls, data_type, rows)?,
        Arrow::Float32 => numbers::<Float32Type>(values, nulls, data_type, rows)?,
        Arrow::Float64 => numbers::<Float64Type>(values, nulls, data_type, rows)?,
        Arrow::Decimal128(..) => numbers::<Decimal128Type>(values, nulls, data_type, rows)?,
        Arrow::Decimal256(..) => numbers::<Decimal256Type>(values, nulls, data_type, rows)?,
        Arrow::Date32 => numbers::<Date32Type>(values, nulls, data_type, rows)?,
        Arrow::Duration(_) => numbers::<DurationMicrosecondType>(values, nulls, data_type, rows)?,
        Arrow::Timestamp(..) => numbers::<TimestampMicrosecondType>(values, nulls, data_type, rows)?,
        Arrow::Utf8 | Arrow::Binary => {
            let offsets =
                column.offsets.filter(|offsets| offsets.len() >= (rows + 1) * 4).ok_or_else(|| short("offsets"))?;
            let offsets = OffsetBuffer::new(ScalarBuffer::new(aligned::<i32>(offsets), 0, rows + 1));
            let values = Buffer::from_vec(values);
            let made = if data_type == &Arrow::Utf8 {
                StringArray::try_new(offsets, values, nulls).map(|array| Arc::new(array) as ArrayRef)
            } else {
                BinaryArray::try_new(offsets, values, nulls).map(|array| Arc::new(array) as ArrayRef)
            };
            made.map_err(|error| error.to_string())?
        }
        other => return Err(format!("columns of {other} never arrive")),
    })
}

/// The bytes of an array, from row 0 and unpadded.
pub(crate) fn column(array: &ArrayRef) -> Column {
    let rows = array.len();
    let validity = array.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| bits(nulls.inner(), rows));
    let data = array.to_data();
    match array.data_type() {
        Arrow::Boolean => {
            let values = BooleanBuffer::new(data.buffers()[0].clone(), data.offset(), rows);
            Column { validity, offsets: None, values: bits(&values, rows) }
        }
        Arrow::Utf8 | Arrow::Binary => {
            let all: &[i32] = &data.buffer::<i32>(0)[..=rows];
            let (first, last) = (all[0], all[rows]);
            let offsets = all.iter().flat_map(|offset| (offset - first).to_le_bytes()).collect();
            let values = data.buffers()[1].as_slice()[first as usize..last as usize].to_vec();
            Column { validity, offsets: Some(offsets), values }
        }
        other => {
            let width = other.primitive_width().unwrap_or(0);
            let start = data.offset() * width;
            let values = data.buffers()[0].as_slice()[start..start + rows * width].to_vec();
            Column { validity, offsets: None, values }
        }
    }
}

/// Bits from the first on; those past the last row are 0.
fn bits(buffer: &BooleanBuffer, rows: usize) -> Vec<u8> {
    let mut bytes = buffer.sliced().as_slice()[..rows.div_ceil(8)].to_vec();
    if !rows.is_multiple_of(8)
        && let Some(last) = bytes.last_mut()
    {
        *last &= (1 << (rows % 8)) - 1;
    }
    bytes
}
