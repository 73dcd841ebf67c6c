//! More functions than instances: they share them, wait for each other, and aggregates that find no room are refused.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::DataType;
use rowmill_wasm::{Aggregate, Component, Engine, EngineOptions, Error, Fault, Function, Limits};
use serde_json::{Value, json};

use crate::guests::{column, groups, identity, run, update, wasm};

/// Of four instances, of which aggregates may keep three.
async fn crowded(guest: &str) -> Component {
    let engine = Engine::new(EngineOptions { instances: Some(4), ..EngineOptions::default() }).expect("an engine");
    engine.load(guest, &wasm(guest)).await.expect("loads")
}

async fn function(component: &Component) -> Function {
    let (args, config) = ([column("x", DataType::Int64)], json!({ "when": 1_000 }));
    Function::bind(component, &identity(), &Limits::default(), "loop", &args, &config).await.expect("binds")
}

async fn sum(component: &Component) -> Result<Aggregate, Error> {
    let args = [column("x", DataType::Int64)];
    Aggregate::bind(component, &identity(), &Limits::default(), "sum", &args, &Value::Null).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_functions_than_instances_run_at_the_same_time() {
    let component = crowded("hostile").await;
    let mut functions = Vec::new();
    for _ in 0..20 {
        functions.push(function(&component).await);
    }
    for round in 1..4 {
        let mut calls = tokio::task::JoinSet::new();
        for mut function in functions.drain(..) {
            calls.spawn(async move {
                let output = run(&mut function, 10).await.expect("runs");
                assert_eq!(output.columns[0].len(), 10);
                function
            });
        }
        let all = tokio::time::timeout(Duration::from_secs(120), calls.join_all());
        functions = all.await.expect("nobody waits for ever");
        assert!(functions.iter().all(|function| function.meter().calls == round));
    }
    // At most four are kept for the next call.
    assert!(functions.iter().filter(|function| function.memory() > 0).count() <= 4);
}

#[tokio::test]
async fn aggregates_keep_their_instances_and_one_more_is_refused() {
    let component = crowded("honest").await;
    let mut kept = Vec::new();
    for n in 0..3_i64 {
        let mut aggregate = sum(&component).await.expect("there is room");
        let rows: ArrayRef = Arc::new(Int64Array::from(vec![n]));
        update(&mut aggregate, &groups([0]), rows).await.expect("updates");
        kept.push(aggregate);
    }
    let error = sum(&component).await.expect_err("there is none");
    assert_eq!(error.fault(), Fault::Configuration);
    let text = error.to_string();
    assert!(text.contains("function sum") && text.contains("3 instances of aggregates"), "{text}");
    // None of them lost what it had.
    for (n, aggregate) in kept.iter_mut().enumerate() {
        let output = aggregate.evaluate(&groups([0])).await.expect("evaluates");
        assert_eq!(output.columns[0].as_primitive::<Int64Type>().value(0), n as i64);
    }
    kept.pop();
    sum(&component).await.expect("there is room again");
}
