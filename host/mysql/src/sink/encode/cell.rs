//! One column: its array, and how a value of it is written for the target's column.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow_schema::{DataType, TimeUnit};

use super::{Style, is_null, number, time};
use crate::table::ColumnData;

/// The values of one column. Holds the array (buffers are shared, not copied).
#[derive(Debug)]
pub(in super::super) enum Cells {
    Boolean(BooleanArray),
    Int8(PrimitiveArray<Int8Type>),
    Int16(PrimitiveArray<Int16Type>),
    Int32(PrimitiveArray<Int32Type>),
    Int64(PrimitiveArray<Int64Type>),
    UInt8(PrimitiveArray<UInt8Type>),
    UInt16(PrimitiveArray<UInt16Type>),
    UInt32(PrimitiveArray<UInt32Type>),
    UInt64(PrimitiveArray<UInt64Type>),
    /// For a YEAR column, which reads `0` as 2000 and other short numbers as years since.
    Year(PrimitiveArray<UInt16Type>),
    Float32(PrimitiveArray<Float32Type>),
    Float64(PrimitiveArray<Float64Type>),
    Decimal128(PrimitiveArray<Decimal128Type>, i8),
    Decimal256(PrimitiveArray<Decimal256Type>, i8),
    Text(StringArray),
    /// With the length that BINARY(n) needs.
    Binary(BinaryArray, Option<usize>),
    Date(PrimitiveArray<Date32Type>),
    /// With the microseconds of the smallest fraction that the column keeps.
    DateTime(PrimitiveArray<TimestampMicrosecondType>, i64),
    Time(PrimitiveArray<DurationMicrosecondType>, i64),
}

/// Microseconds of the last digit that the column keeps.
fn unit(target: &ColumnData) -> i64 {
    match target {
        // A DATE column takes no time of day at all.
        ColumnData::Date => time::DAY,
        other => 10_i64.pow(6 - u32::from(other.fsp().unwrap_or(6).min(6))),
    }
}

