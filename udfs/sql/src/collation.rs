//! Comparing texts by MySQL's collations.
//!
//! Exact: `binary`, everything named `…_bin`, and texts whose collation nobody stated. By weight:
//! `utf8mb4_0900_ai_ci`, `…_unicode_ci`, `…_general_ci`, `latin1_swedish_ci`, and MariaDB's `uca1400_ai_ci` (with the
//! weights of 0900, whose order is the same for the letters below but for letters new in Unicode 14).
//!
//! The weights are MySQL's own, read with WEIGHT_STRING, for U+0000–U+052F (Latin, Greek, Cyrillic), U+1E00–U+1FFF and
//! the general punctuation up to U+206F. **The extent ends there**: other characters (Hangul, kana, CJK, emoji, …) are
//! told apart by code point and come after all others; at most two weights of a character are kept (17 characters such
//! as ½ and ŉ have three); contractions are not known. `src/weights.bin` has a record of six little-endian 16-bit
//! numbers for each of these characters: general, swedish, two of unicode, two of 0900; 0 means ignored.
//!
//! Older collations pad the shorter text with spaces (`'a' = 'a '`); 0900, `nopad` and `binary` do not. `utf8mb4_bin`
//! does, which surprises, but is what the server does.

use std::cmp::Ordering;

const WEIGHTS: &[u8] = include_bytes!("weights.bin");
const LOW_END: u32 = 0x530;
const HIGH_START: u32 = 0x1E00;
const HIGH_END: u32 = 0x2070;
/// Above every weight of the table.
const IMPLICIT: u32 = 0x1_0000;

/// How firmly a text's collation is meant: COLLATE, then a column's, then a literal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    Explicit,
    Implicit,
    Coercible,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Collation {
    name: Option<String>,
    rule: Option<Rule>,
}

/// How texts compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    alphabet: Alphabet,
    pad: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Exact,
    General,
    Swedish,
    Unicode,
    Uca9,
}

impl Collation {
    /// Of a column that states none: texts compare by their bytes.
    pub(crate) fn unknown() -> Self {
        Self { name: None, rule: Some(Rule { alphabet: Alphabet::Exact, pad: false }) }
    }

    /// Of a literal: the default of MySQL's connections.
    pub(crate) fn literal() -> Self {
        Self { name: None, rule: Some(Rule { alphabet: Alphabet::Uca9, pad: false }) }
    }

    /// Of texts with several collations together: good for anything but comparing.
    pub(crate) fn mixed() -> Self {
        Self { name: None, rule: None }
    }

