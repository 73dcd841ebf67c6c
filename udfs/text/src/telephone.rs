//! Telephone numbers.

use crate::Invalid;
use rowmill_sdk::{RowError, Text, config, scalar};

/// How `phone` reads numbers.
#[config]
#[derive(Clone, Debug)]
pub struct PhoneConfig {
    /// The calling code for numbers without one, such as `49` or `+49`. Without it only numbers
    /// with `+` or `00` are valid.
    pub country: Option<String>,
    /// The digits that a national number begins with and that fall away before the calling code:
    /// `0` (default) in most of the world, `8` in some countries, empty in Italy and Spain.
    #[default("0")]
    pub trunk: String,
    /// What happens to an invalid number: error (default), null or keep.
    #[default("error")]
    pub invalid: Invalid,
}

/// The telephone number in E.164 form: `+`, calling code and number, digits only.
///
/// Spaces, dots, slashes, hyphens and brackets are dropped; `(0)` after a calling code too; `tel:`
/// in front as well; `00` in front means `+`. Valid is a number of 7 to 15 digits whose calling
/// code does not begin with 0; whether it is in service is not checked. An extension is not
/// valid. NULL gives NULL. An invalid number is a row error with the code `invalid-phone`, or by
/// configuration NULL or kept.
#[scalar]
pub fn phone(#[config] config: &PhoneConfig, number: &str, out: &mut Text) -> Result<Option<()>, RowError> {
    if write_e164(config, number, out).is_some() {
        return Ok(Some(()));
    }
    out.clear();
    match config.invalid {
        Invalid::Null => Ok(None),
        Invalid::Keep => {
            out.push_str(number.trim());
            Ok(Some(()))
        }
        Invalid::Error => Err(RowError::new(
            "invalid-phone",
            format!("found {number:?}, needed a telephone number such as +49 30 901820"),
        )),
    }
}

/// Writes the number; `None` when it is not valid.
fn write_e164(config: &PhoneConfig, number: &str, out: &mut Text) -> Option<()> {
    let number = number.trim();
    let number = number.strip_prefix("tel:").unwrap_or(number).trim_start();
    let (number, international) = match (number.strip_prefix('+'), number.strip_prefix("00")) {
        (Some(rest), _) | (None, Some(rest)) => (rest, true),
        (None, None) => (number, false),
    };
    out.push('+');
    let number = match (international, number.split_once("(0)")) {
        // "+49 (0)30": the trunk digit is for callers at home.
        (true, Some((code, rest))) => {
            push_digits(code, out)?;
            rest
        }
        (true, None) => number,
        (false, _) => {
            out.push_str(config.country.as_deref()?.trim_start_matches('+'));
            // "(030) 901820" begins with the trunk digit, too.
            let digits = number.trim_start_matches('(');
            digits.strip_prefix(config.trunk.as_str()).unwrap_or(digits)
        }
    };
    push_digits(number, out)?;
    let digits = &out.as_str()[1..];
    let fits = (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    fits.then_some(())
}

/// Appends the digits; `None` at a character that has no place in a number.
fn push_digits(text: &str, out: &mut Text) -> Option<()> {
    for character in text.chars() {
        match character {
            '0'..='9' => out.push(character),
            '.' | '/' | '-' | '(' | ')' | '\u{2010}'..='\u{2013}' => {}
            space if space.is_whitespace() => {}
            _ => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::phone;
    use rowmill_sdk::serde_json::json;
    use rowmill_sdk::test::call;

    const IN_GERMANY: [(&str, Option<&str>); 16] = [
        ("030 901820", Some("+4930901820")),
        ("(030) 90 18-20", Some("+4930901820")),
        ("030/901820", Some("+4930901820")),
        ("+49 30 901820", Some("+4930901820")),
        ("+49 (0)30 901820", Some("+4930901820")),
        ("0049-30-901820", Some("+4930901820")),
        ("+1 (212) 555-0123", Some("+12125550123")),
        (" tel:+442071838750 ", Some("+442071838750")),
        ("0\u{a0}30\u{2013}901820", Some("+4930901820")),
        ("", None),
        ("+", None),
        ("12345", Some("+4912345")),
        ("1234", None),
        ("030 901820 ext. 5", None),
        ("+0 30 901820", None),
        ("+49 1234 5678 9012 3456", None),
    ];

    #[test]
    fn numbers_become_e164_in_the_configured_country() {
        let inputs = IN_GERMANY.map(|case| case.0);
        for country in ["49", "+49"] {
            let config = json!({"country": country, "invalid": "null"});
            let ran = call::<phone>().arg(inputs).config(config).run();
            assert_eq!(ran.values::<String>(), IN_GERMANY.map(|case| case.1.map(str::to_owned)));
        }
        let ran = call::<phone>().arg(inputs).config(json!({"country": "49"})).run();
        let invalid: Vec<_> = IN_GERMANY
            .iter()
            .enumerate()
            .filter(|(_, case)| case.1.is_none())
            .map(|(row, _)| (row as u32, "invalid-phone"))
            .collect();
        assert_eq!(ran.error_codes(), invalid);
    }

    #[test]
    fn without_a_country_only_international_numbers_are_valid() {
        let ran = call::<phone>().arg([Some("030 901820"), Some("+4930901820"), None]).run();
        assert_eq!(ran.error_codes(), [(0, "invalid-phone")]);
        assert_eq!(ran.values::<String>()[1..], [Some("+4930901820".to_owned()), None]);
    }

    #[test]
    fn the_trunk_digit_is_configurable_and_invalid_ones_can_stay() {
        let italy = json!({"country": "39", "trunk": ""});
        let ran = call::<phone>().arg(["06 698 12345"]).config(italy).run();
        assert_eq!(ran.values::<String>(), [Some("+390669812345".to_owned())]);
        let ran = call::<phone>().arg([" n/a "]).config(json!({"invalid": "keep"})).run();
        assert_eq!(ran.values::<String>(), [Some("n/a".to_owned())]);
    }
}
