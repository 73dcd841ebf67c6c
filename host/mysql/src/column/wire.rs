//! Cells of row events: how a table map describes them, how they are skipped, how they are read.

use super::bytes::{Bad, Bytes};
use super::store::{Column, Store};
use super::{json, temporal};
use crate::table::{self, ColumnData};

/// A column's type as a table map gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireType {
    /// This many bytes.
    Fixed(u8),
    /// A length in so many bytes, then the value.
    Prefixed(u8),
    /// DATETIME, TIMESTAMP, TIME with so many bytes of fraction after 5, 4, 3 bytes.
    Fraction {
        /// Bytes before the fraction.
        whole: u8,
        /// Bytes of the fraction.
        fraction: u8,
    },
    /// A temporal type in its form from before 5.6.
    Old(u8),
}

impl WireType {
    /// The wire type of a stored column, checked against the type code and metadata of a table
    /// map; `None` if they do not belong together.
    pub(crate) fn bind(column: &table::Column, code: u8, meta: [u8; 2]) -> Option<WireType> {
        let [a, b] = meta;
        let wide = u16::from_le_bytes(meta);
        // CHAR, BINARY, ENUM and SET share a code; bits of the length hide in the real type's byte.
        let string_length = u16::from(b) | u16::from(!a & 0x30) << 4;
        let string_type = a | 0x30;
        let fraction = |whole: u8, fsp: u8| {
            (a == fsp && fsp <= 6).then_some(WireType::Fraction { whole, fraction: fsp.div_ceil(2) })
        };
        let prefixed = |ok: bool, length: u16| ok.then_some(WireType::Prefixed(if length > 255 { 2 } else { 1 }));
        let blob = |ok: bool| (ok && (1..=4).contains(&a)).then_some(WireType::Prefixed(a));
        match (&column.data, code) {
            (ColumnData::Integer { bits: 8, .. }, 1) => Some(WireType::Fixed(1)),
            (ColumnData::Integer { bits: 16, .. }, 2) => Some(WireType::Fixed(2)),
            (ColumnData::Integer { bits: 24, .. }, 9) => Some(WireType::Fixed(3)),
            (ColumnData::Integer { bits: 32, .. }, 3) => Some(WireType::Fixed(4)),
            (ColumnData::Integer { bits: 64, .. }, 8) => Some(WireType::Fixed(8)),
            (ColumnData::Year, 13) => Some(WireType::Fixed(1)),
            (ColumnData::Float, 4) => (a == 4).then_some(WireType::Fixed(4)),
            (ColumnData::Double, 5) => (a == 8).then_some(WireType::Fixed(8)),
            (ColumnData::Decimal { precision, scale }, 246) => {
                let bytes = super::decimal::Layout::new(*precision, *scale).bytes as u8;
                (meta == [*precision, *scale]).then_some(WireType::Fixed(bytes))
            }
            (ColumnData::Bit { bits }, 16) => {
                (u16::from(a) + u16::from(b) * 8 == u16::from(*bits)).then_some(WireType::Fixed(bits.div_ceil(8)))
            }
            (ColumnData::Text { fixed: false, large: false, max_bytes, .. }, 15 | 253) => {
                prefixed(u64::from(wide) == *max_bytes, wide)
            }
            (ColumnData::Text { fixed: true, max_bytes, .. }, 254) => {
                prefixed(u64::from(string_length) == *max_bytes && string_type == 254, string_length)
            }
            (ColumnData::Text { large: true, max_bytes, .. } | ColumnData::Binary { large: true, max_bytes }, 252) => {
                // The prefix is as long as the limit needs: TINY 255, 64 KiB, MEDIUM 16 MiB, LONG 4 GiB.
                blob(u32::from(a) == (64 - max_bytes.leading_zeros()).div_ceil(8))
            }
            (ColumnData::Binary { large: false, max_bytes }, 15 | 253) => prefixed(u64::from(wide) == *max_bytes, wide),
            (ColumnData::FixedBinary { length }, 254) => {
                prefixed(string_length == *length && string_type == 254, string_length)
            }
            (ColumnData::Enum { labels }, 254) => {
                (a == 247 && b == if labels.len() < 256 { 1 } else { 2 }).then_some(WireType::Fixed(b))
            }
            (ColumnData::Set { labels }, 254) => {
                let bytes = labels.len().div_ceil(8);
                let bytes = if bytes > 4 { 8 } else { bytes };
                (a == 248 && b as usize == bytes).then_some(WireType::Fixed(b))
            }
            (ColumnData::Geometry, 255) | (ColumnData::Vector, 242) => blob(true),
            (ColumnData::Json { binary: true }, 245) | (ColumnData::Json { binary: false }, 252) => blob(true),
            (ColumnData::Date, 10 | 14) => Some(WireType::Fixed(3)),
            (ColumnData::DateTime { fsp }, 18) => fraction(5, *fsp),
            (ColumnData::Timestamp { fsp }, 17) => fraction(4, *fsp),
            (ColumnData::Time { fsp }, 19) => fraction(3, *fsp),
            (ColumnData::DateTime { fsp: 0 }, 12) => Some(WireType::Old(8)),
            (ColumnData::Timestamp { fsp: 0 }, 7) => Some(WireType::Old(4)),
            (ColumnData::Time { fsp: 0 }, 11) => Some(WireType::Old(3)),
            _ => None,
        }
    }