    pub(crate) fn named(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let pad = !lower.contains("_nopad_") && !lower.contains("_0900_");
        let family = ["utf8mb4_", "utf8mb3_", "utf8_", "ucs2_", "utf16_", "utf32_", "ascii_"]
            .iter()
            .find_map(|charset| lower.strip_prefix(charset));
        let alphabet = if lower == "binary" || lower.ends_with("_bin") {
            Some(Alphabet::Exact)
        } else if matches!(lower.as_str(), "latin1_swedish_ci" | "latin1_swedish_nopad_ci") {
            Some(Alphabet::Swedish)
        } else {
            match family.unwrap_or(&lower) {
                "general_ci" | "general_nopad_ci" => Some(Alphabet::General),
                "unicode_ci" | "unicode_nopad_ci" => Some(Alphabet::Unicode),
                "0900_ai_ci" | "uca1400_ai_ci" | "uca1400_nopad_ai_ci" => Some(Alphabet::Uca9),
                _ => None,
            }
        };
        let pad = pad && lower != "binary";
        Self { name: Some(name.to_owned()), rule: alphabet.map(|alphabet| Rule { alphabet, pad }) }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How to compare, or why that is not possible here.
    pub(crate) fn rule(&self) -> Result<Rule, String> {
        self.rule.ok_or_else(|| {
            format!(
                "the collation {} is not supported in comparisons; write `COLLATE utf8mb4_bin` after one side, or \
                 CAST(… AS BINARY)",
                self.name().unwrap_or("of this text")
            )
        })
    }

    fn charset(&self) -> &str {
        let name = self.name().unwrap_or("");
        name.split('_').next().unwrap_or(name)
    }
}

/// The collation of two texts together, as MySQL decides it.
pub(crate) fn agree(a: (&Collation, Strength), b: (&Collation, Strength)) -> Result<(Collation, Strength), String> {
    let is_exact = |c: &Collation| c.rule.is_some_and(|r| r.alphabet == Alphabet::Exact);
    let winner = match a.1.cmp(&b.1) {
        Ordering::Less => a,
        Ordering::Greater => b,
        Ordering::Equal if a.0 == b.0 || a.0.name == b.0.name => a,
        Ordering::Equal if a.1 == Strength::Coercible => {
            if a.0.name.is_some() {
                a
            } else {
                b
            }
        }
        Ordering::Equal if a.1 == Strength::Implicit && is_exact(a.0) && !is_exact(b.0) => a,
        Ordering::Equal if a.1 == Strength::Implicit && is_exact(b.0) && !is_exact(a.0) => b,
        Ordering::Equal if a.1 == Strength::Implicit && is_exact(b.0) => a,
        Ordering::Equal
            if a.1 == Strength::Implicit && a.0.charset() != b.0.charset() && a.0.charset() == "utf8mb4" =>
        {
            a
        }
        Ordering::Equal
            if a.1 == Strength::Implicit && a.0.charset() != b.0.charset() && b.0.charset() == "utf8mb4" =>
        {
            b
        }
        Ordering::Equal => {
            return Err(format!(
                "the collations {} and {} don't go together; write COLLATE and the wanted one after one side",
                a.0.name().unwrap_or("binary"),
                b.0.name().unwrap_or("binary")
            ));
        }
    };
    Ok((winner.0.clone(), winner.1))
}

impl Rule {
    /// Bytes, nothing else.
    pub(crate) const BYTES: Rule = Rule { alphabet: Alphabet::Exact, pad: false };

    /// Whether equal texts are equal bytes and order is that of bytes.
    pub(crate) fn is_bytes(self) -> bool {
        self == Self::BYTES
    }

    /// Without the padding, as LIKE and searching compare.
    pub(crate) fn unpadded(self) -> Rule {
        Rule { pad: false, ..self }
    }

    pub(crate) fn compare(self, a: &str, b: &str) -> Ordering {
        if self.alphabet == Alphabet::Exact {
            return if self.pad { padded(a.as_bytes(), b.as_bytes()) } else { a.cmp(b) };
        }
        let (mut left, mut right) = (Weights::new(self, a), Weights::new(self, b));
        let space = u32::from(weight(' ' as u32, self.alphabet).0);
        loop {
            match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (Some(x), Some(y)) if x == y => {}
                (Some(x), Some(y)) => return x.cmp(&y),
                (Some(x), None) if self.pad => {
                    if x != space {
                        return x.cmp(&space);
                    }
                }
                (None, Some(y)) if self.pad => {
                    if y != space {
                        return space.cmp(&y);
                    }
                }
                (Some(_), None) => return Ordering::Greater,
                (None, Some(_)) => return Ordering::Less,
            }
        }
    }

    /// Whether two characters count as the same one.
    pub(crate) fn same(self, a: char, b: char) -> bool {
        a == b || (self.alphabet != Alphabet::Exact && weights(a, self.alphabet) == weights(b, self.alphabet))
    }

    /// The byte where `part` is first found in `text`.
    pub(crate) fn find(self, text: &str, part: &str) -> Option<usize> {
        if self.alphabet == Alphabet::Exact {
            return text.find(part);
        }
        if part.is_empty() {
            return Some(0);
        }
        text.char_indices().map(|(at, _)| at).find(|&at| {
            let mut rest = text[at..].chars();
            part.chars().all(|p| rest.next().is_some_and(|c| self.same(c, p)))
        })
    }
}

