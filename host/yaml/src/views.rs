//! `views`: named relations, in any order.

use std::collections::BTreeSet;

use super::reader::{Need, Reader, need};
use super::steps::{self, Counts, Defaults};
use super::tree::{Data, Node};
use rowmill_plan::problem::child;
use rowmill_plan::{Relation, Upstream, is_glob};

const KEYS: &[&str] = &["from", "tag", "steps"];
const VIEWS: Need = need("a mapping from names to views", "views: { paid: { from: orders, steps: [ … ] } }");
const VIEW: Need = need("a mapping with from", "paid: { from: orders, steps: [ filter: \"status = 'paid'\" ] }");
const FROM: Need = need("a table, a view, or a list of them", "from: orders");
const TAG: Need = need("a column name", "tag: kind");

/// Decodes `views`. They are put in an order in which each comes after those that it is made from.
pub(super) fn views(reader: &mut Reader<'_>, node: &Node, at: &str, defaults: &Defaults) -> Option<Vec<Relation>> {
    let fields = reader.open(node, at, VIEWS)?;
    if fields.entries.is_empty() {
        reader.mismatch(node, at, VIEWS);
        return None;
    }
    let mut views = Vec::new();
    let mut complete = true;
    let mut counts = Counts::default();
    for (name, node) in &fields.entries {
        match view(reader, name, node, &child(at, name), defaults, &mut counts) {
            Some(view) => views.push(view),
            None => complete = false,
        }
    }
    complete.then(|| in_order(views))
}

fn view(
    reader: &mut Reader<'_>,
    name: &str,
    node: &Node,
    at: &str,
    defaults: &Defaults,
    counts: &mut Counts,
) -> Option<Relation> {
    let fields = reader.fields(node, at, VIEW, KEYS)?;
    let tag = fields.get("tag").map_or(Some(None), |(node, at)| Some(Some(reader.text(node, &at, TAG)?.value)));
    let from = match fields.get("from") {
        Some((node, at)) => from(reader, node, &at),
        None => {
            reader.missing(&fields, "from", FROM);
            None
        }
    };
    let steps = match fields.get("steps") {
        Some((node, at)) => steps::steps(reader, node, &at, defaults, counts),
        None => Some(Vec::new()),
    };
    let (tag, names) = (tag?, from?);
    let from = match names {
        Names::One(name) if tag.is_none() && !is_glob(&name) => Upstream::One(name),
        Names::One(name) => Upstream::Union { branches: vec![name], tag },
        Names::List(branches) => Upstream::Union { branches, tag },
    };
    Some(Relation { name: name.to_owned(), from, steps: steps? })
}

enum Names {
    One(String),
    List(Vec<String>),
}

fn from(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Names> {
    let Data::Sequence(_) = node.data else { return Some(Names::One(reader.text(node, at, FROM)?.value)) };
    let items = reader.list(node, at, FROM)?;
    let mut names = Vec::new();
    let mut complete = true;
    for (node, at) in items {
        match reader.text(node, &at, FROM) {
            Some(name) => names.push(name.value),
            None => complete = false,
        }
    }
    complete.then_some(Names::List(names))
}

/// Each view after those that it is made from; those that are made from each other come last, and are refused there.
fn in_order(mut views: Vec<Relation>) -> Vec<Relation> {
    let mut ordered: Vec<Relation> = Vec::with_capacity(views.len());
    loop {
        let waiting: BTreeSet<&str> = views.iter().map(|view| view.name.as_str()).collect();
        let ready = |view: &Relation| !view.from.names().iter().any(|(name, _)| waiting.contains(name));
        let Some(next) = views.iter().position(ready) else { break };
        ordered.push(views.remove(next));
    }
    ordered.extend(views);
    ordered
}
