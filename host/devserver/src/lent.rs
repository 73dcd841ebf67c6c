//! Servers that go from one test to the next: to start one and to stop it takes a second of a core.
//!
//! Whoever borrows a server finds it as if it had just been started. On its way back everything that a script can leave
//! behind is either undone or looked for, and a server that doesn't stand as it stood when it was new ends there:
//!
//! - sessions are ended; databases and users that weren't there are dropped; the binary log begins anew;
//! - global variables, the tables of the schema `mysql`, the server's flags and its standing as a replica must be
//!   what they were.
//!
//! A panicking test keeps its server from everyone else.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::programs::Kind;
use crate::server::Server;

/// Those that wait for the next borrower. They end with the process.
static IDLE: Mutex<Vec<(Server, Standing)>> = Mutex::new(Vec::new());

/// Sessions that have been ended are gone in milliseconds.
const SESSIONS_GONE: Duration = Duration::from_secs(5);

/// A borrowed server. It goes back when it is dropped.
pub struct Lent {
    // Taken by `drop` only.
    held: Option<(Server, Standing)>,
}

impl Server {
    /// A server as [`Server::start_with`] starts it, to be given back: an earlier borrower's if there is one.
    pub fn lend(kind: Kind, flags: &[&str]) -> anyhow::Result<Lent> {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |(server, _): &(Server, Standing)| server.kind() == kind && server.flags() == flags;
        if let Some(found) = idle.iter().position(fits) {
            return Ok(Lent { held: Some(idle.swap_remove(found)) });
        }
        drop(idle);
        let server = Server::start_with(kind, flags)?;
        let standing = Standing::of(&server)?;
        Ok(Lent { held: Some((server, standing)) })
    }
}

impl Deref for Lent {
    type Target = Server;

    #[allow(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref(&self) -> &Server {
        &self.held.as_ref().expect("a server").0
    }
}

impl DerefMut for Lent {
    #[allow(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.held.as_mut().expect("a server").0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some((server, standing)) = self.held.take() else { return };

        if !std::thread::panicking() && matches!(standing.restore(&server), Ok(true)) {
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).push((server, standing));
        }
    }
}

/// What a server was when it was new; one name or setting per line.
struct Standing {
    flags: Vec<String>,
    kept: String,
    databases: String,
    users: String,
}

const DATABASES: &str = "SELECT schema_name FROM information_schema.schemata ORDER BY 1";
// Not by QUOTE, whose backslashes an answer doubles.
const USERS: &str = "SELECT CONCAT('''', REPLACE(user, '''', ''''''), '''@''', host, '''') FROM mysql.user ORDER BY 1";
const SESSIONS: &str = "SELECT id FROM information_schema.processlist
    WHERE id <> CONNECTION_ID() AND user NOT IN ('system user', 'event_scheduler')";

impl Standing {
    fn of(server: &Server) -> anyhow::Result<Standing> {
        Ok(Standing {
            flags: server.flags().to_vec(),
            kept: kept(server)?,
            databases: server.sql(DATABASES)?,
            users: server.sql(USERS)?,
        })
    }

    /// Makes `server` what it was, or answers that it can't.
    fn restore(&self, server: &Server) -> anyhow::Result<bool> {
        let deadline = Instant::now() + SESSIONS_GONE;
        loop {
            let sessions = server.sql(SESSIONS)?;
            if sessions.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                return Ok(false);
            }
            for id in sessions.lines() {
                // It may have ended by itself.
                let _ = server.sql(&format!("KILL {id}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        for name in added(&server.sql(DATABASES)?, &self.databases) {
            server.sql(&format!("DROP DATABASE `{}`", name.replace('`', "``")))?;
        }
        for name in added(&server.sql(USERS)?, &self.users) {
            server.sql(&format!("DROP USER {name}"))?;
        }
        server.sql(match server.kind() {
            Kind::MySql => "RESET BINARY LOGS AND GTIDS",
            Kind::MariaDb => "RESET MASTER",
        })?;
        let now = Standing::of(server)?;
        Ok((now.flags, now.kept, now.databases, now.users)
            == (self.flags.clone(), self.kept.clone(), self.databases.clone(), self.users.clone()))
    }
}

/// Lines of `now` that `before` doesn't have.
fn added<'a>(now: &'a str, before: &str) -> Vec<&'a str> {
    now.lines().filter(|line| !before.lines().any(|old| old == *line)).collect()
}

/// What nobody undoes: global variables but for positions, the server's own tables, and whom it follows.
fn kept(server: &Server) -> anyhow::Result<String> {
    let variables = server.sql("SHOW GLOBAL VARIABLES")?;
    let position = |line: &&str| {
        let name = line.split('\t').next().unwrap_or_default();
        let positions = [
            "gtid_executed",
            "gtid_purged",
            "gtid_binlog_pos",
            "gtid_binlog_state",
            "gtid_current_pos",
            "gtid_slave_pos",
        ];
        !positions.contains(&name)
    };
    let mut kept: Vec<&str> = variables.lines().filter(position).collect();
    let tables = server.sql("SHOW TABLES FROM mysql")?;
    let follows = server.sql(match server.kind() {
        Kind::MySql => "SHOW REPLICA STATUS",
        Kind::MariaDb => "SHOW ALL SLAVES STATUS",
    })?;
    kept.extend([&*tables, &*follows]);
    Ok(kept.join("\n"))
}
