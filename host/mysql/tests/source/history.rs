//! A position is read on from in its own history only.
//!
//! Rows and statements are of equal size throughout (ids have three digits: MariaDB logs the statement's
//! text), so that in the other history an event begins exactly where the stored position points.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use rowmill_change::{ChangeEvent, Position};
use rowmill_devserver::{Kind, Server};
use rowmill_mysql::binlog::{Changes, Images};
use rowmill_mysql::preflight::{CheckOptions, PreflightError, Start, check_source};
use rowmill_mysql::{Endpoint, Error};

use crate::{KINDS, Shop, next};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v int) ENGINE=InnoDB;";
const NO_GTIDS: &[&str] = &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];

/// What is started: MySQL with and without GTIDs, and MariaDB, which always has them.
const SERVERS: [(Kind, &[&str]); 3] = [(Kind::MySql, &[]), (Kind::MySql, NO_GTIDS), (Kind::MariaDb, &[])];

/// Empties the binary log, and MySQL's GTIDs with it.
fn reset(shop: &Shop) {
    let statement = match shop.server.kind() {
        Kind::MySql => "RESET BINARY LOGS AND GTIDS",
        Kind::MariaDb => "RESET MASTER",
    };
    shop.sql(statement);
}

/// One transaction for each id.
fn insert(shop: &Shop, ids: std::ops::Range<i32>) {
    shop.sql(&ids.map(|id| format!("INSERT INTO t VALUES ({id}, {id});")).collect::<String>());
}

/// Reads what there is; answers the ids and where the stream is then.
async fn read(shop: &Shop, from: &Position) -> rowmill_mysql::Result<(Vec<i32>, Position)> {
    let end = shop.position().await;
    let mut changes = shop.changes(&["t"], Images::After, from.clone()).await?;
    let mut ids = Vec::new();
    loop {
        let (position, dry) = take(next(&mut changes).await?, &mut ids);
        if dry && position.reached(&end) {
            return Ok((ids, position));
        }
    }
}

fn take(event: ChangeEvent, ids: &mut Vec<i32>) -> (Position, bool) {
    match event {
        ChangeEvent::Position { position, dry, .. } => (position, dry),
        ChangeEvent::Rows { batches, position, dry, .. } => {
            for batch in batches {
                ids.extend(batch.rows.column(0).as_primitive::<Int32Type>().values());
            }
            (position, dry)
        }
    }
}

/// Whether an event of the log begins at the position, so that the offset alone would do.
fn begins_an_event(shop: &Shop, position: &Position) -> bool {
    let events = shop.sql(&format!("SHOW BINLOG EVENTS IN '{}'", position.file));
    events.lines().any(|line| line.split('\t').nth(1) == Some(position.offset.to_string().as_str()))
}

