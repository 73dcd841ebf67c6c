//! The digest of a plan: what decides which rows are written. A restart with another digest stops.
//!
//! It is a readable list, `filter-1:1f0c55aa map-2:… sink:…`, so that the message can name the
//! part that changed. Limits, batch sizes and `on_error` are not in it: they change no row.

use std::collections::BTreeMap;

use arrow_schema::DataType;
use rowmill_change::TargetTable;
use rowmill_foreign::UTC;
use serde_json::json;
use sha2::{Digest, Sha256};

use rowmill_bind::{Bound, BoundTarget, BuiltIn, Environment};
use rowmill_plan::{AggregateCall, Call, Plan, Relation, SinkTable, Step, StepKind, TABLE_TAG, Upstream, is_glob};

/// The digests of a bound plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digests {
    /// The one that is stored.
    pub(crate) now: String,
    /// Those that were stored when built-in components were named by their bytes.
    before: Vec<String>,
}

impl Digests {
    pub(crate) fn of(plan: &Plan, bound: &Bound, environment: &Environment) -> Self {
        let Environment { behaviour, built_in: bytes, .. } = *environment;
        let calls = plan.steps().flat_map(|(_, step)| bound.graph.components(&step.id));
        let built_in = |(name, digest)| built_in(name, digest, bytes).map(|name| (name.to_owned(), digest));
        let used: BTreeMap<String, &str> = calls.filter_map(built_in).collect();
        let number = |name: &str| behaviour(name).map(|(number, _)| format!("behaviour {number}"));
        let now = digest(plan, bound, bytes, |name| number(name));
        // One for each choice of builds; a plan uses three components at most.
        let mut choices: Vec<BTreeMap<&str, &str>> = vec![BTreeMap::new()];
        for (name, &current) in &used {
            // There were no numbers before the first, so only its results can be those of a build from then.
            let builds: Vec<&str> = match behaviour(name) {
                Some((1, known)) => known.iter().copied().chain([current]).collect(),
                _ => Vec::new(),
            };
            let with = |choice: &BTreeMap<_, _>, build| {
                let mut choice = choice.clone();
                choice.insert(name.as_str(), build);
                choice
            };
            choices = choices.iter().flat_map(|choice| builds.iter().map(move |&build| with(choice, build))).collect();
        }
        let before =
            choices.iter().map(|choice| digest(plan, bound, bytes, |name| choice.get(name).map(|&b| b.to_owned())));
        Self { before: before.collect(), now }
    }

    /// As a version computed them that named built-in components by their bytes.
    #[cfg(test)]
    pub(crate) fn by_bytes(self) -> Self {
        Self { now: self.before.last().cloned().unwrap_or(self.now), before: Vec::new() }
    }

    /// Whether the digest is this plan's.
    pub(crate) fn accept(&self, stored: &str) -> bool {
        self.now == stored || self.before.iter().any(|before| before == stored)
    }
}

/// The name of the built-in component that a function is of. A user's file can be called like one; its bytes are others.
fn built_in<'a>(function: &'a str, digest: &str, bytes: BuiltIn) -> Option<&'a str> {
    let name = function.strip_prefix("std/")?.split('#').next()?;
    bytes(name).filter(|(_, known)| *known == digest).map(|_| name)
}

/// The digest. `identity`: what stands for a built-in component; a user's is named by its bytes.
fn digest(plan: &Plan, bound: &Bound, bytes: BuiltIn, identity: impl Fn(&str) -> Option<String>) -> String {
    let calls = |step: &Step| -> Vec<serde_json::Value> {
        let identity = |(name, digest): (&str, &str)| {
            let identity = built_in(name, digest, bytes).and_then(&identity).unwrap_or_else(|| digest.to_owned());
            json!([name, identity])
        };
        bound.graph.components(&step.id).into_iter().map(identity).collect()
    };
    let source = part("source", &json!([&plan.source.zero_dates]));
    let step = |step: &Step| part(&step.id, &json!([step_text(&step.kind), calls(step)]));
    let mut parts = Vec::new();
    // One form of before there were views: the steps, then all targets as one.
    if let [relation] = &plan.relations[..]
        && relation.from == Upstream::EachTable
    {
        parts.extend(relation.steps.iter().map(step));
        let targets: Vec<_> = bound.targets.iter().map(|bound| target(&bound.table)).collect();
        parts.push(part("sink", &json!([targets, plan.sink.tables.first().map(|target| target.mode)])));
        parts.push(source);
        return parts.join(" ");
    }
    let mut relations: Vec<&Relation> = plan.relations.iter().collect();
    relations.sort_by_key(|relation| &relation.name);
    for relation in relations {
        parts.push(part(&format!("view/{}", relation.name), &upstream(&relation.from, bound)));
        parts.extend(relation.steps.iter().map(step));
    }
    let mut targets: Vec<(&SinkTable, &BoundTarget)> = plan.sink.tables.iter().zip(&bound.targets).collect();
    targets.sort_by_key(|(target, _)| &target.table);
    for (planned, of) in targets {
        // A blank stands between parts.
        let name = format!("target/{}", planned.table.replace(' ', "_"));
        // A key that is hashed is a hash of these columns in this order.
        let key: Vec<usize> = of.group_columns.iter().map(|(column, _)| *column).collect();
        parts.push(part(&name, &json!([meant(&planned.from, bound), target(&of.table), key, planned.mode])));
    }
    parts.push(source);
    parts.join(" ")
}

