//! Chunks, composite keys, resuming.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, UInt64Type};
use rowmill_mysql::snapshot::{Snapshot, SnapshotOptions};

use crate::{KINDS, Shop};

fn options(shop: &Shop) -> SnapshotOptions {
    SnapshotOptions { chunk_rows: 100, batch_rows: 30, ..shop.snapshot_options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_comes_once_whatever_the_key() {
    for kind in KINDS {
        let mut script = "CREATE TABLE t (a varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci, b bigint unsigned, d datetime(3), PRIMARY KEY (a, b, d)) ENGINE=InnoDB;".to_owned();
        script.push_str("CREATE TABLE e (k enum('z','a','m'), n decimal(10,2), v int, UNIQUE KEY u (k, n)) ENGINE=InnoDB; ALTER TABLE e MODIFY k enum('z','a','m') NOT NULL, MODIFY n decimal(10,2) NOT NULL; CREATE TABLE nothing (id int PRIMARY KEY);");
        for i in 0..1_050u64 {
            let a = ["a", "B", "\u{e9}", "o'x", "zz"][(i % 5) as usize];
            let b = u64::MAX - i / 5;
            script.push_str(&format!("INSERT INTO t VALUES (\"{a}\", {b}, '2024-01-01 00:00:00.{:03}');", i % 1000));
            script.push_str(&format!("INSERT INTO e VALUES ({}, {}.5, {i});", i % 3 + 1, i as i64 - 500));
        }
        let shop = Shop::start(kind, &[], &format!("SET NAMES utf8mb4; BEGIN; {script} COMMIT;"));
        let defs = [shop.def("t").await, shop.def("e").await, shop.def("nothing").await];
        let (mut snapshot, _) = Snapshot::begin(&options(&shop), &defs).await.unwrap();
        let mut progress = snapshot.progress().clone();
        let (mut t, mut e) = (BTreeSet::new(), BTreeSet::new());
        while let Some(batch) = snapshot.next().await.unwrap() {
            for row in 0..batch.rows.num_rows() {
                let new = match batch.table {
                    0 => {
                        let a = batch.rows.column(0).as_string::<i32>().value(row).to_owned();
                        t.insert((a, batch.rows.column(1).as_primitive::<UInt64Type>().value(row)))
                    }
                    _ => e.insert(batch.rows.column(2).as_primitive::<Int32Type>().value(row)),
                };
                assert!(new, "{kind:?}: a row came twice");
            }
            progress.finish(&batch.range);
        }
        assert_eq!((t.len(), e.len()), (1_050, 1_050), "{kind:?}");
        assert!(progress.is_complete(), "{progress:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_snapshot_reads_only_what_is_missing() {
    for kind in KINDS {
        let values: Vec<String> = (0..2_000).map(|i| format!("({i}, {i})")).collect();
        let shop = Shop::start(
            kind,
            &[],
            &format!(
                "CREATE TABLE t (id int PRIMARY KEY, v int) ENGINE=InnoDB; INSERT INTO t VALUES {}",
                values.join(",")
            ),
        );
        let def = [shop.def("t").await];
        let (mut snapshot, _) = Snapshot::begin(&options(&shop), &def).await.unwrap();
        let start = snapshot.start().clone();
        let mut progress = snapshot.progress().clone();
        let mut seen = Vec::new();
        let mut runs = 0;
        loop {
            // Stop after some batches, as a crash would.
            for _ in 0..9 {
                let Some(batch) = snapshot.next().await.unwrap() else { break };
                seen.extend_from_slice(batch.rows.column(0).as_primitive::<Int32Type>().values());
                progress.finish(&batch.range);
            }
            if progress.is_complete() {
                break;
            }
            runs += 1;
            shop.sql("UPDATE t SET v = v + 1 WHERE id < 10");
            let stored = serde_json::from_str(&serde_json::to_string(&progress).unwrap()).unwrap();
            snapshot = Snapshot::resume(&options(&shop), &def, stored).await.unwrap();
            progress = snapshot.progress().clone();
            assert_eq!(*snapshot.start(), start);
            assert!(snapshot.converged_at().reached(&start) && *snapshot.converged_at() != start);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..2_000).collect::<Vec<i32>>(), "{kind:?}");
        assert!(runs > 3);
    }
}
