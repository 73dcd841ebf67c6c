//! Cells of result sets (the binary protocol), where text comes in utf8mb4 and ENUM, SET and JSON
//! as the server prints them.

use arrow_buffer::i256;
use mysql_async::Value;

use super::bytes::Bad;
use super::store::{Column, Store};
use super::wire::push_padded;
use super::{decimal, temporal};

const KIND: Bad = "came from the server as another kind of value than its type says";

impl Column {
    /// Appends a cell.
    pub(crate) fn push_value(&mut self, value: &Value) -> Result<(), Bad> {
        if *value == Value::NULL {
            return self.push_null();
        }
        let narrow = |value: &Value| signed(value).ok_or(KIND);
        match &mut self.store {
            Store::I8(v) => v.push(narrow(value)?.try_into().map_err(|_| KIND)?),
            Store::U8(v) => v.push(narrow(value)?.try_into().map_err(|_| KIND)?),
            Store::I16(v) => v.push(narrow(value)?.try_into().map_err(|_| KIND)?),
            Store::U16(v) | Store::Year(v) => v.push(narrow(value)?.try_into().map_err(|_| KIND)?),
            Store::I24(v) | Store::I32(v) => v.push(narrow(value)?.try_into().map_err(|_| KIND)?),
            Store::U24(v) | Store::U32(v) => v.push(narrow(value)?.try_into().map_err(|_| KIND)?),
            Store::I64(v) => v.push(narrow(value)?.try_into().map_err(|_| KIND)?),
            Store::U64(v) => v.push(narrow(value)?.try_into().map_err(|_| KIND)?),
            Store::F32(v) => match value {
                Value::Float(f) => v.push(*f),
                _ => return Err(KIND),
            },
            Store::F64(v) => match value {
                Value::Double(f) => v.push(*f),
                _ => return Err(KIND),
            },
            Store::Decimal128 { scale, values, .. } => {
                let unscaled: i256 = decimal::parse(bytes(value)?, *scale)?;
                values.push(unscaled.to_i128().ok_or(KIND)?);
            }
            Store::Decimal256 { scale, values, .. } => values.push(decimal::parse(bytes(value)?, *scale)?),
            Store::Bit { values, .. } => {
                let raw = bytes(value)?;
                if raw.len() > 8 {
                    return Err(KIND);
                }
                values.push(raw.iter().fold(0, |v, &b| v << 8 | u64::from(b)));
            }
            Store::FixedBinary { length, strings } => push_padded(*length, strings, bytes(value)?)?,
            Store::Text { strings, .. }
            | Store::Enum { strings, .. }
            | Store::Set { strings, .. }
            | Store::Binary { strings }
            | Store::Json { strings, .. } => strings.push(bytes(value)?)?,
            Store::Date(v) => match *value {
                Value::Date(y, m, d, ..) => match temporal::days(y.into(), m.into(), d.into()) {
                    Some(days) => v.push(days),
                    None => return self.push_zero_date(),
                },
                _ => return Err(KIND),
            },
            Store::DateTime(v) | Store::Timestamp(v) => match *value {
                Value::Date(y, m, d, h, i, s, micro) => {
                    let date = (y.into(), m.into(), d.into());
                    match temporal::micros(date, h.into(), i.into(), s.into(), micro) {
                        Some(micros) => v.push(micros),
                        None => return self.push_zero_date(),
                    }
                }
                _ => return Err(KIND),
            },
            Store::Time(v) => match *value {
                Value::Time(negative, days, h, m, s, micro) => {
                    let hours = i64::from(days) * 24 + i64::from(h);
                    let seconds = hours * 3_600 + i64::from(m) * 60 + i64::from(s);
                    let micros = seconds * 1_000_000 + i64::from(micro);
                    v.push(if negative { -micros } else { micros });
                }
                _ => return Err(KIND),
            },
        }
        self.valid();
        Ok(())
    }
}

fn signed(value: &Value) -> Option<i128> {
    match value {
        Value::Int(n) => Some((*n).into()),
        Value::UInt(n) => Some((*n).into()),
        _ => None,
    }
}

fn bytes(value: &Value) -> Result<&[u8], Bad> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(KIND),
    }
}
