//! Values as a client of MySQL shows them.

use std::fmt::Write;

use rowmill_sdk::{DataType, Date, Datetime, Decimal, DecimalType, Field, Fixed, Time, WideDecimal};

/// A value as the client shows it; of texts, as it is.
pub(crate) fn show(field: &Field, raw: &[u8]) -> String {
    let fsp = field.attribute("fsp").map_or(0, |fsp| fsp.parse().unwrap());
    match field.data_type {
        DataType::Int8 => i8::read(raw).to_string(),
        DataType::Int16 => i16::read(raw).to_string(),
        DataType::Int32 => i32::read(raw).to_string(),
        DataType::Int64 => i64::read(raw).to_string(),
        DataType::Uint8 => u8::read(raw).to_string(),
        DataType::Uint16 => u16::read(raw).to_string(),
        DataType::Uint32 => u32::read(raw).to_string(),
        DataType::Uint64 => u64::read(raw).to_string(),
        DataType::Float32 => f64::from(f32::read(raw)).to_string(),
        DataType::Float64 => f64::read(raw).to_string(),
        DataType::Decimal(DecimalType { scale, .. }) => {
            let unscaled = match raw.len() {
                16 => Decimal::<38, 0>::read(raw).unscaled().to_string(),
                _ => WideDecimal::<65, 0>::read(raw).to_string(),
            };
            pointed(&unscaled, scale.into())
        }
        DataType::Date => Date::read(raw).to_string(),
        DataType::Time => fraction(Time::read(raw).to_string(), fsp),
        DataType::Datetime => fraction(Datetime::read(raw).to_string(), fsp),
        _ => String::from_utf8_lossy(raw).into_owned(),
    }
}

fn pointed(unscaled: &str, scale: usize) -> String {
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled),
    };
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn fraction(text: String, fsp: usize) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "000000"));
    if fsp == 0 { whole.to_owned() } else { format!("{whole}.{}", &fraction[..fsp]) }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    })
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..][..2], 16).unwrap()).collect()
}
