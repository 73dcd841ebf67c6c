//! The way to stdout and stderr; there is no other.
//!
//! What is printed has texts in it that come from components, files and servers. Whoever lays out a
//! text shows each of them through [`rowmill_foreign::Printable`], since only there is known where a
//! foreign text begins and ends. Behind that stands this module: it lets through nothing that acts on
//! a terminal but line ends, and, where colors are on, the sequences that set them. So a place that
//! forgets can tear a line, and no more. In JSON even that can't happen: serde escapes line ends, and
//! what it leaves raw (DEL, C1, bidirectional controls) is escaped here in JSON's own way, which
//! changes no value.
//!
//! Clippy forbids `std::io::stdout` and `stderr` elsewhere.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, BufWriter, StdoutLock, Write};

use rowmill_foreign::{Printable, is_control};
use serde_json::Value;

/// What a text is, which decides what may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people: lines.
    Plain,
    /// For people, with colors.
    Colored,
    /// JSON documents, or one on each line.
    Json,
}

impl Form {
    /// Text for people.
    pub(crate) fn text(color: bool) -> Self {
        if color { Self::Colored } else { Self::Plain }
    }
}

/// Prints lines on stdout. A reader that has gone (`| head`) wants no more, which is no error.
pub(crate) fn print(text: &str, form: Form) {
    let _ = stdout().write_all(lines(text, form).as_bytes());
}

/// Prints lines on stderr. Nobody is left to be told when it is gone.
pub(crate) fn report(text: &str, form: Form) {
    let _ = stderr().write_all(lines(text, form).as_bytes());
}

/// Prints one record of the log: whatever is in it, it is one line.
pub(crate) fn record(bytes: &[u8], form: Form) -> io::Result<()> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let mut line = clean(text, form, false).into_owned();
    line.push('\n');
    stderr().write_all(line.as_bytes())
}

/// Rows as JSON, one on each line.
pub(crate) struct Rows(BufWriter<StdoutLock<'static>>);

impl Rows {
    /// On stdout.
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(stdout()))
    }

    /// Writes one row.
    pub(crate) fn row(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.0, "{}", lines(&value.to_string(), Form::Json))
    }

    /// Writes what is held back.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The text with its line ends, and without what else acts on a terminal.
fn lines(text: &str, form: Form) -> Cow<'_, str> {
    clean(text, form, true)
}

fn clean(text: &str, form: Form, line_ends: bool) -> Cow<'_, str> {
    let acts = |c: char| is_control(c) && !(line_ends && c == '\n');
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find(acts) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let passes = if form == Form::Colored { color(rest) } else { 0 };
        let c = rest.chars().next().map_or(0, char::len_utf8);
        let (kept, escaped) = rest.split_at(passes);
        out.push_str(kept);
        if passes == 0 {
            escape(&mut out, &escaped[..c], form);
        }
        rest = &rest[passes.max(c)..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Writing to a String can't fail.
fn escape(out: &mut String, control: &str, form: Form) {
    if form == Form::Json {
        control.encode_utf16().for_each(|unit| write!(out, "\\u{unit:04x}").unwrap_or_default());
    } else {
        write!(out, "{}", Printable(control)).unwrap_or_default();
    }
}

/// Bytes of the sequence at the start that sets colors: `ESC [ 1 ; 31 m`. None: 0.
fn color(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(parameters.len());
    if parameters[end..].starts_with('m') { 2 + end + 1 } else { 0 }
}

#[allow(clippy::disallowed_methods, reason = "the only place")]
fn stdout() -> StdoutLock<'static> {
    io::stdout().lock()
}

#[allow(clippy::disallowed_methods, reason = "the only place")]
fn stderr() -> io::StderrLock<'static> {
    io::stderr().lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_control() -> String {
        ('\0'..='\u{10ffff}').filter(|c| is_control(*c)).collect()
    }

    #[test]
    fn only_line_ends_pass() {
        for form in [Form::Plain, Form::Colored, Form::Json] {
            let text = format!("a{}b", every_control());
            let shown = lines(&text, form);
            let left: Vec<char> = shown.chars().filter(|c| is_control(*c)).collect();
            assert_eq!(left, ['\n'], "{form:?}: {shown}");
            assert!(!clean(&text, form, false).contains(is_control), "{form:?}");
        }
        assert!(matches!(lines("nothing\nto do", Form::Plain), Cow::Borrowed(_)));
    }

    #[test]
    fn colors_pass_where_they_are_on_and_no_other_sequence() {
        let text = "\u{1b}[1;31mred\u{1b}[0m \u{1b}[2J \u{1b}]0;title\u{7} \u{1b}[31";
        assert_eq!(lines(text, Form::Colored), "\u{1b}[1;31mred\u{1b}[0m \\u{1b}[2J \\u{1b}]0;title\\u{7} \\u{1b}[31");
        assert_eq!(lines("\u{1b}[0m", Form::Plain), "\\u{1b}[0m");
    }

    #[test]
    fn json_keeps_its_values() {
        let value = Value::from(every_control());
        let text = value.to_string();
        let shown = lines(&text, Form::Json);
        assert!(!shown.contains(is_control), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), value);
    }
}
