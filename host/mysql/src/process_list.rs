//! A session as its server sees it: found in the process list, and ended.
//!
//! Every user sees the own sessions there, and may end them, without a privilege. A session is known by
//! its number *and* by the address that the server saw it come from: after a restart of the server, or
//! behind a name that now means another one, the number may be somebody else's.

use std::pin::Pin;
use std::time::Duration;

use mysql_async::Row;

use crate::connection::Conn;
use crate::endpoint::Endpoint;
use crate::error::{Doing, Error, Result};
use crate::liveness::{Lookout, Standing};
use crate::statement::Statement;

const DOING: &str = "looking a session up in the process list";

/// Which session of its server a connection is. The handshake's number would not do: behind a proxy it is
/// the proxy's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    id: u64,
    host: String,
}

impl Session {
    /// The session of this connection.
    pub(crate) async fn of(conn: &mut Conn) -> Result<Session> {
        let id: Option<u64> = conn.query_first("SELECT CONNECTION_ID()").await.doing(DOING)?;
        let found = listed(conn, id.unwrap_or_default()).await?;
        let found = found.ok_or_else(|| Error::malformed("the server's process list lacks the session that asks"))?;
        Ok(found.session)
    }

    /// Asks on another connection.
    async fn find(&self, conn: &mut Conn) -> Result<Standing> {
        let found = listed(conn, self.id).await?.filter(|found| found.session == *self);
        Ok(found.map_or(Standing::Gone, |found| standing(&found.command, &found.state)))
    }

    /// Ends it, if it is still there.
    async fn end(&self, conn: &mut Conn) -> Result<()> {
        if self.find(conn).await? == Standing::Gone {
            return Ok(());
        }
        match conn.query_drop(Statement::new("KILL ").number(self.id)).await {
            // 1094: it has gone by itself.
            Err(mysql_async::Error::Server(e)) if e.code == 1094 => Ok(()),
            ended => ended.doing("ending a lost session"),
        }
    }
}

/// A session that is looked for from another connection to the same server.
#[derive(Debug)]
pub(crate) struct Sought {
    pub(crate) endpoint: Endpoint,
    pub(crate) session: Session,
}

impl Lookout for Sought {
    fn session(&self) -> u64 {
        self.session.id
    }

    fn server(&self) -> String {
        self.endpoint.server()
    }

    fn patience(&self) -> Duration {
        self.endpoint.patience()
    }

    fn look(&self) -> Pin<Box<dyn Future<Output = Result<Standing>> + Send + '_>> {
        Box::pin(async {
            let mut conn = self.endpoint.connect_bare().await?;
            self.session.find(&mut conn).await
        })
    }

    fn end(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        let (endpoint, session) = (self.endpoint.clone(), self.session.clone());
        Box::pin(async move {
            let mut conn = endpoint.connect_bare().await?;
            session.end(&mut conn).await
        })
    }
}

/// A line of the process list.
struct Listed {
    session: Session,
    command: String,
    state: String,
}

/// The line with this number. MySQL is about to remove the table of the same content.
async fn listed(conn: &mut Conn, id: u64) -> Result<Option<Listed>> {
    let rows: Vec<Row> = conn.query("SHOW PROCESSLIST").await.doing(DOING)?;
    let text = |row: &Row, column: &str| {
        row.get_opt::<Option<String>, _>(column).and_then(std::result::Result::ok).flatten().unwrap_or_default()
    };
    let row = rows.iter().find(|row| matches!(row.get_opt::<u64, _>("Id"), Some(Ok(found)) if found == id));
    Ok(row.map(|row| Listed {
        session: Session { id, host: text(row, "Host") },
        command: text(row, "Command"),
        state: text(row, "State"),
    }))
}

fn standing(command: &str, state: &str) -> Standing {
    if command.eq_ignore_ascii_case("Sleep") {
        return Standing::Waits("idle".to_owned());
    }
    // While a thread is inside of a system call on its socket; in MySQL's words, then in MariaDB's.
    const ON_THE_SOCKET: [&str; 4] =
        ["Sending to client", "Receiving from client", "Writing to net", "Reading from net"];
    match ON_THE_SOCKET.iter().any(|known| known.eq_ignore_ascii_case(state)) {
        true => Standing::Waits(format!("in state '{state}'")),
        false => Standing::Runs(state.to_owned()),
    }
}
