//! Where results of any length are written: [`Text`], [`Bytes`] and [`JsonText`].
//!
//! A function with such a parameter writes the row's value piece by piece, straight into the
//! result column, and returns `()`, `Option<()>` (`None` = NULL) or either in a `Result`. What a
//! row wrote before it turned out NULL or an error is taken back.

use crate::bitmap::Bitmap;
use crate::column::{Blobs, IntoColumn, JsonTexts, Texts};
use crate::contract::DataType;
use std::fmt;

/// Writes one value of bytes per row.
#[derive(Debug)]
pub struct Bytes {
    offsets: Vec<u8>,
    bytes: Vec<u8>,
    /// Where the current row begins in `bytes`.
    start: usize,
}

impl Bytes {
    /// Room for `rows` values of `bytes` bytes together.
    pub(crate) fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity((rows + 1) * 4);
        offsets.extend_from_slice(&[0; 4]);
        Self { offsets, bytes: Vec::with_capacity(bytes), start: 0 }
    }

    /// Appends to the row's value.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What the row's value is so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Forgets what was written for the row.
    pub fn clear(&mut self) {
        self.bytes.truncate(self.start);
    }

    /// Ends the row.
    ///
    /// # Panics
    /// When the column grows beyond 2 GiB, what its offsets can express.
    #[inline]
    pub(crate) fn end_row(&mut self) {
        self.start = self.bytes.len();
        assert!(self.start <= i32::MAX as usize, "a result column is larger than 2 GiB");
        self.offsets.extend_from_slice(&(self.start as u32).to_le_bytes());
    }

    /// Keeps the first `rows` rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.offsets.truncate((rows + 1) * 4);
        let last = self.offsets.last_chunk::<4>().map_or(0, |end| u32::from_le_bytes(*end) as usize);
        self.bytes.truncate(last);
        self.start = last;
    }

    pub(crate) fn into_blobs(self, validity: Option<Bitmap>) -> Blobs {
        Blobs::from_parts(self.offsets, self.bytes, validity)
    }
}

/// Writes one text per row; also through `write!`.
///
/// ```
/// use rowmill_sdk::{Text, scalar};
///
/// /// `name <mail>`
/// #[scalar]
/// fn address(name: &str, mail: &str, out: &mut Text) {
///     out.push_str(name.trim());
///     out.push_str(" <");
///     out.push_lowercase(mail);
///     out.push('>');
/// }
///
/// # use rowmill_sdk::test::call;
/// let ran = call::<address>().arg([" Ann"]).arg(["A@x.org"]).run();
/// assert_eq!(ran.values::<String>(), [Some("Ann <a@x.org>".to_owned())]);
/// ```
#[derive(Debug)]
pub struct Text {
    bytes: Bytes,
}

impl Text {
    pub(crate) fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self { bytes: Bytes::with_capacity(rows, bytes) }
    }

    /// Appends a text to the row's value.
    #[inline]
    pub fn push_str(&mut self, text: &str) {
        self.bytes.push(text.as_bytes());
    }

    /// Appends a character to the row's value.
    #[inline]
    pub fn push(&mut self, character: char) {
        if character.is_ascii() {
            self.bytes.bytes.push(character as u8);
        } else {
            self.push_str(character.encode_utf8(&mut [0; 4]));
        }
    }

    /// Appends a text in upper case, by Unicode's rules without a language (ß becomes SS).
    #[inline]
    pub fn push_uppercase(&mut self, text: &str) {
        let rest = self.push_ascii::<b'a'>(text);
        rest.chars().flat_map(char::to_uppercase).for_each(|c| self.push(c));
    }

    /// Appends a text in lower case, by Unicode's rules without a language, one character at a
    /// time (so a final Σ becomes σ, as in MySQL).
    #[inline]
    pub fn push_lowercase(&mut self, text: &str) {
        let rest = self.push_ascii::<b'A'>(text);
        rest.chars().flat_map(char::to_lowercase).for_each(|c| self.push(c));
    }

    /// Appends the ASCII characters that `text` begins with, the 26 letters from `FIRST` on turned
    /// to the other case, and returns the rest of the text.
    ///
    /// Eight bytes at a time. In a word of bytes below 0x80, adding 0x80 - c to each byte sets
    /// its top bit where it is c or above, and carries nothing into the next byte; so the letters
    /// are where the sum for `FIRST` has the bit and the one for the byte after the last letter
    /// has not. The cases of a letter differ in the bit 0x20, two below the top.
    #[inline]
    fn push_ascii<'t, const FIRST: u8>(&mut self, text: &'t str) -> &'t str {
        const TOP: u64 = u64::from_le_bytes([0x80; 8]);
        let (from, past) = (u64::from_le_bytes([0x80 - FIRST; 8]), u64::from_le_bytes([0x80 - FIRST - 26; 8]));
        let out = &mut self.bytes.bytes;
        let (words, _) = text.as_bytes().as_chunks::<8>();
        let mut done = 0;
        for word in words {
            let word = u64::from_le_bytes(*word);
            if word & TOP != 0 {
                break;
            }
            let letters = (word + from) & !(word + past) & TOP;
            out.extend_from_slice(&(word ^ letters >> 2).to_le_bytes());
            done += 8;
        }
        let rest = &text.as_bytes()[done..];
        let ascii = rest.iter().take_while(|byte| byte.is_ascii()).count();
        out.extend(rest[..ascii].iter().map(|byte| {
            let letter = byte.wrapping_sub(FIRST) < 26;
            byte ^ u8::from(letter) << 5
        }));
        &text[done + ascii..]
    }

    /// What the row's value is so far.
    pub fn as_str(&self) -> &str {
        // SAFETY: rows begin where a text ended, and only whole texts are appended.
        #[allow(unsafe_code)]
        unsafe {
            std::str::from_utf8_unchecked(self.bytes.as_slice())
        }
    }

    /// Forgets what was written for the row.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Cuts white space from the end of the row's value.
    pub fn trim_end(&mut self) {
        let kept = self.as_str().trim_end().len();
        self.bytes.bytes.truncate(self.bytes.start + kept);
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }

    fn write_char(&mut self, character: char) -> fmt::Result {
        self.push(character);
        Ok(())
    }
}

