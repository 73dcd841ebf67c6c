//! The list of steps: one kind each, unique names, what concerns columns by name only.

use std::collections::HashMap;

use super::aggregate::aggregate;
use super::call;
use super::changelog;
use super::limits::{limits, on_error};
use super::reader::{Fields, Need, Reader, need};
use super::sink::identifier;
use super::tree::Node;
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::{AGGREGATE_MEMORY, Limits, OnError, Step, StepKind};

/// The kinds of steps, in the order in which messages list them.
const KINDS: &[&str] = &["filter", "map", "transform", "aggregate", "select", "drop", "rename"];
const STEP_KEYS: &[&str] =
    &["filter", "map", "transform", "aggregate", "select", "drop", "rename", "id", "on_error", "limits"];
const STEP: Need = need("a mapping with one kind of step", "- filter: \"amount > 0\"");
const COLUMNS: Need = need("a list of columns", "[id, name]");
const RENAME: Need = need("a mapping from old to new names", "rename: { customer: customer_id }");
const MAP: Need = need("a mapping from columns to calls", "map: { name: \"trim(name)\" }");
const ID: Need = need("a name of 1 to 63 letters, digits, - and _", "id: fraud");

/// What is in force for a step that says nothing else.
pub(super) struct Defaults {
    pub(super) on_error: OnError,
    pub(super) limits: Limits,
    /// Whether the pipeline set the memory, rather than left it to the kind of step.
    pub(super) sets_memory: bool,
}

impl Defaults {
    fn limits(&self, kind: Option<&str>) -> Limits {
        match kind {
            Some("aggregate") if !self.sets_memory => Limits { memory: AGGREGATE_MEMORY, ..self.limits },
            _ => self.limits,
        }
    }
}

/// Decodes `steps`, each with the `on_error` and the limits in force.
pub(super) fn steps(reader: &mut Reader<'_>, node: &Node, at: &str, defaults: &Defaults) -> Option<Vec<Step>> {
    if node.is_null() {
        return Some(Vec::new());
    }
    let items = reader.list(node, at, need("a list of steps", "steps: [ filter: \"amount > 0\" ]"))?;
    let mut steps = Vec::new();
    let mut complete = true;
    // Names that were chosen, to be told apart from the ones that are made.
    let mut ids: HashMap<String, bool> = HashMap::new();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut chosen = Vec::new();
    let mut aggregated = false;
    for (node, at) in items {
        let Some(fields) = reader.fields(node, &at, STEP, STEP_KEYS) else {
            complete = false;
            continue;
        };
        let id = fields.get("id").map(|(node, at)| (id(reader, node, &at), at));
        let on_error = fields.get("on_error").map_or(Some(defaults.on_error), |(node, at)| on_error(reader, node, &at));
        let name = kind_name(reader, &fields);
        let base = defaults.limits(name);
        let limits = fields.get("limits").map_or(base, |(node, at)| limits(reader, node, &at, base));
        if let Some(name) = name {
            *counts.entry(name).or_default() += 1;
        }
        let kind = name.and_then(|name| kind(reader, &fields, name, aggregated));
        aggregated |= name == Some("aggregate");
        let (Some(kind), Some(on_error)) = (kind, on_error) else {
            complete = false;
            continue;
        };
        let id = match id {
            None => format!("{}-{}", kind.name(), counts.get(kind.name()).copied().unwrap_or(1)),
            Some((None, _)) => {
                complete = false;
                continue;
            }
            Some((Some(id), at)) => {
                chosen.push((id.clone(), at));
                id
            }
        };
        steps.push(Step { id, kind, on_error, limits });
    }
    for step in &steps {
        let own = chosen.iter().any(|(id, _)| *id == step.id);
        let taken = ids.insert(step.id.clone(), own).is_some();
        let again = chosen.iter().rev().find(|(id, _)| *id == step.id);
        if let (true, Some((id, at))) = (taken, again) {
            reader.report(
                Problem::configuration(format!("two steps have the id {id}"))
                    .at(at.clone())
                    .needed("a different id for each step (without one it is <kind>-<n>)"),
            );
            complete = false;
        }
    }
    complete.then_some(steps)
}

