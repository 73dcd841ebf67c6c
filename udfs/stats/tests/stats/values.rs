//! Inputs and outputs of each function, and the calls that are refused.

use crate::support::show::show;
use crate::support::{Call, Change, Row};
use rowmill_sdk::serde_json::{Value as Json, json};
use rowmill_sdk::{AggregateFunction, Argument, Column, DataType, Decimal, DecimalType, Field, Place, WideDecimal};
use rowmill_udf_stats::*;

type Function = &'static dyn AggregateFunction;

fn decimal(precision: u8, scale: u8) -> DataType {
    DataType::Decimal(DecimalType { precision, scale })
}

/// The bytes of a value written as text; decimals by their unscaled value.
fn raw(data_type: DataType, text: &str) -> Option<Vec<u8>> {
    if text == "NULL" {
        return None;
    }
    Some(match data_type {
        DataType::Boolean => vec![u8::from(text == "true")],
        DataType::Int8 => text.parse::<i8>().unwrap().to_le_bytes().to_vec(),
        DataType::Int32 => text.parse::<i32>().unwrap().to_le_bytes().to_vec(),
        DataType::Int64 => text.parse::<i64>().unwrap().to_le_bytes().to_vec(),
        DataType::Uint64 => text.parse::<u64>().unwrap().to_le_bytes().to_vec(),
        DataType::Float64 => text.parse::<f64>().unwrap().to_le_bytes().to_vec(),
        DataType::Date => text.parse::<rowmill_sdk::Date>().unwrap().0.to_le_bytes().to_vec(),
        DataType::Decimal(DecimalType { precision: 39.., .. }) => {
            text.parse::<WideDecimal<65, 0>>().unwrap().unscaled().to_le_bytes().to_vec()
        }
        DataType::Decimal(_) => text.parse::<Decimal<38, 0>>().unwrap().unscaled().to_le_bytes().to_vec(),
        _ => text.as_bytes().to_vec(),
    })
}

/// The rows whose values are separated by commas, the columns by semicolons.
fn rows(fields: &[Field], columns: &str) -> Vec<Row> {
    let columns: Vec<Vec<&str>> = columns
        .split(';')
        .map(|column| if column.is_empty() { Vec::new() } else { column.split(',').collect() })
        .collect();
    let row = |row: usize| fields.iter().zip(&columns).map(|(f, column)| raw(f.data_type, column[row])).collect();
    (0..columns[0].len()).map(row).collect()
}

fn call(function: Function, fields: Vec<Field>, config: Json) -> Call {
    Call { function, fields, config }
}

fn result_of(call: &Call, columns: &str) -> String {
    let result = call.bind().signature().call.results[0].clone();
    match call.result(&rows(&call.fields, columns)) {
        Err(code) => code,
        Ok(None) => "NULL".to_owned(),
        Ok(Some(raw)) if result.data_type == DataType::Boolean => (raw == [1]).to_string(),
        Ok(Some(raw)) => show(&result, &raw),
    }
}

#[track_caller]
fn table(function: Function, config: Json, cases: &[(&[DataType], &str, &str)]) {
    for (types, columns, expected) in cases {
        let field = |(position, data_type): (usize, &DataType)| Field::new(format!("c{position}"), *data_type);
        let call = call(function, types.iter().enumerate().map(field).collect(), config.clone());
        assert_eq!(result_of(&call, columns), *expected, "{} of {columns}", call.name());
    }
}

const INT64: &[DataType] = &[DataType::Int64];
const UINT64: &[DataType] = &[DataType::Uint64];
const FLOAT64: &[DataType] = &[DataType::Float64];
const UTF8: &[DataType] = &[DataType::Utf8];
const BOOLEAN: &[DataType] = &[DataType::Boolean];

#[test]
fn counts() {
    table(&Count, json!({}), &[(INT64, "", "0"), (INT64, "NULL", "0"), (UTF8, "a,NULL,a", "2")]);
    table(
        &CountDistinct,
        json!({}),
        &[
            (INT64, "", "0"),
            (INT64, "1,2,NULL,1,2", "2"),
            (FLOAT64, "0,-0,1", "2"),
            (&[DataType::Utf8, DataType::Int64], "a,a,NULL,a;1,2,1,1", "2"),
            (&[DataType::Utf8, DataType::Utf8], "a,ab;bc,c", "2"),
        ],
    );
    let collated =
        |name| call(&CountDistinct, vec![Field::new("t", DataType::Utf8).with("collation", name)], json!({}));
    assert_eq!(result_of(&collated("utf8mb4_0900_ai_ci"), "a,A,á,b"), "2");
    assert_eq!(result_of(&collated("utf8mb4_bin"), "a,A,á,b"), "4");
    table(&ApproxCountDistinct, json!({}), &[(INT64, "", "0"), (INT64, "1,2,NULL,1,7", "3")]);
}

