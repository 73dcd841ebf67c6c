//! The SDK's kernels give in a component, where some are vector code, what the same Rust gives here.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray};
use arrow_schema::Field;
use rowmill_wasm::{Argument, Function, Input, Limits};
use serde_json::json;

use crate::guests::{component, identity};

/// Each comparison of each prefix of `values`, so that every length of the rest after the last
/// whole vector occurs, with each of the values.
async fn compares<T: ArrowPrimitiveType>(function: &str, values: &[T::Native])
where
    T::Native: PartialOrd,
{
    type Op<N> = (&'static str, fn(&N, &N) -> bool);
    let ops: [Op<T::Native>; 6] = [
        ("gt", |a, b| a > b),
        ("ge", |a, b| a >= b),
        ("lt", |a, b| a < b),
        ("le", |a, b| a <= b),
        ("eq", |a, b| a == b),
        ("ne", |a, b| a != b),
    ];
    let component = component("bench").await;
    let array =
        |rows: &[Option<T::Native>]| -> ArrayRef { Arc::new(rows.iter().copied().collect::<PrimitiveArray<T>>()) };
    for (name, op) in ops {
        for constant in values {
            let column = Argument { field: Field::new("column", T::DATA_TYPE, true), literal: None };
            let literal = Argument {
                field: Field::new("constant", T::DATA_TYPE, false),
                literal: Some(array(&[Some(*constant)])),
            };
            let args = [column, literal];
            let config = json!({ "op": name });
            let limits = Limits::default();
            let mut bound =
                Function::bind(&component, &identity(), &limits, function, &args, &config).await.expect("binds");
            for rows in 0..values.len() {
                let input: Vec<Option<T::Native>> =
                    values[..rows].iter().enumerate().map(|(i, value)| (i % 5 != 2).then_some(*value)).collect();
                let columns = [array(&input)];
                let output = bound.run(&Input { rows, columns: &columns, ..Input::default() }).await.expect("runs");
                let expected: BooleanArray =
                    input.iter().map(|value| value.map(|value| op(&value, constant))).collect();
                assert_eq!(output.columns[0].as_boolean(), &expected, "{function} {name} {constant:?} of {rows} rows");
            }
        }
    }
}

#[tokio::test]
async fn a_comparison_with_a_constant_is_the_same_in_vectors() {
    let floats =
        [0.0, -0.0, 1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.5, f64::MIN_POSITIVE, f64::MAX, 10.0, 9.999];
    let floats: Vec<f64> = floats.iter().copied().cycle().take(27).collect();
    let small: Vec<f32> = floats.iter().map(|value| *value as f32).collect();
    let integers: Vec<i64> = [0, 1, -1, i64::MIN, i64::MAX, 7, 8, i64::from(i32::MAX) + 1, -7].repeat(3);
    let short: Vec<i32> = [0, 1, -1, i32::MIN, i32::MAX, 7, 8, -7].repeat(4);
    let moments: Vec<i64> =
        [0, 1, -1, 253_402_300_799_999_999, -62_167_219_200_000_000, 1_700_000_000_000_000].repeat(3);
    compares::<Float64Type>("compare_f64", &floats).await;
    compares::<Float32Type>("compare_f32", &small).await;
    compares::<Int64Type>("compare_i64", &integers).await;
    compares::<Int32Type>("compare_i32", &short).await;
    compares::<TimestampMicrosecondType>("compare_datetime", &moments).await;
}
