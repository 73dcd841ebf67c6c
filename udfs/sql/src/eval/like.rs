//! LIKE: `%` any characters, `_` one; compared character by character with the collation, without padding.

use std::sync::Arc;

use arrow_array::ArrayRef;

use crate::collation::Rule;
use crate::value::{Rows, Value, make_bits};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    One,
    Any,
    Char(char),
}

/// A pattern taken apart once.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    parts: Arc<[Part]>,
    rule: Rule,
}

impl Pattern {
    pub(crate) fn new(pattern: &str, escape: Option<char>, rule: Rule) -> Self {
        let mut parts = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            if Some(c) == escape {
                parts.push(Part::Char(chars.next().unwrap_or(c)));
            } else if c == '%' {
                if parts.last() != Some(&Part::Any) {
                    parts.push(Part::Any);
                }
            } else if c == '_' {
                parts.push(Part::One);
            } else {
                parts.push(Part::Char(c));
            }
        }
        Self { parts: parts.into(), rule: rule.unpadded() }
    }

    /// Goes back only to the last `%`, so the time is at most text × pattern.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let parts = &self.parts;
        let mut rest = text.chars();
        let mut at = 0;
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            if parts.get(at) == Some(&Part::Any) {
                at += 1;
                if at == parts.len() {
                    return true;
                }
                retry = Some((at, rest.clone()));
                continue;
            }
            let mut ahead = rest.clone();
            let next = ahead.next();
            let fits = match (parts.get(at), next) {
                (None, None) => return true,
                (Some(Part::One), Some(_)) => true,
                (Some(Part::Char(p)), Some(c)) => self.rule.same(*p, c),
                _ => false,
            };
            if fits {
                rest = ahead;
                at += 1;
                continue;
            }
            let Some((from, chars)) = &mut retry else { return false };
            if chars.next().is_none() {
                return false;
            }
            at = *from;
            rest = chars.clone();
        }
    }
}

/// A pattern that is the same for all rows.
pub(crate) fn constant(pattern: &Pattern, value: &Value, negated: bool, rows: &Rows) -> ArrayRef {
    let texts = value.texts();
    make_bits(rows.count, |row| texts.get(row).map(|text| pattern.matches(text) != negated))
}

/// A pattern of each row's own.
pub(crate) fn each(args: &[Value], escape: Option<char>, rule: Rule, negated: bool, rows: &Rows) -> ArrayRef {
    let (texts, patterns) = (args[0].texts(), args[1].texts());
    make_bits(rows.count, |row| {
        let pattern = Pattern::new(patterns.get(row)?, escape, rule);
        Some(pattern.matches(texts.get(row)?) != negated)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_mysql() {
        for (text, pattern, expected) in [
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "a_c", true),
            ("abc", "a_", false),
            ("a%c", r"a\%c", true),
            ("abc", r"a\%c", false),
            ("", "%", true),
            ("", "_", false),
            ("aXbXc", "a%X_", true),
            ("mississippi", "%iss%pi", true),
            ("é", "_", true),
        ] {
            assert_eq!(Pattern::new(pattern, Some('\\'), Rule::BYTES).matches(text), expected, "{text} {pattern}");
        }
    }
}