/// Writes one JSON document per row, as text or from a value.
#[derive(Debug)]
pub struct JsonText {
    text: Text,
}

impl JsonText {
    /// Appends a piece of JSON text; all pieces of a row must be one valid document.
    pub fn push_json(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends a value as JSON text.
    pub fn push_value(&mut self, value: &impl serde::Serialize) -> Result<(), crate::RowError> {
        serde_json::to_writer(&mut self.text.bytes.bytes, value)
            .map_err(|e| crate::RowError::new("json", format!("the value has no JSON form: {e}")))
    }

    /// What the row's document is so far.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }
}

/// What the adapters need of the three writers.
#[doc(hidden)]
pub trait Writer: Sized {
    type Column: IntoColumn;
    fn data_type() -> DataType {
        Self::Column::data_type()
    }
    fn with_capacity(rows: usize, bytes: usize) -> Self;
    fn clear(&mut self);
    fn end_row(&mut self);
    /// Ends the row with a value that is valid but means nothing.
    fn end_default(&mut self) {
        self.clear();
        self.end_row();
    }
    fn truncate(&mut self, rows: usize);
    fn finish(self, validity: Option<Bitmap>) -> Self::Column;
}

impl Writer for Bytes {
    type Column = Blobs;
    fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self::with_capacity(rows, bytes)
    }
    fn clear(&mut self) {
        self.clear();
    }
    #[inline]
    fn end_row(&mut self) {
        self.end_row();
    }
    fn truncate(&mut self, rows: usize) {
        self.truncate(rows);
    }
    fn finish(self, validity: Option<Bitmap>) -> Blobs {
        self.into_blobs(validity)
    }
}

impl Writer for Text {
    type Column = Texts;
    fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self::with_capacity(rows, bytes)
    }
    fn clear(&mut self) {
        self.clear();
    }
    #[inline]
    fn end_row(&mut self) {
        self.bytes.end_row();
    }
    fn truncate(&mut self, rows: usize) {
        self.bytes.truncate(rows);
    }
    fn finish(self, validity: Option<Bitmap>) -> Texts {
        Texts::from_blobs(self.bytes.into_blobs(validity))
    }
}

impl Writer for JsonText {
    type Column = JsonTexts;
    fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self { text: Text::with_capacity(rows, bytes) }
    }
    fn clear(&mut self) {
        self.text.clear();
    }
    fn end_row(&mut self) {
        self.text.bytes.end_row();
    }
    fn end_default(&mut self) {
        self.clear();
        self.push_json("null");
        self.end_row();
    }
    fn truncate(&mut self, rows: usize) {
        self.text.bytes.truncate(rows);
    }
    fn finish(self, validity: Option<Bitmap>) -> JsonTexts {
        JsonTexts(self.text.finish(validity))
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, Writer};

    #[test]
    fn case_agrees_with_the_standard_library_for_every_ascii_byte_and_length() {
        let all: String = (0..128u8).map(char::from).collect();
        for (from, to) in (0..128).flat_map(|from| [(from, from), (from, 128), (0, from)]) {
            for piece in [all[from..to].to_owned(), format!("{}é{}", &all[from..to], &all[..from])] {
                let mut out = Text::with_capacity(1, 0);
                out.push_uppercase(&piece);
                assert_eq!(out.as_str(), piece.to_uppercase());
                out.clear();
                out.push_lowercase(&piece);
                assert_eq!(out.as_str(), piece.to_lowercase());
                out.end_row();
            }
        }
    }
}
