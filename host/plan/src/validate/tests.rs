//! Plans that no file was read for.

use std::time::Duration;

use super::*;
use crate::{
    Aggregate, AggregateCall, Batch, Call, Collate, Emit, Epoch, Late, Limits, Mode, OnError, Secret, SinkTable, Step,
    TABLE, Tls, Upstream, Window, WindowShape, ZeroDates,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn step(id: &str, kind: StepKind) -> Step {
    Step { id: id.to_owned(), kind, on_error: OnError::Fail, limits: Limits::default() }
}

fn text(text: &str) -> Call {
    Call::Expression(text.to_owned())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn window(shape: WindowShape) -> Window {
    let (late, emit) = (Late::Drop, Emit::Close);
    Window { shape, on: "at".to_owned(), lateness: Duration::ZERO, late, emit, idle: None }
}

fn aggregate(by: &[&str], window: Option<Window>) -> Aggregate {
    let count = AggregateCall { call: text("count(*)"), filter: None, distinct: false };
    Aggregate { by: names(by), window, values: vec![("n".to_owned(), count)], ttl: None, collate: Collate::Column }
}

/// A plan that keeps all rules.
fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        name: "clean-orders".to_owned(),
        source: Source {
            url: Secret::new("mysql://reader@127.0.0.1/shop"),
            tls: Tls::default(),
            tables: names(&["orders"]),
            start: Start::Snapshot,
            allow_unlogged_cascades: false,
            zero_dates: ZeroDates::Null,
            append_only: false,
            ignore_statements: Vec::new(),
        },
        relations: vec![Relation::each_table(steps)],
        sink: Sink {
            url: Secret::new("mysql://writer@127.0.0.1/mart"),
            tls: Tls::default(),
            meta: "rowmill".to_owned(),
            tables: vec![SinkTable { table: "totals".to_owned(), ..SinkTable::each_table() }],
        },
        on_error: OnError::Fail,
        limits: Limits::default(),
        batch: Batch::default(),
        epoch: Epoch::default(),
        state: None,
    }
}

fn of(aggregate: Aggregate) -> Plan {
    plan(vec![step("aggregate-1", StepKind::Aggregate(aggregate))])
}

/// Where it is wrong, and how.
fn found(plan: &Plan) -> Vec<(String, String)> {
    let problems = validate(plan).into_iter();
    problems.map(|problem| (problem.pointer.unwrap_or_default(), problem.message)).collect()
}

#[track_caller]
fn refused(plan: &Plan, at: &str, message: &str) {
    assert_eq!(found(plan), [(at.to_owned(), message.to_owned())]);
}

#[test]
fn a_plan_that_keeps_the_rules_is_taken() {
    assert_eq!(found(&plan(Vec::new())), []);
    let shapes = [
        WindowShape::Tumble { size: HOUR },
        WindowShape::Hop { size: HOUR, slide: HOUR / 4 },
        WindowShape::Cumulate { size: HOUR, step: HOUR / 4 },
        WindowShape::Session { gap: HOUR },
    ];
    for shape in shapes {
        let mut plan = of(aggregate(&["id"], Some(window(shape))));
        assert_eq!(found(&plan), []);
        plan.sink.tables[0].mode = Mode::Append;
        assert_eq!(found(&plan), []);
    }
}

