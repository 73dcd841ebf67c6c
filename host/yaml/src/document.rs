//! Where everything in the plan stands in the file.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::source_map;
use super::tree::{Data, Node, Style};
use rowmill_plan::problem::{Problem, child};

/// The text of a pipeline file, with the bytes of every key and value by JSON pointer.
#[derive(Clone, Debug)]
pub struct Document {
    path: PathBuf,
    text: String,
    entries: HashMap<String, Entry>,
    /// Texts that stand deeper in the file than in the plan: from one pointer to the other.
    deeper: HashMap<String, String>,
}

/// One node of the file.
#[derive(Clone, Debug)]
struct Entry {
    key: Option<Range<usize>>,
    value: Range<usize>,
    scalar: Option<(Style, String)>,
    /// Parts of the scalar that `${…}` replaced, in order.
    replaced: Vec<Replaced>,
}

/// A `${…}` and how long what came in its place is.
#[derive(Clone, Debug)]
pub(super) struct Replaced {
    /// Bytes of the scalar's value before.
    pub(super) before: Range<usize>,
    /// Length after.
    pub(super) after: usize,
}

impl Document {
    pub(super) fn new(path: &Path, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), entries: HashMap::new(), deeper: HashMap::new() }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Bytes of the value at a JSON pointer.
    pub fn span(&self, pointer: &str) -> Option<Range<usize>> {
        self.entries.get(pointer).map(|entry| entry.value.clone())
    }

    /// Bytes of the key whose value is at a JSON pointer.
    fn key_span(&self, pointer: &str) -> Option<Range<usize>> {
        self.entries.get(pointer).and_then(|entry| entry.key.clone())
    }

    /// Bytes of the file that `inner` bytes of the text at a JSON pointer came from: through
    /// quotes, escapes, folded lines and `${…}`. A place that can't be told gives the whole text.
    pub fn text_span(&self, pointer: &str, inner: Range<usize>) -> Option<Range<usize>> {
        let pointer = self.deeper.get(pointer).map_or(pointer, String::as_str);
        let entry = self.entries.get(pointer)?;
        Some(self.inner_span(entry, inner).unwrap_or_else(|| entry.value.clone()))
    }

    fn inner_span(&self, entry: &Entry, inner: Range<usize>) -> Option<Range<usize>> {
        let (style, value) = entry.scalar.as_ref()?;
        let raw = self.text.get(entry.value.clone())?;
        let start = entry.before(inner.start, false);
        let end = entry.before(inner.end, true).max(start);
        let map = source_map::align(raw, *style, value)?;
        let span = source_map::locate(&map, &(start..end))?;
        Some(entry.value.start + span.start..entry.value.start + span.end)
    }

    /// Where a problem stands: its span, its text, its value, or the nearest thing around it.
    pub fn locate(&self, problem: &Problem) -> Option<Range<usize>> {
        if let Some(span) = &problem.span {
            return Some(span.clone());
        }
        let mut pointer = problem.pointer.as_deref()?;
        if let Some(span) = self.key_span(pointer).filter(|_| problem.key) {
            return Some(span);
        }
        if let Some(span) = problem.inner.clone().and_then(|inner| self.text_span(pointer, inner)) {
            return Some(span);
        }
        loop {
            if let Some(entry) = self.entries.get(pointer) {
                // The key says it better than a value of many lines, or one that is missing.
                let long = self.text.get(entry.value.clone()).is_none_or(|raw| {
                    raw.is_empty() || (entry.scalar.is_none() && (raw.contains('\n') || !raw.starts_with(['[', '{'])))
                });
                return Some(match &entry.key {
                    Some(key) if long => key.clone(),
                    _ if long => self.first_line(&entry.value),
                    _ => entry.value.clone(),
                });
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// A span cut at the end of its first line.
    fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        span.start..span.start + raw.find('\n').unwrap_or(raw.len())
    }

    /// Line and column, both from 1, the column in characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = 1 + before.matches('\n').count();
        (line, 1 + before[start..].chars().count())
    }

    /// `orders.yaml:4:3: message; found …; needed …; fix: …`.
    pub fn one_line(&self, problem: &Problem) -> String {
        let mut line = self.path.display().to_string();
        if let Some(span) = self.locate(problem) {
            let (row, column) = self.line_column(span.start);
            let _ = write!(line, ":{row}:{column}");
        }
        let _ = write!(line, ": {problem}");
        line
    }

    /// Enters every node of the tree. Of keys that stand twice, the first counts.
    pub(super) fn enter(&mut self, root: &Node) {
        self.enter_node(String::new(), None, root);
    }

    fn enter_node(&mut self, pointer: String, key: Option<Range<usize>>, node: &Node) {
        match &node.data {
            Data::Scalar { .. } => {}
            Data::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.enter_node(child(&pointer, index), None, item);
                }
            }
            Data::Mapping(entries) => {
                for (key, value) in entries {
                    if let Data::Scalar { value: name, .. } = &key.data {
                        self.enter_node(child(&pointer, name), Some(key.span.clone()), value);
                    }
                }
            }
        }
        let scalar = match &node.data {
            Data::Scalar { value, style } => Some((*style, value.clone())),
            _ => None,
        };
        self.entries.entry(pointer).or_insert(Entry { key, value: node.span.clone(), scalar, replaced: Vec::new() });
    }

    /// Remembers that the text of the plan's `pointer` is at `place` in the file.
    pub(super) fn text_stands_at(&mut self, pointer: &str, place: &str) {
        self.deeper.insert(pointer.to_owned(), place.to_owned());
    }

    /// Remembers what `${…}` did to the text at a pointer.
    pub(super) fn replaced(&mut self, pointer: &str, replaced: Vec<Replaced>) {
        if let Some(entry) = self.entries.get_mut(pointer) {
            entry.replaced = replaced;
        }
    }
}

impl Entry {
    /// The offset before `${…}` was replaced. Inside a replacement: its start, or its end.
    fn before(&self, after: usize, end: bool) -> usize {
        // Both count bytes up to the end of the last replacement that lies before `after`.
        let (mut old, mut new) = (0, 0);
        for part in &self.replaced {
            let new_start = new + (part.before.start - old);
            if after < new_start || (after == new_start && !end) {
                break;
            }
            let new_end = new_start + part.after;
            if after < new_end || (after == new_end && end) {
                return if end && after > new_start { part.before.end } else { part.before.start };
            }
            (old, new) = (part.before.end, new_end);
        }
        old + (after - new)
    }
}
