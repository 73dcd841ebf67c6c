//! A session on the target server, set up for short transactions.

use super::encode::Limits;
use super::{SinkOptions, hold};
use crate::endpoint::{Conn, Flavor, flavor};
use crate::error::{Doing, Result};
use crate::statement::Statement;

/// Seconds after which the server ends an idle session of ours, and with it the locks of a writer
/// whose machine vanished. Half of it would close sessions between the commits of an idle
/// pipeline (10 s apart); twice as long keeps a takeover waiting longer.
const WAIT_TIMEOUT_S: u32 = 30;

/// Seconds to wait for a row lock before the transaction is undone and retried. MySQL's default
/// of 50 would hold an epoch's other locks just as long.
const LOCK_WAIT_S: u32 = 10;

/// A statement is kept below this many bytes, or half of what the server takes.
const STATEMENT_BYTES: usize = 1 << 20;

/// A connection and what the sink must know of its server.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) conn: Conn,
    pub(super) flavor: Flavor,
    /// `LOAD DATA LOCAL` is allowed.
    pub(super) local_infile: bool,
    /// Upper bound for the text of one statement.
    pub(super) statement_bytes: usize,
    /// What its types hold.
    pub(super) limits: Limits,
    /// When the last statement ended; an old session is tried before it is used.
    pub(super) used: tokio::time::Instant,
}

impl Session {
    pub(super) async fn open(options: &SinkOptions) -> Result<Session> {
        const DOING: &str = "setting up the session";
        let mut conn = options.endpoint.connect().await?;
        let (flavor, _) = flavor(&mut conn).await?;
        let limits = hold::limits(&mut conn, flavor).await?;
        let limits_of_waiting = Statement::new("SET SESSION wait_timeout = ")
            .number(WAIT_TIMEOUT_S)
            .text(", innodb_lock_wait_timeout = ")
            .number(LOCK_WAIT_S)
            .text(", lock_wait_timeout = ")
            .number(3 * LOCK_WAIT_S);
        conn.query_drop(limits_of_waiting).await.doing(DOING)?;
        let (local_infile, packet): (bool, usize) = conn
            .query_first("SELECT @@GLOBAL.local_infile, @@GLOBAL.max_allowed_packet")
            .await
            .doing(DOING)?
            .unwrap_or((false, 4 << 20));
        Ok(Session {
            conn,
            flavor,
            limits,
            local_infile,
            statement_bytes: STATEMENT_BYTES.min(packet / 2),
            used: tokio::time::Instant::now(),
        })
    }
}
