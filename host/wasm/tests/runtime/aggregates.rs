//! Aggregates that keep the rules: groups, retraction, states that move between instances.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Decimal128Array, Int32Array, Int64Array, StringArray, UInt32Array, UInt64Array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, Field};
use proptest::prelude::*;
use rowmill_wasm::{Aggregate, Error, Fault, Function, Input, Kind, Limits, RowFact, StateSchema, States};
use serde_json::{Value, json};

use crate::guests::{bind_aggregate_with, column, component, groups, identity, update};

async fn bind(function: &str, data_type: DataType) -> Aggregate {
    bind_aggregate_with("honest", function, data_type, &Limits::default(), Value::Null).await.expect("binds")
}

async fn sum() -> Aggregate {
    bind("sum", DataType::Int64).await
}

fn numbers(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from_iter(values))
}

fn words(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// Takes rows in where the bit is not set, out where it is.
async fn change(aggregate: &mut Aggregate, to: &UInt32Array, column: ArrayRef, retract: &BooleanBuffer) {
    let input = Input { rows: column.len(), columns: &[column], ..Input::default() };
    let errors = aggregate.update(100, to, Some(retract), &input).await.expect("updates");
    assert!(errors.is_empty(), "{errors:?}");
}

/// The results of an int64 aggregate.
async fn values(aggregate: &mut Aggregate, of: impl IntoIterator<Item = u32>) -> Vec<Option<i64>> {
    let output = aggregate.evaluate(&groups(of)).await.expect("evaluates");
    assert!(output.errors.is_empty(), "{:?}", output.errors);
    output.columns[0].as_primitive::<Int64Type>().iter().collect()
}

async fn texts(aggregate: &mut Aggregate, of: impl IntoIterator<Item = u32>) -> Vec<Option<String>> {
    let output = aggregate.evaluate(&groups(of)).await.expect("evaluates");
    output.columns[0].as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

#[tokio::test]
async fn rows_go_to_their_groups_and_come_out_again() {
    let mut sum = sum().await;
    let rows = numbers([Some(1), None, Some(10), Some(2), None]);
    update(&mut sum, &groups([0, 0, 1, 0, 2]), rows).await.expect("updates");
    assert_eq!(values(&mut sum, [2, 0, 1, 77]).await, [None, Some(3), Some(10), None]);
    let retract = BooleanBuffer::from(vec![true, false, true]);
    change(&mut sum, &groups([0, 0, 1]), numbers([Some(1), Some(5), Some(10)]), &retract).await;
    assert_eq!(values(&mut sum, [0, 1]).await, [Some(7), None]);
}

#[tokio::test]
async fn a_bitmap_is_lent_from_its_first_bit_on() {
    let mut sum = sum().await;
    // Taken out are the rows 5, 7 and 9 of twelve; the bits before and after are all set.
    let bits = BooleanBuffer::collect_bool(40, |bit| !(11..23).contains(&bit) || matches!(bit, 16 | 18 | 20));
    let to = groups([0; 30]).slice(3, 12);
    let rows = numbers((0..20).map(Some)).slice(5, 12);
    change(&mut sum, &to, rows, &bits.slice(11, 12)).await;
    let total: i64 = (5..17).sum();
    assert_eq!(values(&mut sum, [0]).await, [Some(total - 2 * (10 + 12 + 14))]);
}

#[tokio::test]
async fn a_row_that_errs_leaves_no_trace() {
    let mut sum = sum().await;
    let rows = numbers([Some(1), Some(i64::MIN), Some(2)]);
    let errors = update(&mut sum, &groups([0, 0, 0]), rows).await.expect("updates");
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].row, errors[0].code.as_str()), (1, "lowest"));
    assert_eq!(values(&mut sum, [0]).await, [Some(3)]);
}

