//! The text of a statement, and the only way to make one.
//!
//! Names, values and types come from servers, from pipeline files and from components. None of them
//! may become SQL. So a [`Statement`] is put together from nothing but
//!
//! - texts of this program: `&'static str`, which `format!` doesn't make,
//! - names, in backquotes ([`name`](Statement::name), [`table`](Statement::table)),
//! - values as literals ([`literal`](Statement::literal), numbers, what the encoder writes),
//! - column types that were parsed and are printed again ([`definition`](Statement::definition)),
//! - words of letters, digits and underscores ([`Word`]), such as the name of a character set,
//! - literals of keys that were kept elsewhere in the meantime, checked again ([`KeyLiteral`]),
//! - other statements.
//!
//! [`Conn`](crate::connection::Conn) takes nothing else, and clippy keeps the driver's own methods out of
//! every other module (`clippy.toml`). Literals are for sessions that take backslashes for escapes: the
//! sql_mode that each session of ours sets has no NO_BACKSLASH_ESCAPES.

use std::borrow::Cow;
use std::fmt;

use rowmill_change::{SqlType, TableName};

use crate::error::{Error, Result};
use crate::escape::{self, Style};

/// One SQL statement, or a part of one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Statement(Cow<'static, [u8]>);

impl Statement {
    /// A text of this program.
    pub(crate) const fn new(text: &'static str) -> Statement {
        Statement(Cow::Borrowed(text.as_bytes()))
    }

    /// An empty statement with room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Statement {
        Statement(Cow::Owned(Vec::with_capacity(bytes)))
    }

    fn push(mut self, bytes: &[u8]) -> Statement {
        self.0.to_mut().extend_from_slice(bytes);
        self
    }

    /// Appends a text of this program.
    pub(crate) fn text(self, text: &'static str) -> Statement {
        self.push(text.as_bytes())
    }

    /// Appends a name in backquotes.
    pub(crate) fn name(self, name: &str) -> Statement {
        self.push(rowmill_change::quote(name).as_bytes())
    }

    /// Appends a table's name with its schema.
    pub(crate) fn table(self, table: &TableName) -> Statement {
        self.name(&table.schema).text(".").name(&table.name)
    }

    /// Appends a text as a literal.
    pub(crate) fn literal(mut self, value: &str) -> Statement {
        escape::text(value.as_bytes(), Style::Literal, self.0.to_mut());
        self
    }

    /// Appends a number.
    pub(crate) fn number(self, value: impl Into<i128>) -> Statement {
        self.push(value.into().to_string().as_bytes())
    }

    /// Appends a column type.
    pub(crate) fn definition(self, definition: &SqlType) -> Statement {
        self.push(definition.definition().as_bytes())
    }

    /// Appends a word.
    pub(crate) fn word(self, word: &Word) -> Statement {
        self.push(word.0.as_bytes())
    }

    /// Appends a literal of a stored key.
    pub(crate) fn key(self, key: &KeyLiteral<'_>) -> Statement {
        self.push(key.0.as_bytes())
    }

    /// Appends another statement.
    pub(crate) fn part(self, part: &Statement) -> Statement {
        self.push(&part.0)
    }

    /// Appends what `each` makes of the items, with the separator between.
    pub(crate) fn list<T>(
        mut self,
        separator: &'static str,
        items: impl IntoIterator<Item = T>,
        each: impl Fn(Statement, T) -> Statement,
    ) -> Statement {
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                self = self.text(separator);
            }
            self = each(self, item);
        }
        self
    }

    /// Where the encoder appends values: literals without a copy. It is for nobody else.
    pub(crate) fn encoder(&mut self) -> &mut Vec<u8> {
        self.0.to_mut()
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is sent.
    pub(crate) fn into_bytes(self) -> Cow<'static, [u8]> {
        self.0
    }
}

impl From<&'static str> for Statement {
    fn from(text: &'static str) -> Statement {
        Statement::new(text)
    }
}

impl From<&Statement> for Statement {
    fn from(statement: &Statement) -> Statement {
        statement.clone()
    }
}

/// As it is sent, for messages that say what to type.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement({:?})", String::from_utf8_lossy(&self.0[..self.0.len().min(200)]))
    }
}

/// A name that needs no quotes, where SQL takes none: a character set, a collation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Word(Cow<'static, str>);

