//! Problems for people: the line of the file with a marker, what was found, needed, and the fix.
//!
//! Everything goes to stderr. With `--log json` each problem is one JSON object on a line, so
//! that a program reads the same facts. Passwords that stand in the file itself are covered in
//! the quoted lines.
//!
//! All texts of a problem and all quoted lines are foreign: a problem's message has names and words
//! of components and servers in it. They are made printable here, where every problem passes.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use rowmill_foreign::{Printable, is_control};
use rowmill_plan::problem::{Fault, Problem};
use rowmill_yaml::Document;

use crate::args::LogFormat;
use crate::output::{self, Form};

/// What the process tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: the pipeline stopped on an error that a retry can't mend.
    Stopped,
    /// 2: usage or file error.
    Usage,
    /// 3: a server could not be reached or fails preflight.
    Server,
    /// 4: `verify` found differences.
    Differs,
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Stopped => 1,
            Self::Usage => 2,
            Self::Server => 3,
            Self::Differs => 4,
        }
    }

    /// For problems found before a row has moved: the file first, since it is mended first. A
    /// component that can't be bound counts to the file, which names it.
    pub(crate) fn before_start(problems: &[Problem]) -> Self {
        let any = |fault: Fault| problems.iter().any(|problem| problem.fault == fault);
        if problems.is_empty() {
            Self::Done
        } else if any(Fault::Configuration) || any(Fault::Component) {
            Self::Usage
        } else if any(Fault::Server) {
            Self::Server
        } else {
            Self::Stopped
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Prints problems in the way that the command line asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Diagnostics {
    format: LogFormat,
    color: bool,
}

impl Diagnostics {
    /// `color`: decided already (see `terminal`).
    pub(crate) fn new(format: LogFormat, color: bool) -> Self {
        Self { format, color }
    }

    /// Writes all problems to stderr, and a last line with their number.
    pub(crate) fn print(&self, document: Option<&Document>, problems: &[Problem]) {
        self.write(self.render(document, problems));
    }

    /// Writes what is no mistake, but should be known.
    pub(crate) fn warn(&self, document: Option<&Document>, warnings: &[Problem]) {
        self.write(self.rendered(document, warnings, true).join(self.between()));
    }

    fn write(&self, mut text: String) {
        if !text.is_empty() {
            text.push('\n');
        }
        let form = match self.format {
            LogFormat::Json => Form::Json,
            LogFormat::Text => Form::text(self.color),
        };
        output::report(&text, form);
    }

    /// What [`Self::print`] writes.
    pub(crate) fn render(&self, document: Option<&Document>, problems: &[Problem]) -> String {
        let mut parts = self.rendered(document, problems, false);
        if self.format == LogFormat::Text && problems.len() > 1 {
            parts.push(format!("{} problems", problems.len()));
        }
        parts.join(self.between())
    }

    fn between(&self) -> &'static str {
        if self.format == LogFormat::Json { "\n" } else { "\n\n" }
    }

    fn rendered(&self, document: Option<&Document>, problems: &[Problem], warning: bool) -> Vec<String> {
        let one = |problem: &Problem| match self.format {
            LogFormat::Json => json(document, problem, warning),
            LogFormat::Text => self.text(document, problem, warning),
        };
        problems.iter().map(one).collect()
    }

    fn text(&self, document: Option<&Document>, problem: &Problem, warning: bool) -> String {
        let place = document.and_then(|document| Some((document, document.locate(problem)?)));
        let path = place.as_ref().map(|(document, _)| shown(&document.path().display().to_string()));
        let source = place.as_ref().map(|(document, span)| {
            let text = covered(document.text());
            let span = inside(&text, span);
            quoted(&text, &span)
        });
        let message = shown(&problem.message);
        let level = if warning { Level::WARNING } else { Level::ERROR };
        let mut group = level.primary_title(&message).elements(source.iter().map(|(source, span)| {
            Snippet::source(source.as_str())
                .path(path.as_deref())
                .annotation(AnnotationKind::Primary.span(span.clone()))
        }));
        for (name, text) in [("found", &problem.found), ("needed", &problem.needed)] {
            if let Some(text) = text {
                group = group.element(Level::NOTE.with_name(name).message(shown(text)));
            }
        }
        if let Some(fix) = &problem.fix {
            group = group.element(Level::HELP.with_name("fix").message(shown(fix)));
        }
        let renderer = if self.color { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }
}

/// A text of a problem, on one line.
fn shown(text: &str) -> String {
    Printable(text).to_string()
}

/// The lines of the file without controls, and where the span then is. Tabs are for the renderer,
/// which knows their width.
fn quoted(text: &str, span: &Range<usize>) -> (String, Range<usize>) {
    let mut out = String::with_capacity(text.len());
    let (mut start, mut end) = (None, None);
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if at >= span.start {
            start.get_or_insert(out.len());
        }
        if at >= span.end {
            end.get_or_insert(out.len());
        }
        match c {
            '\n' | '\t' => out.push(c),
            // A line may end in both.
            '\r' if rest.peek().is_some_and(|(_, next)| *next == '\n') => {}
            c if is_control(c) => write!(out, "{}", c.escape_default()).unwrap_or_default(),
            c => out.push(c),
        }
    }
    let span = start.unwrap_or(out.len())..end.unwrap_or(out.len());
    (out, span)
}

fn json(document: Option<&Document>, problem: &Problem, warning: bool) -> String {
    let mut object = serde_json::json!({
        "level": if warning { "warning" } else { "error" },
        "fault": problem.fault,
        "message": problem.message,
    });
    if let Some(document) = document {
        object["file"] = document.path().display().to_string().into();
        if let Some(span) = document.locate(problem) {
            let (line, column) = document.line_column(span.start);
            object["line"] = line.into();
            object["column"] = column.into();
        }
    }
    for (key, text) in
        [("pointer", &problem.pointer), ("found", &problem.found), ("needed", &problem.needed), ("fix", &problem.fix)]
    {
        if let Some(text) = text {
            object[key] = text.as_str().into();
        }
    }
    object.to_string()
}

/// A span that surely lies in the text, on character boundaries.
fn inside(text: &str, span: &Range<usize>) -> Range<usize> {
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = floor(span.start);
    start..floor(span.end).max(start)
}

/// The text with passwords as asterisks, byte for byte, so that places stay right.
///
/// What can't be read as a file is quoted, too, and what is no URL may have been meant as one. So this goes
/// by the text alone and covers rather too much: in the value of a key `url` and in whatever follows a
/// `://`, all from the first colon to the last `@`, whatever stands between, and the options behind it; and
/// the value of a key that is called like a password, though the file has none.
fn covered(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut lines = lines(text).peekable();
    while let Some(line) = lines.next() {
        let mut secrets: Vec<Range<usize>> = Vec::new();
        secrets.extend(password_value(&text[line.clone()]).map(|value| line.start + value..line.end));
        let mut whole = line.clone();
        let secret = match url_value(&text[line.clone()]) {
            Some(value) => {
                let (start, mut end) = (line.start + value, line.end);
                let inner = |next: &str| next.trim().is_empty() || indentation(next) > indentation(&text[line.clone()]);
                let mut quote = open_quote(&text[start..end]);
                // A value goes on up to its quote, and in lines that are further in than the one of its key.
                while let Some(next) = lines.next_if(|next| quote.is_some() || inner(&text[next.clone()])) {
                    quote = quote.filter(|quote| !has_quote(&text[next.clone()], *quote));
                    end = next.end;
                }
                whole.end = end;
                password(&text[start..end], true).map(|secret| start + secret.start..start + secret.end)
            }
            None => text[line.clone()].find("://").and_then(|at| {
                let start = line.start + at + "://".len();
                password(&text[start..line.end], false).map(|secret| start + secret.start..start + secret.end)
            }),
        };
        secrets.extend(secret);
        if text[whole.clone()].contains("url") || text[whole.clone()].contains("://") {
            let at = whole.start;
            secrets.extend(options(&text[whole]).map(|value| at + value.start..at + value.end));
        }
        for at in secrets.into_iter().flatten() {
            if !matches!(out[at], b'\n' | b'\r') {
                out[at] = b'*';
            }
        }
    }
    // Whole characters became asterisks.
    String::from_utf8(out).unwrap_or_default()
}

/// The places of the lines, with their ends.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some(start..*at)
    })
}

