//! Comparing and searching under a collation.

use std::cmp::Ordering;

use crate::weights::{Weights, space, weights};

/// How texts compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub(crate) alphabet: Alphabet,
    pub(crate) pad: bool,
}

/// Where the weights of characters come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// The characters themselves.
    Exact,
    General,
    Swedish,
    Unicode,
    Uca9,
}

impl Rule {
    /// Bytes, nothing else.
    pub const BYTES: Rule = Rule { alphabet: Alphabet::Exact, pad: false };

    /// Whether equal texts are equal bytes and order is that of bytes.
    pub fn is_bytes(self) -> bool {
        self == Self::BYTES
    }

    /// Without the padding, as LIKE and searching compare.
    pub fn unpadded(self) -> Rule {
        Rule { pad: false, ..self }
    }

    /// The order of two texts.
    pub fn compare(self, a: &str, b: &str) -> Ordering {
        if self.alphabet == Alphabet::Exact {
            return if self.pad { padded(a.as_bytes(), b.as_bytes()) } else { a.cmp(b) };
        }
        let (mut left, mut right) = (Weights::new(self.alphabet, a), Weights::new(self.alphabet, b));
        let space = space(self.alphabet);
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
    pub fn same(self, a: char, b: char) -> bool {
        a == b || (self.alphabet != Alphabet::Exact && weights(a, self.alphabet) == weights(b, self.alphabet))
    }

    /// The byte where `part` is first found in `text`.
    pub fn find(self, text: &str, part: &str) -> Option<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Collation;

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
    }

    #[test]
    fn a_part_is_found_whatever_its_case() {
        let rule = Collation::named("utf8mb4_general_ci").rule().unwrap();
        assert_eq!(rule.find("Süden", "UD"), Some(1));
        assert_eq!(rule.find("Süden", ""), Some(0));
        assert_eq!(rule.find("Süden", "n "), None);
        assert_eq!(Rule::BYTES.find("Süden", "UD"), None);
    }
}