/// The stream and the check both refuse the position and say why.
async fn assert_refused(shop: &Shop, position: &Position, what: &str) {
    let error = match shop.changes(&["t"], Images::After, position.clone()).await {
        Err(error) => error,
        Ok(mut changes) => panic!("{what}: opened, then {:?}", next(&mut changes).await),
    };
    assert!(matches!(error, Error::HistoryChanged { .. }), "{what}: {error}");
    assert!(!error.is_transient() && error.to_string().contains("--rebuild"), "{what}: {error}");
    let start = Start::Stored(position.clone());
    let checked = check_source(&shop.endpoint, &["shop.t".into()], &start, &CheckOptions::default()).await;
    let Err(PreflightError::Problems { problems }) = checked else { panic!("{what}: {checked:?}") };
    assert!(problems.iter().any(|problem| problem.fix.contains("--rebuild")), "{what}: {problems:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_reset_is_not_read_on() {
    for (kind, flags) in SERVERS {
        let shop = Shop::start(kind, flags, TABLE);
        reset(&shop);
        let from = shop.position().await;
        insert(&shop, 100..105);
        let (ids, position) = read(&shop, &from).await.unwrap();
        assert_eq!(ids, [100, 101, 102, 103, 104]);
        insert(&shop, 105..107);
        assert_eq!(read(&shop, &position).await.unwrap().0, [105, 106], "{kind:?}: the same history");

        reset(&shop);
        insert(&shop, 110..130);
        assert!(begins_an_event(&shop, &position), "{kind:?}: no event begins at {position}");
        assert_refused(&shop, &position, &format!("{kind:?} {flags:?}")).await;

        // One that was found and not read has its file's time.
        let found = shop.position().await;
        let start = Start::Stored(found);
        let (info, _) =
            check_source(&shop.endpoint, &["shop.t".into()], &start, &CheckOptions::default()).await.unwrap();
        let found = info.start.unwrap();
        assert!(found.witness.is_some());
        // A file's time has seconds.
        wait_for_the_next_second();
        reset(&shop);
        insert(&shop, 130..160);
        assert!(begins_an_event(&shop, &found), "{kind:?}: no event begins at {found}");
        assert_refused(&shop, &found, &format!("{kind:?} {flags:?}, found")).await;
    }
}

/// A reader that is there when it happens would wait for ever at the end of a file that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_reset_under_a_reader_ends_the_stream() {
    for (kind, flags) in SERVERS {
        // The new log stays shorter than the old one, and grows beyond it.
        for inserts in [0, 2, 30] {
            let shop = Shop::start(kind, flags, TABLE);
            reset(&shop);
            let from = shop.position().await;
            insert(&shop, 100..105);
            let mut changes = shop.changes(&["t"], Images::After, from).await.unwrap();
            let mut ids = Vec::new();
            while ids.len() < 5 {
                take(next(&mut changes).await.unwrap(), &mut ids);
            }
            reset(&shop);
            insert(&shop, 200..200 + inserts);
            let error = loop {
                match next(&mut changes).await {
                    Ok(event) => drop(take(event, &mut ids)),
                    Err(error) => break error,
                }
            };
            let known = matches!(error, Error::HistoryChanged { .. } | Error::PositionGone { .. });
            assert!(known && error.to_string().contains("--rebuild"), "{kind:?} {flags:?}, {inserts} inserts: {error}");
            assert_eq!(ids, [100, 101, 102, 103, 104], "{kind:?} {flags:?}, {inserts} inserts");
        }
    }
}