/// Bytes before what a line says; the dash of a list is no more than that.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t', '-']).len()
}

/// The quote that a value begins with, if it does not end in the same line.
fn open_quote(value: &str) -> Option<char> {
    let value = value.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    (!has_quote(&value[quote.len_utf8()..], quote)).then_some(quote)
}

/// Whether a quoted text ends here: at a quote that is not escaped.
fn has_quote(text: &str, quote: char) -> bool {
    if quote == '"' {
        text.replace("\\\\", "").replace("\\\"", "").contains(quote)
    } else {
        text.replace("''", "").contains(quote)
    }
}

/// Where the value of a key `url` begins in a line, after the colon.
fn url_value(line: &str) -> Option<usize> {
    line.match_indices("url").find_map(|(at, key)| {
        let first = line[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || "{,\"'-?\u{feff}".contains(c));
        let after = &line[at + key.len()..];
        let rest = after.strip_prefix(['"', '\'']).unwrap_or(after).trim_start_matches([' ', '\t']);
        (first && rest.starts_with(':')).then(|| line.len() - rest.len() + 1)
    })
}

/// Where the value of a key that is called like a password begins in a line, unless it is a reference.
fn password_value(line: &str) -> Option<usize> {
    const ENDINGS: [&str; 7] = ["password", "pasword", "passwort", "passwd", "pwd", "secret", "token"];
    line.match_indices(':').find_map(|(colon, _)| {
        let key = line[..colon].trim_end().trim_end_matches(['"', '\'']).to_ascii_lowercase();
        let value = line[colon + 1..].trim_start();
        let is_named = ENDINGS.iter().any(|ending| key.ends_with(ending));
        let text = value.split([' ', ',', '\r', '\n']).next().unwrap_or_default().trim_matches(['"', '\'']);
        (is_named && !value.is_empty() && !is_reference(text)).then(|| line.len() - value.len())
    })
}

