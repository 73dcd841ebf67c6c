//! Typed access to the tree, reporting and going on.
//!
//! Every accessor takes the node and its pointer, and gives `None` after having reported what
//! was found, what was needed and an example. A caller goes on with the other keys and gives up
//! its own value only at the end, so that one run shows every mistake of the file.

use std::path::{Path, PathBuf};

use super::document::Document;
use super::expand::Environment;
use super::tree::{Data, Node};
use crate::plan::Secret;
use crate::problem::{Problem, child};

/// What the format promises for later versions: pointer pattern, and what to do until then.
/// `*` stands for one part of a pointer.
pub(super) const LATER: &[(&str, &str)] = &[
    ("/steps/*/aggregate", "leave the step out"),
    ("/state", "leave the key out: nothing that runs now keeps state"),
    ("/parallel", "leave the key out, or write 1"),
    ("/schema_change", "leave the key out, or write fail"),
];

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
    document: Document,
    problems: Vec<Problem>,
    variable: &'a dyn Fn(&str) -> Option<String>,
    folder: PathBuf,
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

    /// Reports at the key, not at its value.
    pub(super) fn report_key(&mut self, pointer: &str, problem: Problem) {
        let problem = problem.at(pointer);
        self.report(match self.document.key_span(pointer) {
            Some(span) => problem.spanning(span),
            None => problem,
        });
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

    /// A key that nobody knows, or that comes later.
    fn unknown(&mut self, pointer: &str, name: &str, known: &[&str]) {
        let full = child(pointer, name);
        if let Some((_, fix)) = LATER.iter().find(|(pattern, _)| matches(pattern, &full)) {
            self.later(&full, name, fix);
            return;
        }
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

    /// A text, `${…}` replaced.
    pub(super) fn text(&mut self, node: &Node, pointer: &str, need: Need) -> Option<Text> {
        self.text_keeping(node, pointer, need, &[])
    }

    /// A text in which some `${…}` mean something else.
    pub(super) fn text_keeping(&mut self, node: &Node, pointer: &str, need: Need, keep: &[&str]) -> Option<Text> {
        match &node.data {
            Data::Scalar { value, .. } if node.plain().is_none_or(|plain| word(plain).is_none()) => {
                let value = value.clone();
                self.expand(&value, pointer, keep)
            }
            Data::Scalar { value, .. } if !node.is_null() => {
                let (found, fix) = (describe(node), format!("put it in quotes: \"{value}\""));
                self.report(
                    Problem::configuration(format!("{} must be {}", dotted(pointer), need.what))
                        .at(pointer)
                        .found(found)
                        .fix(fix),
                );
                None
            }
            _ => {
                self.mismatch(node, pointer, need);
                None
            }
        }
    }

    fn expand(&mut self, text: &str, pointer: &str, keep: &[&str]) -> Option<Text> {
        let expanded = Environment { variable: self.variable, folder: &self.folder }.expand(text, keep);
        let failed = !expanded.problems.is_empty();
        for (inner, problem) in expanded.problems {
            self.report(problem.at(pointer).within(inner));
        }
        if !failed && !expanded.replaced.is_empty() {
            self.document.replaced(pointer, expanded.replaced);
        }
        (!failed).then(|| Text { value: expanded.text, shown: text.to_owned() })
    }

    /// The text of a scalar that stands for something else than text: `64MiB`, `8192`, `${ROWS}`.
    fn token(&mut self, node: &Node, pointer: &str, need: Need) -> Option<Text> {
        match &node.data {
            Data::Scalar { value, .. } if !node.is_null() => {
                let value = value.clone();
                self.expand(&value, pointer, &[])
            }
            _ => {
                self.mismatch(node, pointer, need);
                None
            }
        }
    }

    /// What `parse` makes of a scalar.
    pub(super) fn parsed<T>(
        &mut self,
        node: &Node,
        pointer: &str,
        need: Need,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.token(node, pointer, need)?;
        let value = parse(text.value.trim());
        if value.is_none() {
            self.mismatch(node, pointer, need);
        }
        value
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, node: &Node, pointer: &str, need: Need) -> Option<bool> {
        self.parsed(node, pointer, need, |text| match text {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        })
    }

    /// One of a few words. `later` ones are refused by name.
    pub(super) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        pointer: &str,
        choices: &[(&str, T)],
        later: &[&str],
    ) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let text = match &node.data {
            // `null` is a word here: `zero_dates: null`.
            Data::Scalar { value, .. } if !value.is_empty() => {
                let value = value.clone();
                self.expand(&value, pointer, &[])?
            }
            _ => Text { value: String::new(), shown: String::new() },
        };
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text.value) {
            return Some(*value);
        }
        if later.contains(&text.value.as_str()) {
            let message = format!("{}: {}", dotted(pointer), text.value);
            self.report(
                Problem::configuration(format!("{message} is not supported in this version"))
                    .at(pointer)
                    .needed(one_of(&names)),
            );
            return None;
        }
        let mut problem = Problem::configuration(format!("{} must be {}", dotted(pointer), one_of(&names)))
            .at(pointer)
            .found(describe(node));
        if let Some(near) = nearest(&text.shown, &names) {
            problem = problem.fix(format!("did you mean {near}?"));
        }
        self.report(problem);
        None
    }

    /// A URL with a password that nobody sees.
    pub(super) fn secret(&mut self, node: &Node, pointer: &str, need: Need) -> Option<Secret> {
        let text = self.text(node, pointer, need)?;
        Some(Secret::expanded(text.value, &text.shown))
    }

    /// A value of any type as JSON, for configurations and literals.
    pub(super) fn json(&mut self, node: &Node, pointer: &str) -> Option<serde_json::Value> {
        match &node.data {
            Data::Scalar { .. } => match node.plain().and_then(word) {
                Some(Word::Null) => Some(serde_json::Value::Null),
                Some(Word::Boolean(value)) => Some(value.into()),
                Some(Word::Number(value)) => Some(serde_json::Value::Number(value)),
                Some(Word::NotFinite) => {
                    self.mismatch(node, pointer, need("a finite number", "0.5"));
                    None
                }
                None => self.text(node, pointer, need("text", "\"a text\"")).map(|text| text.value.into()),
            },
            Data::Sequence(items) => {
                let values: Vec<_> =
                    items.iter().enumerate().map(|(index, item)| self.json(item, &child(pointer, index))).collect();
                values.into_iter().collect()
            }
            Data::Mapping(_) => {
                let fields = self.open(node, pointer, need("a mapping", "{ key: value }"))?;
                let values: Vec<_> = fields
                    .entries
                    .iter()
                    .map(|(key, value)| {
                        let value = self.json(value, &child(pointer, key))?;
                        Some(((*key).to_owned(), value))
                    })
                    .collect();
                values.into_iter().collect()
            }
        }
    }
}

