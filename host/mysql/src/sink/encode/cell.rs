//! One column: its array, and how a value of it is written for the target's column.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow_schema::{DataType, TimeUnit};

use super::rule::Rule;
use super::{number, time};
use crate::escape::{Style, text};
use crate::table::ColumnData;

/// The values of one column, and which of them it holds.
#[derive(Debug)]
pub(in super::super) struct Cells {
    values: Values,
    rule: Rule,
    /// NULL is refused too.
    not_null: bool,
}

/// The array (buffers are shared, not copied).
#[derive(Debug)]
enum Values {
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
    Binary(BinaryArray),
    Date(PrimitiveArray<Date32Type>),
    DateTime(PrimitiveArray<TimestampMicrosecondType>),
    Time(PrimitiveArray<DurationMicrosecondType>),
}

impl Values {
    fn new(array: &dyn Array, target: &ColumnData) -> Result<Values, String> {
        Ok(match array.data_type() {
            DataType::Boolean => Values::Boolean(array.as_boolean().clone()),
            DataType::Int8 => Values::Int8(array.as_primitive().clone()),
            DataType::Int16 => Values::Int16(array.as_primitive().clone()),
            DataType::Int32 => Values::Int32(array.as_primitive().clone()),
            DataType::Int64 => Values::Int64(array.as_primitive().clone()),
            DataType::UInt8 => Values::UInt8(array.as_primitive().clone()),
            DataType::UInt16 if *target == ColumnData::Year => Values::Year(array.as_primitive().clone()),
            DataType::UInt16 => Values::UInt16(array.as_primitive().clone()),
            DataType::UInt32 => Values::UInt32(array.as_primitive().clone()),
            DataType::UInt64 => Values::UInt64(array.as_primitive().clone()),
            DataType::Float32 => Values::Float32(array.as_primitive().clone()),
            DataType::Float64 => Values::Float64(array.as_primitive().clone()),
            DataType::Decimal128(_, scale) => Values::Decimal128(array.as_primitive().clone(), *scale),
            DataType::Decimal256(_, scale) => Values::Decimal256(array.as_primitive().clone(), *scale),
            DataType::Utf8 => Values::Text(array.as_string().clone()),
            DataType::Binary => Values::Binary(array.as_binary().clone()),
            DataType::Date32 => Values::Date(array.as_primitive().clone()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Values::DateTime(array.as_primitive().clone()),
            DataType::Duration(TimeUnit::Microsecond) => Values::Time(array.as_primitive().clone()),
            other => return Err(format!("has type {other}, which no column of the target holds")),
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Values::Boolean(a) => a,
            Values::Int8(a) => a,
            Values::Int16(a) => a,
            Values::Int32(a) => a,
            Values::Int64(a) => a,
            Values::UInt8(a) => a,
            Values::UInt16(a) | Values::Year(a) => a,
            Values::UInt32(a) => a,
            Values::UInt64(a) => a,
            Values::Float32(a) => a,
            Values::Float64(a) => a,
            Values::Decimal128(a, _) => a,
            Values::Decimal256(a, _) => a,
            Values::Text(a) => a,
            Values::Binary(a) => a,
            Values::Date(a) => a,
            Values::DateTime(a) => a,
            Values::Time(a) => a,
        }
    }
}

impl Cells {
    /// The values of an array for a column of the target, with the rule for what that holds.
    pub(in super::super) fn new(
        array: &dyn Array,
        target: &ColumnData,
        rule: Rule,
        not_null: bool,
    ) -> Result<Cells, String> {
        Ok(Cells { values: Values::new(array, target)?, rule, not_null })
    }

    /// The array.
    pub(in super::super) fn array(&self) -> &dyn Array {
        self.values.array()
    }

    /// True if the column holds all values, as far as that can be said at once.
    pub(in super::super) fn holds_all(&self) -> bool {
        if self.not_null && self.array().null_count() > 0 {
            return false;
        }
        match (&self.values, &self.rule) {
            (_, Rule::Any) | (Values::Boolean(_), _) => true,
            // What is under a NULL is looked at as well here: it may lead to a closer look, to no more.
            (Values::Float32(a), Rule::Float { unsigned: false, digits: None }) => {
                a.values().iter().all(|v| v.is_finite())
            }
            (Values::Float64(a), Rule::Float { unsigned: false, digits: None }) => {
                a.values().iter().all(|v| v.is_finite())
            }
            (Values::Decimal128(a, _), rule) => a.values().iter().all(|&v| rule.decimal128(v).is_ok()),
            (Values::Date(a), rule) => a.values().iter().all(|&v| rule.date(v.into()).is_ok()),
            (Values::DateTime(a), rule) => a.values().iter().all(|&v| rule.date_time(v).is_ok()),
            (Values::Time(a), rule) => a.values().iter().all(|&v| rule.time(v).is_ok()),
            _ => false,
        }
    }

    /// Why the column does not hold the value of a row.
    #[inline]
    pub(in super::super) fn check(&self, row: usize) -> Result<(), String> {
        if self.array().is_null(row) {
            return if self.not_null { Err("is NULL, and the column is NOT NULL".to_owned()) } else { Ok(()) };
        }
        self.check_valid(row)
    }

    /// The same of a row that is not NULL.
    #[inline]
    fn check_valid(&self, row: usize) -> Result<(), String> {
        let rule = &self.rule;
        match &self.values {
            _ if matches!(rule, Rule::Any) => Ok(()),
            Values::Boolean(_) => Ok(()),
            Values::Int8(a) => rule.signed(a.value(row).into()),
            Values::Int16(a) => rule.signed(a.value(row).into()),
            Values::Int32(a) => rule.signed(a.value(row).into()),
            Values::Int64(a) => rule.signed(a.value(row)),
            Values::UInt8(a) => rule.unsigned(a.value(row).into()),
            Values::UInt16(a) | Values::Year(a) => rule.unsigned(a.value(row).into()),
            Values::UInt32(a) => rule.unsigned(a.value(row).into()),
            Values::UInt64(a) => rule.unsigned(a.value(row)),
            Values::Float32(a) => rule.float(a.value(row).into()),
            Values::Float64(a) => rule.float(a.value(row)),
            Values::Decimal128(a, _) => rule.decimal128(a.value(row)),
            Values::Decimal256(a, _) => rule.decimal256(a.value(row)),
            Values::Text(a) => rule.text(a.value(row)),
            Values::Binary(a) => rule.bytes(a.value(row)),
            Values::Date(a) => rule.date(a.value(row).into()),
            Values::DateTime(a) => rule.date_time(a.value(row)),
            Values::Time(a) => rule.time(a.value(row)),
        }
    }

    /// Appends the value of a row; the message says why it cannot be written.
    #[inline]
    pub(in super::super) fn write(&self, row: usize, style: Style, out: &mut Vec<u8>) -> Result<(), String> {
        if self.array().is_null(row) {
            self.check(row)?;
            out.extend_from_slice(match style {
                Style::Load => b"\\N",
                Style::Literal => b"NULL",
            });
            return Ok(());
        }
        self.check_valid(row)?;
        match &self.values {
            Values::Boolean(a) => out.push(if a.value(row) { b'1' } else { b'0' }),
            Values::Int8(a) => number::integer(a.value(row), out),
            Values::Int16(a) => number::integer(a.value(row), out),
            Values::Int32(a) => number::integer(a.value(row), out),
            Values::Int64(a) => number::integer(a.value(row), out),
            Values::UInt8(a) => number::integer(a.value(row), out),
            Values::UInt16(a) => number::integer(a.value(row), out),
            Values::UInt32(a) => number::integer(a.value(row), out),
            Values::UInt64(a) => number::integer(a.value(row), out),
            Values::Year(a) => return quoted(style, out, |out| number::year(a.value(row), out)),
            Values::Float32(a) => return number::float(f64::from(a.value(row)), style, out),
            Values::Float64(a) => return number::float(a.value(row), style, out),
            Values::Decimal128(a, scale) => number::decimal(a.value(row), *scale, out),
            Values::Decimal256(a, scale) => number::decimal_text(&a.value(row).to_string(), *scale, out),
            Values::Text(a) => text(a.value(row).as_bytes(), style, out),
            Values::Binary(a) => binary(a.value(row), style, out),
            Values::Date(a) => return quoted(style, out, |out| time::date(i64::from(a.value(row)), out)),
            Values::DateTime(a) => {
                return quoted(style, out, |out| time::date_time(a.value(row), self.rule.unit(), out));
            }
            Values::Time(a) => return quoted(style, out, |out| time::time(a.value(row), self.rule.unit(), out)),
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

fn binary(value: &[u8], style: Style, out: &mut Vec<u8>) {
    if style == Style::Literal {
        out.extend_from_slice(b"x'");
    }
    number::hex(value, out);
    if style == Style::Literal {
        out.push(b'\'');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Decimal128Type;
    use arrow_array::{ArrayRef, BinaryArray, Decimal128Array, Float32Array, Float64Array, StringArray, UInt16Array};

    use super::super::rule::Limits;
    use super::*;
    use crate::table::Column;

    const LIMITS: Limits = Limits { json_depth: None, timestamp: (i64::MIN, i64::MAX) };

    fn column(data: ColumnData) -> Column {
        Column::sample("", data)
    }

    fn show(array: ArrayRef, target: ColumnData, style: Style) -> Vec<Result<String, String>> {
        let rule = Rule::new(array.data_type(), &column(target.clone()), &LIMITS);
        let cells = Cells::new(&array, &target, rule, false).unwrap();
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
