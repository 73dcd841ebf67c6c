//! `aggregate`: what makes a group, its window, and the columns of its result.

use super::call;
use super::limits::duration;
use super::reader::{Fields, Need, Reader, need};
use super::steps;
use super::tree::{Data, Node};
use super::window::window;
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
    let values = match fields.get("values") {
        Some((node, at)) => values(reader, node, &at),
        None => {
            // A misspelt key has been reported already.
            if !fields.unknown {
                reader.missing(&fields, "values", VALUES);
            }
            None
        }
    };
    let ttl = fields.get("ttl").map_or(Some(None), |(node, at)| duration(reader, node, &at, TTL, false).map(Some));
    let collate = fields.get("collate").map_or(Some(Collate::default()), |(node, at)| {
        reader.choice(node, &at, &[("column", Collate::Column), ("binary", Collate::Binary)], &[])
    });
    let window = window.map_or(Some(None), |window| window.map(Some));
    Some(Aggregate { by: by?, window: window?, values: values?, ttl: ttl?, collate: collate? })
}

/// An empty list is as good as none.
fn by(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Vec<String>> {
    match &node.data {
        Data::Sequence(items) if items.is_empty() => Some(Vec::new()),
        _ => steps::columns(reader, node, at, BY),
    }
}

fn values(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Vec<(String, AggregateCall)>> {
    let fields = reader.open(node, at, VALUES)?;
    steps::not_empty(reader, fields.entries.is_empty(), at, "values", VALUES)?;
    let mut values = Vec::new();
    let mut complete = true;
    for (column, node) in &fields.entries {
        let at = child(at, column);
        match value(reader, node, &at) {
            Some(value) => values.push(((*column).to_owned(), value)),
            None => complete = false,
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
