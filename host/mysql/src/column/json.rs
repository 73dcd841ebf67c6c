//! MySQL's binary JSON, printed exactly as the server prints it.

use std::io::Write;

use super::bytes::{Bad, Bytes};
use super::{decimal, temporal};

/// The server refuses deeper documents.
const DEPTH_MAX: u32 = 100;
const WRONG: Bad = "is binary JSON that contradicts itself";

/// Appends the text of a binary JSON value. No bytes at all are a JSON null: what a row has
/// whose JSON column was added without a default.
pub(crate) fn print(data: &[u8], out: &mut Vec<u8>) -> Result<(), Bad> {
    match data.split_first() {
        None => {
            out.extend_from_slice(b"null");
            Ok(())
        }
        Some((&kind, data)) => {
            // Every value and key has bytes of its own, so a document that claims more than its
            // bytes points to the same ones again and again.
            let mut budget = data.len() + 1;
            value(kind, data, out, 0, &mut budget)
        }
    }
}

fn value(kind: u8, data: &[u8], out: &mut Vec<u8>, depth: u32, budget: &mut usize) -> Result<(), Bad> {
    spend(budget, 1)?;
    let mut input = Bytes::new(data);
    match kind {
        0..=3 => return container(kind, data, out, depth + 1, budget),
        4 => out.extend_from_slice(match input.u8()? {
            0 => b"null",
            1 => b"true",
            2 => b"false",
            _ => return Err(WRONG),
        }),
        5 => integer(out, i64::from(input.u16()? as i16)),
        6 => integer(out, i64::from(input.u16()?)),
        7 => integer(out, i64::from(input.u32()? as i32)),
        8 => integer(out, i64::from(input.u32()?)),
        9 => integer(out, input.u64()? as i64),
        10 => write_to(out, format_args!("{}", input.u64()?)),
        11 => double(f64::from_bits(input.u64()?), out)?,
        12 => {
            let text = variable(&mut input)?;
            spend(budget, text.len())?;
            quoted(text, out);
        }
        15 => {
            let field_type = input.u8()?;
            let data = variable(&mut input)?;
            spend(budget, data.len())?;
            opaque(field_type, data, out)?;
        }
        _ => return Err(WRONG),
    }
    Ok(())
}

fn spend(budget: &mut usize, bytes: usize) -> Result<(), Bad> {
    *budget = budget.checked_sub(bytes).ok_or(WRONG)?;
    Ok(())
}

/// Objects (kinds 0 and 1) and arrays (2 and 3); the odd kinds have 4-byte offsets.
fn container(kind: u8, data: &[u8], out: &mut Vec<u8>, depth: u32, budget: &mut usize) -> Result<(), Bad> {
    if depth > DEPTH_MAX {
        return Err("is binary JSON nested too deeply");
    }
    let (large, object) = (kind & 1 == 1, kind < 2);
    let width = if large { 4 } else { 2 };
    let mut head = Bytes::new(data);
    let count = head.uint(width)? as usize;
    head.uint(width)?;
    let mut keys = Bytes::new(head.rest);
    let mut entries = head;
    if object {
        entries.take(count.checked_mul(width + 2).ok_or(WRONG)?)?;
    }
    out.push(if object { b'{' } else { b'[' });
    for i in 0..count {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        if object {
            let offset = keys.uint(width)? as usize;
            let length = keys.u16()? as usize;
            spend(budget, length)?;
            quoted(data.get(offset..offset.saturating_add(length)).ok_or(WRONG)?, out);
            out.extend_from_slice(b": ");
        }
        let kind = entries.u8()?;
        let inline = entries.take(width)?;
        if matches!(kind, 4..=6) || (large && matches!(kind, 7 | 8)) {
            value(kind, inline, out, depth, budget)?;
        } else {
            let offset = Bytes::new(inline).uint(width)? as usize;
            value(kind, data.get(offset..).ok_or(WRONG)?, out, depth, budget)?;
        }
    }
    out.push(if object { b'}' } else { b']' });
    Ok(())
}

/// Bytes after a length of 7 bits a byte.
fn variable<'a>(input: &mut Bytes<'a>) -> Result<&'a [u8], Bad> {
    let mut length = 0u64;
    for i in 0..5 {
        let byte = input.u8()?;
        length |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return input.take(usize::try_from(length).map_err(|_| WRONG)?);
        }
    }
    Err(WRONG)
}