/// What a relation is made from: by what names stand for, not by how they are written. Where a union is tagged by the
/// names of its branches, these are in its rows.
fn upstream(from: &Upstream, bound: &Bound) -> serde_json::Value {
    match from {
        Upstream::EachTable => json!("each"),
        Upstream::One(name) => json!(["one", meant(name, bound)]),
        Upstream::Union { branches, tag } => {
            let Some(tag) = tag.as_deref().filter(|tag| *tag != TABLE_TAG) else {
                let tables: Vec<_> = branches.iter().filter_map(|name| bound.meant.get(name)).flatten().collect();
                return json!(["union", tables.iter().map(ToString::to_string).collect::<Vec<_>>()]);
            };
            let branch = |name: &String| json!([name, meant(name, bound), is_glob(name)]);
            json!(["union", tag, branches.iter().map(branch).collect::<Vec<_>>()])
        }
    }
}

/// The tables that a name stands for, or the name of a relation.
fn meant(name: &str, bound: &Bound) -> serde_json::Value {
    match bound.meant.get(name) {
        Some(tables) => json!(tables.iter().map(ToString::to_string).collect::<Vec<_>>()),
        None => json!(name),
    }
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
    format!("{name}:{}", short_hash(&value.to_string()))
}

/// 16 hex digits that stand for a text.
pub(crate) fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
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

    use super::{Digests, difference, digest, type_text};
    use crate::streams::rows::table;
    use crate::streams::{DATABASES, ENVIRONMENT, plan};

    async fn digests(steps: &str) -> Digests {
        let plan = plan(steps);
        let bound = rowmill_bind::bind(&plan, &[&table()], DATABASES, &ENVIRONMENT).await.unwrap();
        Digests::of(&plan, &bound, &ENVIRONMENT)
    }

    const STEPS: &str = "
  - filter: \"n > 2\"
  - map: { name: { udf: std/text#trim, args: [name] } }
  - aggregate: { by: [g], values: { s: sum(n) } }";

    #[tokio::test]
    async fn built_in_components_are_named_by_what_they_do() {
        let now = digests(STEPS).await;
        // All builds of before: two known ones and this one of each of three components.
        assert_eq!(now.before.len(), 27);
        let before = now.clone().by_bytes().now;
        assert!(before != now.now && now.accept(&before) && now.accept(&now.now));
        let plan = plan(STEPS);
        let bound = rowmill_bind::bind(&plan, &[&table()], DATABASES, &ENVIRONMENT).await.unwrap();
        let known = |name: &str| rowmill_udfs::behaviour(name).map(|(_, builds)| builds[0].to_owned());
        assert!(now.accept(&digest(&plan, &bound, rowmill_udfs::component, known)));
        // Neither a build that nobody knows, nor another number, nor another step.
        for identity in ["00", "behaviour 2"] {
            assert!(
                !now.accept(&digest(&plan, &bound, rowmill_udfs::component, |_| Some(identity.to_owned()))),
                "{identity}"
            );
        }
        let other = digests(&STEPS.replace("n > 2", "n > 3")).await;
        assert!(!now.accept(&other.now) && !now.accept(&other.by_bytes().now));
    }

    #[tokio::test]
    async fn digests_of_before_are_computed_as_they_were() {
        // From the progress that a version stored which named components by their bytes, in a build of its own.
        let plain = digests("  - select: [id, g]").await;
        assert_eq!(plain.now, "select-1:82b22c5f30a623a7 sink:16fb73911c5faa8d source:53b41ab0dae62bef");
        assert_eq!(plain.before, std::slice::from_ref(&plain.now));
        let stored = "filter-1:f1266807ec3acd18 map-1:409f25955b947c3a aggregate-1:ac9e6d3b240dffee";
        let found = digests(STEPS).await;
        let (_, target) = found.now.split_once(" sink:").unwrap();
        assert!(found.accept(&format!("{stored} sink:{target}")));
        assert!(!found.accept(&format!("{} sink:{target}", stored.replace("f126", "f127"))));
    }

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
