//! What every function promises, whatever it computes: a group's state and result follow from the
//! multiset of its rows, byte by byte, however rows were cut into batches, taken out, merged,
//! restored and evicted before.

use crate::support::{Call, Change, Random, Row};
use rowmill_sdk::serde_json::{Value as Json, json};
use rowmill_sdk::{AggregateFunction, BoundAggregate, DataType, DecimalType, Field, State};
use rowmill_udf_stats::*;

const GROUPS: usize = 12;

/// Random changes, then the same rows in another order on a fresh instance.
fn check(call: &Call, seeds: u64) {
    for seed in 0..seeds {
        let mut random = Random(seed);
        let mut bound = call.bind();
        let retract = bound.signature().retract;
        let mut model: Vec<Vec<Row>> = vec![Vec::new(); GROUPS];
        for _ in 0..12 {
            match random.below(6) {
                0..=2 => {
                    let changes: Vec<Change> =
                        (0..random.below(40)).map(|_| change(call, &mut random, &mut model, retract)).collect();
                    call.update(bound.as_mut(), &changes);
                }
                3 => merge(call, &mut random, &mut model, bound.as_mut()),
                4 => bound = restored(call, bound.as_mut()),
                _ => {
                    let group = random.below(GROUPS);
                    bound.evict(&[group as u32, 900_000]);
                    model[group].clear();
                }
            }
        }
        let expected = rebuilt(call, &mut random, &model);
        let found = seen(bound.as_mut(), 0);
        assert_eq!(found, expected, "{} with seed {seed}", call.name());
        assert_eq!(seen(restored(call, bound.as_mut()).as_mut(), 0), expected, "{} restored", call.name());
    }
}

/// A row in or, sometimes and where there is one, out.
fn change(call: &Call, random: &mut Random, model: &mut [Vec<Row>], retract: bool) -> Change {
    let group = random.below(GROUPS);
    let rows = &mut model[group];
    if retract && !rows.is_empty() && random.below(3) == 0 {
        let row = rows.swap_remove(random.below(rows.len()));
        return (group as u32, true, row);
    }
    let row = random.row(&call.fields);
    rows.push(row.clone());
    (group as u32, false, row)
}

/// Rows that come by way of the states of another instance, several of them into one group.
fn merge(call: &Call, random: &mut Random, model: &mut [Vec<Row>], bound: &mut dyn BoundAggregate) {
    assert!(bound.signature().merge, "every function here can merge");
    let mut other = call.bind();
    let mut targets = Vec::new();
    for number in 0..random.below(5) {
        let target = random.below(GROUPS);
        let rows: Vec<Row> = (0..random.below(20)).map(|_| random.row(&call.fields)).collect();
        let changes: Vec<Change> = rows.iter().map(|row| (number as u32, false, row.clone())).collect();
        call.update(other.as_mut(), &changes);
        model[target].extend(rows);
        targets.push(target as u32);
    }
    let numbers: Vec<u32> = (0..targets.len() as u32).collect();
    let state = other.snapshot(&numbers).unwrap();
    bound.merge(GROUPS as u32, &targets, state).unwrap();
}

/// A fresh instance with the states of another one, restored in two pieces.
fn restored(call: &Call, bound: &mut dyn BoundAggregate) -> Box<dyn BoundAggregate> {
    let mut fresh = call.bind();
    let groups: Vec<u32> = (0..GROUPS as u32).rev().collect();
    for piece in groups.chunks(5) {
        let state = bound.snapshot(piece).unwrap();
        fresh.merge(GROUPS as u32, piece, state).unwrap();
    }
    fresh
}

/// States and results of all groups: the columns, and the codes of errors.
fn seen(bound: &mut dyn BoundAggregate, first: u32) -> (State, Vec<rowmill_sdk::Column>, Vec<(u32, String)>) {
    let groups: Vec<u32> = (first..first + GROUPS as u32).collect();
    let output = bound.evaluate(&groups).unwrap();
    let state = bound.snapshot(&groups).unwrap();
    assert_eq!(bound.evaluate(&groups).unwrap(), output, "a snapshot changes nothing");
    (state, output.columns, output.errors.into_iter().map(|error| (error.row, error.code)).collect())
}

/// What a fresh instance says that gets the rows in another order, other cuts, other numbers.
fn rebuilt(
    call: &Call,
    random: &mut Random,
    model: &[Vec<Row>],
) -> (State, Vec<rowmill_sdk::Column>, Vec<(u32, String)>) {
    let first = 3000;
    let mut changes: Vec<Change> = Vec::new();
    for (group, rows) in model.iter().enumerate() {
        changes.extend(rows.iter().map(|row| (first + group as u32, false, row.clone())));
    }
    random.shuffle(&mut changes);
    let mut bound = call.bind();
    let mut rest = changes.as_slice();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(1 + random.below(rest.len()));
        call.update(bound.as_mut(), piece);
        rest = after;
    }
    seen(bound.as_mut(), first)
}