    /// Moves past a cell.
    #[inline(always)]
    pub(crate) fn skip(self, input: &mut Bytes<'_>) -> Result<(), Bad> {
        match self {
            WireType::Fixed(n) | WireType::Old(n) => input.take(n as usize).map(drop),
            WireType::Prefixed(n) => input.prefixed(n).map(drop),
            WireType::Fraction { whole, fraction } => input.take((whole + fraction) as usize).map(drop),
        }
    }
}

impl Column {
    /// Appends a cell.
    #[inline(always)]
    pub(crate) fn push_wire(&mut self, wire: WireType, input: &mut Bytes<'_>) -> Result<(), Bad> {
        match &mut self.store {
            Store::I64(v) => v.push(i64::from_le_bytes(input.array()?)),
            Store::I32(v) => v.push(i32::from_le_bytes(input.array()?)),
            Store::U64(v) => v.push(input.u64()?),
            Store::U32(v) => v.push(input.u32()?),
            Store::Text { charset, strings } => {
                let value = input.prefixed(prefix(wire))?;
                match charset {
                    crate::charset::Charset::Utf8 => strings.data.extend_from_slice(value),
                    other => other.decode(value, &mut strings.data)?,
                }
                strings.end()?;
            }
            Store::Decimal128 { layout, values, .. } => values.push(layout.read128(input)?),
            Store::DateTime(v) => {
                let micros = match wire {
                    WireType::Fraction { fraction, .. } => temporal::datetime(input, fraction)?,
                    _ => temporal::old_datetime(input)?,
                };
                match micros {
                    Some(micros) => v.push(micros),
                    None => return self.push_zero_date(),
                }
            }
            Store::Timestamp(v) => {
                let micros = match wire {
                    WireType::Fraction { fraction, .. } => temporal::timestamp(input, fraction)?,
                    _ => Some(i64::from(input.u32()?) * 1_000_000).filter(|&t| t != 0),
                };
                match micros {
                    Some(micros) => v.push(micros),
                    None => return self.push_zero_date(),
                }
            }
            Store::Date(v) => match temporal::date(input)? {
                Some(days) => v.push(days),
                None => return self.push_zero_date(),
            },
            Store::Time(v) => v.push(match wire {
                WireType::Fraction { fraction, .. } => temporal::time(input, fraction)?,
                _ => temporal::old_time(input)?,
            }),
            Store::I8(v) => v.push(input.u8()? as i8),
            Store::U8(v) => v.push(input.u8()?),
            Store::I16(v) => v.push(input.u16()? as i16),
            Store::U16(v) => v.push(input.u16()?),
            Store::I24(v) => v.push((input.u24()? << 8) as i32 >> 8),
            Store::U24(v) => v.push(input.u24()?),
            Store::Year(v) => {
                let year = input.u8()?;
                v.push(if year == 0 { 0 } else { 1900 + u16::from(year) });
            }
            Store::F32(v) => v.push(f32::from_le_bytes(input.array()?)),
            Store::F64(v) => v.push(f64::from_le_bytes(input.array()?)),
            Store::Decimal256 { layout, values, .. } => values.push(layout.read256(input)?),
            Store::Bit { bytes, values } => values.push(input.uint_be(*bytes as usize)?),
            Store::Enum { labels, strings } => {
                let number = input.uint(fixed(wire))? as usize;
                push_enum(labels, strings, number)?;
            }
            Store::Set { labels, strings } => {
                let bits = input.uint(fixed(wire))?;
                push_set(labels, strings, bits)?;
            }
            Store::FixedBinary { length, strings } => {
                let value = input.prefixed(prefix(wire))?;
                push_padded(*length, strings, value)?;
            }
            Store::Binary { strings } => strings.push(input.prefixed(prefix(wire))?)?,
            Store::Json { binary, strings } => {
                let value = input.prefixed(prefix(wire))?;
                if *binary {
                    json::print(value, &mut strings.data)?;
                    strings.end()?;
                } else {
                    strings.push(value)?;
                }
            }
        }
        self.valid();
        Ok(())
    }
}

fn prefix(wire: WireType) -> u8 {
    if let WireType::Prefixed(n) = wire { n } else { 1 }
}

fn fixed(wire: WireType) -> usize {
    if let WireType::Fixed(n) = wire { n.min(8) as usize } else { 1 }
}

/// The label of an ENUM's number; 0 is the empty string that a lax session writes for a wrong value.
fn push_enum(labels: &[String], strings: &mut super::Strings, number: usize) -> Result<(), Bad> {
    if number > 0 {
        let label = labels.get(number - 1).ok_or("has an ENUM number that its definition lacks")?;
        strings.data.extend_from_slice(label.as_bytes());
    }
    strings.end()
}

fn push_set(labels: &[String], strings: &mut super::Strings, bits: u64) -> Result<(), Bad> {
    if labels.len() < 64 && bits >> labels.len() != 0 {
        return Err("has a SET bit that its definition lacks");
    }
    let mut first = true;
    for (i, label) in labels.iter().enumerate() {
        if bits >> i & 1 == 1 {
            if !first {
                strings.data.push(b',');
            }
            strings.data.extend_from_slice(label.as_bytes());
            first = false;
        }
    }
    strings.end()
}

/// BINARY(n): the binary log strips trailing zero bytes.
pub(super) fn push_padded(length: usize, strings: &mut super::Strings, value: &[u8]) -> Result<(), Bad> {
    if value.len() > length {
        return Err("is longer than its BINARY column");
    }
    strings.data.extend_from_slice(value);
    strings.data.resize(strings.data.len() + length - value.len(), 0);
    strings.end()
}