fn write_to(out: &mut Vec<u8>, args: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(args);
}

fn integer(out: &mut Vec<u8>, value: i64) {
    write_to(out, format_args!("{value}"));
}

/// As the server's `my_gcvt`: the shortest digits, with an exponent only outside 1e-15 … 1e15,
/// and ".0" where a reader could take it for an integer.
fn double(value: f64, out: &mut Vec<u8>) -> Result<(), Bad> {
    if !value.is_finite() {
        return Err("is binary JSON with a number that is none");
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').ok_or(WRONG)?;
    let point = exponent.parse::<i32>().map_err(|_| WRONG)? + 1;
    if (-14..=15).contains(&point) {
        let start = out.len();
        write_to(out, format_args!("{value}"));
        if !out[start..].contains(&b'.') {
            out.extend_from_slice(b".0");
        }
    } else {
        write_to(out, format_args!("{mantissa}e{exponent}"));
    }
    Ok(())
}

/// A value of a MySQL type that JSON lacks.
fn opaque(field_type: u8, data: &[u8], out: &mut Vec<u8>) -> Result<(), Bad> {
    match field_type {
        246 => {
            let mut input = Bytes::new(data);
            let (precision, scale) = (input.u8()?, input.u8()?);
            if scale > precision || precision > 81 {
                return Err(WRONG);
            }
            let value = decimal::Layout::new(precision, scale).read256(&mut input)?;
            print_decimal(&value.to_string(), scale as usize, out);
        }
        7 | 10..=12 => {
            let packed = Bytes::new(data).u64()? as i64;
            out.push(b'"');
            temporal::print_packed(field_type, packed, out);
            out.push(b'"');
        }
        _ => {
            write_to(out, format_args!("\"base64:type{field_type}:"));
            base64(data, out);
            out.push(b'"');
        }
    }
    Ok(())
}

fn print_decimal(unscaled: &str, scale: usize, out: &mut Vec<u8>) {
    let (sign, digits) = unscaled.strip_prefix('-').map_or(("", unscaled), |d| ("-", d));
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    out.extend_from_slice(sign.as_bytes());
    out.extend_from_slice(whole.as_bytes());
    if scale > 0 {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

/// The server breaks base64 into lines of 76 characters and escapes the line ends.
fn base64(data: &[u8], out: &mut Vec<u8>) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (i, chunk) in data.chunks(3).enumerate() {
        if i > 0 && i.is_multiple_of(19) {
            out.extend_from_slice(b"\\n");
        }
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let sextet = ALPHABET[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= chunk.len() { sextet } else { b'=' });
        }
    }
}

fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &c in text {
        match c {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            13 => out.extend_from_slice(b"\\r"),
            0..32 => write_to(out, format_args!("\\u{c:04x}")),
            _ => out.push(c),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(data: &[u8]) -> String {
        let mut out = Vec::new();
        print(data, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_as_the_server_prints_them() {
        let double = |d: f64| printed(&[&[11], &d.to_bits().to_le_bytes()[..]].concat());
        for (value, text) in [
            (1.0, "1.0"),
            (-0.5, "-0.5"),
            (1e14, "100000000000000.0"),
            (1e15, "1e15"),
            (1.5e300, "1.5e300"),
            (1e-15, "0.000000000000001"),
            (1e-16, "1e-16"),
            (0.0, "0.0"),
        ] {
            assert_eq!(double(value), text);
        }
    }

    #[test]
    fn containers_and_their_contradictions() {
        // {"a": [1, true]} in the small format.
        let inner = [2, 0, 10, 0, 5, 1, 0, 4, 1, 0];
        let mut object = vec![0, 1, 0, 22, 0, 11, 0, 1, 0, 2, 12, 0, b'a'];
        object.extend_from_slice(&inner);
        assert_eq!(printed(&object), r#"{"a": [1, true]}"#);
        for end in 1..object.len() - 1 {
            assert!(print(&object[..end], &mut Vec::new()).is_err(), "{end}");
        }
        // An array that contains itself.
        assert!(print(&[2, 1, 0, 7, 0, 2, 0, 0], &mut Vec::new()).is_err());
    }
}