#[tokio::test]
async fn what_depends_on_the_state_errs_in_evaluate() {
    let mut sum = sum().await;
    update(&mut sum, &groups([3, 3, 4]), numbers([Some(i64::MAX), Some(1), Some(9)])).await.expect("updates");
    let output = sum.evaluate(&groups([4, 3, 5])).await.expect("evaluates");
    assert_eq!(
        output.errors.iter().map(|error| (error.row, error.code.as_str())).collect::<Vec<_>>(),
        [(1, "overflow")]
    );
    assert_eq!(output.columns[0].as_primitive::<Int64Type>().value(0), 9);
    change(&mut sum, &groups([3]), numbers([Some(1)]), &BooleanBuffer::new_set(1)).await;
    assert_eq!(values(&mut sum, [3]).await, [Some(i64::MAX)]);
}

#[tokio::test]
async fn a_state_moves_to_another_instance() {
    let mut first = sum().await;
    update(&mut first, &groups([0, 1, 1]), numbers([Some(5), Some(6), None])).await.expect("updates");
    let states = first.snapshot(&groups([1, 9, 0])).await.expect("snapshots");
    assert!(states.rows.is_none());
    assert_eq!(states.columns[0].as_primitive::<UInt64Type>().values().as_ref(), [1, 0, 1]);
    assert_eq!(states.columns[1].as_primitive::<Decimal128Type>().values().as_ref(), [6, 0, 5]);
    let mut second = sum().await;
    second.merge(100, &groups([7, 8, 9]), &states).await.expect("merges");
    assert_eq!(values(&mut second, [7, 8, 9]).await, [Some(6), None, Some(5)]);
    second.merge(100, &groups([9, 9, 9]), &states).await.expect("merges into a group that is not empty");
    assert_eq!(values(&mut second, [9]).await, [Some(16)]);
}

#[tokio::test]
async fn a_state_of_several_rows_moves_too() {
    let mut first = bind("texts", DataType::Utf8).await;
    let rows = words(&["b", "ä", "b", "c", "a"]);
    update(&mut first, &groups([0, 0, 0, 2, 2]), rows).await.expect("updates");
    assert_eq!(texts(&mut first, [0, 1, 2]).await, [Some("b,ä".to_owned()), None, Some("a,c".to_owned())]);
    let states = first.snapshot(&groups([2, 1, 0])).await.expect("snapshots");
    assert_eq!(states.rows, Some(UInt32Array::from(vec![2, 0, 2])));
    let kept: Vec<_> = states.columns[0].as_string::<i32>().iter().flatten().collect();
    assert_eq!(kept, ["a", "c", "b", "ä"]);
    let mut second = bind("texts", DataType::Utf8).await;
    second.merge(3, &groups([2, 1, 0]), &states).await.expect("merges");
    assert_eq!(texts(&mut second, 0..3).await, texts(&mut first, 0..3).await);
    // Once is not enough: "b" was there twice.
    change(&mut second, &groups([0, 0]), words(&["b", "ä"]), &BooleanBuffer::new_set(2)).await;
    assert_eq!(texts(&mut second, [0]).await, [Some("b".to_owned())]);
    // Slices of states, as they come from a store.
    let slice = States {
        rows: states.rows.as_ref().map(|rows| rows.slice(2, 1)),
        columns: states.columns.iter().map(|column| column.slice(2, 2)).collect(),
    };
    second.merge(6, &groups([5]), &slice).await.expect("merges");
    assert_eq!(texts(&mut second, [5]).await, [Some("b,ä".to_owned())]);
}

#[tokio::test]
async fn an_evicted_group_is_empty_and_its_number_free() {
    let mut sum = sum().await;
    update(&mut sum, &groups([0, 1]), numbers([Some(5), Some(6)])).await.expect("updates");
    sum.evict(&groups([0, 50, 4_000_000])).await.expect("evicts");
    assert_eq!(values(&mut sum, [0, 1]).await, [None, Some(6)]);
    update(&mut sum, &groups([0]), numbers([Some(8)])).await.expect("updates");
    assert_eq!(values(&mut sum, [0]).await, [Some(8)]);
}

