//! The top of the file.

use std::path::PathBuf;

use super::call::tidy;
use super::limits::{batch, epoch, limits, on_error, sets_memory};
use super::reader::{Fields, Need, Reader, need};
use super::sink::{SINK, sink};
use super::source::{SOURCE, source};
use super::steps::{self, Counts, Defaults};
use super::tree::Node;
use super::views::views;
use rowmill_plan::problem::Problem;
use rowmill_plan::{Batch, Epoch, Limits, OnError, Plan, Relation, Sink, SinkTable, is_pipeline_name};

const KEYS: &[&str] = &[
    "pipeline",
    "source",
    "views",
    "steps",
    "sink",
    "on_error",
    "limits",
    "state",
    "schema_change",
    "parallel",
    "batch",
    "epoch",
];
const STATE: Need = need("a folder", "state: ./state/clean-orders");
const NAME: Need = need("a name of 1 to 63 of a-z, 0-9 and -", "pipeline: clean-orders");

/// Decodes the file. `None`: something was reported.
pub(super) fn pipeline(reader: &mut Reader<'_>, root: &Node) -> Option<Plan> {
    let need_root = need("a mapping with pipeline, source and sink", "pipeline: clean-orders");
    let fields = reader.fields(root, "", need_root, KEYS)?;
    let name = match fields.get("pipeline") {
        Some((node, at)) => name(reader, node, &at),
        None => {
            reader.missing(&fields, "pipeline", NAME);
            None
        }
    };
    let source = match fields.get("source") {
        Some((node, at)) => source(reader, node, &at),
        None => {
            reader.missing(&fields, "source", SOURCE);
            None
        }
    };
    let on_error = match fields.get("on_error") {
        Some((node, at)) => on_error(reader, node, &at).unwrap_or_default(),
        None => OnError::default(),
    };
    let limits = match fields.get("limits") {
        Some((node, at)) => limits(reader, node, &at, Limits::default()),
        None => Limits::default(),
    };
    let sets_memory = fields.get("limits").is_some_and(|(node, _)| sets_memory(node));
    let defaults = Defaults { on_error, limits, sets_memory };
    let relations = relations(reader, &fields, &defaults);
    let sink = match fields.get("sink") {
        Some((node, at)) => sink(reader, node, &at),
        None => {
            reader.missing(&fields, "sink", SINK);
            None
        }
    };
    let relations = for_targets(reader, &fields, relations, sink.as_ref());
    let state = fields.get("state").map_or(Some(None), |(node, at)| state(reader, node, &at).map(Some));
    if let Some((node, at)) = fields.get("schema_change") {
        reader.choice(node, &at, &[("fail", ())], &["evolve", "ignore"]);
    }
    if let Some((node, at)) = fields.get("parallel") {
        parallel(reader, node, &at);
    }
    let batch = fields.get("batch").map_or(Some(Batch::default()), |(node, at)| batch(reader, node, &at));
    let epoch = fields.get("epoch").map_or(Some(Epoch::default()), |(node, at)| epoch(reader, node, &at));
    reader.keep(rowmill_plan::parts(source.as_ref(), relations.as_deref(), sink.as_ref()));
    Some(Plan {
        name: name?,
        source: source?,
        relations: relations?,
        sink: sink?,
        on_error,
        limits,
        batch: batch?,
        epoch: epoch?,
        state: state?,
    })
}

/// The views, or the steps that every table goes through.
fn relations(reader: &mut Reader<'_>, fields: &Fields<'_>, defaults: &Defaults) -> Option<Vec<Relation>> {
    let mut counts = Counts::default();
    let steps = match fields.get("steps") {
        Some((node, at)) => steps::steps(reader, node, &at, defaults, &mut counts),
        None => Some(Vec::new()),
    };
    match fields.get("views") {
        Some((node, at)) => views(reader, node, &at, defaults),
        None => Some(vec![Relation::each_table(steps?)]),
    }
}

/// Sees that relations and targets are written in the same form: `steps` with one target for each table, or `views` with
/// `sink.tables`.
fn for_targets(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    relations: Option<Vec<Relation>>,
    sink: Option<&Sink>,
) -> Option<Vec<Relation>> {
    let named = sink.is_some_and(|sink| !sink.tables.iter().all(SinkTable::is_for_each_table));
    let (steps, views) = (fields.get("steps"), fields.get("views"));
    if let (Some((_, at)), true) = (&steps, named || views.is_some()) {
        let other = if views.is_some() { "views" } else { "sink.tables" };
        reader.report_key(
            at,
            Problem::configuration(format!("steps together with {other}"))
                .needed("one of the two, since steps are for every table alike")
                .fix("make them the steps of a view: views: { clean: { from: orders, steps: [ … ] } }"),
        );
        return None;
    }
    if let (Some((_, at)), false, Some(_)) = (&views, named, sink) {
        reader.report_key(
            at,
            Problem::configuration("views without sink.tables")
                .needed("what is written of them, and where")
                .fix("for example sink: { url: …, tables: { paid_orders: { from: paid } } }"),
        );
        return None;
    }
    match (views, named) {
        // The targets are made from tables.
        (None, true) => Some(Vec::new()),
        _ => relations,
    }
}

fn name(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<String> {
    let text = reader.text(node, at, NAME)?.value;
    let valid = is_pipeline_name(&text);
    if !valid {
        reader.mismatch(node, at, NAME);
    }
    valid.then_some(text)
}

/// Relative to the folder of the file, as the paths of components.
fn state(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<PathBuf> {
    let text = reader.text(node, at, STATE)?.value;
    if text.trim().is_empty() {
        reader.mismatch(node, at, STATE);
        return None;
    }
    Some(tidy(&reader.folder().join(text)))
}

fn parallel(reader: &mut Reader<'_>, node: &Node, at: &str) {
    let need = need("the number 1", "parallel: 1");
    let lanes = reader.parsed(node, at, need, |text| text.parse::<u32>().ok().filter(|lanes| *lanes > 0));
    if lanes.is_some_and(|lanes| lanes > 1) {
        reader.later(at, "parallel above 1", "leave the key out, or write 1");
    }
}
