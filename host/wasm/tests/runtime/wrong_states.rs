//! Results and states of aggregates that no host may believe.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::{DataType, Field};
use rowmill_wasm::{Error, Fault, Limits, Place, StateSchema, States};
use serde_json::json;

use crate::guests::{bind_aggregate_with, bind_hostile, groups, update};

fn rows() -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(0..10))
}

fn ensure_wrong(error: &Error, words: &str) {
    assert!(matches!(error, Error::WrongAnswer { .. }), "{error}");
    assert_eq!(error.fault(), Fault::Component);
    let text = error.to_string();
    assert!(text.contains(words), "no {words:?} in {text:?}");
}

#[tokio::test]
async fn results_are_checked_against_the_groups() {
    for (function, words) in [
        ("evaluate-short", "result r: values of 72 bytes, needed 80"),
        ("evaluate-long", "result r: values of 88 bytes, needed 80"),
        ("evaluate-columns", "0 result columns, its signature declares 1"),
        ("evaluate-parents", "parents, which only a table function gives"),
        ("evaluate-error-row", "an error for row 10 of a batch of 10"),
    ] {
        let mut aggregate = bind_hostile(function, "").await;
        let error = aggregate.evaluate(&groups(0..10)).await.expect_err("wrong");
        ensure_wrong(&error, words);
        assert!(!aggregate.is_spent(), "evaluate changes nothing");
        update(&mut aggregate, &groups(0..10), rows()).await.expect("usable");
    }
}

#[tokio::test]
async fn row_errors_are_sorted_and_the_first_of_a_row_stays() {
    let mut aggregate = bind_hostile("update-row-errors", "").await;
    let errors = update(&mut aggregate, &groups(0..10), rows()).await.expect("row errors only");
    assert_eq!(errors.iter().map(|error| error.row).collect::<Vec<_>>(), [0, 2]);
    let mut aggregate = bind_hostile("evaluate-row-errors", "").await;
    let output = aggregate.evaluate(&groups(0..10)).await.expect("row errors only");
    assert_eq!(output.errors.iter().map(|error| error.row).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test]
async fn a_result_out_of_range_is_an_error_of_its_group() {
    let mut aggregate = bind_hostile("evaluate-utf8", "").await;
    let output = aggregate.evaluate(&groups(0..3)).await.expect("row errors only");
    assert!(output.errors.iter().all(|error| error.code == "invalid-utf8"));
    assert_eq!(output.errors.len(), 3);
    assert_eq!(output.columns[0].as_string::<i32>().value(2), "");
}

#[tokio::test]
async fn states_are_checked_and_no_value_is_forgiven() {
    for (function, words) in [
        ("state-short", "state s: values of 79 bytes, needed 80"),
        ("state-long", "state s: values of 88 bytes, needed 80"),
        ("state-columns", "0 state columns, its signature declares 1"),
        ("state-counts", "state s: values of 80 bytes, needed 160 for 20 rows"),
        ("state-counts-odd", "row counts of states of 41 bytes, needed 4 each"),
        ("state-counts-few", "row counts of 9 states, needed those of 10 groups"),
        ("state-counts-huge", "states of 42949672950 rows in one call"),
        ("state-null", "state s is NULL, but is declared not to be, in row 1"),
        ("state-date", "state s is 2147483647, outside of date, in row 1"),
        ("state-utf8", "state s is not UTF-8"),
        ("state-json", "state s is not valid JSON, in row 0"),
    ] {
        let mut aggregate = bind_hostile(function, "").await;
        let error = aggregate.snapshot(&groups(0..10)).await.expect_err("wrong");
        ensure_wrong(&error, words);
        assert!(!aggregate.is_spent(), "snapshot changes nothing");
        let own = aggregate.signature().state.clone();
        let old = StateSchema { version: 1, fields: vec![Field::new("s", DataType::Int64, false)] };
        let states = States { rows: None, columns: vec![rows()] };
        let error = aggregate.migrate(&old, &own, &states, 10).await.expect_err("wrong");
        ensure_wrong(&error, words);
        assert!(!aggregate.is_spent(), "migrate changes nothing");
    }
}

#[tokio::test]
async fn signatures_are_checked() {
    for (function, words) in [
        ("strange-migration", "a migration from version 3 to 4, needed its own version 2 on one side"),
        ("strange-state-type", "state s has the type decimal(9,10)"),
        ("state-named-twice", "two states s"),
        ("state-of-taken-attribute", "the attribute type at state s"),
        ("no-results-of-groups", "without results"),
    ] {
        let error = bind_aggregate_with("hostile", function, DataType::Int64, &Limits::default(), json!({}))
            .await
            .expect_err("a wrong signature");
        ensure_wrong(&error, words);
    }
}

#[tokio::test]
async fn binding_is_refused_and_limited_as_for_functions() {
    let refused = json!({"refuse-at": 1});
    let error =
        bind_aggregate_with("hostile", "sum", DataType::Int64, &Limits::default(), refused).await.expect_err("refused");
    assert_eq!((error.place(), error.message().as_str()), (Some(&Place::Argument(0)), "no such sum"));
    let error = bind_aggregate_with("hostile", "agg-panic-in-bind", DataType::Int64, &Limits::default(), json!({}))
        .await
        .expect_err("traps");
    assert!(error.is_trap() && error.to_string().contains("cannot bind"), "{error}");
    let error = bind_aggregate_with("hostile", "sum", DataType::Float64, &Limits::default(), json!({}))
        .await
        .expect_err("lossy");
    assert!(error.to_string().contains("{ column: x, as: int64 }"), "{error}");
}
