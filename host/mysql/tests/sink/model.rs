//! Random changes against a map, through every way of writing.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rowmill_devserver::{Kind, Server};

use crate::support::*;

async fn random_changes(server: &Server, database: &str, prepare: &str, expect_bulk: bool) {
    let options = options(server, database);
    if !prepare.is_empty() {
        server.sql(&prepare.replace("DB", database)).unwrap();
    }
    let (mut sink, _) = claim(&options, &people(database)).await;
    let mut random = StdRng::seed_from_u64(7);
    let mut model: BTreeMap<i64, String> = BTreeMap::new();
    let mut bulk = false;
    for round in 0..30 {
        // Large and small epochs, of several writes.
        let size = if round % 3 == 0 { 400 } else { 12 };
        let mut writes = Vec::new();
        for _ in 0..random.random_range(1..4) {
            let events: Vec<(i64, Option<String>)> = (0..random.random_range(1..size))
                .map(|i| {
                    let key = random.random_range(-150..150);
                    let name = format!("n\t{round}\\{i}\n'{}", random.random_range(0..1_000_000));
                    (key, random.random_bool(0.7).then_some(name))
                })
                .collect();
            for (key, name) in &events {
                match name {
                    Some(name) => model.insert(*key, name.clone()),
                    None => model.remove(key),
                };
            }
            let events: Vec<_> = events.iter().map(|(k, n)| (*k, n.as_deref())).collect();
            writes.push(people_write(&events, false));
        }
        bulk |= sink.commit(epoch(writes, 10 + round)).await.unwrap().bulk;
        let got = rows(server, &format!("SELECT id, HEX(name) FROM {database}.people ORDER BY id"));
        let hex = |text: &str| text.bytes().map(|b| format!("{b:02X}")).collect::<String>();
        let expected: Vec<String> = model.iter().map(|(k, n)| format!("{k}\t{}", hex(n))).collect();
        assert_eq!(got, expected);
    }
    assert_eq!(bulk, expect_bulk);
}

#[tokio::test]
async fn the_table_equals_the_model_by_load_data() {
    for kind in BOTH {
        random_changes(server(kind), "model_load", "", true).await;
    }
}

#[tokio::test]
async fn the_table_equals_the_model_by_insert_because_of_a_column_of_its_own() {
    let table = "CREATE TABLE DB.people (id BIGINT PRIMARY KEY, name VARCHAR(40) NULL, note INT DEFAULT 5)";
    for kind in BOTH {
        random_changes(server(kind), "model_insert", table, false).await;
    }
}

#[tokio::test]
async fn the_table_equals_the_model_with_a_second_unique_key() {
    let table = "CREATE TABLE DB.people (id BIGINT PRIMARY KEY, name VARCHAR(40) NULL, UNIQUE KEY (name))";
    for kind in BOTH {
        random_changes(server(kind), "model_unique", table, true).await;
    }
}

#[tokio::test]
async fn triggers_and_children_keep_a_table_from_bulk_loads() {
    let table = "CREATE TABLE DB.people (id BIGINT PRIMARY KEY, name VARCHAR(40) NULL); \
         CREATE TABLE DB.child (id BIGINT, FOREIGN KEY (id) REFERENCES DB.people (id) ON DELETE CASCADE);";
    random_changes(server(Kind::MySql), "model_child", table, false).await;
    let table = "CREATE TABLE DB.people (id BIGINT PRIMARY KEY, name VARCHAR(40) NULL); \
         CREATE TABLE DB.log (n BIGINT AUTO_INCREMENT PRIMARY KEY); \
         CREATE TRIGGER DB.t AFTER INSERT ON DB.people FOR EACH ROW INSERT INTO DB.log VALUES ();";
    random_changes(server(Kind::MariaDb), "model_trigger", table, false).await;
}
