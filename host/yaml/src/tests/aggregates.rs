//! Aggregate steps: what right ones become, and what is said about wrong ones.

use std::path::PathBuf;
use std::time::Duration;

use super::windows::wrong_window;
use super::*;
use rowmill_plan::{
    AGGREGATE_MEMORY, Aggregate, AggregateCall, Arg, Call, Collate, ComponentRef, Emit, Late, StepKind, Window,
    WindowShape,
};

const REVENUE: &str = r#"
pipeline: revenue
source: { url: "mysql://reader@127.0.0.1:3306/shop", tables: [orders] }
steps:
  - filter: "amount > 0"
  - aggregate:
      by: [customer_id]
      window: { tumble: 1h, on: created_at, lateness: 5m, late: update, emit: close, idle: 30s }
      values:
        orders:  "count(*)"
        revenue: { call: "sum(total)", where: "status = 'paid'" }
        kinds:   { call: "count(kind)", distinct: true }
        p95:     { udf: std/stats#percentile, args: [total], config: { p: 0.95 }, where: { udf: ./paid.wasm, args: [status] } }
      collate: binary
  - filter: "orders > 10"
sink: { url: "mysql://writer@127.0.0.1:3307/mart" }
state: ./state/revenue
"#;

pub(super) const WINDOW: &str = "{ tumble: 1h, on: created_at, lateness: 5m, late: update, emit: close, idle: 30s }";

/// A file that is right but for what is put in place of `from`.
pub(super) fn with(from: &str, to: &str) -> String {
    assert!(REVENUE.contains(from), "{from}");
    REVENUE.replacen(from, to, 1)
}

/// Without the window.
pub(super) fn totals(from: &str, to: &str) -> String {
    let text = REVENUE.replacen(&format!("      window: {WINDOW}\n"), "", 1);
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[track_caller]
pub(super) fn refused(text: &str, expected: &str) {
    assert_eq!(problems(text), [expected], "\n{text}");
}

#[track_caller]
pub(super) fn aggregate(text: &str) -> Aggregate {
    let loaded = read(text).unwrap_or_else(|refused| panic!("{refused}\n{text}"));
    let steps = loaded.pipeline.relations[0].steps.clone().into_iter();
    let mut found = steps.filter_map(|step| match step.kind {
        StepKind::Aggregate(aggregate) => Some(aggregate),
        _ => None,
    });
    found.next().expect("an aggregate")
}

#[test]
fn a_full_aggregate_becomes_a_plan() {
    let found = aggregate(REVENUE);
    let text = |text: &str| Call::Expression(text.to_owned());
    let column = |name: &str| Arg::Column { name: name.to_owned(), cast: None };
    let value = |name: &str, call, filter, distinct| (name.to_owned(), AggregateCall { call, filter, distinct });
    let percentile = Call::Udf {
        component: ComponentRef::Std("stats".to_owned()),
        function: Some("percentile".to_owned()),
        args: vec![column("total")],
        config: serde_json::json!({ "p": 0.95 }),
    };
    let paid = Call::Udf {
        component: ComponentRef::Path("conf/paid.wasm".into()),
        function: None,
        args: vec![column("status")],
        config: serde_json::json!({}),
    };
    let expected = Aggregate {
        by: vec!["customer_id".to_owned()],
        window: Some(Window {
            shape: WindowShape::Tumble { size: Duration::from_secs(3600) },
            on: "created_at".to_owned(),
            lateness: Duration::from_secs(300),
            late: Late::Update,
            emit: Emit::Close,
            idle: Some(Duration::from_secs(30)),
        }),
        values: vec![
            value("orders", text("count(*)"), None, false),
            value("revenue", text("sum(total)"), Some(text("status = 'paid'")), false),
            value("kinds", text("count(kind)"), None, true),
            value("p95", percentile, Some(paid), false),
        ],
        ttl: None,
        collate: Collate::Binary,
    };
    assert_eq!(found, expected);
    let pipeline = read(REVENUE).expect("right").pipeline;
    assert_eq!(pipeline.state, Some(PathBuf::from("conf/state/revenue")));
    let ids: Vec<&str> = pipeline.relations[0].steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["filter-1", "aggregate-1", "filter-2"]);
}

#[test]
fn a_short_aggregate_has_the_documented_defaults() {
    let text = with(WINDOW, "{ tumble: 1h, on: created_at }").replace("      collate: binary\n", "");
    let found = aggregate(&text);
    assert_eq!(found.collate, Collate::Column);
    assert_eq!(found.ttl, None);
    let window = found.window.expect("a window");
    assert_eq!((window.lateness, window.late, window.emit), (Duration::ZERO, Late::Drop, Emit::Update));
    assert_eq!(window.idle, None);
    assert_eq!(read(&text.replace("state: ./state/revenue\n", "")).expect("right").pipeline.state, None);

    let found =
        aggregate(&totals("      collate: binary", "      ttl: 30d").replace("distinct: true", "distinct: false"));
    assert_eq!(found.ttl, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!(found.window, None);
    assert!(aggregate(&with("by: [customer_id]", "by: []")).by.is_empty());
    assert!(aggregate(&with("      by: [customer_id]\n", "")).by.is_empty());
}

#[test]
fn an_aggregate_has_more_memory_unless_the_file_says_otherwise() {
    let memory = |text: &str| {
        let steps = read(text).expect("right").pipeline.relations[0].steps.clone();
        (steps[0].limits.memory, steps[1].limits.memory)
    };
    let own = |limits: &str| with("      collate: binary\n", &format!("      collate: binary\n    limits: {limits}\n"));
    let all = |limits: &str| with("state:", &format!("limits: {limits}\nstate:"));
    assert_eq!(memory(REVENUE), (64 << 20, AGGREGATE_MEMORY));
    assert_eq!(memory(&own("{ wall: 1s }")), (64 << 20, AGGREGATE_MEMORY));
    assert_eq!(memory(&own("{ memory: 1GiB }")), (64 << 20, 1 << 30));
    assert_eq!(memory(&all("{ wall: 1s }")), (64 << 20, AGGREGATE_MEMORY));
    assert_eq!(memory(&all("{ memory: 32MiB }")), (32 << 20, 32 << 20));
    assert_eq!(
        read(&own("{ wall: 1s }")).expect("right").pipeline.relations[0].steps[1].limits.wall,
        Duration::from_secs(1)
    );
}

#[test]
fn misspelt_keys_of_an_aggregate_name_the_nearest() {
    refused(
        &with("values:", "value:"),
        "9:7: no such key in steps[1].aggregate: value; needed one of by, window, values, ttl, collate; fix: did you mean values?",
    );
    refused(
        &totals("      by:", "      group_by:"),
        "7:7: no such key in steps[1].aggregate: group_by; needed one of by, window, values, ttl, collate",
    );
    refused(
        &with("distinct: true", "distint: true"),
        "12:41: no such key in steps[1].aggregate.values.kinds: distint; needed one of call, udf, args, config, where, distinct; fix: did you mean distinct?",
    );
    wrong_window(
        "{ tumbel: 1h, on: created_at }",
        "8:17: no such key in steps[1].aggregate.window: tumbel; needed one of tumble, hop, session, cumulate, on, lateness, late, emit, idle; fix: did you mean tumble?",
    );
    wrong_window(
        "{ hop: { size: 1h, slid: 1m }, on: created_at }",
        "8:34: no such key in steps[1].aggregate.window.hop: slid; needed one of size, slide; fix: did you mean slide?",
    );
    refused(
        &with("state: ./", "stat: ./"),
        "17:1: no such key in the pipeline: stat; needed one of pipeline, source, views, steps, sink, on_error, limits, state, schema_change, parallel, batch, epoch; fix: did you mean state?",
    );
}

#[test]
fn an_aggregate_has_groups_and_values() {
    let constant = "5:5: an aggregate without by and window; needed columns that make a group, or a window; fix: for one group of all rows, map a constant column before it: - map: { everything: \"1\" }, and write by: [everything]";
    refused(&totals("      by: [customer_id]\n", ""), &constant.replace("5:5", "6:5"));
    refused(&totals("by: [customer_id]", "by: []"), &constant.replace("5:5", "6:5"));
    refused(
        &totals("by: [customer_id]", "by: customer_id"),
        "7:11: steps[1].aggregate.by must be a list of columns; found the text \"customer_id\"; fix: for example by: [customer_id]",
    );
    let start = REVENUE.find("      values:").expect("values");
    let end = REVENUE.find("      collate").expect("collate");
    let values = &REVENUE[start..end];
    refused(
        &with(values, ""),
        "6:5: steps[1].aggregate.values is missing; needed a mapping from columns to aggregate calls; fix: for example values: { orders: \"count(*)\" }",
    );
    refused(
        &with(values, "      values: {}\n"),
        "9:15: values is empty; needed at least one column; fix: for example values: { orders: \"count(*)\" }",
    );
    refused(
        &with("\"count(*)\"", "\" \""),
        "10:18: steps[1].aggregate.values.orders must be an aggregate call or a mapping with call or udf; found the text \" \"; fix: for example \"sum(total)\", { call: \"sum(total)\", where: \"status = 'paid'\" } or { udf: std/stats#sum, args: [total] }",
    );
    refused(
        &with("collate: binary", "collate: utf8mb4_bin"),
        "14:16: steps[1].aggregate.collate must be column or binary; found the text \"utf8mb4_bin\"",
    );
}

#[test]
fn a_value_has_a_call_or_a_udf() {
    refused(
        &with("call: \"count(kind)\", distinct", "distinct"),
        "12:18: steps[1].aggregate.values.kinds.call is missing; needed an aggregate call, or udf in its place; fix: for example call: \"sum(total)\"",
    );
    refused(
        &with("{ udf: std/stats#percentile", "{ call: \"count(*)\", udf: std/stats#percentile"),
        "13:38: a value with both call and udf; needed one of them; fix: leave one out",
    );
    refused(
        &with("call: \"count(kind)\"", "call: \"count(kind)\", args: [kind]"),
        "12:41: args beside call; needed args only beside udf; fix: write what the function is called with into the call: \"sum(price * qty)\"",
    );
    refused(
        &with("call: \"count(kind)\"", "call: \"count(kind)\", config: { a: 1 }"),
        "12:41: config beside call; needed config only beside udf; fix: write what the function is called with into the call: \"sum(price * qty)\"",
    );
    refused(
        &with("distinct: true", "distinct: yes"),
        "12:51: steps[1].aggregate.values.kinds.distinct must be true or false; found the text \"yes\"; fix: for example distinct: true",
    );
    refused(
        &with("where: \"status = 'paid'\"", "where: [status]"),
        "11:47: steps[1].aggregate.values.revenue.where must be an expression or a mapping with udf; found a list; fix: for example \"price * qty\" or { udf: ./price.wasm#total, args: [price, qty] }",
    );
}

#[test]
fn result_columns_have_names_of_their_own() {
    refused(
        &with("by: [customer_id]", "by: [customer_id, Customer_ID]"),
        "7:25: column Customer_ID is listed twice; fix: leave one of them out (case makes no difference)",
    );
    refused(
        &with("orders:  ", "CUSTOMER_ID: "),
        "10:22: column CUSTOMER_ID is listed twice; fix: leave one of them out (case makes no difference)",
    );
    refused(
        &with("kinds:  ", "Orders: "),
        "12:18: column Orders is listed twice; fix: leave one of them out (case makes no difference)",
    );
    refused(
        &with("by: [customer_id]", "by: [window_end]"),
        "7:12: column window_end is one that the window makes; needed other names than window_start and window_end; fix: choose another name; a column of that name is renamed by a step before: - rename: { … }",
    );
    refused(
        &with("orders:  ", "Window_Start: "),
        "10:23: column Window_Start is one that the window makes; needed other names than window_start and window_end; fix: choose another name; a column of that name is renamed by a step before: - rename: { … }",
    );
    assert_eq!(aggregate(&totals("by: [customer_id]", "by: [window_end]")).by, ["window_end"]);
}

#[test]
fn a_ttl_is_for_groups_that_never_end() {
    refused(
        &with("collate: binary", "ttl: 30d").replace(", distinct: true", ""),
        "14:7: ttl together with a window; needed one of the two: windows end by themselves; fix: leave ttl out",
    );
    refused(
        &totals("collate: binary", "ttl: 30d"),
        "11:41: distinct together with ttl; needed one of the two: values that were seen can't be forgotten one by one; fix: use count_distinct, which is forgotten with its group, or leave ttl out",
    );
}

#[test]
fn what_follows_an_aggregate_can_live_with_changes() {
    let step = |step: &str| with("  - filter: \"orders > 10\"", step);
    refused(
        &step("  - transform: { udf: std/text#split, args: [tags] }"),
        "15:5: a transform after an aggregate is not supported in this version; fix: put the transform before the aggregate, or into a pipeline that reads this one's target",
    );
    refused(
        &step("  - aggregate: { window: { tumble: 1d, on: window_start }, values: { hours: \"count(*)\" } }"),
        "15:18: a window after another aggregate; needed the order of the source, which results of an aggregate do not have; fix: put the window into the first aggregate; a later one can group by its window_start",
    );
    let by = "  - aggregate: { by: [window_start], values: { customers: \"count(*)\" } }";
    let ids: Vec<String> =
        read(&step(by)).expect("right").pipeline.relations[0].steps.clone().into_iter().map(|step| step.id).collect();
    assert_eq!(ids, ["filter-1", "aggregate-1", "aggregate-2"]);
    assert!(read(&with("  - filter: \"amount > 0\"", "  - transform: { udf: std/text#split, args: [tags] }")).is_ok());
}

#[test]
fn an_aggregate_begins_with_all_rows() {
    for (start, found) in [
        ("latest", "latest"),
        ("earliest", "earliest"),
        ("{ file: binlog.000012, position: 4 }", "a position in a binlog file"),
        ("{ gtid: \"3E11FA47-71CA-11E1-9E33-C80AA9429562:1-23\" }", "a GTID set"),
    ] {
        refused(
            &with("tables: [orders] }", &format!("tables: [orders], start: {start} }}")),
            &format!(
                "3:79: steps[1] is an aggregate, which needs source.start: snapshot; found {found}; needed all rows from the first, since a delete of one that was there before could not be taken out; fix: leave source.start out"
            ),
        );
    }
    assert!(read(&with("tables: [orders] }", "tables: [orders], start: snapshot }")).is_ok());
}

#[test]
fn an_append_sink_gets_only_what_is_final() {
    let append = |window: &str, step: &str| {
        with(WINDOW, window)
            .replace("/mart\" }", "/mart\", mode: append }")
            .replace("  - filter: \"orders > 10\"", step)
    };
    let filter = "  - filter: \"orders > 10\"";
    let again = "  - aggregate: { by: [window_start], values: { customers: \"count(*)\" } }";
    for window in ["tumble: 1h", "hop: { size: 1h, slide: 5m }", "session: 30m", "cumulate: { size: 1d, step: 1h }"] {
        assert!(read(&append(&format!("{{ {window}, on: created_at, emit: close }}"), filter)).is_ok(), "{window}");
    }
    let expected = |found: &str| {
        format!(
            "16:58: sink.mode: append after an aggregate; found {found}; needed results that are written once: of one aggregate, whose window has emit: close and late: drop; fix: write mode: upsert"
        )
    };
    refused(&append("{ tumble: 1h, on: created_at }", filter), &expected("results that change, of steps[1]"));
    refused(
        &append("{ tumble: 1h, on: created_at, emit: close, late: update }", filter),
        &expected("results that change, of steps[1]"),
    );
    refused(&append("{ tumble: 1h, on: created_at, emit: close }", again), &expected("a second aggregate, steps[2]"));
    refused(
        &totals("/mart\" }", "/mart\", mode: append }"),
        &expected("results that change, of steps[1]").replace("16:58", "15:58"),
    );
}

#[test]
fn all_problems_of_an_aggregate_come_at_once() {
    let text = with("by: [customer_id]", "by: [a, A]")
        .replace("tumble: 1h", "tumble: 0h")
        .replace("distinct: true", "distinct: 2")
        .replace("p: 0.95", "p: .nan")
        .replace("collate: binary", "collate: bin")
        .replace("./state/revenue", "\"\"");
    let lines: Vec<String> =
        problems(&text).iter().map(|line| line.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")).collect();
    assert_eq!(lines, ["7:15", "8:25", "12:51", "13:75", "14:16", "17:8"]);
}
