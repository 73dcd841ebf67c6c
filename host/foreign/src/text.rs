//! Text that a terminal or a log shows as it is: one line, no controls.
//!
//! A terminal obeys escape sequences, a log reader trusts line ends, and a bidirectional control
//! makes text read as something else than what it is. A component, a server or a file can put all of
//! these into a name or a message. What is printed of them has each such character as its escape
//! (`\n`, `\u{1b}`), as Rust source would spell it.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// The longest text that [`line()`] shows. A panic's message with its place fits many times over; a
/// log collector's usual limit for a line is 16 KiB, and an escaped character takes up to ten bytes.
pub const LINE_CHARS_MAX: usize = 4096;

/// Shows a foreign text on one line, without controls.
///
/// ```
/// use rowmill_foreign::Printable;
/// assert_eq!(Printable("a\u{1b}[2Jb\n").to_string(), r"a\u{1b}[2Jb\n");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut clean = 0;
        for (at, c) in self.0.char_indices().filter(|(_, c)| is_control(*c)) {
            f.write_str(&self.0[clean..at])?;
            write!(f, "{}", c.escape_default())?;
            clean = at + c.len_utf8();
        }
        f.write_str(&self.0[clean..])
    }
}

/// The text as [`Printable`] shows it, cut after [`LINE_CHARS_MAX`] characters with a word about how
/// much is missing.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    let kept = match text.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => &text[..end],
        None if text.chars().any(is_control) => text,
        None => return Cow::Borrowed(text),
    };
    let mut shown = Printable(kept).to_string();
    if kept.len() < text.len() {
        let _ = write!(shown, "… ({} more bytes)", text.len() - kept.len());
    }
    Cow::Owned(shown)
}

/// Characters that act on what shows the text rather than being shown: C0, DEL and C1, line and
/// paragraph separators, the controls of the bidirectional algorithm (Unicode Annex 9), and
/// those that are invisible altogether.
#[must_use]
pub fn is_control(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
        | '\u{2028}' | '\u{2029}'
        | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_is_left() {
        let every: String = ('\0'..='\u{10ffff}').filter(|c| c.is_control() || is_control(*c)).collect();
        let shown = Printable(&every).to_string();
        assert!(!shown.chars().any(|c| c.is_control() || is_control(c)), "{shown}");
        assert_eq!(Printable("\r\n\t\u{1b}[31m\u{9b}0m\u{202e}x").to_string(), r"\r\n\t\u{1b}[31m\u{9b}0m\u{202e}x");
    }

    #[test]
    fn what_can_be_read_stays_as_it_is() {
        for text in ["", "Grüße, мир, 世界 🎉", "it's \"quoted\" \\ back", "e\u{301} \u{200d}"] {
            assert_eq!(Printable(text).to_string(), text);
            assert!(matches!(line(text), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let shown = line(&"ü".repeat(LINE_CHARS_MAX + 3)).into_owned();
        assert_eq!(shown, format!("{}… (6 more bytes)", "ü".repeat(LINE_CHARS_MAX)));
    }
}
