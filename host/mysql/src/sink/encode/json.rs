//! What MySQL and MariaDB do not store of a text that is valid JSON: one pass over its bytes, without an
//! allocation.

use super::rule::shown;

/// Refuses what the server does not store of a text that is valid JSON: too many levels of arrays and
/// objects; and, in MySQL's binary form, numbers beyond a DOUBLE and halves of UTF-16 pairs.
pub(super) fn check(text: &[u8], depth_max: usize, binary: bool) -> Result<(), String> {
    // Each level has two brackets.
    if !binary && text.len() / 2 <= depth_max {
        return Ok(());
    }
    let (mut depth, mut at) = (0_usize, 0_usize);
    while let Some(&b) = text.get(at) {
        at += 1;
        match b {
            b'"' => at = string(text, at, binary)?,
            b'[' | b'{' => {
                depth += 1;
                if depth > depth_max {
                    return Err(format!("is JSON of more than {depth_max} levels, which the server does not store"));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' if binary => {
                let rest = &text[at..];
                let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                let end = rest.iter().position(|b| !is_part(b)).unwrap_or(rest.len());
                number(&text[at - 1..at + end])?;
                at += end;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The end of the string that begins here, behind its quote.
fn string(text: &[u8], mut at: usize, binary: bool) -> Result<usize, String> {
    // The first half of a pair was there, and its second half has to be next.
    let mut half = false;
    loop {
        let escaped = match (text.get(at), text.get(at + 1)) {
            (Some(b'\\'), Some(b'u')) => text.get(at + 2..at + 6).and_then(code_unit),
            _ => None,
        };
        if binary && half != matches!(escaped, Some(0xdc00..=0xdfff)) {
            return Err("is JSON with an escape that is half of a UTF-16 pair, which MySQL does not store".to_owned());
        }
        half = matches!(escaped, Some(0xd800..=0xdbff));
        at += match text.get(at) {
            None | Some(b'"') => return Ok(at + 1),
            Some(b'\\') if escaped.is_some() => 6,
            Some(b'\\') => 2,
            Some(_) => 1,
        };
    }
}

/// The number that four hexadecimal digits are.
fn code_unit(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |unit: u16, &b| Some((unit << 4) | char::from(b).to_digit(16)? as u16))
}

fn number(digits: &[u8]) -> Result<(), String> {
    /// So many digits without an exponent are always below the greatest DOUBLE.
    const DIGITS: usize = 308;
    if digits.len() <= DIGITS && !digits.iter().any(|b| matches!(b, b'e' | b'E')) {
        return Ok(());
    }
    let Ok(number) = std::str::from_utf8(digits) else { return Ok(()) };
    match number.parse::<f64>() {
        Ok(value) if value.is_infinite() => {
            Err(format!("is JSON with the number {}, which is beyond a DOUBLE", shown(number)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_are_no_levels() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for binary in [true, false] {
            let deeper = |text: &str| check(text.as_bytes(), 100, binary).is_err();
            assert!(!deeper(&deep(100)));
            assert!(deeper(&deep(101)));
            assert!(!deeper(&format!("\"{}\\\"[\"", deep(200))));
            assert!(!deeper(&format!("[{}1]", "[],".repeat(200))));
            assert!(deeper(&format!("{{\"a\\\\\":{}}}", deep(100))));
        }
    }

    #[test]
    fn json_is_what_the_binary_form_has() {
        let digits = "9".repeat(400);
        let text = format!("\"{digits}\"");
        for right in [
            "1e308",
            "-1.7976931348623157e308",
            "1e-400",
            "[0, -1, 18446744073709551615, 0.1]",
            r#""1e400""#,
            r#"{"a\"1e400": true}"#,
            r#""\ud83d\ude00\uD83D\uDE00""#,
            r#""\\ud800""#,
            r#""\u00e9\n""#,
            &text,
        ] {
            assert_eq!(check(right.as_bytes(), 100, true), Ok(()), "{right}");
        }
        for wrong in [
            "1e400",
            "[1, -1E+400]",
            r#"{"a": 1e309}"#,
            r#""\ud800""#,
            r#""\ud800x""#,
            r#""\ud800\n""#,
            r#""\ud800\ud800""#,
            r#""\udc00""#,
            r#"{"\ud800": 1}"#,
            &digits,
        ] {
            assert!(check(wrong.as_bytes(), 100, true).is_err(), "{wrong}");
            assert_eq!(check(wrong.as_bytes(), 100, false), Ok(()), "{wrong}");
        }
    }
}