/// Until the clock's second has changed.
fn wait_for_the_next_second() {
    let second = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let now = second();
    while second() == now {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_from_within_a_transaction() {
    for (kind, flags) in SERVERS {
        let shop = Shop::start(kind, flags, TABLE);
        reset(&shop);
        let from = shop.position().await;
        let many = |start: i32| {
            let rows: Vec<String> = (start..start + 100).map(|id| format!("({id},{id})")).collect();
            format!("INSERT INTO t VALUES {}", rows.join(","))
        };
        shop.sql(&many(100));
        let def = shop.def("t").await;
        let read = rowmill_mysql::binlog::TableRead { key: def.row_key().unwrap(), def };
        let mut changes = shop.changes_with(vec![read], Images::After, from, 30).await.unwrap();
        let mut ids = Vec::new();
        let inside = loop {
            let (position, _) = take(next(&mut changes).await.unwrap(), &mut ids);
            if !ids.is_empty() {
                break position;
            }
        };
        assert_eq!((inside.rows, ids.len()), (30, 30));
        drop(changes);
        let (rest, _) = read_all(&shop, &inside).await;
        assert_eq!(rest, (130..200).collect::<Vec<_>>(), "{kind:?}: the same history");

        // The first event of a transaction has the second, and in MariaDB nothing else, from the first one of another log.
        wait_for_the_next_second();
        reset(&shop);
        shop.sql(&many(300));
        assert_refused(&shop, &inside, &format!("{kind:?} {flags:?}")).await;
    }
}

async fn read_all(shop: &Shop, from: &Position) -> (Vec<i32>, Position) {
    read(shop, from).await.unwrap()
}

fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_restored_from_a_backup_has_gone_another_way() {
    for (kind, flags) in SERVERS {
        let mut shop = Shop::start(kind, flags, TABLE);
        let from = shop.position().await;
        insert(&shop, 100..103);
        shop.server.stop();
        let (data, backup) = (shop.server.data(), shop.server.data().with_file_name("backup"));
        copy(&data, &backup);

        shop.server.restart().unwrap();
        insert(&shop, 103..108);
        let (ids, position) = read_all(&shop, &from).await;
        assert_eq!(ids, (100..108).collect::<Vec<_>>());

        shop.server.stop();
        std::fs::remove_dir_all(&data).unwrap();
        copy(&backup, &data);
        wait_for_the_next_second();
        shop.server.restart().unwrap();
        insert(&shop, 200..220);
        assert!(begins_an_event(&shop, &position), "{kind:?}: no event begins at {position}");
        assert_refused(&shop, &position, &format!("{kind:?} {flags:?}")).await;
        std::fs::remove_dir_all(&backup).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_with_the_same_id_is_another_history() {
    let start = || {
        let shop = Shop::start(Kind::MariaDb, &["--server-id=1"], TABLE);
        reset(&shop);
        shop
    };
    let shop = start();
    let from = shop.position().await;
    insert(&shop, 100..105);
    let (_, position) = read_all(&shop, &from).await;
    wait_for_the_next_second();
    let other = start();
    insert(&other, 150..160);
    assert!(begins_an_event(&other, &position));
    assert_refused(&other, &position, "another MariaDB server").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_the_server_lacks_are_noticed() {
    // The witness is there and the file is the same, but not what was executed.
    for (kind, set) in [(Kind::MySql, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7"), (Kind::MariaDb, "0-4294967295-3")] {
        let shop = Shop::start(kind, &[], TABLE);
        let from = shop.position().await;
        insert(&shop, 0..2);
        let (_, position) = read_all(&shop, &from).await;
        if kind == Kind::MariaDb {
            let foreign = Position { gtid: Some(set.to_owned()), ..position };
            assert_refused(&shop, &foreign, "MariaDB").await;
        } else {
            // Asked again until it shows.
            let foreign = Position { gtid: position.gtid.clone().map(|own| format!("{own},{set}")), ..position };
            let mut opening = std::pin::pin!(shop.changes(&["t"], Images::After, foreign));
            let patience = std::time::Duration::from_secs(2);
            assert!(tokio::time::timeout(patience, &mut opening).await.is_err(), "it was not asked for again");
            shop.sql(&format!("SET gtid_next = '{}'; COMMIT; SET gtid_next = AUTOMATIC", set.replace("1-7", "1")));
            for number in 2..8 {
                shop.sql(&format!("SET gtid_next = '{}'; COMMIT", set.replace("1-7", &number.to_string())));
            }
            opening.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_was_read_does_not_come_again() {
    for kind in KINDS {
        let shop = Shop::start(kind, &[], TABLE);
        let from = shop.position().await;
        insert(&shop, 0..2);
        let (_, end) = read_all(&shop, &from).await;
        // A place that says: what follows here was read already.
        let lying = Position { gtid: end.gtid, ..from };
        let mut changes = shop.changes(&["t"], Images::After, lying).await.unwrap();
        let error = loop {
            if let Err(error) = next(&mut changes).await {
                break error;
            }
        };
        assert!(matches!(error, Error::HistoryChanged { .. }), "{kind:?}: {error}");
    }
}

/// Everything that a log goes through in its life, with a new stream at every event.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_history_goes_on() {
    for (kind, flags) in SERVERS {
        let mut shop = Shop::start(kind, flags, TABLE);
        let mut at = shop.position().await;
        let mut all = Vec::new();
        let mut rounds = vec!["", "restart", "FLUSH BINARY LOGS; FLUSH BINARY LOGS; FLUSH LOGS", "kill", "no witness"];
        if kind == Kind::MySql {
            // One step at a time, each read to its end: the server sends no GTIDs once they are off.
            rounds.push("SET GLOBAL enforce_gtid_consistency = ON");
            let modes = ["SET GLOBAL gtid_mode = ON_PERMISSIVE", "SET GLOBAL gtid_mode = OFF_PERMISSIVE"];
            match flags.is_empty() {
                true => rounds.extend([modes[0], modes[1], "SET GLOBAL gtid_mode = OFF"]),
                false => rounds.extend([modes[1], modes[0], "SET GLOBAL gtid_mode = ON"]),
            }
        }
        rounds.push("purge");
        for (round, what) in rounds.into_iter().enumerate() {
            match what {
                "restart" => shop.server.restart().unwrap(),
                "kill" => {
                    shop.server.kill();
                    shop.server.restart().unwrap();
                }
                // Stored by a version that knew none.
                "no witness" => at.witness = None,
                "purge" => drop(shop.sql(&format!("FLUSH BINARY LOGS; PURGE BINARY LOGS TO '{}'", at.file))),
                statements => drop(shop.sql(statements)),
            }
            let first = 100 + round as i32 * 10;
            insert(&shop, first..first + 4);
            shop.sql(&format!(
                "CREATE TABLE other_{round} (id int PRIMARY KEY); BEGIN; INSERT INTO other_{round} VALUES (1); COMMIT"
            ));
            let end = shop.position().await;
            let mut ids = Vec::new();
            while !at.reached(&end) {
                let mut changes: Changes = shop.changes(&["t"], Images::After, at.clone()).await.unwrap();
                at = take(next(&mut changes).await.unwrap(), &mut ids).0;
                assert!(at.witness.is_some());
            }
            assert_eq!(ids, (first..first + 4).collect::<Vec<_>>(), "{kind:?} {flags:?}: {what}");
            all.extend(ids);
        }
        let stored: Vec<i32> = shop.sql("SELECT id FROM t ORDER BY id").lines().map(|id| id.parse().unwrap()).collect();
        assert_eq!(all, stored);
    }
}

/// Its log has other servers' transactions in it, and other offsets than theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_as_a_source_goes_on() {
    for kind in KINDS {
        let primary = Shop::start(kind, &[], TABLE);
        let updates = if kind == Kind::MySql { "--log-replica-updates" } else { "--log-slave-updates" };
        let mut replica = Server::lend(kind, &[updates]).unwrap();
        follow(&replica, &primary.server);
        let end = primary.position().await;
        caught_up(&replica, &end).await;
        let endpoint = Endpoint::parse(&replica.url("shop")).unwrap();
        let mut at = {
            let mut conn = endpoint.connect().await.unwrap();
            let flavor = rowmill_mysql::endpoint::flavor(&mut conn).await.unwrap().0;
            rowmill_mysql::position::current_position(&mut conn, flavor).await.unwrap()
        };
        for round in 0..3 {
            insert(&primary, round * 10..round * 10 + 5);
            // Its own, too.
            replica.sql(&format!("CREATE TABLE shop.own_{round} (id int PRIMARY KEY)")).unwrap();
            caught_up(&replica, &primary.position().await).await;
            let shop = Shop { server: replica, endpoint: endpoint.clone() };
            let (ids, position) = read_all(&shop, &at).await;
            let mut sorted = ids;
            sorted.sort_unstable();
            assert_eq!(sorted, (round * 10..round * 10 + 5).collect::<Vec<_>>(), "{kind:?}");
            at = position;
            replica = shop.server;
            if round == 1 {
                replica.restart().unwrap();
            }
        }
    }
}

fn follow(replica: &Server, primary: &Server) {
    let port = primary.port();
    replica
        .sql(&match replica.kind() {
            Kind::MySql => format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='root', \
             SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA"
            ),
            Kind::MariaDb => format!(
                "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', \
             MASTER_USE_GTID=slave_pos; START SLAVE"
            ),
        })
        .unwrap();
}

/// Until the replica has applied everything before the primary's position.
async fn caught_up(replica: &Server, end: &Position) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let set = end.gtid.clone().unwrap();
    let question = match replica.kind() {
        Kind::MySql => format!("SELECT GTID_SUBSET('{set}', @@GLOBAL.gtid_executed)"),
        Kind::MariaDb => format!("SELECT MASTER_GTID_WAIT('{set}', 1) = 0"),
    };
    while replica.sql(&question).unwrap().trim() != "1" {
        assert!(
            std::time::Instant::now() < deadline,
            "the replica did not catch up: {}",
            replica.sql("SHOW PROCESSLIST").unwrap()
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
