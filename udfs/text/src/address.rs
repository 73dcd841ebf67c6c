//! E-mail addresses.

use crate::Invalid;
use rowmill_sdk::{RowError, Text, config, scalar};

/// What `email` does with details of an address.
#[config]
#[derive(Clone, Debug)]
pub struct EmailConfig {
    /// What happens to an invalid address: error (default), null or keep.
    #[default("error")]
    pub invalid: Invalid,
    /// Also writes the part before the `@` in lower case. Strictly it may differ by case; in
    /// practice no provider tells the two apart.
    #[default(true)]
    pub lower_local: bool,
    /// Cuts a tag such as `+shop` from the part before the `@`.
    #[default(false)]
    pub drop_tag: bool,
}

/// The e-mail address in its normal form: trimmed, in lower case, without `mailto:` and `<>`.
///
/// Valid is what mail servers accept in practice, not all that RFC 5322 allows: one `@`; before
/// it 1 to 64 characters without spaces, quotes or brackets and without a dot at an end or two in
/// a row; after it a domain of at least two labels of letters, digits and inner hyphens (letters
/// of any script), at most 255 bytes. NULL gives NULL. An invalid address is a row error with the
/// code `invalid-email`, or by configuration NULL or kept.
#[scalar(like = address)]
pub fn email(#[config] config: &EmailConfig, address: &str, out: &mut Text) -> Result<Option<()>, RowError> {
    let trimmed = address.trim();
    let bare = strip(trimmed);
    let Some((local, domain)) = parts(bare) else {
        return match config.invalid {
            Invalid::Null => Ok(None),
            Invalid::Keep => {
                out.push_str(trimmed);
                Ok(Some(()))
            }
            Invalid::Error => Err(RowError::new(
                "invalid-email",
                format!("found {address:?}, needed an e-mail address such as name@example.org"),
            )),
        };
    };
    let local = match local.split_once('+') {
        Some((untagged, _)) if config.drop_tag && !untagged.is_empty() => untagged,
        _ => local,
    };
    match config.lower_local {
        true => out.push_lowercase(local),
        false => out.push_str(local),
    }
    out.push('@');
    out.push_lowercase(domain);
    Ok(Some(()))
}

/// Without `mailto:` and angle brackets.
fn strip(text: &str) -> &str {
    let text = match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => text[7..].trim_start(),
        _ => text,
    };
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    inner.unwrap_or(text).trim()
}

/// Local part and domain of a valid address. A dot at the domain's end is cut.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (local, domain) = text.split_once('@')?;
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "()<>[],;:\\\"".contains(c);
    let local_fits = (1..=64).contains(&local.chars().count())
        && !local.contains(forbidden)
        && local.split('.').all(|piece| !piece.is_empty());
    let label_fits = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let domain_fits = domain.len() <= 255
        && domain.contains('.')
        && domain.split('.').all(label_fits)
        && !domain.ends_with(|c: char| c.is_ascii_digit());
    (local_fits && domain_fits).then_some((local, domain))
}

#[cfg(test)]
mod tests {
    use super::email;
    use rowmill_sdk::serde_json::json;
    use rowmill_sdk::test::call;

    const VALID: [(&str, &str); 7] = [
        ("Ann@Example.ORG", "ann@example.org"),
        ("  <ann@example.org> ", "ann@example.org"),
        ("MAILTO:ann@example.org", "ann@example.org"),
        ("a.b+shop@mail.example.co.uk.", "a.b+shop@mail.example.co.uk"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("jörg@müller.de", "jörg@müller.de"),
        ("x_1-2@a-b.io", "x_1-2@a-b.io"),
    ];

    const INVALID: [&str; 14] = [
        "",
        " ",
        "ann",
        "ann@",
        "@example.org",
        "ann@example",
        "a b@example.org",
        "a@b@example.org",
        "ann@-example.org",
        "ann@example..org",
        ".ann@example.org",
        "ann.@example.org",
        "ann@example.org, bob@example.org",
        "ann@10.0.0.1",
    ];

    #[test]
    fn valid_addresses_get_their_normal_form() {
        let ran = call::<email>().arg(VALID.map(|case| case.0)).run();
        let expected = VALID.map(|case| Some(case.1.to_owned()));
        assert_eq!(ran.values::<String>(), expected);
        assert!(ran.errors.is_empty());
    }

    #[test]
    fn invalid_addresses_err_or_become_null_or_stay() {
        let ran = call::<email>().arg(INVALID).run();
        let codes: Vec<_> = (0..INVALID.len() as u32).map(|row| (row, "invalid-email")).collect();
        assert_eq!(ran.error_codes(), codes);
        assert_eq!(ran.errors[2].message, "found \"ann\", needed an e-mail address such as name@example.org");

        let ran = call::<email>().arg(INVALID).config(json!({"invalid": "null"})).run();
        assert_eq!(ran.values::<String>(), vec![None; INVALID.len()]);
        let ran = call::<email>().arg(INVALID).config(json!({"invalid": "keep"})).run();
        assert_eq!(ran.values::<String>(), INVALID.map(|text| Some(text.trim().to_owned())));
    }

    #[test]
    fn null_gives_null() {
        let ran = call::<email>().arg([None, Some("a@b.de")]).run();
        assert_eq!(ran.values::<String>(), [None, Some("a@b.de".to_owned())]);
    }

    #[test]
    fn options_change_the_local_part() {
        let config = json!({"lower_local": false, "drop_tag": true});
        let ran = call::<email>().arg(["Ann+Shop@Example.org", "+x@example.org"]).config(config).run();
        let expected = ["Ann@example.org", "+x@example.org"].map(|text| Some(text.to_owned()));
        assert_eq!(ran.values::<String>(), expected);
    }

    #[test]
    fn mistakes_in_the_configuration_name_the_key() {
        let refused = |config| call::<email>().arg(["a"]).config(config).bind_error().to_string();
        let message = refused(json!({"invalid": "drop"}));
        assert!(message.starts_with("config `invalid`: unknown variant `drop`"), "{message}");
        let message = refused(json!({"invald": "null"}));
        assert!(message.starts_with("config `invald`: unknown field `invald`"), "{message}");
    }
}
