//! Answers that are too much are refused before anything is made of them.

use std::time::Duration;

use rowmill_wasm::{Aggregate, Component, Error, Fault, Function, Limit, Limits, Place};
use serde_json::{Value, json};

use crate::guests::{bind_aggregate_with, bind_with, column, component, engine, groups, identity, run, update, wasm};

/// Making and taking so much takes time, more on a busy machine, which is not what this is about.
fn patient() -> Limits {
    Limits { cpu_base: Duration::from_secs(30), wall: Duration::from_secs(60), ..Limits::default() }
}

/// The hostile guest whose `describe` answers as `mode` says.
async fn describing(mode: &str) -> Component {
    const MARK: &[u8] = b"describe-as:";
    let mut bytes = wasm("hostile");
    let at = bytes.windows(MARK.len()).position(|window| window == MARK).expect("there") + MARK.len();
    bytes[at..at + mode.len()].copy_from_slice(mode.as_bytes());
    engine().load("hostile", &bytes).await.expect("loads")
}

fn ensure_printable(error: &Error) -> String {
    let text = error.to_string();
    assert!(text.len() < 50_000, "{} bytes", text.len());
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(!text.contains(['\u{202e}', '\u{2028}']), "{text:?}");
    text
}

#[tokio::test]
async fn descriptions_are_bounded() {
    for (mode, words) in [
        ("functions=100000", "a description with 100000 functions, needed at most 256"),
        ("twice", "a description with two functions loop"),
        ("name=0", "a function \"\", needed a letter"),
        ("name=5", "a function \"x`, y INT); DROP TABLE t; -- y\", needed a letter"),
        ("name=6", "a function \"x\\\\n\\\\u{1b}[2J\", needed a letter"),
        ("docs=65537", "function loop with docs of 65537 bytes, needed at most 65536"),
        ("component-docs=65537", "a description with docs of 65537 bytes"),
        ("version=257", "a version of 257 bytes"),
        ("parameters=257", "257 parameters, needed at most 256"),
        ("parameters=500000", "needs more than its output limit of 33554432 bytes"),
        ("accepts=65", "65 types of one parameter"),
        ("keys=257", "257 configuration keys"),
        ("docs=50000000", "needs more than its output limit of 33554432 bytes a call"),
    ] {
        let component = describing(mode).await;
        // Nothing of it can be bound.
        let error = Function::bind(&component, &identity(), &patient(), "loop", &[], &Value::Null).await;
        let error = error.expect_err(mode);
        let text = ensure_printable(&error);
        assert!(text.starts_with("component hostile: ") && text.contains(words), "{mode}: {text}");
        assert_eq!(error.fault(), Fault::Component, "{mode}");
    }
    for mode in ["docs=65536", "functions=256", "parameters=256"] {
        let description = describing(mode).await.describe().await.expect(mode);
        assert!(!description.functions.is_empty());
    }
}

#[tokio::test]
async fn signatures_are_bounded() {
    for (function, config, words) in [
        ("many-results", json!({"n": 200_000}), "a signature with 200000 fields, needed at most 4096, of results"),
        ("many-results", json!({"n": 4097}), "4097 fields"),
        ("many-results", json!({"n": 500_000}), "needs more than its output limit of 16777216 bytes a call"),
        ("many-reads", json!({"n": 4_000_000}), "reads 4000000 arguments of 1, needed each at most once"),
        ("many-reads", json!({"n": 2}), "reads 2 arguments of 1"),
        ("many-attributes", json!({"n": 1_000_000}), "needs more than its output limit of 16777216 bytes a call"),
        ("many-attributes", json!({"n": 65}), "result r has 65 attributes, needed at most 64"),
        ("long-attribute", json!({"n": 1 << 20}), "attributes of 1048586 bytes, needed at most 1048576"),
        ("attribute-twice", json!({}), "result r has two attributes a"),
        ("results-named-twice", json!({}), "two results Total"),
        ("result-named", json!({"name": 0}), "a result has an empty name"),
        ("result-named", json!({"name": 1}), "a name with a NUL character"),
        ("result-named", json!({"name": 2}), "a name that ends with a space"),
        ("result-named", json!({"name": 3}), "a character beyond U+FFFF"),
        ("result-named", json!({"name": 4}), "a name of more than 64 characters"),
    ] {
        let error = bind_with(function, &patient(), config.clone()).await.expect_err(function);
        let text = ensure_printable(&error);
        assert!(text.contains(words), "{function} {config}: {text}");
        assert_eq!(error.fault(), Fault::Component);
    }
    // What MySQL takes as a name is quoted wherever it is used.
    for name in [5, 6] {
        bind_with("result-named", &patient(), json!({ "name": name })).await.expect("a name");
    }
    let bound = bind_with("many-results", &patient(), json!({"n": 4096})).await.expect("as many as there may be");
    assert_eq!(bound.signature().results.len(), 4096);
}

#[tokio::test]
async fn an_argument_is_read_once() {
    let component = component("hostile").await;
    let args = [column("x", arrow_schema::DataType::Int64), column("y", arrow_schema::DataType::Int64)];
    let config = json!({"n": 2});
    let error =
        Function::bind(&component, &identity(), &patient(), "many-reads", &args, &config).await.expect_err("twice");
    assert!(error.to_string().contains("reads argument 0 twice"), "{error}");
}

