//! A limit ends an event exactly there, wherever it is and however the stream gets there.

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use rowmill_change::{ChangeEvent, Op, Position};
use rowmill_devserver::Kind;
use rowmill_mysql::Identity;
use rowmill_mysql::binlog::{Changes, ChangesOptions, Images, TableRead};
use rowmill_mysql::endpoint::{flavor, identity};

use crate::{Shop, next};

const TABLES: &str = "CREATE TABLE t (id int PRIMARY KEY, v text) ENGINE=InnoDB; \
     CREATE TABLE u (id int PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE other (id int PRIMARY KEY) ENGINE=InnoDB;";

/// Rows of both tables in one transaction, changed keys, transactions of one row and of none of
/// ours, a new file, and one that is worth compressing.
const HISTORY: &str = "BEGIN; INSERT INTO t VALUES (1, 'a'), (2, 'b'); INSERT INTO u VALUES (7), (8); \
     UPDATE t SET id = id + 10; INSERT INTO t VALUES (3, 'c'); COMMIT; \
     INSERT INTO other VALUES (1); \
     INSERT INTO u VALUES (9); \
     FLUSH BINARY LOGS; \
     INSERT INTO other VALUES (2), (3); \
     BEGIN; INSERT INTO t VALUES (20, REPEAT('x', 3000)), (21, REPEAT('x', 3000)), (22, REPEAT('x', 3000)); \
     INSERT INTO other VALUES (4); UPDATE t SET v = REPEAT('y', 3000) WHERE id > 19; DELETE FROM u; COMMIT; \
     CREATE TABLE third (id int PRIMARY KEY); \
     DELETE FROM t WHERE id < 20; \
     INSERT INTO other VALUES (5);";

type Rows = [Vec<(Op, i32)>; 2];

/// Appends an event's rows per table; says where it ended.
fn take(event: ChangeEvent, rows: &mut Rows) -> (Position, bool) {
    match event {
        ChangeEvent::Position { position, .. } => (position, true),
        ChangeEvent::Rows { batches, position, boundary, .. } => {
            for batch in batches {
                let ids = batch.rows.column(0).as_primitive::<Int32Type>();
                rows[batch.table].extend(batch.ops.iter().zip(ids.values()).map(|(op, id)| (*op, *id)));
            }
            (position, boundary)
        }
    }
}

/// What all streams of one server have in common.
struct Streams<'s> {
    shop: &'s Shop,
    identity: Identity,
    reads: Vec<TableRead>,
}

impl Streams<'_> {
    async fn of(shop: &Shop) -> Streams<'_> {
        let mut conn = shop.endpoint.connect().await.unwrap();
        let flavor = flavor(&mut conn).await.unwrap().0;
        let identity = identity(&mut conn, flavor).await.unwrap();
        let mut reads = Vec::new();
        for table in ["t", "u"] {
            let def = shop.def(table).await;
            reads.push(TableRead { key: def.row_key().unwrap(), def });
        }
        Streams { shop, identity, reads }
    }

    async fn open(&self, images: Images, batch_rows: usize, from: &Position, until: Option<&Position>) -> Changes {
        let options = ChangesOptions {
            images,
            batch_rows,
            until: until.cloned(),
            heartbeat: std::time::Duration::from_millis(500),
            ..ChangesOptions::new(self.shop.endpoint.clone())
        };
        Changes::open(options, self.reads.clone(), &self.identity, from.clone()).await.unwrap()
    }
}

/// A place in the history, and how many rows of each table lie before it.
#[derive(Debug)]
struct Place {
    position: Position,
    boundary: bool,
    before: [usize; 2],
}

/// Every place after a row and after a transaction, and all rows.
async fn places(streams: &Streams<'_>, images: Images, from: &Position, end: &Position) -> (Vec<Place>, Rows) {
    let mut places = vec![Place { position: from.clone(), boundary: true, before: [0, 0] }];
    let mut rows = Rows::default();
    let mut changes = streams.open(images, 1, from, None).await;
    while !places[places.len() - 1].position.reached(end) {
        changes.want_boundary();
        let (position, boundary) = take(next(&mut changes).await.unwrap(), &mut rows);
        if position.order(&places[places.len() - 1].position).is_gt() {
            places.push(Place { position, boundary, before: [rows[0].len(), rows[1].len()] });
        }
    }
    (places, rows)
}

/// Reads to the limit and on to the end; every row comes once, and none on the wrong side.
async fn check(changes: &mut Changes, from: &Place, until: &Place, limit: &Position, end: &Position, all: &Rows) {
    let place = format!("from {} until {limit}", from.position);
    let expected = |a: [usize; 2], b: [usize; 2]| [all[0][a[0]..b[0]].to_vec(), all[1][a[1]..b[1]].to_vec()];
    let mut rows = Rows::default();
    assert_eq!(changes.until(), Some(limit), "{place}");
    let mut at = (from.position.clone(), true);
    while changes.until().is_some() {
        at = take(next(changes).await.unwrap(), &mut rows);
    }
    assert_eq!(&at.0, limit, "{place}");
    assert_eq!(at.1, until.boundary, "{place}");
    assert_eq!(rows, expected(from.before, until.before), "{place}");
    let mut rest = Rows::default();
    while rest != expected(until.before, [all[0].len(), all[1].len()]) || !at.0.reached(end) {
        at = take(next(changes).await.unwrap(), &mut rest);
        let left = all[0].len() - until.before[0] + all[1].len() - until.before[1];
        assert!(rest[0].len() + rest[1].len() <= left, "{place}: {rest:?}");
    }
}

