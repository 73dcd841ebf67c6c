//! Aggregates whose instance ends: what was in it is lost, and nobody pretends otherwise.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::{DataType, Field};
use rowmill_wasm::{Aggregate, Error, Fault, Limit, Limits, StateSchema, States};
use serde_json::json;

use crate::guests::{bind_aggregate_with, bind_hostile, groups, update};

const CALLS: [&str; 6] = ["update", "evaluate", "snapshot", "merge", "evict", "migrate"];

fn rows() -> ArrayRef {
    Arc::new(Int64Array::from(vec![1, 2, 3]))
}

fn states() -> States {
    States { rows: None, columns: vec![rows()] }
}

/// Calls one of the six on three rows or groups.
async fn call(aggregate: &mut Aggregate, name: &str) -> Result<(), Error> {
    let groups = groups([0, 1, 2]);
    match name {
        "update" => update(aggregate, &groups, rows()).await.map(drop),
        "evaluate" => aggregate.evaluate(&groups).await.map(drop),
        "snapshot" => aggregate.snapshot(&groups).await.map(drop),
        "merge" => aggregate.merge(3, &groups, &states()).await,
        "evict" => aggregate.evict(&groups).await,
        _ => {
            let own = aggregate.signature().state.clone();
            let old = StateSchema { version: 1, fields: vec![Field::new("s", DataType::Int64, false)] };
            aggregate.migrate(&old, &own, &states(), 3).await.map(drop)
        }
    }
}

async fn sums(aggregate: &mut Aggregate) -> Vec<Option<i64>> {
    let output = aggregate.evaluate(&groups([0, 1, 2])).await.expect("evaluates");
    output.columns[0].as_primitive::<Int64Type>().iter().collect()
}

/// Every call is refused, until a renewal, after which every group is empty.
async fn ensure_lost(aggregate: &mut Aggregate, ended_in: &str) {
    assert!(aggregate.is_spent() && aggregate.memory() == 0);
    let calls = aggregate.meter().calls;
    for name in CALLS {
        let error = call(aggregate, name).await.expect_err("spent");
        assert!(matches!(error, Error::Spent { .. }), "{error}");
        assert_eq!(error.fault(), Fault::Internal);
        assert!(!error.is_trap() && !error.is_limit());
    }
    assert_eq!((aggregate.meter().calls, aggregate.meter().instances), (calls, 1), "nothing was called or made");
    aggregate.renew().await.expect("renews");
    assert!(!aggregate.is_spent() && aggregate.meter().instances == 2);
    if ended_in != "evaluate" {
        assert_eq!(sums(aggregate).await, [Some(0); 3]);
    }
}

