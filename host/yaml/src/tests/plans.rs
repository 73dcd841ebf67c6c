//! What right files become.

use std::time::Duration;

use super::*;
use rowmill_plan::{Arg, Call, ComponentRef, Existing, Mode, OnError, Start, Step, StepKind, ZeroDates};

#[test]
fn a_full_file_becomes_a_plan() {
    // `{ rows: ${ROWS} }` is not YAML: quotes are needed inside braces.
    let found = problems(FULL);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("in double quotes"), "{found:?}");

    let loaded = read(&FULL.replace("${ROWS}", "\"${ROWS}\"")).expect("right");
    let plan = &loaded.pipeline;
    assert_eq!(plan.name, "clean-orders");
    assert_eq!(plan.source.url.expose(), "mysql://reader:hunter2@127.0.0.1:3306/shop");
    assert_eq!(plan.source.url.to_string(), "mysql://reader:${SHOP_PASSWORD}@127.0.0.1:3306/shop");
    assert_eq!(plan.source.zero_dates, ZeroDates::Error);
    assert_eq!(plan.source.start, Start::File { file: "binlog.000012".to_owned(), position: 4 });
    let ids: Vec<&str> = plan.relations[0].steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["filter-1", "fraud", "map-1", "transform-1", "drop-1", "rename-1", "select-1"]);
    let fraud = &plan.relations[0].steps[1];
    assert_eq!(fraud.on_error, OnError::Skip);
    assert_eq!(fraud.limits.memory, 32 << 20);
    assert_eq!(fraud.limits.cpu_base, Duration::from_millis(200));
    assert_eq!(
        fraud.kind,
        StepKind::Filter(Call::Udf {
            component: ComponentRef::Path("conf/fraud.wasm".into()),
            function: Some("not_fraud".to_owned()),
            args: ["amount", "country"].map(|name| Arg::Column { name: name.to_owned(), cast: None }).to_vec(),
            config: serde_json::json!({ "threshold": 0.9 }),
        })
    );
    let Step { kind: StepKind::Map(columns), .. } = &plan.relations[0].steps[2] else {
        panic!("a map");
    };
    assert_eq!(columns[0].1, Call::Expression("trim(name)".to_owned()));
    assert_eq!(
        columns[1].1,
        Call::Udf {
            component: ComponentRef::Path("conf/../price.wasm".into()),
            function: None,
            args: vec![
                Arg::Column { name: "price".to_owned(), cast: Some(arrow_schema::DataType::Float64) },
                Arg::Literal(3.into())
            ],
            config: serde_json::json!({}),
        }
    );
    assert_eq!(plan.sink.tables[0].existing, Existing::Keep);
    assert_eq!(plan.sink.tables[0].mode, Mode::Append);
    assert!(!plan.sink.tables[0].create);
    assert_eq!(plan.sink.meta, "rowmill");
    assert_eq!(plan.batch.rows, 100);
    assert_eq!(plan.epoch.rows, 1000);
    assert_eq!(plan.epoch.bytes, 32 << 20);
    assert_eq!(plan.epoch.pace, Duration::from_millis(10));
}

#[test]
fn a_pace_is_a_duration_or_nothing() {
    for (text, millis) in [("0", 0), ("0ms", 0), ("250ms", 250), ("10s", 10_000)] {
        let file = "pipeline: a\nsource: {url: 'mysql://h/d', tables: [t]}\nsink: {url: 'mysql://h/e'}\n";
        let loaded = read(&format!("{file}epoch: {{ pace: {text} }}\n")).unwrap();
        assert_eq!(loaded.pipeline.epoch.pace, Duration::from_millis(millis), "{text}");
    }
}

#[test]
fn a_short_file_has_the_documented_defaults() {
    let loaded = read(
        "pipeline: a\nsource: {url: 'mysql://h/d', tables: ['orders_*', shop.items]}\nsink: {url: 'mysql://h/e'}\n",
    )
    .expect("right");
    let plan = loaded.pipeline;
    assert_eq!(plan.source.start, Start::Snapshot);
    assert!(plan.relations[0].steps.is_empty());
    assert_eq!(plan.sink.tables, [rowmill_plan::SinkTable::each_table()]);
    assert_eq!(plan.limits, rowmill_plan::Limits::default());
    assert_eq!(plan.batch, rowmill_plan::Batch::default());
    assert_eq!(plan.on_error, OnError::Fail);
}
