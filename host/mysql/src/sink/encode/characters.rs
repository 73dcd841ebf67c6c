//! What a text column holds: so many characters, of those that its character set has.

/// What a text column holds.
#[derive(Debug, Clone)]
pub(in super::super) struct Text {
    pub(in super::super) chars: u64,
    /// Of UTF-8, where the column's are those.
    pub(in super::super) bytes: u64,
    /// Of UTF-16, two bytes each, where the column's are those.
    pub(in super::super) units: u64,
    pub(in super::super) repertoire: Repertoire,
    /// CHAR: trailing spaces are taken for padding.
    pub(in super::super) fixed: bool,
}

/// The characters that a character set has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Repertoire {
    /// All, or which ones is known to the server only.
    All,
    /// Those of up to three bytes in UTF-8.
    Bmp,
    /// MySQL's latin1, which is cp1252 with C1 controls in its holes.
    Latin1,
    Ascii,
}

impl Repertoire {
    pub(super) fn has(self, c: char) -> bool {
        match self {
            Repertoire::All => true,
            Repertoire::Bmp => u32::from(c) <= 0xffff,
            Repertoire::Ascii => c.is_ascii(),
            Repertoire::Latin1 => {
                matches!(c, '\0'..='\x7f' | '\u{a0}'..='\u{ff}' | '\u{81}' | '\u{8d}' | '\u{8f}' | '\u{90}' | '\u{9d}')
                    || "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ".contains(c)
            }
        }
    }
}

impl Text {
    #[inline]
    pub(super) fn check(&self, value: &str) -> Result<(), String> {
        let length = value.len() as u64;
        // A text never has more characters than bytes.
        if length > self.chars && value.chars().count() as u64 > self.chars {
            return Err(format!("has {} characters, and the column holds {}", value.chars().count(), self.chars));
        }
        if length > self.bytes {
            return Err(format!("has {length} bytes, and the column holds {}", self.bytes));
        }
        // Nor has it more units of UTF-16.
        if length > self.units {
            let units = value.encode_utf16().count() as u64;
            if units > self.units {
                return Err(format!("has {} bytes of UTF-16, and the column holds {}", 2 * units, 2 * self.units));
            }
        }
        if self.fixed && value.ends_with(' ') {
            return Err("ends with a space, which CHAR does not keep".to_owned());
        }
        if self.repertoire != Repertoire::All
            && let Some(c) = value.chars().find(|&c| !self.repertoire.has(c))
        {
            return Err(format!("has the character {}, which the column's character set lacks", c.escape_unicode()));
        }
        Ok(())
    }
}