/// Fills the groups as far as the misbehaviour lets it, and ends the instance.
async fn end(aggregate: &mut Aggregate, ends_in: &str) -> Error {
    if ends_in != "update" {
        call(aggregate, "update").await.expect("updates");
    }
    let error = call(aggregate, ends_in).await.expect_err("misbehaves");
    assert_eq!(aggregate.meter().traps, 1);
    let text = error.to_string();
    for part in ["component hostile", "function agg-", "step map-1"] {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
    error
}

#[tokio::test]
async fn a_trap_in_any_call_ends_the_instance_for_good() {
    for name in CALLS {
        let mut aggregate = bind_hostile("agg-panic", name).await;
        let error = end(&mut aggregate, name).await;
        assert!(error.is_trap(), "{error}");
        assert!(error.to_string().contains(&format!("the wheel of {name} came off")), "{error}");
        ensure_lost(&mut aggregate, name).await;
    }
}

#[tokio::test]
async fn a_loop_in_any_call_ends_at_the_cpu_limit_of_its_rows() {
    for name in CALLS {
        let mut aggregate = bind_hostile("agg-loop", name).await;
        let error = end(&mut aggregate, name).await;
        assert_eq!(error.limit(), Some(Limit::Cpu), "{error}");
        assert!(error.to_string().contains("100.15ms for 3 rows"), "{error}");
        ensure_lost(&mut aggregate, name).await;
    }
}

#[tokio::test]
async fn memory_that_grows_without_end_is_named_memory() {
    // Touching so much takes time, which is not what this is about.
    let limits = Limits { cpu_base: Duration::from_secs(30), wall: Duration::from_secs(60), ..Limits::default() };
    for name in ["update", "merge"] {
        let config = json!({ "in": name });
        let bound = bind_aggregate_with("hostile", "agg-grow", DataType::Int64, &limits, config).await;
        let mut aggregate = bound.expect("binds");
        let error = end(&mut aggregate, name).await;
        assert_eq!(error.limit(), Some(Limit::Memory), "{error}");
        ensure_lost(&mut aggregate, name).await;
    }
}

#[tokio::test]
async fn an_exit_is_a_trap() {
    let mut aggregate = bind_hostile("agg-exit", "evict").await;
    assert!(end(&mut aggregate, "evict").await.is_trap());
    ensure_lost(&mut aggregate, "evict").await;
}

#[tokio::test]
async fn states_and_results_over_the_output_limit_are_refused() {
    for name in ["evaluate", "snapshot", "migrate"] {
        let limits = Limits { memory: 1 << 30, output: 1 << 20, ..Limits::default() };
        let bound = bind_aggregate_with("hostile", "agg-output", DataType::Int64, &limits, json!({})).await;
        let mut aggregate = bound.expect("binds");
        let error = end(&mut aggregate, name).await;
        assert_eq!(error.limit(), Some(Limit::Output), "{error}");
        ensure_lost(&mut aggregate, "evaluate").await;
    }
}

#[tokio::test]
async fn a_call_that_was_dropped_ends_the_instance() {
    let limits = Limits { cpu_base: Duration::from_secs(3600), wall: Duration::from_secs(3600), ..Limits::default() };
    let config = json!({"in": "update"});
    let bound = bind_aggregate_with("hostile", "agg-loop", DataType::Int64, &limits, config).await;
    let mut aggregate = bound.expect("binds");
    {
        let dropped = call(&mut aggregate, "update");
        tokio::pin!(dropped);
        let pending =
            std::future::poll_fn(|context| std::task::Poll::Ready(dropped.as_mut().poll(context).is_pending()));
        assert!(pending.await, "the loop is still running after its first tick");
    }
    ensure_lost(&mut aggregate, "update").await;
}

#[tokio::test]
async fn a_refused_call_loses_nothing() {
    for name in CALLS.into_iter().filter(|name| *name != "evict") {
        let mut aggregate = bind_hostile("agg-refuse", name).await;
        let error = call(&mut aggregate, name).await.expect_err("refused");
        assert!(matches!(error, Error::Call { .. }) && error.message() == "not today", "{error}");
        assert!(!aggregate.is_spent());
        call(&mut aggregate, "evict").await.expect("usable");
        assert_eq!((aggregate.meter().calls, aggregate.meter().traps), (2, 0));
    }
}

#[tokio::test]
async fn errors_of_rows_that_are_not_there_end_the_instance() {
    let mut aggregate = bind_hostile("update-error-row", "").await;
    let error = call(&mut aggregate, "update").await.expect_err("wrong");
    assert!(matches!(error, Error::WrongAnswer { .. }), "{error}");
    assert!(error.to_string().contains("an error for row 3 of a batch of 3 rows"), "{error}");
    ensure_lost(&mut aggregate, "update").await;
}

#[tokio::test]
async fn a_renewal_keeps_what_was_restored_apart_from_what_was_lost() {
    let mut aggregate = bind_hostile("agg-panic", "evict").await;
    call(&mut aggregate, "update").await.expect("updates");
    assert_eq!(sums(&mut aggregate).await, [Some(1), Some(2), Some(3)]);
    let memory = aggregate.memory();
    aggregate.renew().await.expect("renews what is not spent, too");
    assert!(aggregate.memory() <= memory);
    assert_eq!(sums(&mut aggregate).await, [Some(0); 3]);
    call(&mut aggregate, "update").await.expect("updates");
    assert_eq!(sums(&mut aggregate).await, [Some(1), Some(2), Some(3)]);
}