fn by_gtid(position: &Position) -> Position {
    Position { gtid: position.gtid.clone(), ..Position::new("", 0) }
}

/// With a history that holds this kind of event.
async fn everywhere(kind: Kind, flags: &[&str], images: Images, event: &str) {
    // A server notices that a reader of its log is gone only when it writes to it again.
    let flags = [flags, &["--max-connections=5000"]].concat();
    let shop = Shop::start(kind, &flags, TABLES);
    let from = shop.position().await;
    shop.sql(HISTORY);
    let end = shop.position().await;
    assert!(shop.sql(&format!("SHOW BINLOG EVENTS IN '{}'", end.file)).contains(event), "no {event}");
    let streams = Streams::of(&shop).await;
    let (places, all) = places(&streams, images, &from, &end).await;
    assert!(places.iter().filter(|p| !p.boundary).count() >= 14, "{places:#?}");
    assert!(places.iter().filter(|p| p.boundary).count() >= 8, "{places:#?}");
    let streams = &streams;
    let (end, all) = (&end, &all);
    let read = async |from: &Place, until: &Place, batch_rows, start: &Position, limit: &Position| {
        let mut changes = streams.open(images, batch_rows, start, Some(limit)).await;
        check(&mut changes, from, until, limit, end, all).await;
    };
    // Much of the time is waited for the server: two at a time.
    let each = async |parity: usize| {
        for (i, from) in places.iter().enumerate().filter(|(i, _)| i % 2 == parity) {
            for until in &places[i..] {
                read(from, until, 8_192, &from.position, &until.position).await;
                if from.boundary {
                    read(from, until, 3, &by_gtid(&from.position), &until.position).await;
                }
                if until.boundary {
                    read(from, until, 3, &from.position, &by_gtid(&until.position)).await;
                }
            }
        }
    };
    futures_util::future::join(each(0), each(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_of_a_mysql_history_ends_an_event() {
    everywhere(Kind::MySql, &[], Images::Both, "Write_rows").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_of_a_compressed_mysql_history_ends_an_event() {
    everywhere(Kind::MySql, &["--binlog-transaction-compression=ON"], Images::After, "Transaction_payload").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_of_a_mariadb_history_ends_an_event() {
    everywhere(Kind::MariaDb, &[], Images::After, "Write_rows_v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_of_a_compressed_mariadb_history_ends_an_event() {
    everywhere(
        Kind::MariaDb,
        &["--log-bin-compress=ON", "--log-bin-compress-min-len=10"],
        Images::Both,
        "Write_rows_compressed",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_can_be_set_late_and_not_behind_the_stream() {
    for kind in crate::KINDS {
        let shop = Shop::start(kind, &[], TABLES);
        let from = shop.position().await;
        shop.sql(HISTORY);
        let end = shop.position().await;
        let streams = Streams::of(&shop).await;
        let (places, all) = places(&streams, Images::Both, &from, &end).await;
        let until = &places[places.len() / 2];
        // What was read beyond the limit and not given comes again.
        let mut rows = Rows::default();
        let mut changes = streams.open(Images::Both, 1, &from, None).await;
        let (first, _) = take(next(&mut changes).await.unwrap(), &mut rows);
        let at = places.iter().find(|p| p.position == first).unwrap();
        changes.set_until(Some(until.position.clone())).unwrap();
        check(&mut changes, at, until, &until.position, &end, &all).await;
        // Behind the stream it is no limit any more; without a place it is none at all.
        let mut changes = streams.open(Images::Both, 1, &until.position, Some(&from)).await;
        assert_eq!(changes.until(), None);
        assert!(changes.set_until(Some(Position::new("", 0))).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_outlives_its_connection() {
    for kind in crate::KINDS {
        let shop = Shop::start(kind, &["--max-allowed-packet=64M"], TABLES);
        let from = shop.position().await;
        // More than the network holds, so that a cut stream lacks its end.
        let values: Vec<String> = (0..600).map(|i| format!("({i}, REPEAT('x', 60000))")).collect();
        shop.sql(&format!("INSERT INTO t VALUES {}", values.join(",")));
        let end = shop.position().await;
        let streams = Streams::of(&shop).await;
        let (places, all) = places(&streams, Images::After, &from, &end).await;
        let until = places.iter().find(|place| place.before[0] == 555).unwrap();
        let mut changes = streams.open(Images::After, 100, &from, Some(&until.position)).await;
        let mut rows = Rows::default();
        let (first, _) = take(next(&mut changes).await.unwrap(), &mut rows);
        let at = places.iter().find(|p| p.position == first).unwrap();
        let before = readers(&shop);
        assert!(!before.is_empty());
        for id in &before {
            // It may have ended by itself: a stream of before.
            let _ = shop.server.sql(&format!("KILL {id}"));
        }
        check(&mut changes, at, until, &until.position, &end, &all).await;
        assert!(readers(&shop).iter().any(|id| !before.contains(id)), "{kind:?}: the stream was not opened anew");
    }
}

/// The connections that read the binary log.
fn readers(shop: &Shop) -> Vec<String> {
    let ids = shop.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'");
    ids.lines().map(str::to_owned).collect()
}
