//! Files with views and several targets.

use super::aggregates::refused;
use super::*;
use rowmill_plan::{Existing, Mode, SinkTable, Upstream};

const VIEWS: &str = r#"pipeline: p
source: { url: "mysql://a@127.0.0.1/shop", tables: [orders, returns, "log_*"] }
views:
  moves: { from: [paid, returns], tag: kind, steps: [ { filter: "amount > 0" } ] }
  paid:
    from: orders
    steps:
      - filter: "status = 'paid'"
  logs: { from: "log_*" }
sink:
  url: "mysql://a@127.0.0.1/mart"
  existing: keep
  tables:
    all_moves: { from: moves, key: [id, kind] }
    logs: { from: logs, mode: append, existing: refuse, create: false }
    orders: { from: orders }
"#;

#[test]
fn views_and_targets_become_a_graph() {
    let loaded = read(VIEWS).unwrap_or_else(|refused| panic!("{refused}"));
    let plan = loaded.pipeline;
    // Each after those that it is made from.
    let names: Vec<&str> = plan.relations.iter().map(|relation| relation.name.as_str()).collect();
    assert_eq!(names, ["paid", "moves", "logs"]);
    let one = |name: &str| Upstream::One(name.to_owned());
    let union = |branches: &[&str], tag: Option<&str>| Upstream::Union {
        branches: branches.iter().map(|&name| name.to_owned()).collect(),
        tag: tag.map(str::to_owned),
    };
    let from: Vec<&Upstream> = plan.relations.iter().map(|relation| &relation.from).collect();
    assert_eq!(from, [&one("orders"), &union(&["paid", "returns"], Some("kind")), &union(&["log_*"], None)]);
    // Counted through the file, so that each id is there once.
    let ids: Vec<&str> = plan.steps().map(|(_, step)| step.id.as_str()).collect();
    assert_eq!(ids, ["filter-2", "filter-1"]);
    let target = |table: &str, from: &str| SinkTable {
        table: table.to_owned(),
        from: from.to_owned(),
        existing: Existing::Keep,
        ..SinkTable::each_table()
    };
    let key = Some(vec!["id".to_owned(), "kind".to_owned()]);
    let logs = SinkTable { mode: Mode::Append, existing: Existing::Refuse, create: false, ..target("logs", "logs") };
    let expected = [SinkTable { key, ..target("all_moves", "moves") }, logs, target("orders", "orders")];
    assert_eq!(plan.sink.tables, expected);
    let only = VIEWS.replace(&VIEWS[VIEWS.find("views:").unwrap()..VIEWS.find("sink:").unwrap()], "");
    let only = only.replace("from: moves", "from: returns").replace("from: logs", "from: orders");
    assert_eq!(read(&only).unwrap_or_else(|refused| panic!("{refused}")).pipeline.relations, []);
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let with = |from: &str, to: &str| {
        assert!(VIEWS.contains(from), "{from}");
        VIEWS.replace(from, to)
    };
    refused(
        &with("sink:", "steps: [ { filter: \"1\" } ]\nsink:"),
        "10:1: steps together with views; needed one of the two, since steps are for every table alike; fix: make them the \
         steps of a view: views: { clean: { from: orders, steps: [ … ] } }",
    );
    refused(
        &with("  existing: keep", "  key: [id]"),
        "12:3: sink.key together with sink.tables; needed one of the two; fix: put key into its table",
    );
    refused(
        &with("    orders: { from: orders }", "    orders: {}"),
        "16:13: sink.tables.orders.from is missing; needed a view or a table of the source; fix: for example from: paid",
    );
    refused(
        &with("from: orders\n    steps", "from: orders\n    step"),
        "7:5: no such key in views.paid: step; needed one of from, tag, steps; fix: did you mean steps?",
    );
    refused(
        &with("    from: orders\n", "    from: moves\n"),
        "4:19: view moves is made from itself; found paid; needed tables, and views that are not made from this one",
    );
    refused(
        &with("    logs: { from: logs, mode: append, existing: refuse, create: false }\n", ""),
        "9:3: nothing reads the view logs; needed a target or another view that is made from it; fix: write it: sink: \
         { tables: { logs: { from: logs } } }, or leave it out",
    );
}
