//! Byte strings that are equal, and ordered, as their texts are.
//!
//! Weights are written one after the other in one, two or four bytes, the larger ones in more and
//! with larger first bytes, so that bytes order as weights do and no code begins another.
//!
//! Padding compares a text as if spaces without end followed it. So what decides about a space
//! is what comes after its run of spaces: something lighter than a space, the end, or something
//! heavier. A key has three codes for a space, in this order, in the place of the one; the run at
//! the end, empty or not, is the middle one, once. Every heavier weight makes room by moving up
//! by two.

use crate::rule::{Alphabet, Rule};
use crate::weights::{Weights, space};

/// What the codes for a space add to its weight.
const BEFORE_LIGHTER: u32 = 0;
const AT_THE_END: u32 = 1;
const BEFORE_HEAVIER: u32 = 2;

impl Rule {
    /// Appends the text's key: keys are equal where the texts are under [`Rule::compare`], and
    /// order byte by byte as the texts do. A key can be the beginning of another one.
    pub fn key(self, text: &str, out: &mut Vec<u8>) {
        match (self.alphabet, self.pad) {
            (Alphabet::Exact, false) => out.extend_from_slice(text.as_bytes()),
            (Alphabet::Exact, true) => exact(text, out),
            (alphabet, false) => Weights::new(alphabet, text).for_each(|weight| put(weight, out)),
            (alphabet, true) => {
                out.reserve(2 * text.len() + 2);
                padded(Weights::new(alphabet, text), space(alphabet), put, out);
            }
        }
    }
}

/// Characters are their UTF-8 bytes, of which 0xF4 is the last: a code is one byte.
fn exact(text: &str, out: &mut Vec<u8>) {
    let space = b' ';
    let text = text.trim_end_matches(' ').as_bytes();
    out.reserve(text.len() + 1);
    if text.iter().all(|byte| *byte > space) {
        out.extend(text.iter().map(|byte| byte + 2));
        out.push(space + 1);
        return;
    }
    let put = |code: u32, out: &mut Vec<u8>| out.push(code as u8);
    padded(text.iter().map(|byte| u32::from(*byte)), u32::from(space), put, out);
}

fn padded(weights: impl Iterator<Item = u32>, space: u32, put: impl Fn(u32, &mut Vec<u8>), out: &mut Vec<u8>) {
    let mut spaces = 0;
    for weight in weights {
        if weight == space {
            spaces += 1;
            continue;
        }
        let lighter = weight < space;
        for _ in 0..std::mem::take(&mut spaces) {
            put(space + if lighter { BEFORE_LIGHTER } else { BEFORE_HEAVIER }, out);
        }
        put(if lighter { weight } else { weight + BEFORE_HEAVIER }, out);
    }
    put(space + AT_THE_END, out);
}

#[inline]
fn put(code: u32, out: &mut Vec<u8>) {
    match code.to_be_bytes() {
        [0, 0, 0, low @ ..0x80] => out.push(low),
        [0, 0, high @ ..0x7F, low] => out.extend_from_slice(&[0x80 | high, low]),
        [_, rest @ ..] => {
            out.push(0xFF);
            out.extend_from_slice(&rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::Collation;

    const NAMES: [&str; 12] = [
        "binary",
        "utf8mb4_bin",
        "utf8mb4_0900_bin",
        "utf8mb4_0900_ai_ci",
        "utf8mb4_general_ci",
        "utf8mb4_general_nopad_ci",
        "utf8mb4_unicode_ci",
        "utf8mb4_unicode_nopad_ci",
        "latin1_swedish_ci",
        "latin1_swedish_nopad_ci",
        "utf8mb4_uca1400_ai_ci",
        "utf8mb4_uca1400_nopad_ai_ci",
    ];

    fn key(name: &str, text: &str) -> Vec<u8> {
        let mut key = Vec::new();
        Collation::named(name).rule().unwrap().key(text, &mut key);
        key
    }

    #[track_caller]
    fn ensure_same_order(a: &str, b: &str) {
        for name in NAMES {
            let expected = Collation::named(name).rule().unwrap().compare(a, b);
            assert_eq!(key(name, a).cmp(&key(name, b)), expected, "{name}: {a:?} {b:?}");
        }
    }

    /// Few enough to meet often: spaces, what is lighter, equal and heavier, ignored and double
    /// weights, and both sides of each border of the table and of the codes.
    fn letters() -> impl Strategy<Value = char> {
        prop_oneof![
            4 => Just(' '),
            4 => prop::sample::select(vec!['a', 'A', 'b', 'ä', 'Z', '0', '9', '_', '~', '}']),
            2 => prop::sample::select(vec!['\0', '\t', '\u{1f}', '!', '\u{a0}', '\u{ad}', '\u{2003}', '\u{200d}']),
            2 => prop::sample::select(vec!['ß', 'æ', 'ĳ', '½', 'ѐ', 'ﬁ', '\u{52f}', '\u{530}', '\u{1dff}', '\u{1e00}']),
            2 => prop::sample::select(vec!['\u{206f}', '\u{2070}', '\u{7eff}', '\u{7f00}', '\u{fffd}', '\u{ffff}', '\u{10000}', '\u{10ffff}']),
            1 => any::<char>(),
        ]
    }

    fn texts() -> impl Strategy<Value = String> {
        prop::collection::vec(letters(), 0..6).prop_map(String::from_iter)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn keys_order_as_their_texts(a in texts(), b in texts()) {
            ensure_same_order(&a, &b);
        }

        #[test]
        fn keys_order_as_their_texts_behind_a_common_beginning(start in texts(), a in texts(), b in texts()) {
            ensure_same_order(&(start.clone() + &a), &(start + &b));
        }
    }

    #[test]
    fn keys_of_single_characters_order_as_these() {
        let chars = (0..0x3000).chain(0x7E00..0x8000).chain(0xFEF0..0x1_0010).filter_map(char::from_u32);
        for pair in chars.collect::<Vec<_>>().windows(2) {
            ensure_same_order(&pair[0].to_string(), &pair[1].to_string());
            ensure_same_order(&pair[0].to_string(), " ");
        }
    }

    #[test]
    fn a_key_is_short() {
        assert_eq!(key("utf8mb4_bin", "order 4711  ").len(), 11);
        assert_eq!(key("utf8mb4_general_ci", "order 4711  ").len(), 11);
        assert_eq!(key("utf8mb4_0900_ai_ci", "order 4711").len(), 20);
    }
}