#[tokio::test]
async fn no_rows_and_no_groups_are_fine() {
    let mut all = bind("texts", DataType::Utf8).await;
    update(&mut all, &groups([]), words(&[])).await.expect("updates");
    assert_eq!(all.evaluate(&groups([])).await.expect("evaluates").columns[1].len(), 0);
    let states = all.snapshot(&groups([])).await.expect("snapshots");
    all.merge(0, &groups([]), &states).await.expect("merges");
    all.evict(&groups([])).await.expect("evicts");
}

#[tokio::test]
async fn arguments_are_widened_and_facts_follow() {
    let mut sum = bind("sum", DataType::Int32).await;
    update(&mut sum, &groups([0, 0]), Arc::new(Int32Array::from(vec![i32::MAX; 2]))).await.expect("updates");
    assert_eq!(values(&mut sum, [0]).await, [Some(2 * i64::from(i32::MAX))]);
    let honest = component("honest").await;
    let mut seeds =
        Aggregate::bind(&honest, &identity(), &Limits::default(), "seeds", &[], &Value::Null).await.expect("binds");
    assert_eq!(seeds.signature().call.facts, [RowFact::Seed]);
    let found = UInt64Array::from(vec![5, 6]);
    let input = Input { rows: 2, seeds: Some(&found), ..Input::default() };
    seeds.update(1, &groups([0, 0]), None, &input).await.expect("updates");
    let output = seeds.evaluate(&groups([0])).await.expect("evaluates");
    assert_eq!(output.columns[0].as_primitive::<UInt64Type>().value(0), 5 ^ 6);
}

