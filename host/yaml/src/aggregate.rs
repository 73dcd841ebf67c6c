//! `aggregate`: what makes a group, its window, and the columns of its result.

use super::call;
use super::limits::duration;
use super::reader::{Fields, Need, Reader, need};
use super::steps;
use super::tree::{Data, Node};
use super::window::{self, window};
use rowmill_plan::problem::{Problem, child};
use rowmill_plan::{Aggregate, AggregateCall, Call, Collate};

const KEYS: &[&str] = &["by", "window", "values", "ttl", "collate"];
const VALUE_KEYS: &[&str] = &["call", "udf", "args", "config", "where", "distinct"];
const AGGREGATE: Need = need(
    "a mapping with by or window, and values",
    "aggregate: { by: [customer_id], values: { orders: \"count(*)\" } }",
);
const BY: Need = need("a list of columns", "by: [customer_id]");
const VALUES: Need = need("a mapping from columns to aggregate calls", "values: { orders: \"count(*)\" }");
const VALUE: Need = need(
    "an aggregate call or a mapping with call or udf",
    "\"sum(total)\", { call: \"sum(total)\", where: \"status = 'paid'\" } or { udf: std/stats#sum, args: [total] }",
);
const CALL: Need = need("an aggregate call", "call: \"sum(total)\"");
const TTL: Need = need("a duration above 0 in whole us, ms, s, m, h or d", "ttl: 30d");

/// Decodes the value of `aggregate`.
pub(super) fn aggregate(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Aggregate> {
    let fields = reader.fields(node, at, AGGREGATE, KEYS)?;
    let by = fields.get("by").map_or(Some(Vec::new()), |(node, at)| by(reader, node, &at));
    let window = fields.get("window").map(|(node, at)| window(reader, node, &at));
    let windowed = window.is_some();
    let grouped = ensure_grouped(reader, &fields, windowed || by.as_ref().is_none_or(|by| !by.is_empty()));
    let mut seen = Vec::new();
    let mut complete = true;
    for (index, column) in by.iter().flatten().enumerate() {
        let at = child(&child(at, "by"), index);
        complete &= !windowed || ensure_not_of_the_window(reader, column, &at);
        seen.push(column.to_lowercase());
    }
    let values = match fields.get("values") {
        Some((node, at)) => values(reader, node, &at, windowed, &mut seen),
        None => {
            // A misspelt key has been reported already.
            if !fields.unknown {
                reader.missing(&fields, "values", VALUES);
            }
            None
        }
    };
    let ttl = fields.get("ttl").map(|(node, at)| (duration(reader, node, &at, TTL, false), at));
    if let Some((_, ttl_at)) = &ttl {
        if windowed {
            reader.report_key(
                ttl_at,
                Problem::configuration("ttl together with a window")
                    .needed("one of the two: windows end by themselves")
                    .fix("leave ttl out"),
            );
            complete = false;
        }
        for (name, _) in values.iter().flatten().filter(|(_, value)| value.distinct) {
            reader.report_key(
                &child(&child(&child(at, "values"), name), "distinct"),
                Problem::configuration("distinct together with ttl")
                    .needed("one of the two: values that were seen can't be forgotten one by one")
                    .fix("use count_distinct, which is forgotten with its group, or leave ttl out"),
            );
            complete = false;
        }
    }
    let collate = fields.get("collate").map_or(Some(Collate::default()), |(node, at)| {
        reader.choice(node, &at, &[("column", Collate::Column), ("binary", Collate::Binary)], &[])
    });
    let window = window.map_or(Some(None), |window| window.map(Some));
    let ttl = ttl.map_or(Some(None), |(ttl, _)| ttl.map(Some));
    let aggregate = Aggregate { by: by?, window: window?, values: values?, ttl: ttl?, collate: collate? };
    (complete && grouped).then_some(aggregate)
}

/// An empty list is as good as none beside a window.
fn by(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Vec<String>> {
    match &node.data {
        Data::Sequence(items) if items.is_empty() => Some(Vec::new()),
        _ => steps::columns(reader, node, at, BY),
    }
}

fn ensure_grouped(reader: &mut Reader<'_>, fields: &Fields<'_>, grouped: bool) -> bool {
    if !grouped && !fields.unknown {
        reader.report_key(
            &fields.pointer,
            Problem::configuration("an aggregate without by and window")
                .needed("columns that make a group, or a window")
                .fix("for one group of all rows, map a constant column before it: - map: { everything: \"1\" }, and write by: [everything]"),
        );
    }
    grouped
}

fn ensure_not_of_the_window(reader: &mut Reader<'_>, column: &str, at: &str) -> bool {
    let own = window::COLUMNS.iter().any(|name| name.eq_ignore_ascii_case(column));
    if own {
        reader.report(
            Problem::configuration(format!("column {column} is one that the window makes"))
                .at(at)
                .needed(format!("other names than {}", window::COLUMNS.join(" and ")))
                .fix("choose another name; a column of that name is renamed by a step before: - rename: { … }"),
        );
    }
    !own
}

fn values(
    reader: &mut Reader<'_>,
    node: &Node,
    at: &str,
    windowed: bool,
    seen: &mut Vec<String>,
) -> Option<Vec<(String, AggregateCall)>> {
    let fields = reader.open(node, at, VALUES)?;
    steps::not_empty(reader, fields.entries.is_empty(), at, "values", VALUES)?;
    let mut values = Vec::new();
    let mut complete = true;
    for (column, node) in &fields.entries {
        let at = child(at, column);
        let named =
            (!windowed || ensure_not_of_the_window(reader, column, &at)) && steps::unique(reader, column, &at, seen);
        match value(reader, node, &at) {
            Some(value) if named => values.push(((*column).to_owned(), value)),
            _ => complete = false,
        }
    }
    complete.then_some(values)
}

fn value(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<AggregateCall> {
    if matches!(node.data, Data::Scalar { .. }) {
        let call = call::expression(reader, node, at, VALUE)?;
        return Some(AggregateCall { call, filter: None, distinct: false });
    }
    let fields = reader.fields(node, at, VALUE, VALUE_KEYS)?;
    let call = called(reader, &fields);
    let filter =
        fields.get("where").map_or(Some(None), |(node, at)| call::call(reader, node, &at, call::Kind::Row).map(Some));
    let distinct = fields
        .get("distinct")
        .map_or(Some(false), |(node, at)| reader.boolean(node, &at, need("true or false", "distinct: true")));
    Some(AggregateCall { call: call?, filter: filter?, distinct: distinct? })
}

/// `call`, or `udf` with what belongs to it.
fn called(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Call> {
    match (fields.get("call"), fields.get("udf")) {
        (Some((node, at)), None) => {
            let call = call::expression(reader, node, &at, CALL);
            reader.document.text_stands_at(&fields.pointer, &at);
            let mut complete = true;
            for key in ["args", "config"] {
                if let Some((_, at)) = fields.get(key) {
                    reader.report_key(
                        &at,
                        Problem::configuration(format!("{key} beside call"))
                            .needed(format!("{key} only beside udf"))
                            .fix("write what the function is called with into the call: \"sum(price * qty)\""),
                    );
                    complete = false;
                }
            }
            call.filter(|_| complete)
        }
        (None, Some(_)) => call::udf_call(reader, fields),
        (Some(_), Some((_, at))) => {
            reader.report_key(
                &at,
                Problem::configuration("a value with both call and udf").needed("one of them").fix("leave one out"),
            );
            None
        }
        (None, None) => {
            if !fields.unknown {
                reader.missing(fields, "call", need("an aggregate call, or udf in its place", CALL.example));
            }
            None
        }
    }
}