fn id(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<String> {
    let text = reader.text(node, at, ID)?.value;
    let valid =
        (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !valid {
        reader.mismatch(node, at, ID);
    }
    valid.then_some(text)
}

/// Which kind a step is; exactly one may be there.
fn kind_name(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<&'static str> {
    // In the order of the file, so that the message points at the second.
    let present: Vec<&'static str> =
        fields.entries.iter().filter_map(|(key, _)| KINDS.iter().copied().find(|kind| kind == key)).collect();
    match present[..] {
        [kind] => Some(kind),
        // A misspelt kind has been reported already.
        [] if fields.unknown => None,
        [] => {
            reader.report(
                Problem::configuration("a step without a kind")
                    .at(fields.pointer.clone())
                    .needed(format!("one of {}", KINDS.join(", ")))
                    .fix(format!("for example {}", STEP.example)),
            );
            None
        }
        _ => {
            reader.report_key(
                &child(&fields.pointer, present[1]),
                Problem::configuration("a step with more than one kind")
                    .found(present.join(" and "))
                    .needed("one kind per step")
                    .fix(format!("write each as an item of its own: - {}: …", present[1])),
            );
            None
        }
    }
}

/// `aggregated`: there is an aggregate before it.
fn kind(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str, aggregated: bool) -> Option<StepKind> {
    let (node, at) = fields.get(name)?;
    if aggregated && !changelog::ensure_follows(reader, name, &at) {
        return None;
    }
    Some(match name {
        "filter" => StepKind::Filter(call::call(reader, node, &at, call::Kind::Row)?),
        "transform" => StepKind::Transform(call::call(reader, node, &at, call::Kind::Table)?),
        "map" => StepKind::Map(map(reader, node, &at)?),
        "aggregate" => {
            let aggregate = aggregate(reader, node, &at)?;
            if aggregated && !changelog::ensure_without_window(reader, &aggregate, &at) {
                return None;
            }
            StepKind::Aggregate(aggregate)
        }
        "select" => StepKind::Select(columns(reader, node, &at, COLUMNS)?),
        "drop" => StepKind::Drop(columns(reader, node, &at, COLUMNS)?),
        _ => StepKind::Rename(rename(reader, node, &at)?),
    })
}

fn map(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Vec<(String, rowmill_plan::Call)>> {
    let fields = reader.open(node, at, MAP)?;
    not_empty(reader, fields.entries.is_empty(), at, "map", MAP)?;
    let mut seen = Vec::new();
    let mut columns = Vec::new();
    let mut complete = true;
    for (column, node) in &fields.entries {
        let at = child(at, column);
        let named = unique(reader, column, &at, &mut seen);
        match call::call(reader, node, &at, call::Kind::Row) {
            Some(call) if named => columns.push(((*column).to_owned(), call)),
            _ => complete = false,
        }
    }
    complete.then_some(columns)
}

fn rename(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Vec<(String, String)>> {
    let fields = reader.open(node, at, RENAME)?;
    not_empty(reader, fields.entries.is_empty(), at, "rename", RENAME)?;
    let mut seen = Vec::new();
    let mut names = Vec::new();
    let mut complete = true;
    for (old, node) in &fields.entries {
        let at = child(at, old);
        let Some(new) = reader.text(node, &at, need("the new column name", RENAME.example)) else {
            complete = false;
            continue;
        };
        if unique(reader, &new.value, &at, &mut seen) {
            names.push(((*old).to_owned(), new.value));
        } else {
            complete = false;
        }
    }
    complete.then_some(names)
}

/// A list of different column names, at least one.
pub(super) fn columns(reader: &mut Reader<'_>, node: &Node, at: &str, need: Need) -> Option<Vec<String>> {
    let items = reader.list(node, at, need)?;
    not_empty(reader, items.is_empty(), at, &super::wording::dotted(at), need)?;
    let mut seen = Vec::new();
    let mut columns = Vec::new();
    let mut complete = true;
    for (node, at) in items {
        match reader.text(node, &at, super::reader::need("a column name", need.example)) {
            Some(name) if unique(reader, &name.value, &at, &mut seen) => columns.push(name.value),
            _ => complete = false,
        }
    }
    complete.then_some(columns)
}

pub(super) fn not_empty(reader: &mut Reader<'_>, empty: bool, at: &str, what: &str, need: Need) -> Option<()> {
    if empty {
        reader.report(
            Problem::configuration(format!("{what} is empty"))
                .at(at)
                .needed("at least one column")
                .fix(format!("for example {}", need.example)),
        );
    }
    (!empty).then_some(())
}

/// Column names are compared as MySQL does: without regard to case.
pub(super) fn unique(reader: &mut Reader<'_>, name: &str, at: &str, seen: &mut Vec<String>) -> bool {
    if !identifier_of_column(name) {
        reader.report(
            Problem::configuration(format!("{name:?} is no column name"))
                .at(at)
                .needed("1 to 64 characters without a backtick"),
        );
        return false;
    }
    let folded = name.to_lowercase();
    if seen.contains(&folded) {
        reader.report(
            Problem::configuration(format!("column {name} is listed twice"))
                .at(at)
                .fix("leave one of them out (case makes no difference)"),
        );
        return false;
    }
    seen.push(folded);
    true
}

/// A column name may hold what a table name may not.
fn identifier_of_column(name: &str) -> bool {
    identifier(&name.replace(['.', '/', '\\'], "_"))
}