/// What a plain scalar can be besides text (YAML 1.2, core schema).
pub(super) enum Word {
    Null,
    Boolean(bool),
    Number(serde_json::Number),
    NotFinite,
}

/// The value of a plain scalar that isn't text.
pub(super) fn word(text: &str) -> Option<Word> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Word::Null),
        "true" | "True" | "TRUE" => return Some(Word::Boolean(true)),
        "false" | "False" | "FALSE" => return Some(Word::Boolean(false)),
        ".nan" | ".NaN" | ".NAN" => return Some(Word::NotFinite),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(Word::NotFinite);
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).ok().map(|value| Word::Number(value.into()));
        }
    }
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if !numeric {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(value) = text.parse::<i64>() {
        return Some(Word::Number(value.into()));
    }
    if let Ok(value) = text.parse::<u64>() {
        return Some(Word::Number(value.into()));
    }
    match text.parse::<f64>() {
        Ok(value) => Some(serde_json::Number::from_f64(value).map_or(Word::NotFinite, Word::Number)),
        Err(_) => None,
    }
}

/// What a node is, for a message: `the number 5`, `the text "abc"`, `a list`.
pub(super) fn describe(node: &Node) -> String {
    match &node.data {
        Data::Sequence(_) => "a list".to_owned(),
        Data::Mapping(_) => "a mapping".to_owned(),
        Data::Scalar { value, .. } => match node.plain().and_then(word) {
            Some(Word::Null) => "nothing".to_owned(),
            Some(Word::Boolean(value)) => value.to_string(),
            Some(Word::Number(_) | Word::NotFinite) => format!("the number {value}"),
            None => {
                let shown = if value.contains("://") { Secret::new(value.as_str()).to_string() } else { value.clone() };
                let mut short: String = shown.chars().take(60).collect();
                if short.len() < shown.len() {
                    short.push('…');
                }
                format!("the text {short:?}")
            }
        },
    }
}

/// `/steps/2/map/total` as `steps[2].map.total`.
pub(super) fn dotted(pointer: &str) -> String {
    let mut out = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) {
            out.push_str(&format!("[{part}]"));
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(&part);
        }
    }
    if out.is_empty() {
        out.push_str("the pipeline");
    }
    out
}

/// `a, b or c`.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The known name that someone may have meant.
pub(super) fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let name = name.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, candidate), *candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1 + candidate.len().min(name.len()) / 4
                || (name.len() >= 3 && (candidate.starts_with(&name) || name.starts_with(candidate)))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Whether a pointer fits a pattern of [`LATER`].
fn matches(pattern: &str, pointer: &str) -> bool {
    pattern.split('/').count() == pointer.split('/').count()
        && pattern.split('/').zip(pointer.split('/')).all(|(want, is)| want == "*" || want == is)
}