/// The values of the options behind the `?` of an address, but for those that an address has.
fn options(value: &str) -> impl Iterator<Item = Range<usize>> {
    let query = value.find('?').map_or(value.len(), |at| at + 1);
    value[query..].match_indices('=').filter_map(move |(at, _)| {
        let start = query + at + 1;
        let name = value[..start - 1].rsplit(['?', '&']).next().unwrap_or_default();
        let end = value[start..].find(['&', '"', '\'', ' ', '\n', '\r']).map_or(value.len(), |end| start + end);
        let given = &value[start..end];
        const MODES: [&str; 5] = ["disabled", "preferred", "required", "verify-ca", "verify-identity"];
        let is_known = name == "ssl-ca" || (name == "ssl-mode" && MODES.contains(&given.to_ascii_lowercase().as_str()));
        (!is_known && !is_reference(given)).then_some(start..end)
    })
}

/// Where a password surely is within: from the first colon to the last `@`. `whole`: the value of a key, its
/// scheme included; without a scheme nobody knows where the password begins. A reference is none.
fn password(value: &str, whole: bool) -> Option<Range<usize>> {
    // In a text with escapes they stand for themselves.
    let end = ["@", "\\x40", "\\u0040", "\\U00000040"].iter().filter_map(|at| value.rfind(*at)).max()?;
    let indicators = |c: char| c.is_whitespace() || c.is_ascii_digit() || "\"'|>+-".contains(c);
    let is_scheme = |text: &str| {
        let of_scheme = |b: u8| b.is_ascii_alphabetic() || matches!(b, b'+' | b'.' | b'-');
        (1..=20).contains(&text.len()) && text.bytes().all(of_scheme)
    };
    let login = match value.split_once("://") {
        _ if !whole => Some(0),
        Some((before, _)) if is_scheme(before.trim_start_matches(indicators)) => Some(before.len() + "://".len()),
        _ => None,
    };
    let start = match login {
        Some(login) if login > end => return None,
        // An escape may be the colon.
        Some(login) if value[login..end].contains('\\') => login,
        Some(login) => login + value[login..end].find(':')? + 1,
        None => value.len() - value.trim_start_matches([' ', '\t', '"', '\'']).len(),
    };
    let secret = value.get(start..end)?;
    (!secret.is_empty() && (login.is_none() || !is_reference(secret))).then_some(start..end)
}

