//! Answers that no host may believe.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type};
use rowmill_wasm::{Error, Fault, Kind, Limits, Place};
use serde_json::{Value, json};

use crate::guests::{bind, bind_with, error_of, misbehave, run};

async fn wrong(function: &str, words: &str) {
    let error = error_of(function, &Limits::default()).await;
    assert!(matches!(error, Error::WrongAnswer { .. }), "{error}");
    assert_eq!(error.fault(), Fault::Component);
    assert!(!error.is_trap() && !error.is_limit());
    let text = error.to_string();
    assert!(text.contains(words), "no {words:?} in {text:?}");
}

#[tokio::test]
async fn lengths_are_checked() {
    wrong("short-values", "values of 79 bytes, needed 80").await;
    wrong("long-values", "values of 88 bytes, needed 80").await;
    wrong("too-many-columns", "2 result columns").await;
}

#[tokio::test]
async fn offsets_are_checked() {
    wrong("offsets-fall", "offsets that decrease at row 1").await;
    wrong("offsets-start", "a first offset of 1").await;
    wrong("offsets-end", "a last offset of 20 for values of 10").await;
    wrong("offsets-missing", "no offsets").await;
    wrong("offsets-extra", "int64 has none of").await;
}

#[tokio::test]
async fn bitmaps_are_checked() {
    wrong("short-bitmap", "validity of 1 bytes, needed 2").await;
    wrong("trailing-bits", "bits set past the last row").await;
}

#[tokio::test]
async fn parents_are_checked() {
    wrong("parents-extra", "only a table function").await;
    for (function, words) in [
        ("parents-fall", "parents that decrease"),
        ("parents-range", "parent 10 in a batch of 10"),
        ("parents-missing", "no parents"),
        ("parents-length", "parents of 3 bytes"),
    ] {
        let error = misbehave(function).await.expect_err("wrong");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn errors_for_rows_that_are_not_there_are_refused() {
    wrong("error-row", "an error for row 10 of a batch of 10").await;
}

#[tokio::test]
async fn row_errors_are_sorted_and_the_first_of_a_row_stays() {
    let output = misbehave("row-error").await.expect("row errors only");
    let rows: Vec<usize> = output.errors.iter().map(|e| e.row).collect();
    assert_eq!(rows, [0, 2]);
    assert_eq!(output.errors[1].code, "odd");
}

/// The rows of the errors of one code.
async fn faults(function: &str, code: &str) -> (Vec<usize>, rowmill_wasm::Output) {
    let output = misbehave(function).await.expect("row errors only");
    assert!(output.errors.iter().all(|e| e.code == code), "{:?}", output.errors);
    (output.errors.iter().map(|e| e.row).collect(), output)
}

#[tokio::test]
async fn text_that_is_not_utf8_is_a_row_error() {
    let (rows, output) = faults("utf8", "invalid-utf8").await;
    assert_eq!(rows, [5]);
    let texts = output.columns[0].as_string::<i32>();
    assert_eq!((texts.value(4), texts.value(5), texts.value(6)), ("a", "", "a"));
    let (rows, _) = faults("utf8-cut", "invalid-utf8").await;
    assert_eq!(rows, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_decimal_beyond_its_precision_is_a_row_error() {
    let (rows, output) = faults("decimal", "out-of-range").await;
    assert_eq!(rows, [1]);
    let decimals = output.columns[0].as_primitive::<Decimal128Type>();
    assert_eq!((decimals.value(0), decimals.value(1)), (-99_999, 0));
    let (rows, _) = faults("wide-decimal", "out-of-range").await;
    assert_eq!(rows.len(), 10);
}

#[tokio::test]
async fn dates_and_times_out_of_range_are_row_errors() {
    let (rows, output) = faults("date", "out-of-range").await;
    assert_eq!(rows, [1, 5, 9]);
    let dates = output.columns[0].as_primitive::<Date32Type>();
    assert_eq!((dates.value(2), dates.value(3)), (-719_528, 2_932_896));
    assert_eq!(faults("datetime", "out-of-range").await.0, [1, 3, 5, 7, 9]);
    assert_eq!(faults("time", "out-of-range").await.0, [1, 3, 5, 7, 9]);
}

#[tokio::test]
async fn invalid_json_is_a_row_error() {
    let (rows, output) = faults("json", "invalid-json").await;
    assert_eq!(rows, [1]);
    assert_eq!(output.columns[0].as_string::<i32>().value(1), "null");
}

#[tokio::test]
async fn a_null_where_none_is_declared_is_a_row_error() {
    let (rows, output) = faults("null-result", "null-result").await;
    assert_eq!(rows, [1]);
    assert_eq!(output.columns[0].null_count(), 0);
}

#[tokio::test]
async fn a_refused_call_leaves_the_instance_usable() {
    let mut function = bind_with("refuse", &Limits::default(), json!({"when": 9})).await.unwrap();
    let error = run(&mut function, 10).await.expect_err("refused");
    assert!(matches!(error, Error::Call { .. }), "{error}");
    assert!(error.to_string().contains("not today"));
    run(&mut function, 3).await.expect("usable");
    assert_eq!((function.meter().instances, function.meter().traps), (1, 0));
}

#[tokio::test]
async fn signatures_are_checked() {
    for (function, words) in [
        ("no-results", "without results"),
        ("reads-nothing-there", "reads argument 7 of 1"),
        ("bad-decimal-type", "decimal(70,2)"),
        ("filter-of-two", "needed one boolean"),
    ] {
        let error = bind_with(function, &Limits::default(), Value::Null).await.expect_err("a wrong signature");
        assert!(matches!(error, Error::WrongAnswer { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_bind_error_points_into_the_text() {
    let error = bind_with("loop", &Limits::default(), json!({"refuse-at": 4})).await.expect_err("refused");
    assert_eq!(error.fault(), Fault::Configuration);
    let place = Place::Text { key: "text".to_owned(), start: 4, end: 7 };
    assert_eq!(error.place(), Some(&place));
    assert_eq!(error.message(), "no such thing");
}

#[tokio::test]
async fn functions_that_are_not_there_are_named_with_those_that_are() {
    let error = bind_with("lop", &Limits::default(), Value::Null).await.expect_err("none");
    assert!(matches!(error, Error::NoFunction { .. }));
    assert!(error.to_string().contains("there are: loop, panic"), "{error}");
    let error = bind_with("sum", &Limits::default(), Value::Null).await.expect_err("aggregate");
    assert!(matches!(error, Error::Kind { found: Kind::Aggregate, .. }), "{error}");
    let error = bind_with("loop", &Limits::default(), json!([1])).await.expect_err("no object");
    assert!(matches!(error, Error::Bind { .. }));
}

#[tokio::test]
async fn columns_that_do_not_fit_are_the_hosts_fault() {
    let mut function = bind("sleep").await;
    let error = function.run(&rowmill_wasm::Input { rows: 3, ..Default::default() }).await.expect_err("no columns");
    assert_eq!(error.fault(), Fault::Internal);
    run(&mut function, 3).await.expect("usable");
}
