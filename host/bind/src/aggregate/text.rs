//! The text of an aggregate call: `sum(total)`, `count(distinct customer)`, `group_concat(name, ',')`.
//!
//! One function and its arguments, parted here so that each becomes what it is: a column, a
//! literal, or an expression. What an expression means is not known here but in `std/sql`, which
//! reads it later with the same quotes: `'…'` and `"…"` are texts with MySQL's escapes, `` `…` ``
//! is a name. All places are bytes of the text.

use std::ops::Range;

use serde_json::{Number, Value};

/// A call, parted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallText {
    /// In lower case.
    pub(crate) function: String,
    /// `distinct` stands before the arguments.
    pub(crate) distinct: bool,
    /// In order; may be none.
    pub(crate) args: Vec<ArgText>,
}

/// An argument and where it stands, without the space around it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ArgText {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: ArgKind,
}

/// What an argument is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ArgKind {
    /// `*`, the only argument.
    Star,
    /// A name without its quotes.
    Column(String),
    /// A text, a number, true, false or null.
    Literal(Value),
    /// Anything else, as it was written.
    Expression(String),
}

/// Why a text is no call, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct TextError {
    pub(crate) message: String,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl TextError {
    fn new(place: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), start: place.start, end: place.end }
    }
}

/// Takes the text of one aggregate call apart.
pub(crate) fn parse(text: &str) -> Result<CallText, TextError> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.space();
    let name = scanner.word();
    scanner.space();
    let open = scanner.at;
    let starts_well = text[name.clone()].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !scanner.take('(') {
        let found = text.trim();
        let message = if found.is_empty() { "an empty text" } else { "this is no aggregate call" };
        let start = text.len() - text.trim_start().len();
        let place = start..start + found.len();
        return Err(TextError::new(place, format!("{message}; needed a function and its arguments: sum(total)")));
    }
    let distinct = scanner.distinct();
    let mut args = Vec::new();
    loop {
        let (piece, end) = scanner.piece(open)?;
        // `f()` has no argument at all.
        let none = args.is_empty() && end == End::Call && piece.range.is_empty() && distinct.is_none();
        if !none {
            args.push(argument(text, piece)?);
        }
        if end == End::Call {
            break;
        }
    }
    let star = args.iter().find(|arg| arg.kind == ArgKind::Star);
    if let Some(star) = star.filter(|_| args.len() > 1 || distinct.is_some()) {
        let message = "* beside something else; needed * alone, as in count(*), or the names of columns";
        return Err(TextError::new(star.start..star.end, message));
    }
    scanner.space();
    if scanner.at < text.len() {
        let rest = scanner.at..text.trim_end().len();
        let message =
            "something follows the call; needed one call, whose result a map step after the aggregate can compute with";
        return Err(TextError::new(rest, message));
    }
    Ok(CallText { function: text[name].to_ascii_lowercase(), distinct: distinct.is_some(), args })
}

/// What ends an argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Comma,
    Call,
}

/// The bytes of an argument.
struct Piece {
    range: Range<usize>,
    /// Of a clause that MySQL has inside of calls, where an expression can't have it.
    clause: Option<Range<usize>>,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.text[self.at..].trim_start().len();
    }

    /// A word without quotes, which may be empty.
    fn word(&mut self) -> Range<usize> {
        let rest = &self.text[self.at..];
        let start = self.at;
        self.at += rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        start..self.at
    }

    /// The word DISTINCT, which can't be a column without quotes.
    fn distinct(&mut self) -> Option<Range<usize>> {
        self.space();
        let start = self.at;
        let word = self.word();
        if self.text[word.clone()].eq_ignore_ascii_case("distinct") {
            return Some(word);
        }
        self.at = start;
        None
    }

    /// Up to a comma or a parenthesis that belongs to the call, which began at `open`.
    fn piece(&mut self, open: usize) -> Result<(Piece, End), TextError> {
        let start = self.at;
        let mut clause = None;
        let mut depth = 0_usize;
        while let Some(c) = self.peek() {
            let here = self.at;
            let end = match c {
                '\'' | '"' | '`' => {
                    self.quoted(c)?;
                    continue;
                }
                _ if in_word(c) => {
                    let word = self.word();
                    let is_clause =
                        ["order", "separator"].iter().any(|w| self.text[word.clone()].eq_ignore_ascii_case(w));
                    if is_clause && depth == 0 && clause.is_none() {
                        clause = Some(word);
                    }
                    continue;
                }
                ')' if depth == 0 => Some(End::Call),
                ',' if depth == 0 => Some(End::Comma),
                '(' => {
                    depth += 1;
                    None
                }
                ')' => {
                    depth -= 1;
                    None
                }
                _ => None,
            };
            self.at += c.len_utf8();
            if let Some(end) = end {
                return Ok((Piece { range: trimmed(self.text, start..here), clause }, end));
            }
        }
        Err(TextError::new(open..open + 1, "this parenthesis is not closed; needed a ) after the last argument"))
    }

    /// Over a quoted text or name.
    fn quoted(&mut self, quote: char) -> Result<(), TextError> {
        let start = self.at;
        self.take(quote);
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            if c == '\\' && quote != '`' {
                self.at += self.peek().map_or(0, char::len_utf8);
            } else if c == quote && !self.take(quote) {
                return Ok(());
            }
        }
        let message = format!("a quote that is not closed; needed a {quote} at the end of the text or name");
        Err(TextError::new(start..self.text.len(), message))
    }
}

fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let piece = &text[range.clone()];
    let start = range.start + piece.len() - piece.trim_start().len();
    start..start + piece.trim().len()
}

fn argument(text: &str, piece: Piece) -> Result<ArgText, TextError> {
    let Range { start, end } = piece.range;
    let written = &text[start..end];
    let kind = match written {
        "" => {
            // At the comma or parenthesis that came too early.
            let message = "an argument is missing; needed a column, a literal or an expression";
            return Err(TextError::new(end..text.len().min(end + 1), message));
        }
        "*" => ArgKind::Star,
        _ => match name(written).map(ArgKind::Column).or_else(|| literal(written).map(ArgKind::Literal)) {
            Some(ArgKind::Column(name)) if name.is_empty() => {
                return Err(TextError::new(start..end, "a name without letters; needed the name of a column"));
            }
            Some(kind) => kind,
            None => ArgKind::Expression(written.to_owned()),
        },
    };
    match (&kind, piece.clause) {
        (ArgKind::Expression(_), Some(clause)) => {
            let message = format!(
                "{} inside a call is not supported; needed arguments with commas between them: group_concat(name, ',')",
                text[clause.clone()].to_uppercase()
            );
            Err(TextError::new(clause, message))
        }
        _ => Ok(ArgText { start, end, kind }),
    }
}

/// A column's name: a word, or anything in backquotes.
fn name(written: &str) -> Option<String> {
    if let Some(inner) = inside(written, '`') {
        return Some(inner.replace("``", "`"));
    }
    let word = !written.starts_with(|c: char| c.is_ascii_digit()) && written.chars().all(in_word);
    let reserved = ["null", "true", "false"].iter().any(|word| written.eq_ignore_ascii_case(word));
    (word && !reserved).then(|| written.to_owned())
}

fn literal(written: &str) -> Option<Value> {
    for quote in ['\'', '"'] {
        if let Some(inner) = inside(written, quote) {
            return Some(unescaped(inner, quote).into());
        }
    }
    match written.to_ascii_lowercase().as_str() {
        "null" => Some(Value::Null),
        "true" => Some(true.into()),
        "false" => Some(false.into()),
        _ => number(written).map(Value::Number),
    }
}

/// What is between quotes, if these are the first and the last byte of one quoted text.
fn inside(written: &str, quote: char) -> Option<&str> {
    let mut scanner = Scanner { text: written, at: 0 };
    let whole = written.starts_with(quote) && scanner.quoted(quote).is_ok() && scanner.at == written.len();
    if whole { written.get(1..written.len() - 1) } else { None }
}

/// As MySQL reads a text. `\%` and `\_` keep their backslash: they are for LIKE to read.
fn unescaped(inner: &str, quote: char) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == quote {
            // The first of two.
            chars.next();
            out.push(quote);
            continue;
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('0') => out.push('\0'),
            Some('b') => out.push('\u{8}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('Z') => out.push('\u{1a}'),
            Some(kept @ ('%' | '_')) => out.extend(['\\', kept]),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// A number with its sign, if it is one and JSON can hold it. Whole numbers stay exact, or are no literal.
fn number(written: &str) -> Option<Number> {
    let unsigned = written.strip_prefix(['-', '+']).unwrap_or(written);
    let signed = written.strip_prefix('+').unwrap_or(written);
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return signed.parse::<i64>().map(Number::from).or_else(|_| signed.parse::<u64>().map(Number::from)).ok();
    }
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if numeric { signed.parse().ok().and_then(Number::from_f64) } else { None }
}

#[cfg(test)]
mod tests;