/// Whether it is exactly one `${NAME}` or `${file:path}`.
fn is_reference(text: &str) -> bool {
    let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else { return false };
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_path = |path: &str| !path.contains(|c: char| c.is_whitespace() || matches!(c, '$' | '{' | '}' | '"' | '\''));
    !name.is_empty() && (is_name(name) || name.strip_prefix("file:").is_some_and(is_path))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn refused(text: &str) -> rowmill_yaml::Refused {
        rowmill_yaml::parse(Path::new("orders.yaml"), text, &|_| None).expect_err("refused")
    }

    fn plain() -> Diagnostics {
        Diagnostics::new(LogFormat::Text, false)
    }

    const TEXT: &str = "\
pipeline: orders
source:
  url: mysql://reader:hunter2@127.0.0.1:3306/shop
  tabels: [orders]
  tables: [orders]
steps:
  - filter: \"amount > ${LIMIT}\"
sink:
  url: mysql://writer@127.0.0.1:3307/mart
";

    #[test]
    fn the_line_is_shown_with_a_marker() {
        let refused = refused(TEXT);
        let text = plain().render(Some(&refused.document), &refused.problems);
        let expected = "\
error: no such key in source: tabels
 --> orders.yaml:4:3
  |
4 |   tabels: [orders]
  |   ^^^^^^
  |
  = needed: one of url, tls, tls_ca, tables, start, allow_unlogged_cascades, zero_dates, append_only, ignore_statements
  = fix: did you mean tables?

error: the environment variable LIMIT is not set
 --> orders.yaml:7:23
  |
7 |   - filter: \"amount > ${LIMIT}\"
  |                       ^^^^^^^^
  |
  = fix: set it before starting rowmill: export LIMIT=…

2 problems";
        assert_eq!(text, expected, "\n{text}\n");
    }

    #[test]
    fn an_error_inside_an_expression_is_marked_inside_it() {
        let text = TEXT
            .replace("  tabels: [orders]\n", "")
            .replace("\"amount > ${LIMIT}\"", ">-\n      status = 'paid'\n      AND amont > 0");
        let text = text.replace("3307/mart", "3307/mart\n  # end");
        let loaded = rowmill_yaml::parse(Path::new("orders.yaml"), &text, &|_| None).expect("right");
        let expression = "status = 'paid' AND amont > 0";
        let at = expression.find("amont").expect("there");
        let problem = Problem::configuration("no such column: amont")
            .at("/steps/0/filter")
            .within(at..at + 5)
            .fix("did you mean amount?");
        let text = plain().render(Some(&loaded.document), &[problem]);
        let expected = "\
error: no such column: amont
 --> orders.yaml:8:11
  |
8 |       AND amont > 0
  |           ^^^^^
  |
  = fix: did you mean amount?";
        assert_eq!(text, expected, "\n{text}\n");
    }

    #[test]
    fn without_a_place_it_is_plain() {
        let problem = Problem::server("setting binlog_format of the source")
            .found("STATEMENT")
            .needed("ROW")
            .fix("SET GLOBAL binlog_format = ROW");
        let text = plain().render(None, &[problem]);
        let expected = "\
error: setting binlog_format of the source
 |
 = found: STATEMENT
 = needed: ROW
 = fix: SET GLOBAL binlog_format = ROW";
        assert_eq!(text, expected, "\n{text}\n");
    }

    #[test]
    fn as_json_every_fact_has_its_key() {
        let refused = refused(TEXT);
        let text = Diagnostics::new(LogFormat::Json, true).render(Some(&refused.document), &refused.problems);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines[0]["line"], 4);
        assert_eq!(lines[0]["column"], 3);
        assert_eq!(lines[0]["file"], "orders.yaml");
        assert_eq!(lines[0]["fault"], "configuration");
        assert_eq!(lines[1]["pointer"], "/steps/0/filter");
    }

    #[test]
    fn passwords_in_quoted_lines_are_covered() {
        let refused = refused(&TEXT.replace("mysql://reader", "mysq://reader"));
        let text = plain().render(Some(&refused.document), &refused.problems);
        assert!(text.contains("mysq://reader:*******@127.0.0.1"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(covered("a mysql://u:${PW}@h/d b"), "a mysql://u:${PW}@h/d b");
    }

    #[test]
    fn whatever_may_be_a_password_is_covered() {
        for (line, expected) in [
            (
                r#"  url: "mysql://reader:it's-secret@127.0.0.1/shop""#,
                r#"  url: "mysql://reader:***********@127.0.0.1/shop""#,
            ),
            ("url: mysql://reader:a b\t\"c@d@h/shop", "url: mysql://reader:********@h/shop"),
            ("url: reader:hunter2@h/shop", "url: **************@h/shop"),
            ("url: mysql:/reader:hunter2@h/d", "url: *********************@h/d"),
            ("url: 'reader:://hunter2@h'", "url: '*****************@h'"),
            ("url: mysql://u:${PW}tail@h", "url: mysql://u:*********@h"),
            ("url: mysql://u:${A}${B}@h", "url: mysql://u:********@h"),
            ("url: mysql://u:$${PW}@h", "url: mysql://u:******@h"),
            ("url: mysql://${U}:pässé@h", "url: mysql://${U}:*******@h"),
            (r#"url: "mysql://u\x3ap\x40h""#, r#"url: "mysql://******\x40h""#),
            ("source: { url: mysql://u:p@h/d, tables: [t] }", "source: { url: mysql://u:*@h/d, tables: [t] }"),
            ("- 'url' : mysql://u:p@h", "- 'url' : mysql://u:*@h"),
            (
                "url: \"mysql://u@h/d?password=hunter2&ssl-ca=/ca\"",
                "url: \"mysql://u@h/d?password=*******&ssl-ca=/ca\"",
            ),
            ("url: jdbc:mysql://h/d?user=u&password=p", "url: jdbc:mysql://h/d?user=*&password=*"),
            ("a: mysql://u:p@h/d?ssl-mode=hunter2", "a: mysql://u:*@h/d?ssl-mode=*******"),
            ("  password: hunter2\n  x: y", "  password: *******\n  x: y"),
            ("source: { db-pasword: \"p\", tables: [t] }", "source: { db-pasword: ******************"),
            ("ulr: \"mysql://u:it's a@h\"", "ulr: \"mysql://u:******@h\""),
            ("  url: >-\n    mysql://u:p\r\n    q@h\n  x: a@b", "  url: >-\n    mysql://u:*\r\n*****@h\n  x: a@b"),
            (
                "{\n  url: \"mysql://u:p\\\"\n  q@h\", x: 1,\n  y: a@b }",
                "{\n  url: \"mysql://*****\n***@h\", x: 1,\n  y: a@b }",
            ),
        ] {
            assert_eq!(covered(line), expected, "{line}");
            assert_eq!(covered(line).len(), line.len(), "{line}");
        }
        for line in [
            "url: mysql://u:${PW}@h/d",
            "url: mysql://u:${file:./pw}@h/d",
            "url: ${SOURCE}",
            "url: mysql://u:${PW}@h/d?ssl-mode=verify-ca&ssl-ca=/etc/ca.pem",
            "url: mysql://u@h/d?password=${PW}",
            "password: ${PW}",
            "where: \"a = 1 ? b = 2\"",
            "url: mysql://writer@127.0.0.1:3307/mart",
            "url: mysql://127.0.0.1:3307/mart\ntables: [a@b]",
            "curl: a@b",
            "steps: [{ map: { x: \"a:@b\" } }]",
        ] {
            assert_eq!(covered(line), line);
        }
    }

    #[test]
    fn quoted_lines_and_problems_can_not_act_on_the_terminal() {
        let evil = "\u{1b}[2J\u{9b}31m\u{202e}\u{7}\u{7f}";
        let text = TEXT.replace("  tabels: [orders]", &format!("  'x{evil}': 1 # {evil}")).replace('\n', "\r\n");
        let refused = refused(&text);
        let shown = plain().render(Some(&refused.document), &refused.problems);
        assert!(!shown.contains(|c: char| is_control(c) && c != '\n'), "{shown:?}");
        let expected = r"
4 |   'x\u{1b}[2J\u{9b}31m\u{202e}\u{7}\u{7f}': 1 # \u{1b}[2J\u{9b}31m\u{202e}\u{7}\u{7f}
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
";
        assert!(shown.contains(expected), "{shown}");

        let every: String = ('\0'..='\u{e007f}').filter(|c| is_control(*c)).collect();
        let problem = Problem::component(&every).found(&every).needed(&every).fix(&every);
        let shown = plain().render(None, &[problem]);
        assert_eq!(shown.lines().count(), 5, "{shown}");
        assert!(!shown.contains(|c: char| is_control(c) && c != '\n'), "{shown:?}");
    }

    #[test]
    fn faults_become_exit_codes() {
        let exit = |faults: &[Fault]| {
            let problems: Vec<Problem> = faults.iter().map(|fault| Problem::new(*fault, "x")).collect();
            Exit::before_start(&problems).code()
        };
        assert_eq!(exit(&[]), 0);
        assert_eq!(exit(&[Fault::Internal]), 1);
        assert_eq!(exit(&[Fault::Server, Fault::Configuration]), 2);
        assert_eq!(exit(&[Fault::Component]), 2);
        assert_eq!(exit(&[Fault::Server]), 3);
        assert_eq!(Exit::Differs.code(), 4);
    }
}
