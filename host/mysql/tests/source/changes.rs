//! Order, images, positions, resuming, and statements that stop the stream.

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use rowmill_change::{ChangeEvent, Op, Position};
use rowmill_devserver::Kind;
use rowmill_mysql::Error;
use rowmill_mysql::binlog::{Images, TableRead};

use crate::{KINDS, Shop, next, next_rows};

const TABLE: &str =
    "CREATE TABLE t (id int PRIMARY KEY, v int) ENGINE=InnoDB; CREATE TABLE other (id int PRIMARY KEY);";

fn rows(event: &ChangeEvent) -> Vec<(Op, i32)> {
    let ChangeEvent::Rows { batches, .. } = event else { return Vec::new() };
    let mut found = Vec::new();
    for batch in batches {
        let ids = batch.rows.column(0).as_primitive::<Int32Type>();
        found.extend(batch.ops.iter().zip(ids.values()).map(|(op, id)| (*op, *id)));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn images_and_positions() {
    for kind in KINDS {
        let shop = Shop::start(kind, &[], TABLE);
        let from = shop.position().await;
        shop.sql("BEGIN; INSERT INTO t VALUES (1, 1), (2, 2); UPDATE t SET v = 5 WHERE id = 1; UPDATE t SET id = 9 WHERE id = 2; DELETE FROM t WHERE id = 1; COMMIT;");
        shop.sql("INSERT INTO other VALUES (1)");
        let mut changes = shop.changes(&["t"], Images::After, from.clone()).await.unwrap();
        let event = next_rows(&mut changes).await;
        use Op::*;
        assert_eq!(
            rows(&event),
            [(Insert, 1), (Insert, 2), (UpdateAfter, 1), (UpdateBefore, 2), (UpdateAfter, 9), (Delete, 1)]
        );
        let ChangeEvent::Rows { position, boundary, .. } = event else { panic!() };
        assert!(boundary && position.rows == 0);
        let end = shop.position().await;
        let mut last = position;
        while !last.reached(&end) {
            let ChangeEvent::Position { position, .. } = next(&mut changes).await.unwrap() else { panic!("rows") };
            last = position;
        }
        assert_eq!((last.file.as_str(), last.offset), (end.file.as_str(), end.offset), "{kind:?}");
        assert_eq!(last.gtid, end.gtid, "{kind:?}");

        let mut both = shop.changes(&["t"], Images::Both, from).await.unwrap();
        let ops: Vec<Op> = rows(&next_rows(&mut both).await).into_iter().map(|r| r.0).collect();
        assert_eq!(ops, [Insert, Insert, UpdateBefore, UpdateAfter, UpdateBefore, UpdateAfter, Delete]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_transaction_is_split_and_resumed_at_each_split() {
    for (kind, flags) in [
        (Kind::MySql, &[][..]),
        (Kind::MySql, &["--binlog-transaction-compression=ON"][..]),
        (Kind::MariaDb, &[]),
        (Kind::MariaDb, &["--log-bin-compress=ON"]),
    ] {
        let shop = Shop::start(kind, flags, TABLE);
        let from = shop.position().await;
        let values: Vec<String> = (0..5_000).map(|i| format!("({i}, {i})")).collect();
        shop.sql(&format!(
            "BEGIN; INSERT INTO t VALUES {}; INSERT INTO other VALUES (7); UPDATE t SET v = -1; COMMIT",
            values.join(",")
        ));
        let end = shop.position().await;
        let mut position = from;
        let mut all = Vec::new();
        let mut splits = 0;
        // A new stream for every event: what a crash after each commit would do.
        while !position.reached(&end) {
            let def = shop.def("t").await;
            let read = TableRead { key: def.row_key().unwrap(), def };
            let mut changes = shop.changes_with(vec![read], Images::After, position.clone(), 1_500).await.unwrap();
            let event = next(&mut changes).await.unwrap();
            all.extend(rows(&event));
            position = match event {
                ChangeEvent::Rows { position, boundary, .. } => {
                    splits += usize::from(!boundary);
                    position
                }
                ChangeEvent::Position { position, .. } => position,
            };
        }
        assert!(splits >= 5, "{splits}");
        let expected: Vec<(Op, i32)> =
            (0..5_000).map(|i| (Op::Insert, i)).chain((0..5_000).map(|i| (Op::UpdateAfter, i))).collect();
        assert_eq!(all.len(), expected.len(), "{kind:?} {flags:?}");
        assert!(all == expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_on_our_tables_stop_the_stream_by_name() {
    for kind in KINDS {
        for (statement, stops) in [
            ("ALTER TABLE t ADD x int", true),
            ("TRUNCATE t", true),
            ("RENAME TABLE t TO u", true),
            ("DROP TABLE t", true),
            ("SET SESSION binlog_format = 'STATEMENT'; UPDATE shop.t SET v = v + 1", true),
            ("ALTER TABLE other ADD x int; TRUNCATE other; DROP TABLE other", false),
            ("CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, v int)", false),
            ("CREATE TABLE copy (id int PRIMARY KEY) SELECT id FROM t", false),
        ] {
            let shop = Shop::start(kind, &[], TABLE);
            let from = shop.position().await;
            shop.sql("INSERT INTO t VALUES (1, 1)");
            let mut changes = shop.changes(&["t"], Images::After, from).await.unwrap();
            next_rows(&mut changes).await;
            shop.sql(statement);
            if stops {
                let error = loop {
                    match next(&mut changes).await {
                        Ok(event) => assert!(rows(&event).is_empty()),
                        Err(error) => break error,
                    }
                };
                let Error::SchemaChanged { table, position, .. } = &error else { panic!("{statement}: {error}") };
                assert_eq!((table.name.as_str(), position.rows), ("t", 0), "{error}");
                assert!(!error.is_transient());
            } else {
                shop.sql("INSERT INTO t VALUES (2, 2)");
                assert_eq!(rows(&next_rows(&mut changes).await), [(Op::Insert, 2)], "{statement}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_survives_restarts_and_names_a_position_that_is_gone() {
    for kind in KINDS {
        let mut shop = Shop::start(kind, &[], TABLE);
        let from = shop.position().await;
        let mut changes = shop.changes(&["t"], Images::After, from.clone()).await.unwrap();
        shop.sql("INSERT INTO t VALUES (1, 1)");
        assert_eq!(rows(&next_rows(&mut changes).await), [(Op::Insert, 1)]);
        shop.server.kill();
        shop.server.restart().unwrap();
        shop.sql("INSERT INTO t VALUES (2, 2)");
        assert_eq!(rows(&next_rows(&mut changes).await), [(Op::Insert, 2)]);
        let last = shop.position().await;
        shop.sql(&format!("FLUSH BINARY LOGS; PURGE BINARY LOGS TO '{}'", next_file(&last)));
        let error = match shop.changes(&["t"], Images::After, from).await {
            Err(error) => error,
            Ok(mut changes) => next(&mut changes).await.unwrap_err(),
        };
        assert!(matches!(error, Error::PositionGone { .. }), "{error}");
    }
}

fn next_file(position: &Position) -> String {
    let (base, number) = position.file.rsplit_once('.').unwrap();
    format!("{base}.{:06}", number.parse::<u64>().unwrap() + 1)
}
