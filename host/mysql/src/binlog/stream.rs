//! The connection that brings raw events.
//!
//! The driver speaks the protocol, cuts packets into events, strips their checksums and unpacks
//! compressed transactions. Everything inside an event is decoded here.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use mysql_async::binlog::events::Event;
use mysql_async::{BinlogStream, BinlogStreamRequest, Sid};
use rand::Rng;
use rowmill_change::{Mark, Position};

use super::history;
use super::silence::Silence;
use crate::endpoint::{self, Conn, Endpoint, Flavor, Identity};
use crate::error::{Doing, Error, Result};
use crate::liveness::Watch;
use crate::statement::Statement;

/// A live stream of events.
pub(crate) struct Stream {
    events: Pin<Box<BinlogStream>>,
    /// Read while the stream was opened, to be given first.
    early: VecDeque<Event>,
    server: String,
    from: Position,
    silence: Silence,
    watch: Option<Watch>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({} from {})", self.server, self.from)
    }
}

/// What the driver brings: an event, the stream's end, an error, or a panic.
type Brought = std::thread::Result<Option<std::result::Result<Event, mysql_async::Error>>>;

/// What the server said about itself when the stream was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) stream: Stream,
    pub(crate) flavor: Flavor,
    /// `lower_case_table_names` is not 0.
    pub(crate) names_fold: bool,
    /// The binary log files that the server holds.
    pub(crate) files: Vec<String>,
    /// When the file that the stream begins in was begun, in seconds since 1970.
    pub(crate) file_begun: u32,
}

impl Stream {
    /// Connects, checks that it is the expected server with the history that `from` belongs to, and asks
    /// for events from there.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        expected: &Identity,
        from: &Position,
        heartbeat: Duration,
    ) -> Result<Opened> {
        const DOING: &str = "opening the binary log stream";
        let mut conn = endpoint.connect().await?;
        let (flavor, _) = endpoint::flavor(&mut conn).await?;
        let found = endpoint::identity(&mut conn, flavor).await?;
        if found != *expected {
            return Err(Error::IdentityChanged { found: found.to_string(), expected: expected.to_string() });
        }
        let names_fold: u8 =
            conn.query_first("SELECT @@GLOBAL.lower_case_table_names").await.doing(DOING)?.unwrap_or_default();
        let files: Vec<mysql_async::Row> = conn.query("SHOW BINARY LOGS").await.doing(DOING)?;
        let files: Vec<String> = files.iter().map(|row| row.get(0).unwrap_or_default()).collect();
        if !from.file.is_empty() && !files.contains(&from.file) {
            let reason = match (files.first(), files.last()) {
                (Some(first), Some(last)) => format!("the server holds {first} to {last}"),
                _ => "the server holds no binary log".to_owned(),
            };
            return Err(Error::PositionGone { position: from.clone(), reason });
        }
        let holds_gtids = history::holds_gtids(&mut conn, flavor, from).await?;
        // A beat that is lost or late must not look like silence.
        let silence = Silence::new(silence_max(endpoint));
        let heartbeat = heartbeat.min(silence.max() / 4);
        present(&mut conn, heartbeat).await.doing(DOING)?;
        if let (Flavor::MariaDb, true, Some(gtid)) = (flavor, from.file.is_empty(), &from.gtid) {
            conn.exec_drop("SET @slave_connect_state = ?", (gtid,)).await.doing(DOING)?;
        }
        let (events, watch) = request(conn, flavor, from).await?;
        let (events, early) = (Box::pin(events), VecDeque::new());
        let mut stream = Stream { events, early, server: endpoint.server(), from: from.clone(), silence, watch };
        let file_begun = stream.meet(from).await?;
        if !holds_gtids {
            history::wait_for_gtids(endpoint, flavor, from).await?;
        }
        Ok(Opened { stream, flavor, names_fold: names_fold != 0, files, file_begun })
    }

    /// Puts events back that were read before their time.
    pub(super) fn give_again(&mut self, events: Vec<Event>) {
        self.early.extend(events);
    }

    /// Events from a place that another stream has reached: nothing is checked again.
    pub(crate) async fn ahead(endpoint: &Endpoint, flavor: Flavor, from: &Position) -> Result<Stream> {
        let mut conn = endpoint.connect().await?;
        let silence = Silence::new(silence_max(endpoint));
        present(&mut conn, silence.max() / 4).await.doing("looking ahead in the binary log")?;
        let (events, watch) = request(conn, flavor, from).await?;
        let (events, early) = (Box::pin(events), VecDeque::new());
        Ok(Stream { events, early, server: endpoint.server(), from: from.clone(), silence, watch })
    }

    /// The next event if it is already here.
    pub(crate) fn ready(&mut self) -> Option<Result<Event>> {
        if let Some(event) = self.early.pop_front() {
            return Some(Ok(event));
        }
        // Outside tokio's budget: a budget used up would look like a stream that is dry.
        let brought = tokio::task::unconstrained(poll_next(&mut self.events)).now_or_never()?;
        self.silence.heard();
        Some(self.said(brought))
    }

    /// Waits for the next event. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Event> {
        if let Some(event) = self.early.pop_front() {
            return Ok(event);
        }
        match self.silence.over(poll_next(&mut self.events)).await {
            Some(brought) => self.said(brought),
            None => {
                // The server would go on sending into the dead connection.
                self.watch.iter().for_each(Watch::end_session);
                Err(Error::Disconnected {
                    server: self.server.clone(),
                    reason: format!("neither events nor heartbeats for {:?}", self.silence.max()),
                })
            }
        }
    }

    fn said(&self, brought: Brought) -> Result<Event> {
        match brought {
            Ok(Some(Ok(event))) => Ok(event),
            Ok(Some(Err(error))) => Err(self.classify(error)),
            Ok(None) => Err(Error::Disconnected {
                server: self.server.clone(),
                reason: "the server ended the stream".to_owned(),
            }),
            Err(_) => Err(Error::malformed("an event is longer than its packet").at(&self.from)),
        }
    }

    fn classify(&self, error: mysql_async::Error) -> Error {
        match &error {
            mysql_async::Error::Server(e) if matches!(e.code, 1236 | 1373) => {
                // Another reader came with the same random id: not our fault, the next id differs.
                if e.message.contains("same server_uuid") || e.message.contains("same server_id") {
                    return Error::Disconnected { server: self.server.clone(), reason: e.message.clone() };
                }
                Error::PositionGone { position: self.from.clone(), reason: e.message.clone() }
            }
            mysql_async::Error::Io(_) | mysql_async::Error::Driver(_) => {
                Error::Disconnected { server: self.server.clone(), reason: error.to_string() }
            }
            _ => Error::Sql { doing: "reading the binary log", cause: Box::new(error) },
        }
    }
}