impl Cells {
    pub(in super::super) fn new(array: &ArrayRef, target: &ColumnData) -> Result<Cells, String> {
        Ok(match array.data_type() {
            DataType::Boolean => Cells::Boolean(array.as_boolean().clone()),
            DataType::Int8 => Cells::Int8(array.as_primitive().clone()),
            DataType::Int16 => Cells::Int16(array.as_primitive().clone()),
            DataType::Int32 => Cells::Int32(array.as_primitive().clone()),
            DataType::Int64 => Cells::Int64(array.as_primitive().clone()),
            DataType::UInt8 => Cells::UInt8(array.as_primitive().clone()),
            DataType::UInt16 if *target == ColumnData::Year => Cells::Year(array.as_primitive().clone()),
            DataType::UInt16 => Cells::UInt16(array.as_primitive().clone()),
            DataType::UInt32 => Cells::UInt32(array.as_primitive().clone()),
            DataType::UInt64 => Cells::UInt64(array.as_primitive().clone()),
            DataType::Float32 => Cells::Float32(array.as_primitive().clone()),
            DataType::Float64 => Cells::Float64(array.as_primitive().clone()),
            DataType::Decimal128(_, scale) => Cells::Decimal128(array.as_primitive().clone(), *scale),
            DataType::Decimal256(_, scale) => Cells::Decimal256(array.as_primitive().clone(), *scale),
            DataType::Utf8 => Cells::Text(array.as_string().clone()),
            DataType::Binary => {
                let exact = match target {
                    ColumnData::FixedBinary { length } => Some(usize::from(*length)),
                    _ => None,
                };
                Cells::Binary(array.as_binary().clone(), exact)
            }
            DataType::Date32 => Cells::Date(array.as_primitive().clone()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Cells::DateTime(array.as_primitive().clone(), unit(target))
            }
            DataType::Duration(TimeUnit::Microsecond) => Cells::Time(array.as_primitive().clone(), unit(target)),
            other => return Err(format!("has type {other}, which no column of the target holds")),
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Cells::Boolean(a) => a,
            Cells::Int8(a) => a,
            Cells::Int16(a) => a,
            Cells::Int32(a) => a,
            Cells::Int64(a) => a,
            Cells::UInt8(a) => a,
            Cells::UInt16(a) | Cells::Year(a) => a,
            Cells::UInt32(a) => a,
            Cells::UInt64(a) => a,
            Cells::Float32(a) => a,
            Cells::Float64(a) => a,
            Cells::Decimal128(a, _) => a,
            Cells::Decimal256(a, _) => a,
            Cells::Text(a) => a,
            Cells::Binary(a, _) => a,
            Cells::Date(a) => a,
            Cells::DateTime(a, _) => a,
            Cells::Time(a, _) => a,
        }
    }

    /// Appends the value of a row; the message says why it cannot be written.
    #[inline]
    pub(in super::super) fn write(&self, row: usize, style: Style, out: &mut Vec<u8>) -> Result<(), String> {
        if is_null(self.array(), row) {
            out.extend_from_slice(match style {
                Style::Load => b"\\N",
                Style::Literal => b"NULL",
            });
            return Ok(());
        }
        match self {
            Cells::Boolean(a) => out.push(if a.value(row) { b'1' } else { b'0' }),
            Cells::Int8(a) => number::integer(a.value(row), out),
            Cells::Int16(a) => number::integer(a.value(row), out),
            Cells::Int32(a) => number::integer(a.value(row), out),
            Cells::Int64(a) => number::integer(a.value(row), out),
            Cells::UInt8(a) => number::integer(a.value(row), out),
            Cells::UInt16(a) => number::integer(a.value(row), out),
            Cells::UInt32(a) => number::integer(a.value(row), out),
            Cells::UInt64(a) => number::integer(a.value(row), out),
            Cells::Year(a) => return quoted(style, out, |out| number::year(a.value(row), out)),
            Cells::Float32(a) => return number::float(f64::from(a.value(row)), style, out),
            Cells::Float64(a) => return number::float(a.value(row), style, out),
            Cells::Decimal128(a, scale) => number::decimal(a.value(row), *scale, out),
            Cells::Decimal256(a, scale) => number::decimal_text(&a.value(row).to_string(), *scale, out),
            Cells::Text(a) => text(a.value(row).as_bytes(), style, out),
            Cells::Binary(a, exact) => return binary(a.value(row), *exact, style, out),
            Cells::Date(a) => return quoted(style, out, |out| time::date(i64::from(a.value(row)), out)),
            Cells::DateTime(a, unit) => return quoted(style, out, |out| time::date_time(a.value(row), *unit, out)),
            Cells::Time(a, unit) => return quoted(style, out, |out| time::time(a.value(row), *unit, out)),
        }
        Ok(())
    }
}

/// Puts quotes around what needs no escapes, in a literal.
#[inline]
fn quoted(
    style: Style,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
) -> Result<(), String> {
    if style == Style::Load {
        return write(out);
    }
    out.push(b'\'');
    write(out)?;
    out.push(b'\'');
    Ok(())
}

/// For each byte the letter that stands for it after a backslash; 0 for bytes that stand for themselves.
const fn escapes(style: Style) -> [u8; 256] {
    let mut table = [0; 256];
    table[b'\\' as usize] = b'\\';
    table[0] = b'0';
    match style {
        Style::Load => {
            table[b'\t' as usize] = b't';
            table[b'\n' as usize] = b'n';
        }
        Style::Literal => table[b'\'' as usize] = b'\'',
    }
    table
}

const LOAD: [u8; 256] = escapes(Style::Load);
const LITERAL: [u8; 256] = escapes(Style::Literal);

/// Appends text, escaped. Runs without anything to escape are copied whole.
#[inline]
pub(in super::super) fn text(value: &[u8], style: Style, out: &mut Vec<u8>) {
    let table = match style {
        Style::Load => &LOAD,
        Style::Literal => {
            out.push(b'\'');
            &LITERAL
        }
    };
    let mut rest = value;
    while let Some(i) = rest.iter().position(|&b| table[usize::from(b)] != 0) {
        out.extend_from_slice(&rest[..i]);
        out.extend_from_slice(&[b'\\', table[usize::from(rest[i])]]);
        rest = &rest[i + 1..];
    }
    out.extend_from_slice(rest);
    if style == Style::Literal {
        out.push(b'\'');
    }
}

fn binary(value: &[u8], exact: Option<usize>, style: Style, out: &mut Vec<u8>) -> Result<(), String> {
    if let Some(length) = exact
        && value.len() != length
    {
        return Err(format!("has {} bytes, and BINARY({length}) would pad or cut them", value.len()));
    }
    if style == Style::Literal {
        out.extend_from_slice(b"x'");
    }
    number::hex(value, out);
    if style == Style::Literal {
        out.push(b'\'');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Decimal128Type;
    use arrow_array::{BinaryArray, Decimal128Array, Float32Array, Float64Array, StringArray, UInt16Array};

    use super::*;

    fn show(array: ArrayRef, target: ColumnData, style: Style) -> Vec<Result<String, String>> {
        let cells = Cells::new(&array, &target).unwrap();
        let one = |row| {
            let mut out = Vec::new();
            cells.write(row, style, &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        (0..array.len()).map(one).collect()
    }

    fn ok(texts: &[&str]) -> Vec<Result<String, String>> {
        texts.iter().map(|t| Ok((*t).to_owned())).collect()
    }

    #[test]
    fn text_is_escaped_for_its_place() {
        let array: ArrayRef = Arc::new(StringArray::from(vec![Some("a\tb\n\\'\0ä"), None, Some("\\N"), Some("")]));
        let json = ColumnData::Json { binary: true };
        assert_eq!(show(array.clone(), json.clone(), Style::Load), ok(&["a\\tb\\n\\\\'\\0ä", "\\N", "\\\\N", ""]));
        assert_eq!(show(array, json, Style::Literal), ok(&["'a\tb\n\\\\\\'\\0ä'", "NULL", "'\\\\N'", "''"]));
    }

    #[test]
    fn numbers_keep_their_value() {
        let decimals = Decimal128Array::from(vec![0, -1, 12345, -9_999_999, 5])
            .with_data_type(DataType::Decimal128(7, 3))
            .slice(0, 5);
        let _: &PrimitiveArray<Decimal128Type> = &decimals;
        let target = ColumnData::Decimal { precision: 7, scale: 3 };
        assert_eq!(
            show(Arc::new(decimals), target, Style::Load),
            ok(&["0.000", "-0.001", "12.345", "-9999.999", "0.005"])
        );
        let floats =
            show(Arc::new(Float32Array::from(vec![0.1, 16_777_217.0, f32::MAX])), ColumnData::Float, Style::Load);
        assert_eq!(floats[0], Ok("0.10000000149011612".into()));
        for (text, value) in floats.iter().zip([0.1_f32, 16_777_217.0, f32::MAX]) {
            assert_eq!(text.as_ref().unwrap().parse::<f64>().unwrap() as f32, value);
        }
        let nan = show(Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY])), ColumnData::Double, Style::Load);
        assert!(nan.iter().all(Result::is_err));
        let years = show(Arc::new(UInt16Array::from(vec![0, 1901, 2155, 70])), ColumnData::Year, Style::Literal);
        assert_eq!(years[..3], ok(&["'0000'", "'1901'", "'2155'"]));
        assert!(years[3].is_err());
    }

    #[test]
    fn bytes_are_hexadecimal_and_never_padded() {
        let array: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..], b""]));
        let target = ColumnData::FixedBinary { length: 2 };
        let shown = show(array.clone(), target, Style::Literal);
        assert_eq!(shown[0], Ok("x'00FF'".into()));
        assert!(shown[1].is_err());
        assert_eq!(show(array, ColumnData::Vector, Style::Load), ok(&["00FF", ""]));
    }
}
