//! Whether a server's history is the one that a position belongs to.
//!
//! Two things are asked. The stream must bring the position's witness first ([`Stream::meet`]), and the
//! server must have executed the transactions that the position counts as read. The first sees a log
//! that was reset or written anew, the second also one that was copied up to the witness and has gone
//! another way before. [`crate::witness`] says why the witness is enough where no GTIDs are kept.
//!
//! MySQL sends a transaction to readers a moment before it shows in `gtid_executed`, and a server that
//! was restarted right then may show it later still: a set that isn't contained is asked for again.
//! MariaDB's `gtid_binlog_state` holds the last number of every domain *and server*; `gtid_binlog_pos`
//! shows of each domain only the server that wrote last, and can't be compared.

use std::time::Duration;

use mysql_async::binlog::events::Event;
use rowmill_change::{Mark, Position, Witness};
use tokio::time::Instant;

use super::events::code;
use super::gtid::GtidSet;
use super::stream::Stream;
use crate::endpoint::{Conn, Endpoint, Flavor, Identity};
use crate::error::{Doing, Error, Result};

/// How long a transaction that was sent may take to show among those executed.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);

/// Makes sure that the server's binary log is the one that `position` belongs to, and answers the
/// position with its witness. Changes nothing on the server.
pub(crate) async fn recognise(endpoint: &Endpoint, identity: &Identity, position: &Position) -> Result<Position> {
    const HEARTBEAT: Duration = Duration::from_secs(1);
    let opened = Stream::open(endpoint, identity, position, HEARTBEAT).await?;
    let mut found = position.clone();
    if found.witness.is_none() && !found.file.is_empty() {
        found.witness = Some(Witness { file_begun: opened.file_begun, event: None });
    }
    Ok(found)
}

/// Whether the server has executed all that the position counts as read.
pub(super) async fn holds_gtids(conn: &mut Conn, flavor: Flavor, position: &Position) -> Result<bool> {
    const DOING: &str = "comparing the stored GTID set with the server's";
    let Some(set) = position.gtid.as_deref().filter(|_| !position.file.is_empty()) else { return Ok(true) };
    match flavor {
        Flavor::MySql => {
            let contained: Option<Option<bool>> =
                conn.exec_first("SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed)", (set,)).await.doing(DOING)?;
            Ok(contained.flatten() == Some(true))
        }
        Flavor::MariaDb => {
            let state: Option<Option<String>> =
                conn.query_first("SELECT @@GLOBAL.gtid_binlog_state").await.doing(DOING)?;
            Ok(GtidSet::is_in_state(set, &state.flatten().unwrap_or_default()))
        }
    }
}

/// Waits until the server has executed all that the position counts as read.
pub(super) async fn wait_for_gtids(endpoint: &Endpoint, flavor: Flavor, position: &Position) -> Result<()> {
    let deadline = Instant::now() + SHOWN_WITHIN;
    let mut conn = endpoint.connect().await?;
    while !holds_gtids(&mut conn, flavor, position).await? {
        // MariaDB notes a transaction before it sends it.
        if flavor == Flavor::MariaDb || Instant::now() >= deadline {
            let set = position.gtid.as_deref().unwrap_or_default();
            return Err(changed(position, "a server that has not executed all of them", &format!("GTIDs {set}")));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

pub(super) fn changed(position: &Position, found: &str, needed: &str) -> Error {
    Error::HistoryChanged { position: position.clone(), found: found.to_owned(), needed: needed.to_owned() }
}

impl Stream {
    /// Reads the opening of a stream that was asked for at the position's witness: the file's name and
    /// its format description, and, where the position has one, the event that must come first. Answers
    /// when the file was begun. What the reader needs of it is given again.
    pub(super) async fn meet(&mut self, position: &Position) -> Result<u32> {
        let mut begun = None;
        let mut read = Vec::new();
        loop {
            let event = self.next().await?;
            let header = event.header();
            match header.event_type_raw() {
                code::FORMAT_DESCRIPTION => {
                    let time = header.timestamp();
                    let witness = position.witness.filter(|_| !position.file.is_empty());
                    if let Some(witness) = witness.filter(|witness| witness.file_begun != time) {
                        let needed = format!("the file begun at {} s", witness.file_begun);
                        return Err(changed(position, &format!("a file of its name begun at {time} s"), &needed));
                    }
                    begun = Some(time);
                    read.push(event);
                }
                code::HEARTBEAT | code::HEARTBEAT_V2 => {
                    let needed = position.mark().map(Mark::to_string).unwrap_or_default();
                    return Err(changed(position, "a log that ends before it", &needed));
                }
                _ if header.log_pos() == 0 || is_artificial(&event) => read.push(event),
                kind => {
                    let Some(mark) = position.mark() else {
                        return Err(Error::malformed(format!("event type {kind} comes before the format description")));
                    };
                    let found = super::mark::mark(&event, mark.end);
                    if found != *mark || header.log_pos() != mark.end as u32 {
                        return Err(changed(position, &found.to_string(), &mark.to_string()));
                    }
                    // A transaction that was read in part begins with it.
                    if position.rows > 0 || kind == code::ROTATE {
                        read.push(event);
                    }
                    break;
                }
            }
            if begun.is_some() && position.mark().is_none() {
                break;
            }
        }
        self.give_again(read);
        begun.ok_or_else(|| Error::malformed("the stream begins without a format description"))
    }
}

/// Made by the server for this reader, and not in the file.
pub(super) fn is_artificial(event: &Event) -> bool {
    const ARTIFICIAL: u16 = 0x20;
    event.header().flags_raw() & ARTIFICIAL != 0
}
