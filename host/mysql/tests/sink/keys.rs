//! Keys: case, NULLs, ordinality, second unique keys, append.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use rowmill_change::{TableName, TargetOptions, TargetTable, Write};
use rowmill_mysql::Error;
use rowmill_mysql::sink::Mode;

use crate::support::*;

/// Events of a table (k text, v bigint) with key k.
fn named(events: &[(Option<&str>, Option<i64>)]) -> Write {
    let present: Vec<_> = events.iter().filter(|e| e.1.is_some()).collect();
    let mut offsets = vec![0];
    for e in events {
        offsets.push(offsets[offsets.len() - 1] + u32::from(e.1.is_some()));
    }
    let schema =
        Arc::new(Schema::new(vec![Field::new("k", DataType::Utf8, true), Field::new("v", DataType::Int64, true)]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter(present.iter().map(|e| e.0))),
        Arc::new(Int64Array::from_iter(present.iter().map(|e| e.1))),
    ];
    Write {
        target: 0,
        keys: vec![Arc::new(StringArray::from_iter(events.iter().map(|e| e.0)))],
        fresh: vec![false; events.len()],
        offsets,
        rows: RecordBatch::try_new(schema, columns).unwrap(),
    }
}

fn by_name(database: &str, collation: &str, nullable: bool) -> TargetTable {
    let schema = Arc::new(Schema::new(vec![
        facts(Field::new("k", DataType::Utf8, nullable), &[("max-chars", "20"), ("collation", collation)]),
        Field::new("v", DataType::Int64, true),
    ]));
    TargetTable {
        table: TableName::new(database, "t"),
        schema,
        key: vec![0],
        ordinality: None,
        options: TargetOptions::default(),
    }
}

#[tokio::test]
async fn a_key_that_only_changes_its_case_is_renamed() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "ci");
        let (mut sink, _) = claim(&options, &by_name("ci", "utf8mb4_0900_ai_ci", false)).await;
        sink.commit(epoch(vec![named(&[(Some("anna"), Some(1)), (Some("bob"), Some(2))])], 5)).await.unwrap();
        sink.commit(epoch(vec![named(&[(Some("anna"), None), (Some("Anna"), Some(3)), (Some("bob "), Some(4))])], 6))
            .await
            .unwrap();
        assert_eq!(rows(server, "SELECT k, v FROM ci.t ORDER BY v"), ["bob\t2", "Anna\t3", "bob \t4"]);
    }
}

#[tokio::test]
async fn keys_that_can_be_null_have_a_hashed_key() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "nullkey");
        let (mut sink, _) = claim(&options, &by_name("nullkey", "utf8mb4_0900_ai_ci", true)).await;
        sink.commit(epoch(vec![named(&[(None, Some(1)), (Some("a"), Some(2)), (Some("\\N"), Some(3))])], 5))
            .await
            .unwrap();
        sink.commit(epoch(vec![named(&[(None, Some(7)), (Some("a"), None)])], 6)).await.unwrap();
        // The column is invisible.
        assert_eq!(rows(server, "SELECT * FROM nullkey.t ORDER BY v"), ["\\\\N\t3", "NULL\t7"]);
        let many: Vec<(String, i64)> = (0..200).map(|i| (format!("k{i}"), i)).collect();
        let events: Vec<_> = many.iter().map(|(k, v)| (Some(k.as_str()), Some(*v))).chain([(None, Some(8))]).collect();
        assert!(sink.commit(epoch(vec![named(&events)], 7)).await.unwrap().bulk);
        assert_eq!(rows(server, "SELECT COUNT(*), SUM(k IS NULL) FROM nullkey.t"), ["202\t1"]);
    }
}

