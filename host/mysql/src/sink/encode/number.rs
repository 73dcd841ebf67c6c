//! Numbers and bytes as text.

use crate::escape::Style;

/// Appends an integer.
#[inline]
pub(super) fn integer<I: itoa::Integer>(value: I, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a float; NaN and the infinities have no place in MySQL.
#[inline]
pub(super) fn float(value: f64, style: Style, out: &mut Vec<u8>) -> Result<(), String> {
    if !value.is_finite() {
        return Err(format!("is {value}, which MySQL cannot store"));
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value);
    out.extend_from_slice(text.as_bytes());
    // With an exponent a literal is a DOUBLE; without one it would be a DECIMAL.
    if style == Style::Literal && !text.contains('e') {
        out.extend_from_slice(b"e0");
    }
    Ok(())
}

/// Appends a decimal of up to 38 digits.
#[inline]
pub(super) fn decimal(value: i128, scale: i8, out: &mut Vec<u8>) {
    match i64::try_from(value) {
        Ok(small) => decimal_text(itoa::Buffer::new().format(small), scale, out),
        Err(_) => decimal_text(itoa::Buffer::new().format(value), scale, out),
    }
}

/// Appends a decimal whose digits are given without their point.
#[inline]
pub(super) fn decimal_text(digits: &str, scale: i8, out: &mut Vec<u8>) {
    let digits = match digits.strip_prefix('-') {
        Some(rest) => {
            out.push(b'-');
            rest
        }
        None => digits,
    };
    let digits = digits.as_bytes();
    let Ok(scale) = usize::try_from(scale) else {
        out.extend_from_slice(digits);
        out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
        return;
    };
    if scale == 0 {
        out.extend_from_slice(digits);
        return;
    }
    match digits.len().checked_sub(scale) {
        Some(whole) if whole > 0 => {
            out.extend_from_slice(&digits[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
        _ => {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', scale - digits.len()));
            out.extend_from_slice(digits);
        }
    }
}

/// Appends a year with four digits.
pub(super) fn year(value: u16, out: &mut Vec<u8>) -> Result<(), String> {
    match value {
        0 => out.extend_from_slice(b"0000"),
        1901..=2155 => integer(value, out),
        _ => return Err(format!("is {value}, and YEAR holds 1901 to 2155 and 0")),
    }
    Ok(())
}

/// Appends bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.reserve(2 * bytes.len());
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}