#[test]
fn names_are_ones_and_differ() {
    refused(&Plan { name: "Clean".to_owned(), ..plan(Vec::new()) }, "/pipeline", "the pipeline's name is none");
    let of = |id: &str, kind| plan(vec![step(id, kind)]);
    refused(&of("", StepKind::Filter(text("1"))), "/steps/0/id", "\"\" is no id of a step");
    let twice = "column A is listed twice";
    refused(&of("s", StepKind::Select(names(&["a", "A"]))), "/steps/0/select/1", twice);
    refused(&of("s", StepKind::Drop(names(&[]))), "/steps/0/drop", "a list without columns");
    let columns = ["a", "A"].map(|name| (name.to_owned(), text("1")));
    refused(&of("s", StepKind::Map(columns.into())), "/steps/0/map/A", twice);
    let columns = ["x", "y"].map(|name| (name.to_owned(), "`".to_owned()));
    assert_eq!(found(&of("s", StepKind::Rename(columns.into()))).len(), 2);
    let mut plan = plan(vec![step("s", StepKind::Filter(text("1"))), step("s", StepKind::Filter(text("1")))]);
    refused(&plan, "/steps/1/id", "two steps have the id s");
    plan.relations[0].steps.truncate(1);
    plan.sink.tables[0].key = Some(names(&["id", "ID"]));
    refused(&plan, "/sink/key/1", "column ID is listed twice");
}

#[test]
fn tables_have_targets_of_their_own() {
    let mut plan = plan(Vec::new());
    plan.source.tables = names(&["orders", "returns"]);
    refused(&plan, "/sink/table", "several source tables would be written into one target table");
    plan.sink.tables[0].table = "${table}_clean".to_owned();
    assert_eq!(found(&plan), []);
    plan.sink.tables[0].table = "a.b".to_owned();
    refused(&plan, "/sink/table", "\"a.b\" is not a table name");
    plan.sink.tables[0].table = TABLE.to_owned();
    plan.source.tables = names(&["orders", "orders"]);
    refused(&plan, "/source/tables/1", "table orders is listed twice");
    plan.source.tables.clear();
    refused(&plan, "/source/tables", "source.tables is empty");
}

#[test]
fn windows_cover_the_time_and_cost_little() {
    let of = |shape| of(aggregate(&[], Some(window(shape))));
    let at = |rest: &str| format!("/steps/0/aggregate/window/{rest}");
    let none = Duration::ZERO;
    refused(&of(WindowShape::Tumble { size: none }), &at("tumble"), "a duration of 0");
    refused(&of(WindowShape::Session { gap: none }), &at("session"), "a duration of 0");
    refused(&of(WindowShape::Hop { size: HOUR, slide: none }), &at("hop/slide"), "a duration of 0");
    refused(&of(WindowShape::Hop { size: HOUR, slide: HOUR * 2 }), &at("hop/slide"), "a slide larger than the window");
    let fine = WindowShape::Hop { size: HOUR, slide: HOUR / 1_200 };
    refused(&of(fine), &at("hop/slide"), "too many windows per row");
    let uneven = WindowShape::Cumulate { size: HOUR, step: HOUR / 4 + Duration::from_secs(1) };
    refused(&of(uneven), &at("cumulate/size"), "a size that is no multiple of step");
    let fine = WindowShape::Cumulate { size: HOUR, step: HOUR / 1_200 };
    refused(&of(fine), &at("cumulate/step"), "too many windows per row");
}

#[test]
fn the_parts_of_an_aggregate_go_together() {
    let at = |rest: &str| format!("/steps/0/aggregate{rest}");
    refused(&of(aggregate(&[], None)), &at(""), "an aggregate without by and window");
    refused(&of(aggregate(&["N"], None)), &at("/values/n"), "column n is listed twice");
    let tumble = || Some(window(WindowShape::Tumble { size: HOUR }));
    let own = "column Window_End is one that the window makes";
    refused(&of(aggregate(&["Window_End"], tumble())), &at("/by/0"), own);
    assert_eq!(found(&of(aggregate(&["window_end"], None))), []);
    let mut forgets = Aggregate { ttl: Some(HOUR), ..aggregate(&["id"], tumble()) };
    refused(&of(forgets.clone()), &at("/ttl"), "ttl together with a window");
    forgets.window = None;
    assert_eq!(found(&of(forgets.clone())), []);
    forgets.values[0].1.distinct = true;
    refused(&of(forgets), &at("/values/n/distinct"), "distinct together with ttl");
}

