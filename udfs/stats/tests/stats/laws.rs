//! The laws of aggregates that the SDK checks, for every function over the types it takes.
//! `properties.rs` goes further for this component: all types, and states that come from elsewhere.

use rowmill_sdk::serde_json::json;
use rowmill_sdk::test::aggregate;
use rowmill_udf_stats::*;

#[test]
fn counts_keep_the_laws() {
    aggregate::<Count>().check();
    aggregate::<Count>().any().check();
    aggregate::<CountDistinct>().check();
    aggregate::<CountDistinct>().arg(["a", "A", "á", "b"]).attribute("collation", "utf8mb4_0900_ai_ci").check();
    aggregate::<ApproxCountDistinct>().config(json!({"precision": 4})).check();
}

#[test]
fn sums_and_spreads_keep_the_laws() {
    aggregate::<Sum>().check();
    aggregate::<Avg>().check();
    aggregate::<VarPop>().check();
    aggregate::<VarSamp>().check();
    aggregate::<StddevPop>().check();
    aggregate::<StddevSamp>().check();
    aggregate::<Sum>().arg([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, 5e-324]).check();
    aggregate::<VarPop>().arg([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, 5e-324]).check();
}

#[test]
fn places_in_an_order_keep_the_laws() {
    aggregate::<Min>().check();
    aggregate::<Max>().check();
    aggregate::<Min>().config(json!({"append_only": true})).check();
    aggregate::<Max>().arg(["a", "A", "á", "b", "B"]).attribute("collation", "utf8mb4_0900_ai_ci").check();
    aggregate::<First>().check();
    aggregate::<Last>().any().arg([Some(1i64), Some(2), None]).check();
    aggregate::<Median>().check();
    aggregate::<Percentile>().config(json!({"p": 0.9})).check();
    aggregate::<Percentile>().config(json!({"p": 0.9})).arg([f64::NAN, f64::INFINITY, 1.0, 2.0]).check();
}

#[test]
fn lists_keep_the_laws() {
    aggregate::<StringAgg>().config(json!({"max_length": 60})).check();
    aggregate::<GroupConcat>().any().arg([Some(1i64), Some(2), None]).config(json!({"order": "desc"})).check();
    aggregate::<JsonArrayagg>().check();
    aggregate::<TopK>().config(json!({"k": 3})).check();
}

#[test]
fn bits_and_truths_keep_the_laws() {
    aggregate::<BitAnd>().check();
    aggregate::<BitOr>().check();
    aggregate::<BitXor>().check();
    aggregate::<BoolAnd>().check();
    aggregate::<BoolOr>().check();
}
