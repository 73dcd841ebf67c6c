//! The guests, loaded once per test run, and how the tests bind and run them.

use std::sync::{Arc, OnceLock};

use arrow_array::{ArrayRef, Int64Array, UInt32Array};
use arrow_schema::{DataType, Field};
use rowmill_wasm::{
    Aggregate, Argument, Component, Engine, EngineOptions, Error, Function, Identity, Input, Limits, Output, RowError,
};
use serde_json::{Value, json};

/// The bytes of a guest.
pub(crate) fn wasm(name: &str) -> Vec<u8> {
    match name {
        "hostile" => rowmill_test_guests::HOSTILE.to_vec(),
        "random" => rowmill_test_guests::RANDOM.to_vec(),
        "bench" => rowmill_test_guests::BENCH.to_vec(),
        _ => rowmill_test_guests::HONEST.to_vec(),
    }
}

/// One engine for all tests: it is what a process has.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(EngineOptions::default()).expect("an engine"))
}

/// A loaded guest, compiled once per test run.
pub(crate) async fn component(name: &'static str) -> Component {
    static LOADED: tokio::sync::Mutex<Vec<(&str, Component)>> = tokio::sync::Mutex::const_new(Vec::new());
    let mut loaded = LOADED.lock().await;
    if let Some((_, component)) = loaded.iter().find(|(n, _)| *n == name) {
        return component.clone();
    }
    let component = engine().load(name, &wasm(name)).await.expect("loads");
    loaded.push((name, component.clone()));
    component
}

pub(crate) fn identity() -> Identity {
    Identity { pipeline: "test".to_owned(), step: "map-1".to_owned() }
}

pub(crate) fn column(name: &str, data_type: DataType) -> Argument {
    Argument { field: Field::new(name, data_type, true), literal: None }
}

pub(crate) async fn bind_with(function: &str, limits: &Limits, config: Value) -> Result<Function, Error> {
    let component = component("hostile").await;
    let args = [column("x", DataType::Int64)];
    Function::bind(&component, &identity(), limits, function, &args, &config).await
}

/// A function of the hostile guest, under default limits.
pub(crate) async fn bind(function: &str) -> Function {
    bind_with(function, &Limits::default(), Value::Null).await.expect("binds")
}

/// Runs a bound hostile function on the rows 0..n.
pub(crate) async fn run(function: &mut Function, rows: i64) -> Result<Output, Error> {
    let columns: [ArrayRef; 1] = [Arc::new(Int64Array::from_iter_values(0..rows))];
    let input = Input { rows: usize::try_from(rows).expect("few rows"), columns: &columns, ..Input::default() };
    function.run(&input).await
}

/// Binds and runs a hostile function on ten rows.
pub(crate) async fn misbehave(function: &str) -> Result<Output, Error> {
    run(&mut bind(function).await, 10).await
}

/// The function's error on ten rows: it names component, function and step, and after it
/// the function can be run again on rows that it can do.
pub(crate) async fn error_of(function: &str, limits: &Limits) -> Error {
    let mut bound = bind_with(function, limits, json!({"when": 9})).await.expect("binds");
    let error = run(&mut bound, 10).await.expect_err("an error");
    let text = error.to_string();
    for part in ["component hostile", &format!("function {function}"), "step map-1"] {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
    let output = run(&mut bound, 9).await.expect("the other rows are done");
    assert_eq!(output.columns[0].len(), 9);
    assert!(output.errors.is_empty());
    error
}

pub(crate) async fn bind_aggregate_with(
    guest: &'static str,
    function: &str,
    data_type: DataType,
    limits: &Limits,
    config: Value,
) -> Result<Aggregate, Error> {
    let component = component(guest).await;
    Aggregate::bind(&component, &identity(), limits, function, &[column("x", data_type)], &config).await
}

/// An aggregate of the hostile guest that misbehaves in one of its calls.
pub(crate) async fn bind_hostile(function: &str, call: &str) -> Aggregate {
    let config = json!({ "in": call });
    bind_aggregate_with("hostile", function, DataType::Int64, &Limits::default(), config).await.expect("binds")
}

pub(crate) fn groups(numbers: impl IntoIterator<Item = u32>) -> UInt32Array {
    UInt32Array::from_iter_values(numbers)
}

/// Takes rows of one column into groups below 100.
pub(crate) async fn update(
    aggregate: &mut Aggregate,
    groups: &UInt32Array,
    column: ArrayRef,
) -> Result<Vec<RowError>, Error> {
    let input = Input { rows: column.len(), columns: &[column], ..Input::default() };
    aggregate.update(100, groups, None, &input).await
}