#[tokio::test]
async fn the_signature_tells_state_and_abilities() {
    let config = json!({"scale": 2});
    let sum = bind_aggregate_with("honest", "sum", DataType::Int64, &Limits::default(), config).await.expect("binds");
    let signature = sum.signature();
    assert!(signature.retract && signature.merge);
    assert_eq!((signature.state.version, &signature.migrations), (2, &vec![(1, 2), (2, 1)]));
    let kept = &signature.state.fields[1];
    assert_eq!(kept.data_type(), &DataType::Decimal128(38, 0));
    assert_eq!(kept.metadata().get("config").map(String::as_str), Some(r#"{"scale":2}"#));
    assert_ne!(signature.state, self::sum().await.signature().state, "the configuration shapes the state");
    let max = bind("max", DataType::Int64).await;
    assert!(!max.signature().retract && !max.signature().merge);
}

#[tokio::test]
async fn states_migrate_in_both_directions() {
    let mut sum = sum().await;
    let own = sum.signature().state.clone();
    let fields = vec![Field::new("count", DataType::UInt64, false), Field::new("sum", DataType::Int64, false)];
    let old = StateSchema { version: 1, fields };
    let states = States {
        rows: None,
        columns: vec![Arc::new(UInt64Array::from(vec![1, 2])), Arc::new(Int64Array::from(vec![-7, i64::MAX]))],
    };
    let new = sum.migrate(&old, &own, &states, 2).await.expect("migrates");
    assert_eq!(new.columns[1].as_primitive::<Decimal128Type>().values().as_ref(), [-7, i128::from(i64::MAX)]);
    sum.merge(2, &groups([0, 1]), &new).await.expect("merges");
    assert_eq!(values(&mut sum, 0..2).await, [Some(-7), Some(i64::MAX)]);
    let back = sum.migrate(&own, &old, &new, 2).await.expect("migrates back");
    assert_eq!(back.columns, states.columns);
    change(&mut sum, &groups([1]), numbers([Some(1)]), &BooleanBuffer::new_unset(1)).await;
    let wide = sum.snapshot(&groups([1])).await.expect("snapshots");
    let error = sum.migrate(&own, &old, &wide, 1).await.expect_err("does not fit");
    assert!(matches!(error, Error::Call { .. }) && error.to_string().contains("version 1 cannot hold"), "{error}");
    let newer = StateSchema { version: 3, ..old.clone() };
    for (from, to) in [(&own, &own), (&old, &newer), (&newer, &own)] {
        let error = sum.migrate(from, to, &wide, 1).await.expect_err("no such migration");
        assert_eq!(error.fault(), Fault::Internal, "{error}");
    }
    assert!(!sum.is_spent());
}

#[tokio::test]
async fn abilities_that_are_not_there_are_not_asked_for() {
    let mut max = bind("max", DataType::Int64).await;
    let rows = numbers([Some(3), Some(4)]);
    change(&mut max, &groups([0, 0]), rows.clone(), &BooleanBuffer::new_unset(2)).await;
    let input = Input { rows: 2, columns: &[rows], ..Input::default() };
    let retract = BooleanBuffer::from(vec![false, true]);
    let error = max.update(1, &groups([0, 0]), Some(&retract), &input).await.expect_err("cannot");
    assert!(error.to_string().contains("cannot retract"), "{error}");
    let states = max.snapshot(&groups([0])).await.expect("snapshots");
    let error = max.merge(1, &groups([0]), &states).await.expect_err("is not empty");
    assert!(matches!(error, Error::Call { .. }), "{error}");
    max.merge(2, &groups([1]), &states).await.expect("a restore");
    assert_eq!(values(&mut max, 0..2).await, [Some(4), Some(4)]);
}

#[tokio::test]
async fn what_does_not_fit_is_the_hosts_fault() {
    let mut sum = sum().await;
    let rows = numbers([Some(1), Some(2)]);
    let input = Input { rows: 2, columns: std::slice::from_ref(&rows), ..Input::default() };
    let short = BooleanBuffer::new_unset(1);
    for (count, to, retract, words) in [
        (7, groups([0, 7]), None, "group 7, needed a number below the count of 7"),
        (9, groups([0]), None, "1 groups of 2 rows"),
        (9, UInt32Array::from(vec![Some(0), None]), None, "groups with NULLs"),
        (9, groups([0, 1]), Some(&short), "1 bits to retract of 2 rows"),
    ] {
        let error = sum.update(count, &to, retract, &input).await.expect_err("a misfit");
        assert_eq!(error.fault(), Fault::Internal);
        assert!(error.to_string().contains(words), "{error}");
    }
    let counts: ArrayRef = Arc::new(UInt64Array::from(vec![1]));
    let sums = |values: Vec<Option<i128>>| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, 0).expect("fits"))
    };
    for (rows, columns, words) in [
        (None, vec![counts.clone()], "1 state columns, needed 2"),
        (None, vec![counts.clone(), counts.clone()], "state sum with 1 rows of UInt64"),
        (None, vec![counts.clone(), sums(vec![Some(1); 2])], "state sum with 2 rows"),
        (None, vec![counts.clone(), sums(vec![None])], "state sum with NULLs"),
        (Some(vec![2]), vec![counts.clone(), sums(vec![Some(1)])], "state count with 1 rows of UInt64, needed 2"),
        (Some(vec![1, 0]), vec![counts.clone(), sums(vec![Some(1)])], "row counts of 2 states"),
    ] {
        let states = States { rows: rows.map(UInt32Array::from), columns };
        let error = sum.merge(1, &groups([0]), &states).await.expect_err("a misfit");
        assert_eq!(error.fault(), Fault::Internal);
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(!sum.is_spent());
    assert_eq!((sum.meter().calls, values(&mut sum, [0]).await), (0, vec![None]));
}

