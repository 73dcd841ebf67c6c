//! Typed access to the tree, reporting and going on.
//!
//! Every accessor takes the node and its pointer, and gives `None` after having reported what
//! was found, what was needed and an example. A caller goes on with the other keys and gives up
//! its own value only at the end, so that one run shows every mistake of the file.

use std::path::{Path, PathBuf};

use super::document::Document;
use super::tree::{Data, Node};
use super::word::describe;
use super::wording::{dotted, nearest};
use rowmill_plan::problem::{Problem, child};

/// What an accessor needs, with an example for the reader of the message.
#[derive(Clone, Copy)]
pub(super) struct Need {
    /// `a list of table names`.
    pub(super) what: &'static str,
    /// `tables: [orders]`.
    pub(super) example: &'static str,
}

/// Short for the many constants.
pub(super) const fn need(what: &'static str, example: &'static str) -> Need {
    Need { what, example }
}

/// A text of the file after `${…}`.
pub(super) struct Text {
    /// What it means.
    pub(super) value: String,
    /// What was written; may be shown.
    pub(super) shown: String,
}

/// The state of one reading.
pub(super) struct Reader<'a> {
    pub(super) document: Document,
    pub(super) problems: Vec<Problem>,
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    pub(super) folder: PathBuf,
}

/// The values of a mapping by key, in the order of the file.
pub(super) struct Fields<'t> {
    pub(super) pointer: String,
    pub(super) entries: Vec<(&'t str, &'t Node)>,
    /// Keys that nobody knows were reported and left out.
    pub(super) unknown: bool,
}

impl<'t> Fields<'t> {
    /// The value of a key and its pointer.
    pub(super) fn get(&self, key: &str) -> Option<(&'t Node, String)> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(name, node)| (*node, child(&self.pointer, name)))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(document: Document, variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let folder = match document.path().parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Self { document, problems: Vec::new(), variable, folder }
    }

    pub(super) fn finish(self) -> (Document, Vec<Problem>) {
        (self.document, self.problems)
    }

    /// The folder of the pipeline file.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Takes the problems of rules over, where nothing was found yet.
    pub(super) fn keep(&mut self, problems: Vec<Problem>) {
        let inside = |outer: &str, inner: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        for problem in problems {
            let at = problem.pointer.as_deref().unwrap_or_default();
            let known = self.problems.iter().filter_map(|known| known.pointer.as_deref());
            if !known.into_iter().any(|known| inside(known, at) || inside(at, known)) {
                self.problems.push(problem);
            }
        }
    }

    /// Reports at the key, not at its value.
    pub(super) fn report_key(&mut self, pointer: &str, problem: Problem) {
        self.report(problem.at_key(pointer));
    }

    /// Found one thing where another is needed.
    pub(super) fn mismatch(&mut self, node: &Node, pointer: &str, need: Need) {
        let found = describe(node);
        self.report(
            Problem::configuration(format!("{} must be {}", dotted(pointer), need.what))
                .at(pointer)
                .found(found)
                .fix(format!("for example {}", need.example)),
        );
    }

    /// A key that must be there and isn't.
    pub(super) fn missing(&mut self, fields: &Fields<'_>, key: &str, need: Need) {
        let pointer = child(&fields.pointer, key);
        self.report(
            Problem::configuration(format!("{} is missing", dotted(&pointer)))
                .at(fields.pointer.clone())
                .needed(need.what)
                .fix(format!("for example {}", need.example)),
        );
    }

    /// A mapping with any keys.
    pub(super) fn open<'t>(&mut self, node: &'t Node, pointer: &str, need: Need) -> Option<Fields<'t>> {
        let Data::Mapping(pairs) = &node.data else {
            self.mismatch(node, pointer, need);
            return None;
        };
        let mut entries: Vec<(&str, &Node)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let Data::Scalar { value: name, .. } = &key.data else {
                let found = describe(key);
                self.report(
                    Problem::configuration(format!("a key in {} must be text", dotted(pointer)))
                        .found(found)
                        .fix("put a text that starts with { or [ in quotes")
                        .spanning(key.span.clone()),
                );
                continue;
            };
            if entries.iter().any(|(other, _)| other == name) {
                self.report(
                    Problem::configuration(format!("{} is given twice", dotted(&child(pointer, name))))
                        .fix("leave one of them out")
                        .spanning(key.span.clone()),
                );
                continue;
            }
            entries.push((name, value));
        }
        Some(Fields { pointer: pointer.to_owned(), entries, unknown: false })
    }

    /// A mapping with keys from a list.
    pub(super) fn fields<'t>(
        &mut self,
        node: &'t Node,
        pointer: &str,
        need: Need,
        known: &[&str],
    ) -> Option<Fields<'t>> {
        let mut fields = self.open(node, pointer, need)?;
        let mut unknown = Vec::new();
        fields.entries.retain(|(name, _)| {
            let keep = known.contains(name);
            if !keep {
                unknown.push((*name).to_owned());
            }
            keep
        });
        fields.unknown = !unknown.is_empty();
        for name in unknown {
            self.unknown(pointer, &name, known);
        }
        Some(fields)
    }

    /// A key that nobody knows.
    fn unknown(&mut self, pointer: &str, name: &str, known: &[&str]) {
        let full = child(pointer, name);
        let mut problem = Problem::configuration(format!("no such key in {}: {name}", dotted(pointer)))
            .needed(format!("one of {}", known.join(", ")));
        if let Some(near) = nearest(name, known) {
            problem = problem.fix(format!("did you mean {near}?"));
        }
        self.report_key(&full, problem);
    }

    /// Something that the format promises for a later version.
    pub(super) fn later(&mut self, pointer: &str, what: &str, fix: &str) {
        let problem = Problem::configuration(format!("{what} is not supported in this version")).fix(fix);
        self.report_key(pointer, problem);
    }

    /// The items of a list with their pointers.
    pub(super) fn list<'t>(&mut self, node: &'t Node, pointer: &str, need: Need) -> Option<Vec<(&'t Node, String)>> {
        let Data::Sequence(items) = &node.data else {
            self.mismatch(node, pointer, need);
            return None;
        };
        Some(items.iter().enumerate().map(|(index, item)| (item, child(pointer, index))).collect())
    }
}
