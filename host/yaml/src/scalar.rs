//! Scalars with a meaning: texts, sizes, words of a list, secrets, JSON.

use super::expand::Environment;
use super::reader::{Need, Reader, Text, need};
use super::tree::{Data, Node};
use super::word::{Word, describe, word};
use super::wording::{dotted, nearest, one_of};
use rowmill_plan::Secret;
use rowmill_plan::problem::{Problem, child};

impl Reader<'_> {
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