#[tokio::test]
async fn ordinality_shrinks_and_grows() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "ord");
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("tag", DataType::Utf8, true),
            Field::new("ordinality", DataType::UInt32, false),
        ]));
        let target = TargetTable {
            table: TableName::new("ord", "tags"),
            schema: schema.clone(),
            key: vec![0, 2],
            ordinality: Some(2),
            options: TargetOptions::default(),
        };
        let write = |events: &[(i64, u32)], tag: &str| {
            let rows: Vec<(i64, u32)> = events.iter().flat_map(|e| (1..=e.1).map(|n| (e.0, n))).collect();
            let columns: Vec<ArrayRef> = vec![
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))),
                Arc::new(StringArray::from(vec![tag; rows.len()])),
                Arc::new(UInt32Array::from_iter_values(rows.iter().map(|r| r.1))),
            ];
            let mut offsets = vec![0];
            for e in events {
                offsets.push(offsets[offsets.len() - 1] + e.1);
            }
            Write {
                target: 0,
                keys: vec![Arc::new(Int64Array::from_iter_values(events.iter().map(|e| e.0)))],
                fresh: vec![false; events.len()],
                offsets,
                rows: RecordBatch::try_new(schema.clone(), columns).unwrap(),
            }
        };
        let (mut sink, _) = claim(&options, &target).await;
        sink.commit(epoch(vec![write(&[(1, 3), (2, 2), (3, 1)], "a")], 5)).await.unwrap();
        sink.commit(epoch(vec![write(&[(1, 1), (2, 0), (3, 2)], "b")], 6)).await.unwrap();
        let got = rows(server, "SELECT id, ordinality, tag FROM ord.tags ORDER BY 1, 2");
        assert_eq!(got, ["1\t1\tb", "3\t1\tb", "3\t2\tb"]);
        // Many of both kinds, through LOAD DATA.
        let events: Vec<(i64, u32)> = (0..300).map(|i| (i, (i % 4) as u32)).collect();
        assert!(sink.commit(epoch(vec![write(&events, "c")], 7)).await.unwrap().bulk);
        assert_eq!(rows(server, "SELECT COUNT(*), COUNT(DISTINCT id) FROM ord.tags"), ["450\t225"]);
    }
}

fn unique_people(server: &rowmill_devserver::Server, database: &str) {
    server
        .sql(&format!(
            "CREATE TABLE {database}.people (id BIGINT PRIMARY KEY, name VARCHAR(40) NULL, UNIQUE KEY (name))"
        ))
        .unwrap();
}

#[tokio::test]
async fn two_rows_swap_the_values_of_a_second_unique_key() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "swap");
        unique_people(server, "swap");
        let (mut sink, _) = claim(&options, &people("swap")).await;
        sink.commit(epoch(vec![people_write(&[(1, Some("a")), (2, Some("b"))], true)], 5)).await.unwrap();
        sink.commit(epoch(vec![people_write(&[(1, Some("b")), (2, Some("a"))], false)], 6)).await.unwrap();
        assert_eq!(rows(server, "SELECT id, name FROM swap.people ORDER BY id"), ["1\tb", "2\ta"]);
        // A real conflict, small and in bulk: named, and nothing of the epoch stays.
        let error =
            sink.commit(epoch(vec![people_write(&[(3, Some("c")), (4, Some("a"))], true)], 7)).await.unwrap_err();
        assert!(matches!(&error, Error::Conflict { message, .. } if message.contains("'a'")), "{error}");
        let names: Vec<String> = (0..100).map(|i| if i == 50 { "b".into() } else { format!("n{i}") }).collect();
        let events: Vec<_> = names.iter().enumerate().map(|(i, n)| (10 + i as i64, Some(n.as_str()))).collect();
        let error = sink.commit(epoch(vec![people_write(&events, true)], 7)).await.unwrap_err();
        assert!(matches!(&error, Error::Conflict { message, .. } if message.contains("'b'")), "{error}");
        assert_eq!(rows(server, "SELECT COUNT(*) FROM swap.people"), ["2"]);
        // While the target converges, a row in the way is one that is still to be rewritten.
        let mut converging = epoch(vec![people_write(&[(5, Some("a"))], true)], 8);
        converging.progress.converging = true;
        sink.commit(converging).await.unwrap();
        assert_eq!(rows(server, "SELECT id, name FROM swap.people ORDER BY id"), ["1\tb", "5\ta"]);
    }
}

#[tokio::test]
async fn append_takes_inserts_only() {
    let server = server(rowmill_devserver::Kind::MariaDb);
    let options = options(server, "append");
    let mut people = people("append");
    people.options.mode = Mode::Append;
    let (mut sink, _) = claim(&options, &people).await;
    sink.commit(epoch(vec![people_write(&[(1, Some("a"))], true)], 5)).await.unwrap();
    let error = sink.commit(epoch(vec![people_write(&[(1, None)], false)], 6)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "target table `append`.`people`: a delete of key (1) reached a sink with mode 'append', which takes inserts only; use mode 'upsert'"
    );
    let error = sink.commit(epoch(vec![people_write(&[(1, Some("b"))], true)], 6)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    assert_eq!(rows(server, "SELECT name FROM append.people"), ["a"]);
}
