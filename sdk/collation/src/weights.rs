//! The weights of characters.
//!
//! `weights.bin` has a record of six little-endian 16-bit numbers for each character of the
//! extent: general, swedish, two of unicode, two of 0900; 0 means ignored.

use crate::rule::Alphabet;

const WEIGHTS: &[u8] = include_bytes!("weights.bin");
const LOW_END: u32 = 0x530;
const HIGH_START: u32 = 0x1E00;
const HIGH_END: u32 = 0x2070;
/// Above every weight of the table.
const IMPLICIT: u32 = 0x1_0000;

/// ASCII has one weight per character in every alphabet: most texts never look further than here.
static ASCII: [[u16; 128]; 4] =
    [ascii(Alphabet::General), ascii(Alphabet::Swedish), ascii(Alphabet::Unicode), ascii(Alphabet::Uca9)];

const fn ascii(alphabet: Alphabet) -> [u16; 128] {
    let mut weights = [0; 128];
    let mut code = 0;
    while code < 128 {
        let (first, second) = weight(code as u32, alphabet);
        assert!(second == 0, "an ASCII character has two weights");
        weights[code] = first;
        code += 1;
    }
    weights
}

/// The weight of the character that the shorter text is padded with.
pub(crate) fn space(alphabet: Alphabet) -> u32 {
    u32::from(weight(u32::from(b' '), alphabet).0)
}

/// The weights of a text, one after the other.
pub(crate) struct Weights<'a> {
    chars: std::str::Chars<'a>,
    alphabet: Alphabet,
    ascii: &'static [u16; 128],
    second: u32,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(alphabet: Alphabet, text: &'a str) -> Self {
        let ascii = &ASCII[match alphabet {
            Alphabet::General | Alphabet::Exact => 0,
            Alphabet::Swedish => 1,
            Alphabet::Unicode => 2,
            Alphabet::Uca9 => 3,
        }];
        Self { chars: text.chars(), alphabet, ascii, second: 0 }
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
            let c = self.chars.next()?;
            let (first, second) = match self.ascii.get(c as usize) {
                Some(weight) => (u32::from(*weight), 0),
                None => weights(c, self.alphabet),
            };
            if first != 0 {
                self.second = second;
                return Some(first);
            }
        }
    }
}

#[inline]
pub(crate) fn weights(c: char, alphabet: Alphabet) -> (u32, u32) {
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

/// Of a character that is in the table.
#[inline]
const fn weight(code: u32, alphabet: Alphabet) -> (u16, u16) {
    let index = if code < LOW_END { code } else { code - HIGH_START + LOW_END } as usize;
    match alphabet {
        Alphabet::General | Alphabet::Exact => (number(index, 0), 0),
        Alphabet::Swedish => (number(index, 1), 0),
        Alphabet::Unicode => (number(index, 2), number(index, 3)),
        Alphabet::Uca9 => (number(index, 4), number(index, 5)),
    }
}

#[inline]
const fn number(index: usize, column: usize) -> u16 {
    let at = index * 12 + column * 2;
    u16::from_le_bytes([WEIGHTS[at], WEIGHTS[at + 1]])
}
