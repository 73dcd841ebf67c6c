//! Numbers as texts, read and written as MySQL does: as much of the text as makes a number, 0 if nothing does.

use std::fmt::Write;

use arrow_buffer::i256;

/// The longest prefix that is a number.
fn prefix(text: &str) -> &str {
    let text = text.trim_start();
    let bytes = text.as_bytes();
    let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(at);
    at += whole;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        fraction = digits(at + 1);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return "";
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits((at + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    &text[..at]
}

pub(crate) fn read_double(text: &str) -> f64 {
    let value = prefix(text).parse::<f64>().unwrap_or(0.0);
    value.clamp(f64::MIN, f64::MAX)
}

/// The number that the bytes of a hexadecimal or bit literal are: its last eight, the highest first.
pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Digits up to the first other character, as CAST AS SIGNED takes them.
pub(crate) fn read_integer(text: &str) -> i128 {
    let text = text.trim_start();
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let mut value = 0i128;
    for byte in digits.bytes().take_while(u8::is_ascii_digit) {
        value = (value * 10 + i128::from(byte - b'0')).min(1 << 100);
    }
    if negative { -value } else { value }
}

/// The number times 10 to the `scale`, rounded half away from zero; the largest number if there are too many digits.
pub(crate) fn read_decimal(text: &str, scale: u8) -> i256 {
    let (cut, rest, negative) = cut_decimal(text, scale);
    let value = if rest.first().is_some_and(|digit| *digit >= 5) { cut.wrapping_add(i256::ONE) } else { cut };
    if negative { -value } else { value }
}

/// The number at one digit more than `scale`: that digit is 5 if anything but zeros comes after the others. So it
/// compares with any number of `scale` digits as the whole text does.
pub(crate) fn read_marked(text: &str, scale: u8) -> i256 {
    let (cut, rest, negative) = cut_decimal(text, scale);
    let mark = if rest.iter().any(|digit| *digit != 0) { 5 } else { 0 };
    let value = cut.checked_mul(i256::from(10)).unwrap_or(largest(76)).wrapping_add(i256::from(mark));
    if negative { -value } else { value }
}

/// Without its sign: the number times 10 to the `scale`, cut, and the digits that were cut off.
fn cut_decimal(text: &str, scale: u8) -> (i256, Vec<u8>, bool) {
    let text = prefix(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (
            &text[..at],
            text[at + 1..].parse::<i64>().unwrap_or(if text[at + 1..].starts_with('-') { -999 } else { 999 }),
        ),
        None => (text, 0),
    };
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.trim_start_matches(['+', '-']);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
    // The digits before this index are kept.
    let keep = whole.len() as i64 + exponent.clamp(-999, 999) + i64::from(scale);
    let ten = i256::from(10);
    let mut value = i256::ZERO;
    for index in 0..keep.max(0) {
        let digit = digits.get(index as usize).copied().unwrap_or(0);
        if value == i256::ZERO && index as usize >= digits.len() {
            break;
        }
        let Some(next) = value.checked_mul(ten).and_then(|v| v.checked_add(i256::from(i64::from(digit)))) else {
            return (largest(76), Vec::new(), negative);
        };
        value = next;
    }
    // A number smaller than the last place has zeros before its digits.
    let zeros = if keep < 0 { vec![0] } else { Vec::new() };
    let rest = digits.into_iter().skip(keep.max(0) as usize);
    (value, zeros.into_iter().chain(rest).collect(), negative)
}

/// 10 to the `exponent`, at most 76.
pub(crate) fn power(exponent: u8) -> i256 {
    let mut value = i256::ONE;
    for _ in 0..exponent.min(76) {
        value = value.wrapping_mul(i256::from(10));
    }
    value
}

/// The largest number of so many digits.
pub(crate) fn largest(digits: u8) -> i256 {
    power(digits).wrapping_sub(i256::ONE)
}

/// Multiplies or divides by tens; divides rounding half away from zero, or cutting. None if it overflows.
pub(crate) fn rescale(value: i256, from: u8, to: u8, round: bool) -> Option<i256> {
    if from <= to {
        return value.checked_mul(power(to - from));
    }
    let divisor = power(from - to);
    let quotient = value.wrapping_div(divisor);
    let rest = value.wrapping_rem(divisor);
    let twice = rest.wrapping_add(rest);
    let up = round && (twice >= divisor || twice <= -divisor);
    Some(match up {
        true if rest < i256::ZERO => quotient.wrapping_sub(i256::ONE),
        true => quotient.wrapping_add(i256::ONE),
        false => quotient,
    })
}

/// The nearest i128, to which integers are clamped afterwards.
pub(crate) fn narrow(value: i256) -> i128 {
    value.to_i128().unwrap_or(if value < i256::ZERO { i128::MIN } else { i128::MAX })
}

pub(crate) fn decimal_to_double(value: i256, scale: u8) -> f64 {
    if scale == 0
        && let Some(small) = value.to_i128()
    {
        return small as f64;
    }
    // Through the text, as the server does: correctly rounded.
    let mut text = String::new();
    write_decimal(value, scale, &mut text);
    text.parse().unwrap_or(0.0)
}

pub(crate) fn write_decimal(value: i256, scale: u8, out: &mut String) {
    let negative = value < i256::ZERO;
    let digits = match value.to_i128() {
        Some(small) => small.unsigned_abs().to_string(),
        None => value.wrapping_abs().to_string(),
    };
    if negative {
        out.push('-');
    }
    let scale = usize::from(scale);
    if scale == 0 {
        out.push_str(&digits);
    } else if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let _ = write!(out, "{whole}.{fraction}");
    } else {
        let _ = write!(out, "0.{digits:0>scale$}");
    }
}

pub(crate) fn write_double(value: f64, out: &mut String) {
    write_digits(&format!("{value:e}"), out);
}

/// FLOAT columns show six digits.
pub(crate) fn write_float(value: f32, out: &mut String) {
    write_digits(&format!("{:e}", format!("{value:.5e}").parse::<f64>().unwrap_or(0.0)), out);
}

/// `1.25e3` with the point where MySQL has it: an exponent only below 1e-15 and from 1e15 on.
fn write_digits(scientific: &str, out: &mut String) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    if digits == "0" {
        out.push_str(if sign.is_empty() { "0" } else { "-0" });
        return;
    }
    out.push_str(sign);
    let point = exponent + 1;
    if !(-14..=15).contains(&point) {
        let _ = write!(out, "{mantissa}e{exponent}");
    } else if point <= 0 {
        let _ = write!(out, "0.{:0>width$}", digits, width = digits.len() + point.unsigned_abs() as usize);
    } else if digits.len() <= point as usize {
        let _ = write!(out, "{digits:0<width$}", width = point as usize);
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        let _ = write!(out, "{whole}.{fraction}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_up_to_the_first_other_character() {
        assert_eq!(read_double(" 12.5abc"), 12.5);
        assert_eq!(read_double("1e3"), 1000.0);
        assert_eq!(read_double("1e"), 1.0);
        assert_eq!(read_double("abc"), 0.0);
        assert_eq!(read_integer("-12.9"), -12);
        assert_eq!(read_decimal("-1.005", 2), i256::from(-101));
        assert_eq!(read_decimal("1.5e2x", 1), i256::from(1500));
        assert_eq!(read_decimal("0.004", 2), i256::ZERO);
        assert_eq!(read_decimal(".5", 0), i256::from(1));
        assert_eq!(read_decimal("9e-2", 0), i256::ZERO);
        assert_eq!(of_bytes(&[0x12, 0x34]), 0x1234);
        assert_eq!(of_bytes(&[1; 9]), u64::from_be_bytes([1; 8]));
    }

    #[test]
    fn a_marked_number_is_between_its_neighbours() {
        assert_eq!(read_marked("1.25", 2), i256::from(1250));
        assert_eq!(read_marked("1.2500001", 2), i256::from(1255));
        assert_eq!(read_marked("-1.2500001", 2), i256::from(-1255));
        assert_eq!(read_marked("1e-9", 2), i256::from(5));
        assert_eq!(read_marked("abc", 2), i256::ZERO);
    }

    #[test]
    fn doubles_are_written_as_mysql_writes_them() {
        for (value, text) in [
            (0.1, "0.1"),
            (1e14, "100000000000000"),
            (1e15, "1e15"),
            (123456.789, "123456.789"),
            (1e-5, "0.00001"),
            (1.5e-20, "1.5e-20"),
            (-2.0, "-2"),
        ] {
            let mut out = String::new();
            write_double(value, &mut out);
            assert_eq!(out, text);
        }
    }
}