fn padded(a: &[u8], b: &[u8]) -> Ordering {
    let common = a.len().min(b.len());
    match a[..common].cmp(&b[..common]) {
        Ordering::Equal => {}
        other => return other,
    }
    if let Some(byte) = a[common..].iter().find(|byte| **byte != b' ') {
        return byte.cmp(&b' ');
    }
    if let Some(byte) = b[common..].iter().find(|byte| **byte != b' ') {
        return b' '.cmp(byte);
    }
    Ordering::Equal
}

/// The weights of a text, one after the other.
struct Weights<'a> {
    chars: std::str::Chars<'a>,
    alphabet: Alphabet,
    second: u32,
}

impl<'a> Weights<'a> {
    fn new(rule: Rule, text: &'a str) -> Self {
        Self { chars: text.chars(), alphabet: rule.alphabet, second: 0 }
    }
}

impl Iterator for Weights<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.second != 0 {
            return Some(std::mem::take(&mut self.second));
        }
        loop {
            let (first, second) = weights(self.chars.next()?, self.alphabet);
            if first != 0 {
                self.second = second;
                return Some(first);
            }
        }
    }
}

#[inline]
fn weights(c: char, alphabet: Alphabet) -> (u32, u32) {
    let code = c as u32;
    if code < LOW_END || (HIGH_START..HIGH_END).contains(&code) {
        let (first, second) = weight(code, alphabet);
        return (u32::from(first), u32::from(second));
    }
    match alphabet {
        Alphabet::General if code > 0xFFFF => (0xFFFD, 0),
        Alphabet::General | Alphabet::Swedish => (code, 0),
        _ => (IMPLICIT + code, 0),
    }
}

#[inline]
fn weight(code: u32, alphabet: Alphabet) -> (u16, u16) {
    let index = if code < LOW_END { code } else { code - HIGH_START + LOW_END } as usize;
    let number = |column: usize| {
        let at = index * 12 + column * 2;
        u16::from_le_bytes([WEIGHTS[at], WEIGHTS[at + 1]])
    };
    match alphabet {
        Alphabet::General | Alphabet::Exact => (number(0), 0),
        Alphabet::Swedish => (number(1), 0),
        Alphabet::Unicode => (number(2), number(3)),
        Alphabet::Uca9 => (number(4), number(5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_compare_as_their_collation_says() {
        use Ordering::{Equal, Greater, Less};
        for (name, a, b, order) in [
            ("utf8mb4_0900_ai_ci", "Müller", "MULLER", Equal),
            ("utf8mb4_0900_ai_ci", "straße", "STRASSE", Equal),
            ("utf8mb4_0900_ai_ci", "a", "a ", Less),
            ("utf8mb4_0900_ai_ci", "_a", "a", Less),
            ("utf8mb4_general_ci", "straße", "STRASE", Equal),
            ("utf8mb4_general_ci", "é", "E", Equal),
            ("utf8mb4_general_ci", "_a", "a", Greater),
            ("utf8mb4_general_ci", "a", "a  ", Equal),
            ("latin1_swedish_ci", "ü", "Y", Equal),
            ("latin1_swedish_ci", "ö", "z", Greater),
            ("utf8mb4_unicode_ci", "ñ", "N", Equal),
            ("utf8mb4_bin", "a", "a ", Equal),
            ("utf8mb4_bin", "a", "A", Greater),
            ("utf8mb4_0900_bin", "a", "a ", Less),
            ("binary", "é", "e", Greater),
        ] {
            assert_eq!(Collation::named(name).rule().unwrap().compare(a, b), order, "{name}: {a} {b}");
        }
        assert!(Collation::named("utf8mb4_ja_0900_as_cs").rule().is_err());
    }
}
