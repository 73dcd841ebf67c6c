//! The list of steps: one kind each, unique names, what concerns columns by name only.

use std::collections::HashMap;

use super::aggregate::aggregate;
use super::call;
use super::limits::{limits, on_error};
use super::reader::{Fields, Need, Reader, need};
use super::tree::Node;
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::{AGGREGATE_MEMORY, Limits, OnError, Step, StepKind, is_step_id};

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

/// How many steps of each kind there are: they are called by their numbers in the file.
pub(super) type Counts = HashMap<&'static str, usize>;

/// Decodes `steps`, each with the `on_error` and the limits in force.
pub(super) fn steps(
    reader: &mut Reader<'_>,
    node: &Node,
    at: &str,
    defaults: &Defaults,
    counts: &mut Counts,
) -> Option<Vec<Step>> {
    if node.is_null() {
        return Some(Vec::new());
    }
    let items = reader.list(node, at, need("a list of steps", "steps: [ filter: \"amount > 0\" ]"))?;
    let mut steps = Vec::new();
    let mut complete = true;
    for (node, at) in items {
        let Some(fields) = reader.fields(node, &at, STEP, STEP_KEYS) else {
            complete = false;
            continue;
        };
        let id = fields.get("id").map(|(node, at)| id(reader, node, &at));
        let on_error = fields.get("on_error").map_or(Some(defaults.on_error), |(node, at)| on_error(reader, node, &at));
        let name = kind_name(reader, &fields);
        let base = defaults.limits(name);
        let limits = fields.get("limits").map_or(base, |(node, at)| limits(reader, node, &at, base));
        if let Some(name) = name {
            *counts.entry(name).or_default() += 1;
        }
        let kind = name.and_then(|name| kind(reader, &fields, name));
        let (Some(kind), Some(on_error)) = (kind, on_error) else {
            complete = false;
            continue;
        };
        let id = match id {
            None => format!("{}-{}", kind.name(), counts.get(kind.name()).copied().unwrap_or(1)),
            Some(None) => {
                complete = false;
                continue;
            }
            Some(Some(id)) => id,
        };
        steps.push(Step { id, kind, on_error, limits });
    }
    complete.then_some(steps)
}

fn id(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<String> {
    let text = reader.text(node, at, ID)?.value;
    let valid = is_step_id(&text);
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

fn kind(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) -> Option<StepKind> {
    let (node, at) = fields.get(name)?;
    Some(match name {
        "filter" => StepKind::Filter(call::call(reader, node, &at, call::Kind::Row)?),
        "transform" => StepKind::Transform(call::call(reader, node, &at, call::Kind::Table)?),
        "map" => StepKind::Map(map(reader, node, &at)?),
        "aggregate" => StepKind::Aggregate(aggregate(reader, node, &at)?),
        "select" => StepKind::Select(columns(reader, node, &at, COLUMNS)?),
        "drop" => StepKind::Drop(columns(reader, node, &at, COLUMNS)?),
        _ => StepKind::Rename(rename(reader, node, &at)?),
    })
}

fn map(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Vec<(String, rowmill_plan::Call)>> {
    let fields = reader.open(node, at, MAP)?;
    not_empty(reader, fields.entries.is_empty(), at, "map", MAP)?;
    let mut columns = Vec::new();
    let mut complete = true;
    for (column, node) in &fields.entries {
        let at = child(at, column);
        match call::call(reader, node, &at, call::Kind::Row) {
            Some(call) => columns.push(((*column).to_owned(), call)),
            None => complete = false,
        }
    }
    complete.then_some(columns)
}

fn rename(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Vec<(String, String)>> {
    let fields = reader.open(node, at, RENAME)?;
    not_empty(reader, fields.entries.is_empty(), at, "rename", RENAME)?;
    let mut names = Vec::new();
    let mut complete = true;
    for (old, node) in &fields.entries {
        let at = child(at, old);
        match reader.text(node, &at, need("the new column name", RENAME.example)) {
            Some(new) => names.push(((*old).to_owned(), new.value)),
            None => complete = false,
        }
    }
    complete.then_some(names)
}

/// A list of column names, at least one.
pub(super) fn columns(reader: &mut Reader<'_>, node: &Node, at: &str, need: Need) -> Option<Vec<String>> {
    let items = reader.list(node, at, need)?;
    not_empty(reader, items.is_empty(), at, &super::wording::dotted(at), need)?;
    let mut columns = Vec::new();
    let mut complete = true;
    for (node, at) in items {
        match reader.text(node, &at, super::reader::need("a column name", need.example)) {
            Some(name) => columns.push(name.value),
            None => complete = false,
        }
    }
    reader.keep(rowmill_plan::column_list(&columns, at));
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
