//! YAML text to a tree of nodes with their bytes in the file.
//!
//! The tree keeps what decoding needs and a map would lose: duplicate keys, the order of keys,
//! how a scalar was written. Anchors, aliases, tags and further documents are refused: a plan
//! has no use for them, and aliases make small files that expand without end.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use rowmill_plan::problem::Problem;

/// Deeper than any plan; keeps recursion over the tree bounded.
const DEPTH_MAX: usize = 64;

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes: may be a number, a boolean, null.
    Plain,
    /// In `'…'`.
    Single,
    /// In `"…"`.
    Double,
    /// After `|`.
    Literal,
    /// After `>`.
    Folded,
}

/// One node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Bytes of the file.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) data: Data,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// Text after YAML's escapes.
    Scalar { value: String, style: Style },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the file.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The value of a plain scalar, or `None` for everything else.
    pub(super) fn plain(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { value, style: Style::Plain } => Some(value),
            _ => None,
        }
    }

    /// Whether nothing was written, or `null` or `~`.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.plain(), Some("" | "~" | "null" | "Null" | "NULL"))
    }
}

/// A container that is not closed yet.
enum Open {
    Sequence(usize, Vec<Node>),
    Mapping(usize, Vec<(Node, Node)>, Option<Node>),
}

/// Parses the one document of `text`.
pub(super) fn parse(text: &str) -> Result<Node, Box<Problem>> {
    let offsets = Offsets::new(text);
    let mut stack: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    for item in Parser::new_from_str(text) {
        let (event, span) = item.map_err(|error| syntax(text, &offsets, &error))?;
        let span = offsets.range(span);
        if let Some(problem) = refused(&event, &span, root.is_some()) {
            return Err(Box::new(problem));
        }
        let done = match event {
            Event::Scalar(value, style, ..) => Node {
                span: if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                    with_header(text, trimmed(text, span))
                } else {
                    trimmed(text, span)
                },
                data: Data::Scalar {
                    value: value.into_owned(),
                    style: match style {
                        ScalarStyle::Plain => Style::Plain,
                        ScalarStyle::SingleQuoted => Style::Single,
                        ScalarStyle::DoubleQuoted => Style::Double,
                        ScalarStyle::Literal => Style::Literal,
                        ScalarStyle::Folded => Style::Folded,
                    },
                },
            },
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if stack.len() == DEPTH_MAX {
                    return Err(Box::new(
                        Problem::configuration("the file is nested too deeply")
                            .needed(format!("at most {DEPTH_MAX} levels"))
                            .spanning(span),
                    ));
                }
                stack.push(if matches!(event, Event::SequenceStart(..)) {
                    Open::Sequence(span.start, Vec::new())
                } else {
                    Open::Mapping(span.start, Vec::new(), None)
                });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(open) => close(text, open, span.end),
                None => continue,
            },
            _ => continue,
        };
        match stack.last_mut() {
            None => root = Some(done),
            Some(Open::Sequence(_, items)) => items.push(done),
            Some(Open::Mapping(_, entries, key)) => match key.take() {
                None => *key = Some(done),
                Some(key) => entries.push((key, done)),
            },
        }
    }
    root.filter(|root| !root.is_null()).ok_or_else(|| {
        Box::new(
            Problem::configuration("the pipeline file is empty")
                .needed("the keys pipeline, source and sink")
                .fix("start from a file in examples/"),
        )
    })
}

/// Events that a plan has no use for.
fn refused(event: &Event<'_>, span: &Range<usize>, again: bool) -> Option<Problem> {
    let (anchor, tag) = match event {
        Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
            (*anchor != 0, tag.is_some())
        }
        Event::Alias(_) => (true, false),
        Event::DocumentStart(_) if again => {
            return Some(
                Problem::configuration("the file holds more than one document")
                    .needed("one pipeline per file")
                    .fix("put what follows `---` into a file of its own")
                    .spanning(span.clone()),
            );
        }
        _ => return None,
    };
    if anchor {
        return Some(
            Problem::configuration("YAML anchors (&name) and aliases (*name) are not supported")
                .fix("write the value out; put text that starts with & or * in quotes")
                .spanning(span.clone()),
        );
    }
    tag.then(|| {
        Problem::configuration("YAML tags (!name) are not supported")
            .fix("leave the tag out; put text that starts with ! in quotes")
            .spanning(span.clone())
    })
}

/// Ends a container; one in block style ends with its last child.
fn close(text: &str, open: Open, end: usize) -> Node {
    let (start, last, data) = match open {
        Open::Sequence(start, items) => {
            let last = items.last().map(|item| item.span.end);
            (start, last, Data::Sequence(items))
        }
        Open::Mapping(start, entries, _) => {
            let last = entries.last().map(|(_, value)| value.span.end);
            // Some block mappings begin at their first key, whatever the event says.
            let start = entries.first().map_or(start, |(key, _)| start.min(key.span.start));
            (start, last, Data::Mapping(entries))
        }
    };
    let flow = matches!(text.as_bytes().get(start), Some(b'[' | b'{'));
    let end = if flow { trimmed(text, start..end.max(start)).end } else { last.unwrap_or(end) };
    Node { span: start..end.max(start), data }
}

/// Without the line breaks that the parser counts to a scalar's end.
fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let kept = text.get(span.clone()).map_or(0, |raw| raw.trim_end().len());
    span.start..span.start + kept
}

/// The parser lets a block scalar begin at its content; its `|` or `>` belongs to it.
fn with_header(text: &str, span: Range<usize>) -> Range<usize> {
    let before = text[..span.start].trim_end();
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let header = &before[line..];
    let header = header.split(" #").next().unwrap_or(header);
    let start = header.rfind(['|', '>']).map_or(span.start, |at| line + at);
    start..span.end
}

/// What the parser says, and what people usually did.
fn syntax(text: &str, offsets: &Offsets, error: &ScanError) -> Box<Problem> {
    let at = offsets.byte(error.marker().index());
    let line_start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let line = &text[line_start..line_end];
    let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    let problem = Problem::configuration(format!("the file is not valid YAML: {}", error.info())).spanning(at..end);
    let indent = &line[..line.len() - line.trim_start().len()];
    Box::new(if let Some(tab) = indent.find('\t') {
        problem
            .spanning(line_start + tab..line_start + tab + 1)
            .found("a tab in the indentation")
            .needed("spaces")
            .fix("replace the tab by spaces")
    } else if line.contains("${") {
        problem.fix("put a text with ${…} inside { } or [ ] in double quotes")
    } else if line.matches(": ").count() > 1 {
        problem.fix("put a text that contains `: ` in double quotes")
    } else {
        problem
    })
}

/// The parser counts characters, everyone else bytes.
struct Offsets {
    bytes: Vec<usize>,
    end: usize,
}

impl Offsets {
    fn new(text: &str) -> Self {
        Self { bytes: text.char_indices().map(|(at, _)| at).collect(), end: text.len() }
    }

    fn byte(&self, characters: usize) -> usize {
        self.bytes.get(characters).copied().unwrap_or(self.end)
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }
}
