//! To texts and binary strings.

use std::fmt::Write;

use arrow_array::ArrayRef;
use arrow_array::types::{
    Date32Type, DurationMicrosecondType, Float32Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};

use super::{number, temporal};
use crate::eval::decimal::Decimals;
use crate::types::Type;
use crate::value::{Value, make_bytes, make_texts};

/// FLOAT columns show fewer digits than they hold.
pub(super) fn floats(value: &Value, rows: usize) -> ArrayRef {
    let values = value.numbers::<Float32Type>();
    make_texts(rows, |row, out| {
        number::write_float(values.get(row)?, out);
        Some(())
    })
}

pub(super) fn texts(from: &Type, value: &Value, rows: usize) -> ArrayRef {
    match from {
        Type::Text { .. } | Type::Json | Type::Null => value.array.clone(),
        Type::Bool => {
            let values = value.bits();
            make_texts(rows, |row, out| {
                out.push(if values.get(row)? { '1' } else { '0' });
                Some(())
            })
        }
        Type::Int { unsigned: true, .. } => {
            let values = value.numbers::<UInt64Type>();
            make_texts(rows, |row, out| write!(out, "{}", values.get(row)?).ok())
        }
        Type::Int { .. } => {
            let values = value.numbers::<Int64Type>();
            make_texts(rows, |row, out| write!(out, "{}", values.get(row)?).ok())
        }
        Type::Decimal { scale, held, .. } => {
            let values = Decimals::of(value);
            make_texts(rows, |row, out| {
                let shown = number::rescale(values.get(row)?, *held, *scale, true)?;
                number::write_decimal(shown, *scale, out);
                Some(())
            })
        }
        Type::Double => {
            let values = value.numbers::<Float64Type>();
            make_texts(rows, |row, out| {
                number::write_double(values.get(row)?, out);
                Some(())
            })
        }
        // What is no UTF-8 is NULL, as MySQL's conversion makes it.
        Type::Bytes { .. } => {
            let values = value.bytes();
            make_texts(rows, |row, out| {
                out.push_str(std::str::from_utf8(values.get(row)?).ok()?);
                Some(())
            })
        }
        Type::Date => {
            let values = value.numbers::<Date32Type>();
            make_texts(rows, |row, out| {
                temporal::write_date(i64::from(values.get(row)?), out);
                Some(())
            })
        }
        Type::DateTime { fsp } => {
            let values = value.numbers::<TimestampMicrosecondType>();
            make_texts(rows, |row, out| {
                temporal::write_datetime(values.get(row)?, *fsp, out);
                Some(())
            })
        }
        Type::Time { fsp } => {
            let values = value.numbers::<DurationMicrosecondType>();
            make_texts(rows, |row, out| {
                temporal::write_time(values.get(row)?, *fsp, out);
                Some(())
            })
        }
    }
}

pub(super) fn bytes(from: &Type, value: &Value, rows: usize) -> ArrayRef {
    let texts = if from.is_text() { value.clone() } else { Value { array: texts(from, value, rows), scalar: false } };
    let values = texts.bytes();
    make_bytes(rows, |row, out| {
        out.extend_from_slice(values.get(row)?);
        Some(())
    })
}
