//! Passwords in quoted lines of a file.

use std::ops::Range;

/// The text with passwords as asterisks, byte for byte, so that places stay right.
///
/// What can't be read as a file is quoted, too, and what is no URL may have been meant as one. So this goes
/// by the text alone and covers rather too much: in the value of a key `url` and in whatever follows a
/// `://`, all from the first colon to the last `@`, whatever stands between, and the options behind it; and
/// the value of a key that is called like a password, though the file has none.
pub(super) fn covered(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut lines = lines(text).peekable();
    while let Some(line) = lines.next() {
        let mut secrets: Vec<Range<usize>> = Vec::new();
        secrets.extend(password_value(&text[line.clone()]).map(|value| line.start + value..line.end));
        let mut whole = line.clone();
        let secret = match url_value(&text[line.clone()]) {
            Some(value) => {
                let (start, mut end) = (line.start + value, line.end);
                let inner = |next: &str| next.trim().is_empty() || indentation(next) > indentation(&text[line.clone()]);
                let mut quote = open_quote(&text[start..end]);
                // A value goes on up to its quote, and in lines that are further in than the one of its key.
                while let Some(next) = lines.next_if(|next| quote.is_some() || inner(&text[next.clone()])) {
                    quote = quote.filter(|quote| !has_quote(&text[next.clone()], *quote));
                    end = next.end;
                }
                whole.end = end;
                password(&text[start..end], true).map(|secret| start + secret.start..start + secret.end)
            }
            None => text[line.clone()].find("://").and_then(|at| {
                let start = line.start + at + "://".len();
                password(&text[start..line.end], false).map(|secret| start + secret.start..start + secret.end)
            }),
        };
        secrets.extend(secret);
        if text[whole.clone()].contains("url") || text[whole.clone()].contains("://") {
            let at = whole.start;
            secrets.extend(options(&text[whole]).map(|value| at + value.start..at + value.end));
        }
        for at in secrets.into_iter().flatten() {
            if !matches!(out[at], b'\n' | b'\r') {
                out[at] = b'*';
            }
        }
    }
    // Whole characters became asterisks.
    String::from_utf8(out).unwrap_or_default()
}

/// The places of the lines, with their ends.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some(start..*at)
    })
}

/// Bytes before what a line says; the dash of a list is no more than that.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t', '-']).len()
}

/// The quote that a value begins with, if it does not end in the same line.
fn open_quote(value: &str) -> Option<char> {
    let value = value.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    (!has_quote(&value[quote.len_utf8()..], quote)).then_some(quote)
}

/// Whether a quoted text ends here: at a quote that is not escaped.
fn has_quote(text: &str, quote: char) -> bool {
    if quote == '"' {
        text.replace("\\\\", "").replace("\\\"", "").contains(quote)
    } else {
        text.replace("''", "").contains(quote)
    }
}

/// Where the value of a key `url` begins in a line, after the colon.
fn url_value(line: &str) -> Option<usize> {
    line.match_indices("url").find_map(|(at, key)| {
        let first = line[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || "{,\"'-?\u{feff}".contains(c));
        let after = &line[at + key.len()..];
        let rest = after.strip_prefix(['"', '\'']).unwrap_or(after).trim_start_matches([' ', '\t']);
        (first && rest.starts_with(':')).then(|| line.len() - rest.len() + 1)
    })
}

/// Where the value of a key that is called like a password begins in a line, unless it is a reference.
fn password_value(line: &str) -> Option<usize> {
    const ENDINGS: [&str; 7] = ["password", "pasword", "passwort", "passwd", "pwd", "secret", "token"];
    line.match_indices(':').find_map(|(colon, _)| {
        let key = line[..colon].trim_end().trim_end_matches(['"', '\'']).to_ascii_lowercase();
        let value = line[colon + 1..].trim_start();
        let is_named = ENDINGS.iter().any(|ending| key.ends_with(ending));
        let text = value.split([' ', ',', '\r', '\n']).next().unwrap_or_default().trim_matches(['"', '\'']);
        (is_named && !value.is_empty() && !is_reference(text)).then(|| line.len() - value.len())
    })
}

/// The values of the options behind the `?` of an address, but for those that an address has.
fn options(value: &str) -> impl Iterator<Item = Range<usize>> {
    let query = value.find('?').map_or(value.len(), |at| at + 1);
    value[query..].match_indices('=').filter_map(move |(at, _)| {
        let start = query + at + 1;
        let name = value[..start - 1].rsplit(['?', '&']).next().unwrap_or_default();
        let end = value[start..].find(['&', '"', '\'', ' ', '\n', '\r']).map_or(value.len(), |end| start + end);
        let given = &value[start..end];
        const MODES: [&str; 5] = ["disabled", "preferred", "required", "verify-ca", "verify-identity"];
        let is_known = name == "ssl-ca" || (name == "ssl-mode" && MODES.contains(&given.to_ascii_lowercase().as_str()));
        (!is_known && !is_reference(given)).then_some(start..end)
    })
}