/// How long a stream may say nothing: 25 s.
fn silence_max(endpoint: &Endpoint) -> Duration {
    endpoint.patience() * 5 / 6
}

/// What the driver says next; an error if it panics, as it does on an event that is longer than its packet.
async fn poll_next(events: &mut Pin<Box<BinlogStream>>) -> Brought {
    AssertUnwindSafe(events.next()).catch_unwind().await
}

/// Says what a reader of the binary log says about itself, in the words of both products: how often it wants to hear
/// something, and who it is. Capability 4: it knows MariaDB's GTID events.
async fn present(conn: &mut Conn, heartbeat: Duration) -> std::result::Result<(), mysql_async::Error> {
    let nanoseconds = u64::try_from(heartbeat.as_nanos()).unwrap_or(u64::MAX);
    let uuid = random_uuid();
    let variables = Statement::new("SET @source_heartbeat_period = ")
        .number(nanoseconds)
        .text(", @master_heartbeat_period = ")
        .number(nanoseconds)
        .text(", @replica_uuid = ")
        .literal(&uuid)
        .text(", @slave_uuid = ")
        .literal(&uuid)
        .text(", @mariadb_slave_capability = 4");
    conn.query_drop(variables).await
}

async fn request(conn: Conn, flavor: Flavor, from: &Position) -> Result<(BinlogStream, Option<Watch>)> {
    // High and random: real replicas have low ids that people chose.
    let server_id = rand::rng().random_range(0x8000_0000..0xffff_ff00u32);
    let mut request = BinlogStreamRequest::new(server_id);
    if !from.file.is_empty() {
        let offset = from.mark().map_or(from.offset, Mark::start);
        request = request.with_filename(from.file.as_bytes()).with_pos(offset);
    } else if flavor == Flavor::MySql {
        let mut sids = Vec::new();
        for part in from.gtid.iter().flat_map(|g| g.split(',')).map(str::trim).filter(|p| !p.is_empty()) {
            let sid: Sid<'_> =
                part.parse().map_err(|e| Error::malformed(format!("GTID set '{part}' is not understood: {e}")))?;
            sids.push(sid);
        }
        request = request.with_gtid().with_gtid_set(sids).with_pos(4u64);
    } else {
        request = request.with_pos(4u64);
    }
    conn.binlog(request).await.doing("opening the binary log stream")
}

fn random_uuid() -> String {
    let n: u128 = rand::rng().random();
    let hex = format!("{n:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