#[tokio::test]
async fn each_kind_is_bound_its_own_way() {
    let honest = component("honest").await;
    let args = [column("x", DataType::Int64)];
    let error = Function::bind(&honest, &identity(), &Limits::default(), "sum", &args, &Value::Null)
        .await
        .expect_err("an aggregate");
    assert!(matches!(error, Error::Kind { found: Kind::Aggregate, .. }), "{error}");
    assert!(error.to_string().contains("an aggregate is called in an aggregate step"), "{error}");
    for (function, words) in [
        ("upper", "is a scalar function, needed an aggregate"),
        ("dear", "is a filter, needed an aggregate"),
        ("explode", "is a table function, needed an aggregate"),
    ] {
        let error = Aggregate::bind(&honest, &identity(), &Limits::default(), function, &args, &Value::Null)
            .await
            .expect_err("no aggregate");
        assert_eq!(error.fault(), Fault::Configuration);
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = Aggregate::bind(&honest, &identity(), &Limits::default(), "total", &args, &Value::Null)
        .await
        .expect_err("not there");
    assert!(matches!(error, Error::NoFunction { .. }), "{error}");
}

#[tokio::test]
async fn the_meter_counts_every_call_and_the_rows_of_updates() {
    let mut sum = sum().await;
    update(&mut sum, &groups([0, 1]), numbers([Some(1); 2])).await.expect("updates");
    sum.evaluate(&groups(0..10)).await.expect("evaluates");
    let states = sum.snapshot(&groups(0..10)).await.expect("snapshots");
    sum.merge(10, &groups(0..10), &states).await.expect("merges");
    sum.evict(&groups(0..10)).await.expect("evicts");
    let meter = sum.meter();
    assert_eq!((meter.calls, meter.rows, meter.traps, meter.instances), (5, 2, 0, 1));
    // Ten int64 with a validity, then ten uint64 and ten decimals.
    assert_eq!(meter.output_bytes, 82 + 80 + 160);
    assert!(meter.memory_peak > 0 && sum.memory() == meter.memory_peak);
    sum.renew().await.expect("renews");
    assert_eq!((sum.meter().instances, sum.meter().calls), (2, 5));
}

/// A row: group, value, and whether it is taken out.
type Row = (u32, Option<i64>, bool);

/// Takes the rows in, in batches that end where `cuts` say, with a move to a fresh
/// instance after each if `moving`; gives results and states.
async fn take_in(function: &str, rows: &[Row], cuts: &[usize], moving: bool) -> (Vec<ArrayRef>, Vec<ArrayRef>) {
    let data_type = if function == "texts" { DataType::Utf8 } else { DataType::Int64 };
    let mut aggregate = bind(function, data_type.clone()).await;
    let to: UInt32Array = rows.iter().map(|row| row.0).collect();
    let column: ArrayRef = match data_type {
        DataType::Utf8 => Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1.map(|value| value.to_string())))),
        _ => numbers(rows.iter().map(|row| row.1)),
    };
    let retract = BooleanBuffer::collect_bool(rows.len(), |row| rows[row].2);
    let mut start = 0;
    for end in cuts.iter().copied().chain([rows.len()]) {
        let length = end - start;
        let (to, column) = (to.slice(start, length), column.slice(start, length));
        change(&mut aggregate, &to, column, &retract.slice(start, length)).await;
        start = end;
        if moving {
            let states = aggregate.snapshot(&groups(0..8)).await.expect("snapshots");
            aggregate.renew().await.expect("renews");
            aggregate.merge(8, &groups(0..8), &states).await.expect("merges");
        }
    }
    let output = aggregate.evaluate(&groups(0..8)).await.expect("evaluates");
    let states = aggregate.snapshot(&groups(0..8)).await.expect("snapshots");
    (output.columns, states.columns.into_iter().chain(states.rows.map(|rows| Arc::new(rows) as ArrayRef)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_may_be_cut_anywhere_and_states_restored_at_each_cut(
        rows in prop::collection::vec((0..8_u32, prop::option::of(0..9_i64), any::<bool>()), 0..120),
        cuts in prop::collection::vec(0.0..1.0_f64, 0..4),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| (cut * rows.len() as f64) as usize).collect();
        cuts.sort_unstable();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            for function in ["sum", "texts"] {
                let whole = take_in(function, &rows, &[], false).await;
                assert_eq!(take_in(function, &rows, &cuts, false).await, whole);
                assert_eq!(take_in(function, &rows, &cuts, true).await, whole);
            }
        });
    }
}
