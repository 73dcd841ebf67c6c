//! Problems for people: the line of the file with a marker, what was found, needed, and the fix.
//!
//! Everything goes to stderr. With `--log json` each problem is one JSON object on a line, so
//! that a program reads the same facts. Passwords that stand in the file itself are covered in
//! the quoted lines.
//!
//! All texts of a problem and all quoted lines are foreign: a problem's message has names and words
//! of components and servers in it. They are made printable here, where every problem passes.

mod covered;

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use rowmill_foreign::{Printable, is_control};
use rowmill_plan::problem::{Fault, Problem};
use rowmill_yaml::Document;

use self::covered::covered;
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
