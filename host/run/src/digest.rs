//! The digest of a plan: what decides which rows are written. A restart with another digest stops.
//!
//! It is a readable list, `filter-1:1f0c55aa map-2:… sink:…`, so that the message can name the
//! part that changed. Limits, batch sizes and `on_error` are not in it: they change no row.

use arrow_schema::DataType;
use rowmill_change::TargetTable;
use rowmill_foreign::UTC;
use serde_json::json;
use sha2::{Digest, Sha256};

use rowmill_bind::Bound;
use rowmill_plan::{AggregateCall, Call, Plan, StepKind};

/// The digest of a bound plan.
pub(crate) fn digest(plan: &Plan, bound: &Bound) -> String {
    let mut parts = Vec::new();
    for step in &plan.steps {
        let calls: Vec<_> = bound.tables.iter().flat_map(|table| table.flow.components(&step.id)).collect();
        parts.push(part(&step.id, &json!([step_text(&step.kind), calls])));
    }
    let targets: Vec<_> = bound.tables.iter().map(|table| target(&table.target)).collect();
    parts.push(part("sink", &json!([targets, &plan.sink.mode])));
    parts.push(part("source", &json!([&plan.source.zero_dates])));
    parts.join(" ")
}

/// What differs between two digests, in words.
pub(crate) fn difference(stored: &str, now: &str) -> String {
    let parse = |text: &str| -> Vec<(String, String)> {
        let pair = |part: &str| part.rsplit_once(':').map(|(name, hash)| (name.to_owned(), hash.to_owned()));
        text.split(' ').filter_map(pair).collect()
    };
    let (before, after) = (parse(stored), parse(now));
    let mut words = Vec::new();
    for (name, hash) in &after {
        match before.iter().find(|(known, _)| known == name) {
            None => words.push(format!("{name} is new")),
            Some((_, old)) if old != hash => words.push(format!("{name} changed")),
            Some(_) => {}
        }
    }
    for (name, _) in &before {
        if !after.iter().any(|(known, _)| known == name) {
            words.push(format!("{name} is gone"));
        }
    }
    if words.is_empty() {
        words.push("the order of the steps changed".to_owned());
    }
    words.join(", ")
}

/// What a step says, without the folder that its component lies in.
fn step_text(kind: &StepKind) -> serde_json::Value {
    let call = |call: &Call| match call {
        Call::Expression(text) => json!(text),
        Call::Udf { function, args, config, .. } => json!([function, args, config]),
    };
    match kind {
        StepKind::Filter(filter) => json!(["filter", call(filter)]),
        StepKind::Transform(transform) => json!(["transform", call(transform)]),
        StepKind::Map(columns) => {
            let columns: Vec<_> = columns.iter().map(|(name, value)| json!([name, call(value)])).collect();
            json!(["map", columns])
        }
        StepKind::Select(_) | StepKind::Drop(_) | StepKind::Rename(_) => json!(kind),
        StepKind::Aggregate(aggregate) => {
            let value = |(name, value): &(String, AggregateCall)| {
                json!([name, call(&value.call), value.filter.as_ref().map(call), value.distinct])
            };
            let values: Vec<_> = aggregate.values.iter().map(value).collect();
            json!(["aggregate", aggregate.by, aggregate.window, values, aggregate.ttl, aggregate.collate])
        }
    }
}

fn part(name: &str, value: &serde_json::Value) -> String {
    let hash = Sha256::digest(value.to_string().as_bytes());
    let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{name}:{hex}")
}

fn target(target: &TargetTable) -> serde_json::Value {
    let columns: Vec<_> = target
        .schema
        .fields()
        .iter()
        .map(|field| json!([field.name(), type_text(field.data_type()), field.is_nullable()]))
        .collect();
    json!([target.table.to_string(), columns, target.key])
}

/// A type as stored digests say it, which are older than the offset of a TIMESTAMP's time zone.
fn type_text(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp(unit, Some(zone)) if **zone == *UTC => {
            DataType::Timestamp(*unit, Some("UTC".into())).to_string()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, TimeUnit};

    use super::{difference, type_text};

    #[test]
    fn a_difference_names_the_steps() {
        assert_eq!(difference("a:1 b:2 sink:3", "a:1 b:9 c:4 sink:3"), "b changed, c is new");
        assert_eq!(difference("a:1 b:2", "b:2"), "a is gone");
    }

    #[test]
    fn types_are_said_as_in_digests_that_are_stored() {
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some(rowmill_foreign::UTC.into()));
        assert_eq!(type_text(&timestamp), "Timestamp(µs, \"UTC\")");
        assert_eq!(type_text(&DataType::Decimal128(10, 2)), "Decimal128(10, 2)");
    }
}
