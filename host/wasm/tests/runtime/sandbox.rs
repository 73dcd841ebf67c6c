//! What a guest finds when it looks for the world.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use crate::guests::misbehave;

async fn first(function: &str) -> i64 {
    let output = misbehave(function).await.expect("runs");
    output.columns[0].as_primitive::<Int64Type>().value(0)
}

#[tokio::test]
async fn sleeping_returns_at_once() {
    misbehave("sleep").await.expect("an hour passed");
}

#[tokio::test]
async fn the_clocks_are_virtual() {
    let output = misbehave("clock").await.expect("runs");
    let values = output.columns[0].as_primitive::<Int64Type>();
    assert_eq!(values.value(0), 946_684_800);
    assert_eq!(values.value(1), 1);
}

#[tokio::test]
async fn random_numbers_are_the_same_each_time() {
    assert_eq!(first("random").await, first("random").await);
}

#[tokio::test]
async fn there_is_no_environment() {
    assert_eq!(first("environment").await, 0);
}

#[tokio::test]
async fn there_are_no_files_and_no_network() {
    assert_eq!(first("files").await, 1);
    assert_eq!(first("network").await, 1);
}

#[tokio::test]
async fn printing_is_harmless() {
    misbehave("print").await.expect("runs");
}
