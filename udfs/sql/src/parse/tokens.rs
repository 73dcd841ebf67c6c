//! The words of the text with their bytes; white space and comments are gone.

use sqlparser::dialect::MySqlDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::error::{BindError, Span};

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) span: Span,
}

pub(crate) fn read(text: &str) -> Result<Vec<Placed>, BindError> {
    let places = Places::new(text);
    let tokens = Tokenizer::new(&MySqlDialect {}, text).tokenize_with_location().map_err(|error| {
        let start = places.byte(error.location);
        let span = Span { start, end: text.len().max(start) };
        let message = if error.message.contains("Unterminated") {
            "this quoted text is not closed".to_owned()
        } else {
            format!("this is no expression text: {}", error.message.to_lowercase())
        };
        BindError::new(span, message)
    })?;
    tokens
        .into_iter()
        .filter(|t| !matches!(t.token, Token::Whitespace(_) | Token::EOF))
        .map(|t| {
            let span = Span { start: places.byte(t.span.start), end: places.byte(t.span.end) };
            check_hex(text, span, &t.token)?;
            Ok(Placed { span, token: t.token })
        })
        .collect()
}

/// `x'…'` has whole bytes; only `0x…` is filled up.
fn check_hex(text: &str, span: Span, token: &Token) -> Result<(), BindError> {
    let quoted = text.get(span.start..).is_some_and(|rest| rest.starts_with(['x', 'X']));
    match token {
        Token::HexStringLiteral(digits) if !quoted && digits.is_empty() => {
            Err(BindError::new(span, "found no hexadecimal digits after 0x"))
        }
        Token::HexStringLiteral(digits) if quoted && digits.len() % 2 == 1 => {
            Err(BindError::new(span, "found an odd number of hexadecimal digits; needed two for each byte"))
        }
        _ => Ok(()),
    }
}

/// The tokenizer counts lines and characters from 1; messages need bytes from 0.
struct Places<'a> {
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, lines }
    }

    fn byte(&self, location: Location) -> usize {
        let line = location.line.saturating_sub(1) as usize;
        let Some(&start) = self.lines.get(line) else { return self.text.len() };
        let skip = location.column.saturating_sub(1) as usize;
        self.text[start..].char_indices().nth(skip).map_or(self.text.len(), |(at, _)| start + at)
    }
}