impl Word {
    /// Letters, digits and underscores of ASCII, up to 64; otherwise `None`.
    pub(crate) fn parse(text: &str) -> Option<Word> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        fits.then(|| Word(Cow::Owned(text.to_owned())))
    }

    /// A word of this program.
    pub(crate) const fn fixed(text: &'static str) -> Word {
        Word(Cow::Borrowed(text))
    }

    /// The same from a server, which never sends another one.
    pub(crate) fn of_server(text: &str) -> Result<Word> {
        Word::parse(text).ok_or_else(|| {
            Error::malformed(format!("the server names a character set or collation '{}'", rowmill_foreign::line(text)))
        })
    }

    /// Its text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A literal of a key as [`snapshot`](crate::snapshot) writes it: into the progress, a table in the target
/// which others may write to and whose keys go to the source, or into the scratch files of a rebuild.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyLiteral<'a>(&'a str);

impl<'a> KeyLiteral<'a> {
    /// Accepts exactly the forms that are written.
    pub(crate) fn parse(text: &'a str) -> Result<KeyLiteral<'a>> {
        if is_number(text) || is_time(text) || is_hex(text) || is_text(text) {
            return Ok(KeyLiteral(text));
        }
        Err(Error::malformed(format!(
            "the stored progress has '{}' where a key of a table belongs",
            rowmill_foreign::line(text)
        )))
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().enumerate().all(|(i, b)| {
            b.is_ascii_digit()
                || b == b'.'
                // A second minus would begin a comment, except after the `e` of an exponent.
                || (b == b'-' && (i == 0 || text.as_bytes()[i - 1] == b'e'))
                || (b == b'e' && i > 0)
        })
}

fn is_time(text: &str) -> bool {
    let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    inner.is_some_and(|inner| inner.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.' | b' ')))
}

fn is_hex(text: &str) -> bool {
    let inner = text.strip_prefix("X'").and_then(|text| text.strip_suffix('\''));
    inner.is_some_and(|inner| inner.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// `_utf8mb4 X'…' COLLATE c`, or `CONVERT(_utf8mb4 X'…' USING s) COLLATE c`.
fn is_text(text: &str) -> bool {
    let Some((value, collation)) = text.rsplit_once(" COLLATE ") else { return false };
    let plain = |value: &str| value.strip_prefix("_utf8mb4 ").is_some_and(is_hex);
    let converted = || {
        let (value, charset) = value.strip_prefix("CONVERT(")?.strip_suffix(')')?.split_once(" USING ")?;
        Some(plain(value) && Word::parse(charset).is_some())
    };
    Word::parse(collation).is_some() && (plain(value) || converted() == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_stay_what_they_are() {
        let hostile = "a`; DROP TABLE x; -- \\' \"";
        let table = TableName::new(hostile, "t");
        let statement =
            Statement::new("SELECT ").literal(hostile).text(" FROM ").table(&table).text(" LIMIT ").number(3);
        assert_eq!(
            statement.to_string(),
            "SELECT 'a`; DROP TABLE x; -- \\\\\\' \"' FROM `a``; DROP TABLE x; -- \\' \"`.`t` LIMIT 3"
        );
    }

    #[test]
    fn stored_keys_are_literals_or_nothing() {
        for right in [
            "1",
            "-17",
            "18446744073709551615",
            "1.5",
            "-1e-7",
            "3.5e300",
            "'2024-01-31'",
            "'2024-01-31 12:00:00.000001'",
            "'-838:59:59.000000'",
            "X'00FF'",
            "X''",
            "_utf8mb4 X'61' COLLATE utf8mb4_0900_ai_ci",
            "CONVERT(_utf8mb4 X'61' USING latin1) COLLATE latin1_swedish_ci",
        ] {
            assert!(KeyLiteral::parse(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "1 OR 1=1",
            "1; DROP TABLE x",
            "--1",
            "1--",
            "e",
            "-",
            "'a'",
            "'1' OR '1'",
            "X'0' OR X'1'",
            "X'0g'",
            "_utf8mb4 X'61' COLLATE a; DROP TABLE x",
            "_utf8mb4 X'61' OR 1 COLLATE a",
            "NULL",
            "SLEEP(1)",
            "CONVERT(_utf8mb4 X'61' USING (SELECT 1)) COLLATE a",
            "(SELECT 1)",
            "/**/1",
            "1#",
        ] {
            assert!(KeyLiteral::parse(wrong).is_err(), "{wrong}");
        }
    }
}