/// Where a password surely is within: from the first colon to the last `@`. `whole`: the value of a key, its
/// scheme included; without a scheme nobody knows where the password begins. A reference is none.
fn password(value: &str, whole: bool) -> Option<Range<usize>> {
    // In a text with escapes they stand for themselves.
    let end = ["@", "\\x40", "\\u0040", "\\U00000040"].iter().filter_map(|at| value.rfind(*at)).max()?;
    let indicators = |c: char| c.is_whitespace() || c.is_ascii_digit() || "\"'|>+-".contains(c);
    let is_scheme = |text: &str| {
        let of_scheme = |b: u8| b.is_ascii_alphabetic() || matches!(b, b'+' | b'.' | b'-');
        (1..=20).contains(&text.len()) && text.bytes().all(of_scheme)
    };
    let login = match value.split_once("://") {
        _ if !whole => Some(0),
        Some((before, _)) if is_scheme(before.trim_start_matches(indicators)) => Some(before.len() + "://".len()),
        _ => None,
    };
    let start = match login {
        Some(login) if login > end => return None,
        // An escape may be the colon.
        Some(login) if value[login..end].contains('\\') => login,
        Some(login) => login + value[login..end].find(':')? + 1,
        None => value.len() - value.trim_start_matches([' ', '\t', '"', '\'']).len(),
    };
    let secret = value.get(start..end)?;
    (!secret.is_empty() && (login.is_none() || !is_reference(secret))).then_some(start..end)
}

/// Whether it is exactly one `${NAME}` or `${file:path}`.
fn is_reference(text: &str) -> bool {
    let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else { return false };
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_path = |path: &str| !path.contains(|c: char| c.is_whitespace() || matches!(c, '$' | '{' | '}' | '"' | '\''));
    !name.is_empty() && (is_name(name) || name.strip_prefix("file:").is_some_and(is_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_may_be_a_password_is_covered() {
        for (line, expected) in [
            (
                r#"  url: "mysql://reader:it's-secret@127.0.0.1/shop""#,
                r#"  url: "mysql://reader:***********@127.0.0.1/shop""#,
            ),
            ("url: mysql://reader:a b\t\"c@d@h/shop", "url: mysql://reader:********@h/shop"),
            ("url: reader:hunter2@h/shop", "url: **************@h/shop"),
            ("url: mysql:/reader:hunter2@h/d", "url: *********************@h/d"),
            ("url: 'reader:://hunter2@h'", "url: '*****************@h'"),
            ("url: mysql://u:${PW}tail@h", "url: mysql://u:*********@h"),
            ("url: mysql://u:${A}${B}@h", "url: mysql://u:********@h"),
            ("url: mysql://u:$${PW}@h", "url: mysql://u:******@h"),
            ("url: mysql://${U}:pässé@h", "url: mysql://${U}:*******@h"),
            (r#"url: "mysql://u\x3ap\x40h""#, r#"url: "mysql://******\x40h""#),
            ("source: { url: mysql://u:p@h/d, tables: [t] }", "source: { url: mysql://u:*@h/d, tables: [t] }"),
            ("- 'url' : mysql://u:p@h", "- 'url' : mysql://u:*@h"),
            (
                "url: \"mysql://u@h/d?password=hunter2&ssl-ca=/ca\"",
                "url: \"mysql://u@h/d?password=*******&ssl-ca=/ca\"",
            ),
            ("url: jdbc:mysql://h/d?user=u&password=p", "url: jdbc:mysql://h/d?user=*&password=*"),
            ("a: mysql://u:p@h/d?ssl-mode=hunter2", "a: mysql://u:*@h/d?ssl-mode=*******"),
            ("  password: hunter2\n  x: y", "  password: *******\n  x: y"),
            ("source: { db-pasword: \"p\", tables: [t] }", "source: { db-pasword: ******************"),
            ("ulr: \"mysql://u:it's a@h\"", "ulr: \"mysql://u:******@h\""),
            ("  url: >-\n    mysql://u:p\r\n    q@h\n  x: a@b", "  url: >-\n    mysql://u:*\r\n*****@h\n  x: a@b"),
            (
                "{\n  url: \"mysql://u:p\\\"\n  q@h\", x: 1,\n  y: a@b }",
                "{\n  url: \"mysql://*****\n***@h\", x: 1,\n  y: a@b }",
            ),
        ] {
            assert_eq!(covered(line), expected, "{line}");
            assert_eq!(covered(line).len(), line.len(), "{line}");
        }
        for line in [
            "url: mysql://u:${PW}@h/d",
            "url: mysql://u:${file:./pw}@h/d",
            "url: ${SOURCE}",
            "url: mysql://u:${PW}@h/d?ssl-mode=verify-ca&ssl-ca=/etc/ca.pem",
            "url: mysql://u@h/d?password=${PW}",
            "password: ${PW}",
            "where: \"a = 1 ? b = 2\"",
            "url: mysql://writer@127.0.0.1:3307/mart",
            "url: mysql://127.0.0.1:3307/mart\ntables: [a@b]",
            "curl: a@b",
            "steps: [{ map: { x: \"a:@b\" } }]",
        ] {
            assert_eq!(covered(line), line);
        }
    }
}
