//! Binlog events to columns, on one thread, beside the stream that nobody decodes and the driver's
//! own decoding of the same events.

#![expect(clippy::disallowed_methods, reason = "a client beside the product, on a server of the benchmark")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use mysql_async::binlog::events::{Event, EventData, TableMapEvent};
use mysql_async::prelude::Queryable;
use mysql_async::{BinlogStream, BinlogStreamRequest, Conn};
use rowmill_change::{ChangeEvent, Position, TableName};
use rowmill_mysql::binlog::{
    Changes, ChangesOptions, Charsets, Decoder, Images, TableRead, ZeroDates, current_position,
};
use rowmill_mysql::{Endpoint, endpoint, table};

use crate::report::{Limit, Report, median};
use crate::shop::Shop;

const SECTION: &str = "decode: the binlog of the orders, on one thread";
const SAMPLES: usize = 5;
/// Type codes of the events that matter here (MySQL and MariaDB agree on them).
const TABLE_MAP: u8 = 19;
const WRITE_ROWS: [u8; 2] = [23, 30];
const BATCH_ROWS: usize = 8192;

pub(crate) async fn measure(report: &mut Report, shop: &Shop) {
    let source = Source::new(shop).await;
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..SAMPLES {
        samples[0].push(source.undecoded().await.as_secs_f64());
        samples[1].push(source.changes().await.as_secs_f64());
        samples[2].push(source.driver().await.as_secs_f64());
    }
    let [undecoded, changes, driver] = samples.map(|samples| shop.rows as f64 / median(samples));
    report.note(SECTION, "stream read, not decoded", undecoded, "rows/s");
    report.note(SECTION, "stream read and decoded by the driver", driver, "rows/s");
    report.judge(SECTION, "stream read and decoded to Arrow batches", changes, "rows/s", Limit::AtLeast(5e6));
    report.judge(SECTION, "decoded to Arrow batches / by the driver", changes / driver, "x", Limit::AtLeast(10.0));
    let alone = median((0..SAMPLES).map(|_| source.decoder_alone().as_secs_f64()).collect());
    report.note(SECTION, "events in memory decoded to Arrow batches", shop.rows as f64 / alone, "rows/s");
}

/// Where the rows are, and their events as they came.
struct Source<'s> {
    shop: &'s Shop,
    endpoint: Endpoint,
    read: TableRead,
    charsets: Charsets,
    events: Vec<Event>,
}

impl<'s> Source<'s> {
    async fn new(shop: &'s Shop) -> Source<'s> {
        let endpoint = Endpoint::parse(&shop.server.url("shop")).unwrap();
        let mut conn = endpoint.connect().await.unwrap();
        let def = table::read_definition(&mut conn, &TableName::new("shop", "orders")).await.unwrap().unwrap();
        let charsets = Charsets::read(&mut conn, [&def]).await.unwrap();
        let read = TableRead { key: def.primary_key.clone(), def };
        let mut source = Source { shop, endpoint, read, charsets, events: Vec::new() };
        let mut stream = source.stream().await;
        while let Some(event) = stream.next().await {
            let event = event.unwrap();
            let code = event.header().event_type_raw();
            if code == TABLE_MAP || WRITE_ROWS.contains(&code) {
                source.events.push(event);
            }
        }
        source
    }

    /// The raw stream, which ends at the end of the log.
    async fn stream(&self) -> BinlogStream {
        let mut conn = Conn::from_url(self.shop.server.url("shop")).await.unwrap();
        conn.query_drop("SET @mariadb_slave_capability = 4").await.unwrap();
        let (file, offset) = &self.shop.from;
        let request = BinlogStreamRequest::new(0x7fff_0001).with_non_blocking();
        conn.get_binlog_stream(request.with_filename(file.as_bytes()).with_pos(*offset)).await.unwrap()
    }

    async fn undecoded(&self) -> Duration {
        let mut stream = self.stream().await;
        let start = Instant::now();
        while let Some(event) = stream.next().await {
            black_box(event.unwrap());
        }
        start.elapsed()
    }

    async fn driver(&self) -> Duration {
        let mut stream = self.stream().await;
        let start = Instant::now();
        let mut rows = 0;
        while let Some(event) = stream.next().await {
            if let Some(EventData::RowsEvent(event)) = event.unwrap().read_data().unwrap() {
                let map: &TableMapEvent<'_> = stream.get_tme(event.table_id()).unwrap();
                for row in event.rows(map) {
                    black_box(row.unwrap());
                    rows += 1;
                }
            }
        }
        assert_eq!(rows, self.shop.rows);
        start.elapsed()
    }

    /// As the product reads it: positions, checksums and transaction boundaries included.
    async fn changes(&self) -> Duration {
        let mut conn = self.endpoint.connect().await.unwrap();
        let flavor = endpoint::flavor(&mut conn).await.unwrap().0;
        let identity = endpoint::identity(&mut conn, flavor).await.unwrap();
        let end = current_position(&mut conn, flavor).await.unwrap();
        let (file, offset) = self.shop.from.clone();
        let options = ChangesOptions::new(self.endpoint.clone());
        let from = Position::new(file, offset);
        let mut changes = Changes::open(options, vec![self.read.clone()], &identity, from).await.unwrap();
        let start = Instant::now();
        let mut rows = 0;
        loop {
            let position = match changes.next().await.unwrap() {
                ChangeEvent::Rows { batches, position, .. } => {
                    rows += batches.iter().map(|batch| batch.ops.len() as u64).sum::<u64>();
                    black_box(batches);
                    position
                }
                ChangeEvent::Position { position, .. } => position,
            };
            if position.reached(&end) {
                assert_eq!(rows, self.shop.rows);
                return start.elapsed();
            }
        }
    }

    fn decoder_alone(&self) -> Duration {
        let mut decoder = Decoder::new(self.read.clone(), Images::After, &self.charsets, ZeroDates::Null).unwrap();
        let start = Instant::now();
        let mut rows = 0;
        let mut take = |decoder: &mut Decoder| {
            if let Some(batch) = decoder.take_batch(0).unwrap() {
                rows += batch.ops.len() as u64;
                black_box(batch);
            }
        };
        for event in &self.events {
            let code = event.header().event_type_raw();
            if code == TABLE_MAP {
                decoder.table_map(event.data()).unwrap();
                continue;
            }
            let mut event = decoder.rows_event(code, event.data(), 0).unwrap();
            while !event.is_done() {
                decoder.take_rows(&mut event, BATCH_ROWS, usize::MAX).unwrap();
                if decoder.rows() >= BATCH_ROWS {
                    take(&mut decoder);
                }
            }
        }
        take(&mut decoder);
        assert_eq!(rows, self.shop.rows);
        start.elapsed()
    }
}