#[test]
fn what_follows_an_aggregate_takes_changes() {
    let of = |kinds: Vec<StepKind>| {
        plan(kinds.into_iter().enumerate().map(|(i, kind)| step(&format!("s{i}"), kind)).collect())
    };
    let by_id = || StepKind::Aggregate(aggregate(&["id"], None));
    let windowed = || StepKind::Aggregate(aggregate(&["id"], Some(window(WindowShape::Tumble { size: HOUR }))));
    assert_eq!(found(&of(vec![windowed(), by_id()])), []);
    refused(&of(vec![by_id(), windowed()]), "/steps/1/aggregate/window", "a window after another aggregate");
    let transform = StepKind::Transform(text("split(tags)"));
    assert_eq!(found(&of(vec![transform.clone(), by_id()])), []);
    let message = "a transform after an aggregate is not supported in this version";
    refused(&of(vec![by_id(), transform]), "/steps/1/transform", message);
    for kinds in [vec![by_id()], vec![windowed(), by_id()]] {
        let mut plan = of(kinds);
        plan.sink.tables[0].mode = Mode::Append;
        refused(&plan, "/sink/mode", "sink.mode: append after an aggregate");
    }
    for start in [Start::Latest, Start::Earliest, Start::Gtid(String::new())] {
        let mut plan = of(vec![StepKind::Filter(text("1")), by_id()]);
        plan.source.start = start;
        refused(&plan, "/source/start", "steps[1] is an aggregate, which needs source.start: snapshot");
    }
}

fn view(name: &str, from: Upstream, kinds: Vec<StepKind>) -> Relation {
    let step = |(index, kind)| step(&format!("{name}-{index}"), kind);
    Relation { name: name.to_owned(), from, steps: kinds.into_iter().enumerate().map(step).collect() }
}

fn one(name: &str) -> Upstream {
    Upstream::One(name.to_owned())
}

fn union(branches: &[&str], tag: Option<&str>) -> Upstream {
    Upstream::Union { branches: names(branches), tag: tag.map(str::to_owned) }
}

fn target(table: &str, from: &str) -> SinkTable {
    SinkTable { table: table.to_owned(), from: from.to_owned(), ..SinkTable::each_table() }
}

fn graph(relations: Vec<Relation>, tables: Vec<SinkTable>) -> Plan {
    let mut plan = plan(Vec::new());
    plan.source.tables = names(&["orders", "returns"]);
    plan.relations = relations;
    plan.sink.tables = tables;
    plan
}

fn counted() -> StepKind {
    StepKind::Aggregate(aggregate(&["id"], None))
}

#[test]
fn views_are_made_from_tables_and_views_before_them() {
    let paid = || view("paid", one("orders"), Vec::new());
    let moves = || view("moves", union(&["paid", "returns"], Some("kind")), vec![counted()]);
    let both = || vec![target("paid", "paid"), target("totals", "moves"), target("returns", "returns")];
    assert_eq!(found(&graph(vec![paid(), moves()], both())), []);
    let refused = |relations: Vec<Relation>, at: &str, message: &str| {
        let reads = relations.iter().enumerate();
        let reads = reads.map(|(index, relation)| target(&format!("t{index}"), &relation.name)).collect();
        refused(&graph(relations, reads), at, message);
    };
    refused(vec![moves(), paid()], "/views/moves/from/0", "view moves is made from itself");
    refused(vec![view("paid", one("paid"), Vec::new())], "/views/paid/from", "view paid is made from itself");
    refused(vec![view("a b", one("orders"), Vec::new())], "/views/a b", "\"a b\" is no name of a view");
    let like = "the view returns is called like a table that is read";
    refused(vec![view("returns", one("orders"), Vec::new())], "/views/returns", like);
    refused(vec![paid(), paid()], "/views/paid", "two views are called paid");
    let union = |branches: &[&str], tag| vec![paid(), view("u", union(branches, tag), Vec::new())];
    refused(union(&[], Some("kind")), "/views/u/from", "a union of nothing");
    refused(union(&["paid", "paid"], Some("kind")), "/views/u/from/1", "paid is listed twice");
    refused(union(&["paid", "returns"], None), "/views/u/from", "a union with a view needs a tag");
    refused(union(&["paid", "returns"], Some("_table")), "/views/u/from", "a union with a view needs a tag");
    refused(union(&["paid", "r*"], Some("k")), "/views/u/from", "a union of a view and of tables by a pattern");
    refused(union(&["orders", "returns"], Some("`")), "/views/u/tag", "\"`\" is no column name");
    let groups =
        vec![view("sums", one("orders"), vec![counted()]), view("u", self::union(&["sums"], Some("k")), vec![])];
    refused(groups, "/views/u/from", "a union of the results of an aggregate is not supported in this version");
    let mut steps = vec![paid(), paid()];
    steps[0].steps.push(step("s", StepKind::Filter(text("1"))));
    steps[1] = view("other", one("paid"), Vec::new());
    steps[1].steps.push(step("s", StepKind::Filter(text("1"))));
    refused(steps, "/views/other/steps/0/id", "two steps have the id s");
}

