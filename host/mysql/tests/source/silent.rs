//! A source that says nothing: connections on which nothing passes any more and nothing closes.

use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use rowmill_change::{ChangeEvent, TableName};
use rowmill_devserver::Proxy;
use rowmill_mysql::Endpoint;
use rowmill_mysql::binlog::{Changes, Images};
use rowmill_mysql::snapshot::{Snapshot, SnapshotOptions, scan};
use rowmill_mysql::table::read_definition;

use crate::{KINDS, Shop, next, next_rows};

/// Short, so that the tests are; a stream is dead after five sixths of it.
const PATIENCE: Duration = Duration::from_millis(1500);

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v int) ENGINE=InnoDB;";

/// The shop through a proxy.
fn behind(proxy: &Proxy) -> Endpoint {
    Endpoint::parse(&proxy.url("shop")).unwrap().with_patience(PATIENCE)
}

fn ids(event: &ChangeEvent) -> Vec<i32> {
    let ChangeEvent::Rows { batches, .. } = event else { return Vec::new() };
    batches.iter().flat_map(|batch| batch.rows.column(0).as_primitive::<Int32Type>().values().to_vec()).collect()
}

fn readers(shop: &Shop) -> String {
    shop.sql("SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'")
}

#[track_caller]
fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "no {what} in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The next rows, asked for by a caller that gives the call up again and again.
async fn impatient(changes: &mut Changes) -> Vec<i32> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "no rows in time");
        if let Ok(event) = tokio::time::timeout(Duration::from_millis(20), changes.next()).await {
            let ids = ids(&event.unwrap());
            if !ids.is_empty() {
                return ids;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_hangs_is_opened_anew_and_goes_on_where_it_was() {
    for kind in KINDS {
        let mut shop = Shop::start(kind, &[], TABLE);
        let from = shop.position().await;
        let proxy = Proxy::start(shop.server.port()).unwrap();
        shop.endpoint = behind(&proxy);
        let mut changes = shop.changes(&["t"], Images::After, from).await.unwrap();
        shop.sql("INSERT INTO t VALUES (1, 1)");
        assert_eq!(ids(&next_rows(&mut changes).await), [1], "{kind:?}");
        for id in 2..4 {
            let lost = readers(&shop);
            proxy.hang();
            shop.sql(&format!("INSERT INTO t VALUES ({id}, {id})"));
            assert_eq!(impatient(&mut changes).await, [id], "{kind:?}");
            // The server does not go on sending to nobody.
            wait("end of the lost reader", || !readers(&shop).contains(lost.trim()));
        }
        shop.sql("INSERT INTO t VALUES (9, 9)");
        assert_eq!(impatient(&mut changes).await, [9], "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_is_held_back_is_not_silence() {
    for kind in KINDS {
        let mut shop = Shop::start(kind, &[], TABLE);
        let from = shop.position().await;
        shop.endpoint = shop.endpoint.with_patience(PATIENCE);
        let mut changes = shop.changes(&["t"], Images::After, from).await.unwrap();
        shop.sql("INSERT INTO t VALUES (1, 1)");
        assert_eq!(ids(&next_rows(&mut changes).await), [1], "{kind:?}");
        let reader = readers(&shop);
        tokio::time::sleep(PATIENCE * 2).await;
        shop.sql("INSERT INTO t VALUES (2, 2)");
        assert_eq!(impatient(&mut changes).await, [2], "{kind:?}");
        assert_eq!(readers(&shop), reader, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_source_says_so_and_a_silent_one_does_not() {
    for kind in KINDS {
        let mut shop = Shop::start(kind, &[], TABLE);
        let from = shop.position().await;
        let proxy = Proxy::start(shop.server.port()).unwrap();
        shop.endpoint = behind(&proxy).with_patience(Duration::from_secs(6));
        let mut changes = shop.changes(&["t"], Images::After, from).await.unwrap();
        let is_idle = |event: &ChangeEvent| matches!(event, ChangeEvent::Position { idle: true, dry: true, .. });
        for _ in 0..2 {
            while !is_idle(&next(&mut changes).await.unwrap()) {}
            assert!(changes.heard().elapsed() < Duration::from_secs(2));
        }
        proxy.hang();
        // What was on its way; then nothing, for longer than two heartbeats take.
        while let Ok(event) = tokio::time::timeout(Duration::from_millis(2600), changes.next()).await {
            event.unwrap();
        }
        assert!(changes.heard().elapsed() > Duration::from_millis(2500), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_snapshot_that_hangs_is_noticed_and_its_session_ended() {
    for kind in KINDS {
        let mut script = "CREATE TABLE t (id int PRIMARY KEY, pad text) ENGINE=InnoDB;".to_owned();
        // More than the buffers of all sockets on the way hold.
        for hundred in 0..160 {
            let row = |i: i32| format!("({}, REPEAT('x', 4000))", hundred * 100 + i);
            script.push_str(&format!("INSERT INTO t VALUES {};", (0..100).map(row).collect::<Vec<_>>().join(",")));
        }
        let shop = Shop::start(kind, &[], &script);
        let def = [shop.def("t").await];
        let proxy = Proxy::start(shop.server.port()).unwrap();
        let endpoint = behind(&proxy);
        let options = SnapshotOptions { readers: 1, batch_rows: 100, ..SnapshotOptions::new(endpoint) };
        let (mut snapshot, _) = Snapshot::begin(&options, &def).await.unwrap();
        let mut progress = snapshot.progress().clone();
        let mut seen = Vec::new();
        // Sessions that can't get rid of what they send.
        let blocked = || {
            shop.sql(
                "SELECT id FROM information_schema.processlist WHERE state IN ('Sending to client', 'Writing to net')",
            )
        };
        let mut lost = String::new();
        let mut errors = 0;
        while !progress.is_complete() {
            match snapshot.next().await {
                Ok(Some(batch)) => {
                    seen.extend_from_slice(batch.rows.column(0).as_primitive::<Int32Type>().values());
                    progress.finish(&batch.range);
                    if seen.len() == 1_000 {
                        proxy.hang();
                        wait("reader that is blocked", || {
                            lost = blocked();
                            !lost.is_empty()
                        });
                    }
                }
                Ok(None) => panic!("{kind:?}: the snapshot ended early"),
                Err(error) => {
                    errors += 1;
                    assert!(error.is_transient() && error.to_string().contains("no answer of server"), "{error}");
                    snapshot = Snapshot::resume(&options, &def, progress).await.unwrap();
                    progress = snapshot.progress().clone();
                }
            }
        }
        assert_eq!(errors, 1, "{kind:?}");
        seen.sort_unstable();
        assert_eq!(seen, (0..16_000).collect::<Vec<i32>>(), "{kind:?}");
        // The reader was in the midst of sending, for which its session waits a day.
        wait("end of the lost reader", || !blocked().lines().any(|id| lost.lines().any(|lost| lost == id)));
    }
}

/// Bytes that are always there use up what a task may do without a pause, and that looks like a byte. Where a
/// runtime is blocked on, nothing puts the next look off.
#[test]
fn a_long_answer_that_is_never_waited_for_ends() {
    for kind in KINDS {
        let values: Vec<String> = (0..20_000).map(|id| format!("({id},{id})")).collect();
        let shop = Shop::start(kind, &[], &format!("{TABLE} INSERT INTO t VALUES {};", values.join(",")));
        shop.sql("CREATE TABLE wide (id int PRIMARY KEY, v varchar(1000)) SELECT id, REPEAT('x', 1000) AS v FROM t");
        let address = format!("{}?ssl-mode=disabled", shop.server.url("shop"));
        let (sender, result) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            let _ = sender.send(runtime.block_on(read_slowly(&address)));
        });
        assert_eq!(result.recv_timeout(Duration::from_secs(60)), Ok(20_000), "{kind:?}");
    }
}

/// Reads the wide table more slowly than the server sends it; answers how many rows it has.
async fn read_slowly(address: &str) -> usize {
    let mut conn = Endpoint::parse(address).unwrap().connect().await.unwrap();
    let def = read_definition(&mut conn, &TableName::new("shop", "wide")).await.unwrap().unwrap();
    let mut rows = 0;
    let each = |batch: &RecordBatch| {
        rows += batch.num_rows();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(50) {
            std::hint::spin_loop();
        }
        Ok::<_, rowmill_mysql::Error>(())
    };
    scan(&mut conn, &def, 1, each).await.unwrap();
    rows
}
