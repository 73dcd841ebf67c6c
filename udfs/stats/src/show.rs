//! Values as texts and as JSON, as MySQL shows them in `GROUP_CONCAT` and `JSON_ARRAYAGG`.

use std::fmt::Write;

use rowmill_sdk::{DataType, Date, Datetime, DecimalType, Field, Time};

use crate::integer::Int;

/// How the values of a column are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Show {
    data_type: DataType,
    /// Digits of fractions of a second.
    fsp: usize,
}

impl Show {
    /// Of values that have a text: all but bytes.
    pub(crate) fn of(field: &Field) -> Option<Self> {
        let fsp = field.attribute("fsp").and_then(|fsp| fsp.parse().ok()).unwrap_or(6);
        (field.data_type != DataType::Binary).then_some(Self { data_type: field.data_type, fsp: usize::min(fsp, 6) })
    }

    /// Appends the text of a value, given by its bytes in a column.
    pub(crate) fn text(self, raw: &[u8], out: &mut Vec<u8>) {
        match self.data_type {
            DataType::Utf8 | DataType::Json | DataType::Binary => out.extend_from_slice(raw),
            _ => out.extend_from_slice(self.written(raw, self.fsp).as_bytes()),
        }
    }

    /// Appends the JSON of a value: numbers and documents as they are, everything else as a string.
    pub(crate) fn json(self, raw: &[u8], out: &mut Vec<u8>) {
        match self.data_type {
            DataType::Boolean => out.extend_from_slice(if *raw == [0] { b"false" } else { b"true" }),
            DataType::Json => out.extend_from_slice(raw),
            DataType::Utf8 | DataType::Binary => string(raw, out),
            // A document holds doubles.
            DataType::Float32 => json_double(f32::from_le_bytes(array(raw)).into(), out),
            DataType::Float64 => json_double(f64::from_le_bytes(array(raw)), out),
            DataType::Date | DataType::Time | DataType::Datetime | DataType::Timestamp => {
                string(self.written(raw, 6).as_bytes(), out);
            }
            _ => out.extend_from_slice(self.written(raw, 0).as_bytes()),
        }
    }

    fn written(self, raw: &[u8], fsp: usize) -> String {
        let signed = || i64::from_le_bytes(array(raw));
        match self.data_type {
            DataType::Int8 => i8::from_le_bytes(array(raw)).to_string(),
            DataType::Int16 => i16::from_le_bytes(array(raw)).to_string(),
            DataType::Int32 => i32::from_le_bytes(array(raw)).to_string(),
            DataType::Int64 => signed().to_string(),
            DataType::Float32 => float(f32::from_le_bytes(array(raw))),
            DataType::Float64 => double(f64::from_le_bytes(array(raw))),
            DataType::Decimal(decimal_type) => decimal(raw, decimal_type),
            DataType::Date => Date(i32::from_le_bytes(array(raw))).to_string(),
            DataType::Time => fraction(Time(signed()).to_string(), fsp),
            DataType::Datetime | DataType::Timestamp => fraction(Datetime(signed()).to_string(), fsp),
            _ => u64::from_le_bytes(array(raw)).to_string(),
        }
    }
}

fn array<const N: usize>(raw: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.iter_mut().zip(raw).for_each(|(byte, raw)| *byte = *raw);
    array
}

/// A time of day with so many digits behind the point; the SDK writes none or six.
fn fraction(mut text: String, fsp: usize) -> String {
    if text.rfind('.').is_none() {
        text.push_str(".000000");
    }
    text.truncate(text.len() - 6 + fsp);
    if fsp == 0 {
        text.pop();
    }
    text
}

