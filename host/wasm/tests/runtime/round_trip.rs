//! Any array, and any slice of one, comes back from an identity guest as it went.

use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field, TimeUnit};
use proptest::prelude::*;
use rowmill_foreign::UTC;
use rowmill_wasm::{Argument, Function, Input, JSON_KEY, JSON_VALUE, Limits};
use serde_json::Value;

use crate::guests::{component, identity};

type Cells = Vec<Option<(i64, String)>>;

/// A column of each type from the same cells.
fn arrays(cells: &Cells) -> Vec<(Field, ArrayRef)> {
    fn number<T: ArrowPrimitiveType>(
        cells: &Cells,
        data_type: DataType,
        value: impl Fn(i64) -> T::Native,
    ) -> (DataType, ArrayRef) {
        let array: PrimitiveArray<T> = cells.iter().map(|c| c.as_ref().map(|(n, _)| value(*n))).collect();
        (data_type.clone(), Arc::new(array.with_data_type(data_type)))
    }
    let texts: StringArray = cells.iter().map(|c| c.as_ref().map(|(_, t)| t.as_str())).collect();
    let bytes: BinaryArray = cells.iter().map(|c| c.as_ref().map(|(_, t)| t.as_bytes())).collect();
    let bools: BooleanArray = cells.iter().map(|c| c.as_ref().map(|(n, _)| n % 2 == 0)).collect();
    let micros = TimeUnit::Microsecond;
    let typed: Vec<(DataType, ArrayRef)> = vec![
        (DataType::Utf8, Arc::new(texts)),
        (DataType::Binary, Arc::new(bytes)),
        (DataType::Boolean, Arc::new(bools)),
        number::<Int8Type>(cells, DataType::Int8, |n| n as i8),
        number::<Int16Type>(cells, DataType::Int16, |n| n as i16),
        number::<Int32Type>(cells, DataType::Int32, |n| n as i32),
        number::<Int64Type>(cells, DataType::Int64, |n| n),
        number::<UInt8Type>(cells, DataType::UInt8, |n| n as u8),
        number::<UInt16Type>(cells, DataType::UInt16, |n| n as u16),
        number::<UInt32Type>(cells, DataType::UInt32, |n| n as u32),
        number::<UInt64Type>(cells, DataType::UInt64, |n| n as u64),
        number::<Float32Type>(cells, DataType::Float32, |n| n as f32),
        number::<Float64Type>(cells, DataType::Float64, |n| n as f64),
        number::<Decimal128Type>(cells, DataType::Decimal128(38, 4), |n| i128::from(n) << 40),
        number::<Decimal256Type>(cells, DataType::Decimal256(65, 30), |n| i256::from_i128(i128::from(n))),
        number::<Date32Type>(cells, DataType::Date32, |n| (n % 700_000) as i32),
        number::<DurationMicrosecondType>(cells, DataType::Duration(micros), |n| n % 3_020_399_000_000),
        number::<TimestampMicrosecondType>(cells, DataType::Timestamp(micros, None), |n| n / 1000),
        number::<TimestampMicrosecondType>(cells, DataType::Timestamp(micros, Some(UTC.into())), |n| n / 1000),
    ];
    let mut columns: Vec<(Field, ArrayRef)> =
        typed.into_iter().enumerate().map(|(i, (t, array))| (Field::new(format!("c{i}"), t, true), array)).collect();
    let json: StringArray = cells
        .iter()
        .map(|c| c.as_ref().map(|(n, t)| Value::from(vec![n.to_string(), t.clone()]).to_string()))
        .collect();
    let marked = [(JSON_KEY, JSON_VALUE), ("mysql-type", "json")];
    let metadata: std::collections::HashMap<String, String> = marked.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    columns.push((Field::new("json", DataType::Utf8, true).with_metadata(metadata), Arc::new(json)));
    columns
}

fn cells() -> impl Strategy<Value = Cells> {
    let cell = prop_oneof![
        1 => Just(None),
        3 => (any::<i64>(), "\\PC{0,12}").prop_map(Some),
    ];
    prop::collection::vec(cell, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arrays_and_slices_come_back_as_they_went(
        cells in cells(),
        from in 0.0..1.0_f64,
        part in 0.0..1.0_f64,
    ) {
        let columns = arrays(&cells);
        let start = (cells.len() as f64 * from) as usize;
        let length = ((cells.len() - start) as f64 * part) as usize;
        let args: Vec<Argument> = columns
            .iter()
            .map(|(field, _)| Argument { field: field.clone(), literal: None })
            .collect();
        let whole: Vec<ArrayRef> = columns.iter().map(|(_, a)| a.clone()).collect();
        let slice: Vec<ArrayRef> = whole.iter().map(|a| a.slice(start, length)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let component = component("honest").await;
            let mut identity_function = Function::bind(
                &component, &identity(), &Limits::default(), "identity", &args, &Value::Null,
            ).await.expect("binds");
            for (field, (offered, _)) in identity_function.signature().results.iter().zip(&columns) {
                assert_eq!(field, offered);
            }
            for columns in [&whole, &slice] {
                let input = Input { rows: columns[0].len(), columns, ..Input::default() };
                let output = identity_function.run(&input).await.expect("runs");
                assert!(output.errors.is_empty(), "{:?}", output.errors);
                for (went, came) in columns.iter().zip(&output.columns) {
                    assert_eq!(went, came);
                    came.to_data().validate_full().expect("valid");
                }
            }
        });
    }
}