#[test]
fn a_count_of_a_constant_counts_rows() {
    let literal = |validity| Argument {
        field: Field::new("1", DataType::Int64),
        literal: Some(Column { values: vec![1; 8], validity, offsets: None }),
    };
    for (validity, expected) in [(None, 3i64), (Some(vec![0]), 0)] {
        let mut bound = Count.bind(&[literal(validity)], json!({})).unwrap();
        let batch = rowmill_sdk::Batch { rows: 3, columns: Vec::new() };
        bound.update(1, &[0, 0, 0], None, batch).unwrap();
        assert_eq!(bound.evaluate(&[0]).unwrap().columns[0].values, expected.to_le_bytes());
    }
}

#[test]
fn sums() {
    let nines = "9".repeat(65);
    let two = format!("{nines},{nines}");
    let cancelled = format!("{nines},{nines},-{nines}");
    table(
        &Sum,
        json!({}),
        &[
            (INT64, "", "NULL"),
            (INT64, "NULL", "NULL"),
            (INT64, "9223372036854775807,9223372036854775807,NULL", "18446744073709551614"),
            (UINT64, "18446744073709551615,18446744073709551615", "36893488147419103230"),
            (&[decimal(10, 2)], "150,-25", "1.25"),
            (&[decimal(65, 0)], &nines, &nines),
            (&[decimal(65, 0)], &two, "out-of-range"),
            (&[decimal(65, 0)], &cancelled, &nines),
            (BOOLEAN, "true,false,true,NULL", "2"),
            (FLOAT64, "0.1,0.2,0.3,-0.3,-0.2", "0.1"),
            (FLOAT64, "1e308,1e308", "out-of-range"),
            (FLOAT64, "1e308,1e308,-1e308", &1e308f64.to_string()),
            (FLOAT64, "inf,1", "inf"),
            (FLOAT64, "inf,-inf", "NaN"),
            (FLOAT64, "NaN,1", "NaN"),
        ],
    );
}

#[test]
fn means() {
    table(
        &Avg,
        json!({}),
        &[
            (INT64, "NULL", "NULL"),
            (INT64, "1,2,2", "1.6667"),
            (INT64, "-1,-2,-2", "-1.6667"),
            (INT64, "1,1,1,1,1,1,1,2", "1.1250"),
            (&[decimal(10, 2)], "2,2,0", "0.013333"),
            // As MySQL, which computes nine digits of it and shows all of them.
            (&[decimal(10, 5)], "1,1,0", "0.000006666"),
            (&[decimal(65, 30)], "1,1,0", "0.000000000000000000000000000001"),
            (FLOAT64, "1,2,2", "1.6666666666666667"),
            (FLOAT64, "1e308,1e308", &1e308f64.to_string()),
        ],
    );
}

#[test]
fn spreads() {
    let cases: [(Function, &str, &str, &str); 4] = [
        (&VarPop, "0", "4", "0.25"),
        (&VarSamp, "NULL", "4.571428571428571", "0.2857142857142857"),
        (&StddevPop, "0", "2", "0.5"),
        (&StddevSamp, "NULL", "2.138089935299395", "0.5345224838248488"),
    ];
    for (function, single, typical, decimals) in cases {
        table(
            function,
            json!({}),
            &[
                (INT64, "", "NULL"),
                (INT64, "7", single),
                (INT64, "2,4,4,4,5,5,7,9,NULL", typical),
                (FLOAT64, "2,4,4,4,5,5,7,9", typical),
                (&[decimal(20, 1)], "0,10,0,10,0,10,0,10", decimals),
                (&[decimal(50, 1)], "0,10,0,10,0,10,0,10", decimals),
                (FLOAT64, "1,inf", "NaN"),
            ],
        );
    }
    table(
        &VarPop,
        json!({}),
        &[
            // The mean is so large that squares in doubles would have lost the deviations.
            (FLOAT64, "1e15,1000000000000001,1000000000000002", "0.6666666666666666"),
            (INT64, "9223372036854775805,9223372036854775806,9223372036854775807", "0.6666666666666666"),
            (FLOAT64, "1e200,-1e200", "out-of-range"),
        ],
    );
}