fn decimal(raw: &[u8], decimal: DecimalType) -> String {
    let value: Int<4> = Int::from_bytes(raw).unwrap_or_default();
    let mut magnitude = value.magnitude();
    let mut digits = Vec::new();
    while !magnitude.is_zero() || digits.len() <= usize::from(decimal.scale) {
        if digits.len() == usize::from(decimal.scale) && decimal.scale > 0 && !digits.contains(&b'.') {
            digits.push(b'.');
            continue;
        }
        digits.push(b'0' + magnitude.divide_small(10) as u8);
    }
    if digits.last() == Some(&b'.') {
        digits.push(b'0');
    }
    if value.is_negative() {
        digits.push(b'-');
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

fn double(value: f64) -> String {
    digits(&format!("{value:e}"))
}

/// FLOAT columns show six digits.
fn float(value: f32) -> String {
    digits(&format!("{:e}", format!("{value:.5e}").parse::<f64>().unwrap_or(0.0)))
}

/// `1.25e3` with the point where MySQL has it: an exponent only below 1e-15 and from 1e15 on.
fn digits(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    let mut text = sign.to_owned();
    // Writing to a String cannot fail.
    let _ = match usize::try_from(point) {
        _ if digits == "0" => write!(text, "0"),
        _ if !(-14..=15).contains(&point) => write!(text, "{mantissa}e{exponent}"),
        Ok(point) if point > 0 && digits.len() > point => write!(text, "{}.{}", &digits[..point], &digits[point..]),
        Ok(point) if point > 0 => write!(text, "{digits:0<point$}"),
        _ => write!(text, "0.{digits:0>width$}", width = digits.len() + point.unsigned_abs() as usize),
    };
    text
}

/// A double that stays one: with a point or an exponent. NaN and infinities have no JSON.
fn json_double(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    let text = double(value);
    out.extend_from_slice(text.as_bytes());
    if !text.contains(['.', 'e']) {
        out.extend_from_slice(b".0");
    }
}

/// A JSON string with the escapes that MySQL writes.
fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            other => out.push(*other),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(data_type: DataType, fsp: &str, raw: &[u8]) -> (String, String) {
        let show = Show::of(&Field::new("x", data_type).with("fsp", fsp)).unwrap();
        let (mut text, mut json) = (Vec::new(), Vec::new());
        show.text(raw, &mut text);
        show.json(raw, &mut json);
        (String::from_utf8(text).unwrap(), String::from_utf8(json).unwrap())
    }

    #[test]
    fn values_look_as_in_mysql() {
        let decimal = |precision, scale| DataType::Decimal(DecimalType { precision, scale });
        let half = 1_600_000_000_500_000i64;
        for (data_type, fsp, raw, text, json) in [
            (DataType::Int8, "", vec![0xff], "-1", "-1"),
            (DataType::Uint64, "", vec![0xff; 8], "18446744073709551615", "18446744073709551615"),
            (decimal(10, 2), "", (-5i128).to_le_bytes().to_vec(), "-0.05", "-0.05"),
            (decimal(10, 0), "", 0i128.to_le_bytes().to_vec(), "0", "0"),
            (decimal(10, 3), "", 12_345i128.to_le_bytes().to_vec(), "12.345", "12.345"),
            (
                decimal(38, 0),
                "",
                (-(10i128.pow(20))).to_le_bytes().to_vec(),
                "-100000000000000000000",
                "-100000000000000000000",
            ),
            (DataType::Float64, "", 1e14f64.to_le_bytes().to_vec(), "100000000000000", "100000000000000.0"),
            (DataType::Float64, "", 1e15f64.to_le_bytes().to_vec(), "1e15", "1e15"),
            (DataType::Float64, "", 1e-7f64.to_le_bytes().to_vec(), "0.0000001", "0.0000001"),
            (DataType::Float64, "", 123456.789f64.to_le_bytes().to_vec(), "123456.789", "123456.789"),
            (DataType::Float64, "", (-0.0f64).to_le_bytes().to_vec(), "-0", "-0.0"),
            (DataType::Float32, "", 0.1f32.to_le_bytes().to_vec(), "0.1", "0.10000000149011612"),
            (DataType::Float32, "", 123_456.79_f32.to_le_bytes().to_vec(), "123457", "123456.7890625"),
            (DataType::Date, "", (-1i32).to_le_bytes().to_vec(), "1969-12-31", "\"1969-12-31\""),
            (
                DataType::Datetime,
                "0",
                half.to_le_bytes().to_vec(),
                "2020-09-13 12:26:40",
                "\"2020-09-13 12:26:40.500000\"",
            ),
            (
                DataType::Timestamp,
                "3",
                half.to_le_bytes().to_vec(),
                "2020-09-13 12:26:40.500",
                "\"2020-09-13 12:26:40.500000\"",
            ),
            (DataType::Time, "2", (-1_000_000i64).to_le_bytes().to_vec(), "-00:00:01.00", "\"-00:00:01.000000\""),
            (DataType::Boolean, "", vec![1], "1", "true"),
            (DataType::Utf8, "", b"q\"\\\n\x01\xc3\xa9/".to_vec(), "q\"\\\n\u{1}é/", "\"q\\\"\\\\\\n\\u0001é/\""),
            (DataType::Json, "", b"{\"a\": 1}".to_vec(), "{\"a\": 1}", "{\"a\": 1}"),
        ] {
            assert_eq!(shown(data_type, fsp, &raw), (text.to_owned(), json.to_owned()), "{data_type}");
        }
    }
}
