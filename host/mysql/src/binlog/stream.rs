//! The connection that brings raw events.
//!
//! The driver speaks the protocol, cuts packets into events, strips their checksums and unpacks
//! compressed transactions. Everything inside an event is decoded here.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use mysql_async::binlog::events::Event;
use mysql_async::{BinlogStream, BinlogStreamRequest, Sid};
use rand::Rng;

use super::silence::Silence;
use crate::endpoint::{self, Conn, Endpoint, Flavor, Identity};
use crate::error::{Doing, Error, Result};
use crate::liveness::Watch;
use crate::position::Position;
use crate::statement::Statement;

/// A live stream of events.
pub(crate) struct Stream {
    events: Pin<Box<BinlogStream>>,
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
}

impl Stream {
    /// Connects, checks that it is the expected server, and asks for events from `from`.
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
        // 25 s. A beat that is lost or late must not look like silence.
        let silence = Silence::new(endpoint.patience() * 5 / 6);
        let heartbeat = heartbeat.min(silence.max() / 4);
        let nanoseconds = u64::try_from(heartbeat.as_nanos()).unwrap_or(u64::MAX);
        match flavor {
            Flavor::MySql => {
                let uuid = random_uuid();
                let variables = Statement::new("SET @source_heartbeat_period = ")
                    .number(nanoseconds)
                    .text(", @master_heartbeat_period = ")
                    .number(nanoseconds)
                    .text(", @replica_uuid = ")
                    .literal(&uuid)
                    .text(", @slave_uuid = ")
                    .literal(&uuid);
                conn.query_drop(variables).await.doing(DOING)?;
            }
            Flavor::MariaDb => {
                // Capability 4: this reader knows GTID events.
                let variables = Statement::new("SET @master_heartbeat_period = ").number(nanoseconds);
                conn.query_drop(variables.text(", @mariadb_slave_capability = 4")).await.doing(DOING)?;
                if let (true, Some(gtid)) = (from.file.is_empty(), &from.gtid) {
                    conn.exec_drop("SET @slave_connect_state = ?", (gtid,)).await.doing(DOING)?;
                }
            }
        }
        let (stream, watch) = request(conn, flavor, from).await?;
        Ok(Opened {
            stream: Stream { events: Box::pin(stream), server: endpoint.server(), from: from.clone(), silence, watch },
            flavor,
            names_fold: names_fold != 0,
            files,
        })
    }

    /// The next event if it is already here.
    pub(crate) fn ready(&mut self) -> Option<Result<Event>> {
        // Outside tokio's budget: a budget used up would look like a stream that is dry.
        let brought = tokio::task::unconstrained(poll_next(&mut self.events)).now_or_never()?;
        self.silence.heard();
        Some(self.said(brought))
    }

    /// Waits for the next event. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Event> {
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

/// What the driver says next; an error if it panics, as it does on an event that is longer than its packet.
async fn poll_next(events: &mut Pin<Box<BinlogStream>>) -> Brought {
    AssertUnwindSafe(events.next()).catch_unwind().await
}

async fn request(conn: Conn, flavor: Flavor, from: &Position) -> Result<(BinlogStream, Option<Watch>)> {
    // High and random: real replicas have low ids that people chose.
    let server_id = rand::rng().random_range(0x8000_0000..0xffff_ff00u32);
    let mut request = BinlogStreamRequest::new(server_id);
    if !from.file.is_empty() {
        request = request.with_filename(from.file.as_bytes()).with_pos(from.offset);
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