#[test]
fn extremes() {
    for config in [json!({}), json!({"append_only": true})] {
        table(
            &Min,
            config.clone(),
            &[
                (INT64, "NULL", "NULL"),
                (INT64, "3,-5,NULL,4", "-5"),
                (UINT64, "18446744073709551615,9223372036854775808", "9223372036854775808"),
                (&[decimal(50, 0)], "-7,3", "-7"),
                (FLOAT64, "0,-0", "-0"),
                (UTF8, "b,a,B", "B"),
                (&[DataType::Date], "2024-02-29,1000-01-01", "1000-01-01"),
                (BOOLEAN, "true,false", "false"),
            ],
        );
        table(&Max, config.clone(), &[(FLOAT64, "1,inf", "inf"), (FLOAT64, "1,NaN,inf", "NaN"), (UTF8, "b,a,B", "b")]);
        for order in ["á,A,a,b,B", "b,a,B,A,á"] {
            let fields = vec![Field::new("t", DataType::Utf8).with("collation", "utf8mb4_0900_ai_ci")];
            assert_eq!(result_of(&call(&Min, fields.clone(), config.clone()), order), "A");
            assert_eq!(result_of(&call(&Max, fields, config.clone()), order), "B");
        }
    }
}

#[test]
fn firsts_and_lasts() {
    let types: &[DataType] = &[DataType::Utf8, DataType::Int64];
    let cases = [
        ("a,b,c;3,1,2", "b", "a"),
        ("a,b,c;1,1,1", "a", "c"),
        ("a,NULL,c;2,1,3", "NULL", "c"),
        ("a,b;NULL,NULL", "NULL", "NULL"),
        ("a,b,c;NULL,4,5", "b", "c"),
    ];
    for (columns, first, last) in cases {
        table(&First, json!({}), &[(types, columns, first)]);
        table(&Last, json!({}), &[(types, columns, last)]);
    }
}

#[test]
fn percentiles() {
    let hundred = (1..=100).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    for (p, expected) in [(0.0, 1.0), (0.5, 50.0), (0.95, 95.0), (1.0, 100.0)] {
        for data_type in [DataType::Int64, DataType::Float64, decimal(10, 0), decimal(60, 0)] {
            let call = call(&Percentile, vec![Field::new("x", data_type)], json!({ "p": p }));
            let found: f64 = result_of(&call, &hundred).parse().unwrap();
            assert!((found - expected).abs() <= 0.01 * expected, "{p}: {found}");
        }
    }
    table(&Percentile, json!({"p": 0.5}), &[(INT64, "NULL", "NULL"), (INT64, "-3,0,3", "0")]);
    table(
        &Median,
        json!({}),
        &[
            (INT64, "NULL", "NULL"),
            (INT64, "5,1,9", "5"),
            (INT64, "5,1,9,6,NULL", "5.5"),
            (&[decimal(10, 2)], "125,-250", "-0.625"),
            (&[decimal(60, 2)], "125", "1.25"),
            (FLOAT64, "1e308,1.5e308", &1.25e308f64.to_string()),
        ],
    );
}

#[test]
fn what_is_not_finite_has_no_percentile() {
    let call = call(&Percentile, vec![Field::new("x", DataType::Float64)], json!({"p": 0.5}));
    let mut bound = call.bind();
    let changes: Vec<Change> = rows(&call.fields, "1,NaN,NULL,inf,1").into_iter().map(|row| (0, false, row)).collect();
    let errors = call.update(bound.as_mut(), &changes);
    let found: Vec<_> = errors.iter().map(|error| (error.row, error.code.as_str())).collect();
    assert_eq!(found, [(1, "not-finite"), (3, "not-finite")]);
    let changes: Vec<Change> = changes.into_iter().map(|(group, _, row)| (group, true, row)).collect();
    assert_eq!(call.update(bound.as_mut(), &changes), errors);
    assert_eq!(bound.snapshot(&[0]).unwrap(), call.bind().snapshot(&[0]).unwrap());
}

#[test]
fn lists() {
    let by: &[DataType] = &[DataType::Utf8, DataType::Int64];
    table(
        &StringAgg,
        json!({"separator": "|"}),
        &[
            (UTF8, "NULL", "NULL"),
            (UTF8, "b,a,NULL,b", "a|b|b"),
            (INT64, "10,9,-1", "-1|9|10"),
            (&[decimal(10, 2)], "1000,5", "0.05|10.00"),
            (by, "a,b,c;3,1,NULL", "c|b|a"),
        ],
    );
    table(&GroupConcat, json!({"order": "desc"}), &[(by, "a,b,c;3,1,2", "a,c,b")]);
    table(&StringAgg, json!({"max_length": 3}), &[(UTF8, "a,b", "a,b"), (UTF8, "a,bc", "too-long")]);
    table(
        &JsonArrayagg,
        json!({}),
        &[
            (INT64, "", "NULL"),
            (INT64, "2,NULL,1", "[null, 1, 2]"),
            (UTF8, "a\"b", "[\"a\\\"b\"]"),
            (&[DataType::Json], "{\"a\": 1}", "[{\"a\": 1}]"),
            (BOOLEAN, "true", "[true]"),
        ],
    );
    table(
        &TopK,
        json!({"k": 2}),
        &[(INT64, "NULL", "NULL"), (INT64, "5,7,1,7", "[7, 7]"), (by, "a,b,NULL,d;1,3,4,NULL", "[null, \"b\"]")],
    );
    table(&TopK, json!({"k": 2, "order": "asc"}), &[(INT64, "5,7,1,7", "[1, 5]")]);
}

