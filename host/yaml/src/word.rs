//! What a scalar is besides text, and what to call a node in a message.

use super::tree::{Data, Node};
use rowmill_plan::Secret;

/// What a plain scalar can be besides text (YAML 1.2, core schema).
pub(super) enum Word {
    Null,
    Boolean(bool),
    Number(serde_json::Number),
    NotFinite,
}

/// The value of a plain scalar that isn't text.
pub(super) fn word(text: &str) -> Option<Word> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Word::Null),
        "true" | "True" | "TRUE" => return Some(Word::Boolean(true)),
        "false" | "False" | "FALSE" => return Some(Word::Boolean(false)),
        ".nan" | ".NaN" | ".NAN" => return Some(Word::NotFinite),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(Word::NotFinite);
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).ok().map(|value| Word::Number(value.into()));
        }
    }
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if !numeric {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(value) = text.parse::<i64>() {
        return Some(Word::Number(value.into()));
    }
    if let Ok(value) = text.parse::<u64>() {
        return Some(Word::Number(value.into()));
    }
    match text.parse::<f64>() {
        Ok(value) => Some(serde_json::Number::from_f64(value).map_or(Word::NotFinite, Word::Number)),
        Err(_) => None,
    }
}

/// What a node is, for a message: `the number 5`, `the text "abc"`, `a list`.
pub(super) fn describe(node: &Node) -> String {
    match &node.data {
        Data::Sequence(_) => "a list".to_owned(),
        Data::Mapping(_) => "a mapping".to_owned(),
        Data::Scalar { value, .. } => match node.plain().and_then(word) {
            Some(Word::Null) => "nothing".to_owned(),
            Some(Word::Boolean(value)) => value.to_string(),
            Some(Word::Number(_) | Word::NotFinite) => format!("the number {value}"),
            None => {
                let shown = if value.contains("://") { Secret::new(value.as_str()).to_string() } else { value.clone() };
                let mut short: String = shown.chars().take(60).collect();
                if short.len() < shown.len() {
                    short.push('…');
                }
                format!("the text {short:?}")
            }
        },
    }
}