#[test]
fn targets_ask_something_of_the_way_to_them() {
    let paid = || view("paid", one("orders"), Vec::new());
    let sums = || view("sums", one("paid"), vec![counted()]);
    refused(&graph(vec![paid()], vec![target("t", "orders")]), "/views/paid", "nothing reads the view paid");
    refused(
        &graph(vec![], vec![target("t", "orders"), target("t", "returns")]),
        "/sink/tables/t",
        "two targets are called t",
    );
    refused(&graph(vec![], vec![]), "/sink/tables", "sink.tables is empty");
    let append = |table, from| SinkTable { mode: Mode::Append, ..target(table, from) };
    let plain = "mode: append of plain rows beside aggregates";
    refused(&graph(vec![paid(), sums()], vec![target("s", "sums"), append("p", "paid")]), "/sink/tables/p/mode", plain);
    let changes = "mode: append after an aggregate";
    refused(&graph(vec![paid(), sums()], vec![append("s", "sums")]), "/sink/tables/s/mode", changes);
    assert_eq!(found(&graph(vec![paid()], vec![append("p", "paid")])), []);
    // Along the way, not within a view.
    let windowed = StepKind::Aggregate(aggregate(&["id"], Some(window(WindowShape::Tumble { size: HOUR }))));
    let again = view("again", one("sums"), vec![windowed]);
    let at = "/views/again/steps/0/aggregate/window";
    let plan = graph(vec![paid(), sums(), again], vec![target("a", "again")]);
    refused(&plan, at, "a window after another aggregate");
}

#[test]
fn numbers_are_such_that_a_run_can_work_with_them() {
    let with = |change: fn(&mut Plan)| {
        let mut plan = plan(vec![step("s", StepKind::Filter(text("1")))]);
        change(&mut plan);
        plan
    };
    refused(&with(|plan| plan.batch.rows = 0), "/batch/rows", "0 rows in batch");
    refused(&with(|plan| plan.epoch.bytes = 2 << 30), "/epoch/bytes", "2147483648 bytes in epoch");
    refused(&with(|plan| plan.epoch.pace = Duration::from_secs(11)), "/epoch/pace", "a pace of 11s");
    refused(&with(|plan| plan.limits.memory = 1), "/limits/memory", "1 bytes of memory");
    let wall = |plan: &mut Plan| plan.relations[0].steps[0].limits.wall = Duration::ZERO;
    refused(&with(wall), "/steps/0/limits/wall", "a limit of 0 for wall");
    let odd = Duration::from_nanos(1_500);
    let tumble = of(aggregate(&["id"], Some(window(WindowShape::Tumble { size: odd }))));
    refused(&tumble, "/steps/0/aggregate/window/tumble", "a duration with a part of a microsecond");
}