fn decimal(precision: u8, scale: u8) -> DataType {
    DataType::Decimal(DecimalType { precision, scale })
}

fn numbers() -> Vec<DataType> {
    use DataType::*;
    let integers = [Boolean, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64];
    let decimals = [decimal(10, 2), decimal(19, 0), decimal(20, 5), decimal(38, 10), decimal(65, 30)];
    integers.into_iter().chain(decimals).chain([Float32, Float64]).collect()
}

fn all_types() -> Vec<DataType> {
    use DataType::*;
    numbers().into_iter().chain([Utf8, Binary, Json, Date, Time, Datetime, Timestamp]).collect()
}

/// A function over each of the types, with and without NULL, and texts with a collation too.
fn each(function: &'static dyn AggregateFunction, types: &[DataType], config: &Json) {
    for data_type in types {
        let field = Field::new("value", *data_type);
        let mut fields = vec![field.clone(), Field { nullable: false, ..field.clone() }];
        if *data_type == DataType::Utf8 {
            fields.push(field.clone().with("collation", "utf8mb4_0900_ai_ci"));
            fields.push(field.with("collation", "utf8mb4_general_ci"));
        }
        for field in fields {
            check(&Call { function, fields: vec![field], config: config.clone() }, 25);
        }
    }
}

#[test]
fn counts_follow_from_the_rows() {
    each(&Count, &all_types(), &json!({}));
    check(&Call { function: &Count, fields: vec![], config: json!({}) }, 50);
}

#[test]
fn sums_and_means_follow_from_the_rows() {
    each(&Sum, &numbers(), &json!({}));
    each(&Avg, &numbers(), &json!({}));
}

#[test]
fn extremes_follow_from_the_rows() {
    let types: Vec<_> = all_types().into_iter().filter(|data_type| *data_type != DataType::Json).collect();
    for config in [json!({}), json!({"append_only": true})] {
        each(&Min, &types, &config);
        each(&Max, &types, &config);
    }
}

#[test]
fn spreads_follow_from_the_rows() {
    for function in [&VarPop as &'static dyn AggregateFunction, &VarSamp, &StddevPop, &StddevSamp] {
        each(function, &numbers(), &json!({}));
    }
}

#[test]
fn distinct_counts_follow_from_the_rows() {
    each(&CountDistinct, &all_types(), &json!({}));
    for precision in [4, 7, 12] {
        each(&ApproxCountDistinct, &all_types(), &json!({ "precision": precision }));
    }
    let fields = vec![
        Field::new("text", DataType::Utf8).with("collation", "utf8mb4_0900_ai_ci"),
        Field::new("number", DataType::Int16),
        Field::new("price", decimal(10, 2)),
    ];
    check(&Call { function: &CountDistinct, fields: fields.clone(), config: json!({}) }, 50);
    check(&Call { function: &ApproxCountDistinct, fields, config: json!({}) }, 50);
}

#[test]
fn percentiles_follow_from_the_rows() {
    for config in [json!({"p": 0}), json!({"p": 0.5}), json!({"p": 0.95, "accuracy": 0.001})] {
        each(&Percentile, &numbers(), &config);
    }
    each(&Median, &numbers(), &json!({}));
}

#[test]
fn bits_and_truths_follow_from_the_rows() {
    let integers = &numbers()[..9];
    for function in [&BitAnd as &'static dyn AggregateFunction, &BitOr, &BitXor, &BoolAnd, &BoolOr] {
        each(function, integers, &json!({}));
    }
}

/// Over each type alone and by an order column of some types.
fn lists(function: &'static dyn AggregateFunction, types: &[DataType], config: &Json, alone: bool) {
    if alone {
        each(function, types, config);
    }
    let orders = [
        Field::new("by", DataType::Int32),
        Field::new("by", DataType::Float64),
        Field::new("by", decimal(50, 2)),
        Field::new("by", DataType::Utf8).with("collation", "utf8mb4_0900_ai_ci"),
    ];
    for data_type in types {
        for order in &orders {
            let fields = vec![Field::new("value", *data_type), order.clone()];
            check(&Call { function, fields, config: config.clone() }, 10);
        }
    }
}

#[test]
fn the_first_and_the_last_follow_from_the_rows() {
    lists(&First, &all_types(), &json!({}), false);
    lists(&Last, &all_types(), &json!({}), false);
}

#[test]
fn lists_follow_from_the_rows() {
    let types: Vec<_> = all_types().into_iter().filter(|data_type| *data_type != DataType::Binary).collect();
    lists(&StringAgg, &types, &json!({"separator": " | "}), true);
    lists(&GroupConcat, &types, &json!({"order": "desc", "max_length": 40}), true);
    lists(&JsonArrayagg, &types, &json!({}), true);
    lists(&TopK, &types, &json!({"k": 3}), true);
    lists(&TopK, &types, &json!({"k": 3, "order": "asc"}), true);
}