#[test]
fn bits_and_truths() {
    table(&BitAnd, json!({}), &[(INT64, "NULL", "18446744073709551615"), (INT64, "7,6", "6"), (UINT64, "12,10", "8")]);
    table(&BitOr, json!({}), &[(INT64, "", "0"), (INT64, "1,4,NULL", "5")]);
    table(
        &BitXor,
        json!({}),
        &[(INT64, "", "0"), (INT64, "-1,-1,3", "3"), (&[DataType::Int8], "-1", "18446744073709551615")],
    );
    table(&BoolAnd, json!({}), &[(BOOLEAN, "NULL", "NULL"), (BOOLEAN, "true,NULL", "true"), (INT64, "1,0", "false")]);
    table(&BoolOr, json!({}), &[(BOOLEAN, "NULL", "NULL"), (BOOLEAN, "false,true", "true"), (INT64, "0,0", "false")]);
}

#[test]
fn refused_calls_say_where_and_what() {
    let text = || Field::new("name", DataType::Utf8);
    let number = || Field::new("n", DataType::Int64);
    let cases: [(Function, Vec<Field>, Json, Place, &str); 14] = [
        (&Sum, vec![text()], json!({}), Place::Argument(0), "sum takes numbers, found utf8; convert it"),
        (&Sum, vec![], json!({}), Place::Call, "sum takes 1 argument, found 0"),
        (&Count, vec![number(), number()], json!({}), Place::Call, "count takes 0 to 1 argument, found 2"),
        (
            &Avg,
            vec![number()],
            json!({"k": 1}),
            Place::Config("k".into()),
            "avg has no key k; it takes no configuration",
        ),
        (&Percentile, vec![number()], json!({}), Place::Config("p".into()), "needs p, a number from 0 to 1"),
        (
            &Percentile,
            vec![number()],
            json!({"p": 95}),
            Place::Config("p".into()),
            "a number from 0 to 1 in p, found 95",
        ),
        (&TopK, vec![number()], json!({"k": 0}), Place::Config("k".into()), "an integer from 1 to 10000 in k, found 0"),
        (
            &StringAgg,
            vec![text()],
            json!({"order": "up"}),
            Place::Config("order".into()),
            "asc or desc in order, found \"up\"",
        ),
        (
            &StringAgg,
            vec![text()],
            json!({"seperator": ""}),
            Place::Config("seperator".into()),
            "order, separator, max_length",
        ),
        (&JsonArrayagg, vec![Field::new("b", DataType::Binary)], json!({}), Place::Argument(0), "HEX"),
        (&First, vec![number()], json!({}), Place::Call, "first takes 2 arguments, found 1"),
        (&BitOr, vec![Field::new("d", decimal(10, 2))], json!({}), Place::Argument(0), "integers, found decimal(10,2)"),
        (&Min, vec![text().with("collation", "koi8r_general_ci")], json!({}), Place::Argument(0), "koi8r_general_ci"),
        (&ApproxCountDistinct, vec![text()], json!({"precision": 3}), Place::Config("precision".into()), "4 to 18"),
    ];
    for (function, fields, config, place, part) in cases {
        let args: Vec<_> = fields.into_iter().map(|field| Argument { field, literal: None }).collect();
        let error = function.bind(&args, config).err().unwrap();
        assert_eq!(error.place, place, "{error}");
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn results_keep_the_facts_of_arguments() {
    let field = Field::new("name", DataType::Utf8).with("mysql-type", "varchar(40)").with("collation", "utf8mb4_bin");
    for function in [&Min as Function, &Max] {
        let result = call(function, vec![field.clone()], json!({})).bind().signature().call.results[0].clone();
        assert_eq!(
            (result.attribute("mysql-type"), result.attribute("collation")),
            (Some("varchar(40)"), Some("utf8mb4_bin"))
        );
    }
    let result = call(&GroupConcat, vec![field], json!({"max_length": 99})).bind().signature().call.results[0].clone();
    assert_eq!((result.attribute("max-chars"), result.attribute("collation")), (Some("99"), Some("utf8mb4_bin")));
}

#[test]
fn only_what_can_take_rows_out_says_so() {
    let number = || vec![Field::new("n", DataType::Int64)];
    for (function, config, retract) in [
        (&Min as Function, json!({}), true),
        (&Min, json!({"append_only": true}), false),
        (&ApproxCountDistinct, json!({}), false),
        (&CountDistinct, json!({}), true),
    ] {
        let signature = call(function, number(), config).bind().signature();
        assert_eq!((signature.retract, signature.merge), (retract, true));
    }
}