#[tokio::test]
async fn signatures_of_aggregates_are_bounded() {
    for (function, n, words) in [
        ("many-migrations", 257, "257 migrations, needed at most 256"),
        ("many-migrations", 2_000_000, "2000000 migrations, needed at most 256"),
        ("many-state-fields", 4097, "4097 fields, needed at most 4096, of states"),
    ] {
        let bound = bind_aggregate(function, n).await;
        let text = ensure_printable(&bound.expect_err(function));
        assert!(text.contains(words), "{function}: {text}");
    }
}

async fn bind_aggregate(function: &str, n: u32) -> Result<Aggregate, Error> {
    let config = json!({ "n": n });
    bind_aggregate_with("hostile", function, arrow_schema::DataType::Int64, &patient(), config).await
}

/// Each of two million values is wrong; what is kept of them is one message.
#[tokio::test]
async fn of_states_that_are_wrong_one_fault_is_kept() {
    let config = json!({"n": 2_000_000});
    let mut aggregate =
        bind_aggregate_with("hostile", "many-state-dates", arrow_schema::DataType::Int64, &patient(), config)
            .await
            .expect("binds");
    let error = aggregate.snapshot(&groups(0..2)).await.expect_err("no dates");
    assert!(error.to_string().contains("in row 0"), "{error}");
    assert!(!aggregate.is_spent());
}

#[tokio::test]
async fn row_errors_are_bounded_by_rows() {
    for n in [11, 1_000_000] {
        let mut function = bind_with("many-row-errors", &patient(), json!({ "n": n })).await.expect("binds");
        let error = run(&mut function, 10).await.expect_err("too many");
        assert!(matches!(error, Error::WrongAnswer { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{n} row errors of a batch of 10 rows")), "{error}");
    }
    let mut function = bind_with("many-row-errors", &patient(), json!({"n": 10})).await.expect("binds");
    assert_eq!(run(&mut function, 10).await.expect("row errors").errors.len(), 1);
    // A limit on output holds for them, too: an empty one has its size in the host.
    let limits = Limits { output: 1 << 20, ..patient() };
    let mut function = bind_with("many-row-errors", &limits, json!({"n": 100_000})).await.expect("binds");
    let error = run(&mut function, 10).await.expect_err("too many");
    assert_eq!(error.limit(), Some(Limit::Output), "{error}");
}

#[tokio::test]
async fn texts_of_errors_are_one_printable_line() {
    let bytes = json!({"n": 2_000_000});
    let error = bind_with("long-bind-error", &patient(), bytes.clone()).await.expect_err("refused");
    let text = ensure_printable(&error);
    assert!(text.contains(r"config key \u{1b}[2J\r\n\u{9b}31m") && text.contains("more bytes)"), "{text}");
    assert!(matches!(error.place(), Some(Place::Config(key)) if !key.contains('\n')));
    assert!(!error.message().chars().any(char::is_control));
    for function in ["long-refusal", "loud-panic"] {
        let mut bound = bind_with(function, &patient(), bytes.clone()).await.expect("binds");
        let text = ensure_printable(&run(&mut bound, 10).await.expect_err(function));
        assert!(text.contains(r"level=ERROR forged\u{0}"), "{function}: {text}");
    }
    let error = describing("trap=500").await.describe().await.expect_err("panics");
    assert!(error.is_trap(), "{error}");
    ensure_printable(&error);

    let mut bound = bind_with("loud-row-error", &patient(), bytes).await.expect("binds");
    let output = run(&mut bound, 10).await.expect("a row error");
    let error = &output.errors[0];
    assert!(error.message.starts_with(r"\u{1b}[2J\r\n") && error.message.len() <= 4096, "{error:?}");
    assert!(!error.code.chars().chain(error.message.chars()).any(char::is_control), "{error:?}");
}

#[tokio::test]
async fn a_panic_is_told_on_one_line() {
    let mut bound = bind_with("panic", &patient(), json!({})).await.expect("binds");
    let text = run(&mut bound, 10).await.expect_err("panics").to_string();
    assert!(text.contains("lib.rs:") && text.ends_with(": the third wheel came off at 10"), "{text}");
}

#[tokio::test]
async fn counters_are_bounded_over_all_calls() {
    let component = component("hostile").await;
    let args = [column("x", arrow_schema::DataType::Int64)];
    let config = json!({"n": 7});
    let mut bound =
        Function::bind(&component, &identity(), &patient(), "loud-counters", &args, &config).await.expect("binds");
    for _ in 0..3 {
        run(&mut bound, 1).await.expect("runs");
    }
    assert_eq!(bound.counters().len(), 64);
    assert_eq!(bound.counters().get("7-0"), Some(&3));
    assert!(bound.counters().keys().all(|name| !name.chars().any(char::is_control)));
}

#[tokio::test]
async fn what_is_within_bounds_still_works() {
    let mut sum = bind_aggregate("sum", 0).await.expect("binds");
    let rows: arrow_array::ArrayRef = std::sync::Arc::new(arrow_array::Int64Array::from_iter_values(0..10));
    update(&mut sum, &groups(0..10), rows).await.expect("runs");
}
