//! Functions that keep the rules: results, widening, literals, row facts.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal256Type, Float64Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{
    Array, ArrayRef, Decimal128Array, Float32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
    UInt8Array, UInt32Array, UInt64Array,
};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field};
use rowmill_foreign::UTC;
use rowmill_wasm::{Argument, Error, Fault, Function, Input, Limits, Output, Place, RowFact};
use serde_json::{Value, json};

use crate::guests::{column, component, identity};

async fn bind(function: &str, args: &[Argument], config: Value) -> Result<Function, Error> {
    let component = component("honest").await;
    Function::bind(&component, &identity(), &Limits::default(), function, args, &config).await
}

async fn call(function: &str, columns: &[ArrayRef]) -> Output {
    let args: Vec<Argument> =
        columns.iter().enumerate().map(|(i, c)| column(&format!("c{i}"), c.data_type().clone())).collect();
    let mut bound = bind(function, &args, Value::Null).await.expect("binds");
    let input = Input { rows: columns[0].len(), columns, ..Input::default() };
    bound.run(&input).await.expect("runs")
}

#[tokio::test]
async fn a_scalar_multiplies_two_columns() {
    let price = Float64Array::from(vec![Some(1.5), None, Some(3.0), Some(4.0)]);
    let qty = Int64Array::from(vec![Some(2), Some(3), None, Some(-1)]);
    let output = call("mul", &[Arc::new(price), Arc::new(qty)]).await;
    let found = output.columns[0].as_primitive::<Float64Type>();
    assert_eq!(found, &Float64Array::from(vec![Some(3.0), None, None, Some(-4.0)]));
}

#[tokio::test]
async fn arguments_are_widened_to_what_is_accepted() {
    let price = Float32Array::from(vec![1.5, 2.5]);
    let qty = UInt32Array::from(vec![u32::MAX, 2]);
    let output = call("mul", &[Arc::new(price), Arc::new(qty)]).await;
    let found = output.columns[0].as_primitive::<Float64Type>();
    assert_eq!(found.values().as_ref(), [1.5 * f64::from(u32::MAX), 5.0]);
    let decimal = Decimal128Array::from(vec![12345]).with_precision_and_scale(10, 2).expect("fits");
    let output = call("wide", &[Arc::new(decimal)]).await;
    let found = output.columns[0].as_primitive::<Decimal256Type>();
    assert_eq!(found.value(0), i256::from_i128(1_234_500));
}

#[tokio::test]
async fn an_argument_that_would_lose_is_refused_with_the_fix() {
    let args = [column("price", DataType::Float64), column("qty", DataType::UInt64)];
    let error = bind("mul", &args, Value::Null).await.expect_err("lossy");
    assert_eq!(error.place(), Some(&Place::Argument(1)));
    assert_eq!(error.fault(), Fault::Configuration);
    assert!(error.to_string().contains("{ column: qty, as: int64 }"), "{error}");
}

#[tokio::test]
async fn a_filter_gives_bits() {
    let price = Float64Array::from_iter_values((0..20).map(f64::from));
    let qty = Int64Array::from_iter((0..20).map(|i| (i % 3 != 0).then_some(i)));
    let output = call("dear", &[Arc::new(price), Arc::new(qty)]).await;
    let kept: Vec<usize> = output.columns[0].as_boolean().values().set_indices().collect();
    assert_eq!(kept, [11, 13, 14, 16, 17, 19]);
}

#[tokio::test]
async fn a_table_function_names_the_parents() {
    let texts = StringArray::from(vec![Some("a,b"), None, Some(""), Some("c")]);
    let output = call("explode", &[Arc::new(texts)]).await;
    assert_eq!(output.parents, Some(UInt32Array::from(vec![0, 0, 3])));
    let parts: Vec<_> = output.columns[0].as_string::<i32>().iter().flatten().collect();
    assert_eq!(parts, ["a", "b", "c"]);
    let nothing = StringArray::from(vec![Some(""); 3]);
    let output = call("explode", &[Arc::new(nothing)]).await;
    assert_eq!(output.columns[0].len(), 0);
}

#[tokio::test]
async fn slices_and_no_rows_are_fine() {
    let texts = StringArray::from(vec![Some(" x "), None, Some("ß"), Some("y")]);
    for (start, length) in [(0, 4), (1, 2), (2, 0), (3, 1)] {
        let slice = texts.slice(start, length);
        let output = call("upper", &[Arc::new(slice.clone())]).await;
        let expected = slice.iter().map(|t| t.map(|t| t.trim().to_uppercase()));
        assert_eq!(output.columns[0].as_string::<i32>(), &StringArray::from_iter(expected));
    }
}

#[tokio::test]
async fn literals_and_the_configuration_arrive_at_bind() {
    let literal = Argument {
        field: Field::new("n", DataType::Int64, false),
        literal: Some(Arc::new(Int64Array::from(vec![258]))),
    };
    let mut bound = bind("literal", &[literal], json!({"b": 1, "a": "ü"})).await.expect("binds");
    let field = &bound.signature().results[0];
    assert_eq!(field.metadata().get("max-chars").map(String::as_str), Some("40"));
    let output = bound.run(&Input { rows: 2, ..Input::default() }).await.expect("runs");
    let text = output.columns[0].as_string::<i32>().value(1).to_owned();
    assert!(text.contains("n=Some([2, 1, 0, 0, 0, 0, 0, 0])"), "{text}");
    assert!(text.contains("\"a\":\"ü\""), "{text}");
}

#[tokio::test]
async fn row_facts_follow_the_columns() {
    let mut bound = bind("facts", &[], Value::Null).await.expect("binds");
    assert_eq!(bound.signature().facts, [RowFact::Seed, RowFact::ChangeKind, RowFact::CommitTime]);
    let (seeds, ops) = (UInt64Array::from(vec![7, 8]), UInt8Array::from(vec![0, 3]));
    let times = TimestampMicrosecondArray::from(vec![1, 2]);
    let input = Input { rows: 2, columns: &[], ops: Some(&ops), commit_time: Some(&times), seeds: Some(&seeds) };
    let output = bound.run(&input).await.expect("runs");
    assert_eq!(output.columns[0].as_primitive::<UInt64Type>(), &seeds);
    let found = output.columns[2].as_primitive::<TimestampMicrosecondType>();
    assert_eq!(found.values(), times.values());
    assert_eq!(found.timezone(), Some(UTC));
    let error = bound.run(&Input { seeds: None, ..input }).await.expect_err("no seeds");
    assert_eq!(error.fault(), Fault::Internal);
}
