//! Servers that go from one test to the next: to start one and to stop it takes a second of a core.
//!
//! Whoever borrows a server finds it as if it had just been started. On its way back everything that a script can leave
//! behind is either undone or looked for, and a server that doesn't stand as it stood when it was new ends there:
//!
//! - sessions are ended; databases and users that weren't there are dropped; the binary log begins anew;
//! - global variables, the tables of the schema `mysql`, the server's flags and its standing as a replica must be
//!   what they were.
//!
//! Status counters and the ids of sessions go on.
//!
//! A panicking test keeps its server from everyone else.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::programs::Kind;
use crate::server::Server;

/// Those that wait for the next borrower, longest first. They end with the process.
static IDLE: Mutex<Vec<(Server, Standing)>> = Mutex::new(Vec::new());

/// Each takes some hundred megabytes.
const IDLE_MAX: usize = 6;

/// With more sessions left to end it is sooner to start another server.
const SESSIONS_MAX: usize = 50;

/// Sessions that have been ended are gone in milliseconds.
const SESSIONS_GONE: Duration = Duration::from_secs(5);

/// A borrowed server. It goes back when it is dropped.
pub struct Lent {
    // Taken by `drop` only.
    held: Option<(Server, Standing)>,
}

fn idle() -> MutexGuard<'static, Vec<(Server, Standing)>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// A server as [`Server::start_with`] starts it, to be given back: an earlier borrower's if there is one.
    pub fn lend(kind: Kind, flags: &[&str]) -> anyhow::Result<Lent> {
        let fits = |(server, _): &(Server, Standing)| server.kind() == kind && server.flags() == flags;
        let take = || {
            let mut idle = idle();
            idle.iter().position(fits).map(|found| idle.remove(found))
        };
        while let Some((server, standing)) = take() {
            if server.sql("SELECT 1").is_ok() {
                return Ok(Lent { held: Some((server, standing)) });
            }
        }
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
        if std::thread::panicking() || !matches!(standing.restore(&server), Ok(true)) {
            return;
        }
        let mut idle = idle();
        idle.push((server, standing));
        let surplus = (idle.len() > IDLE_MAX).then(|| idle.remove(0));
        drop(idle);
        // It is stopped outside of the lock.
        drop(surplus);
    }
}

/// What a server was when it was new; one name or setting per line.
#[derive(PartialEq)]
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
        // Another server can have its port by now.
        if !server.is_running()
            || server.sql("SELECT @@datadir")?.trim_end_matches(['/', '\n']) != server.data().to_string_lossy()
        {
            return Ok(false);
        }
        // Neither is undone here, and a DROP would wait for both.
        if !follows(server)?.is_empty() || !server.sql("XA RECOVER")?.is_empty() {
            return Ok(false);
        }
        if !end_sessions(server)? {
            return Ok(false);
        }
        for name in added(&server.sql(DATABASES)?, &self.databases) {
            server.sql(&format!("SET lock_wait_timeout = 5; DROP DATABASE `{}`", name.replace('`', "``")))?;
        }
        for name in added(&server.sql(USERS)?, &self.users) {
            server.sql(&format!("DROP USER {name}"))?;
        }
        server.sql(match server.kind() {
            Kind::MySql => "RESET BINARY LOGS AND GTIDS",
            Kind::MariaDb => "RESET MASTER",
        })?;
        Ok(Standing::of(server)? == *self && !server.data().join("mysqld-auto.cnf").exists())
    }
}

/// Ends everyone else's sessions; false if they are too many, or stay.
fn end_sessions(server: &Server) -> anyhow::Result<bool> {
    let deadline = Instant::now() + SESSIONS_GONE;
    loop {
        let sessions = server.sql(SESSIONS)?;
        if sessions.is_empty() {
            return Ok(true);
        }
        if sessions.lines().count() > SESSIONS_MAX || Instant::now() > deadline {
            return Ok(false);
        }
        for id in sessions.lines() {
            // It may have ended by itself.
            let _ = server.sql(&format!("KILL {id}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lines of `now` that `before` doesn't have.
fn added<'a>(now: &'a str, before: &str) -> Vec<&'a str> {
    now.lines().filter(|line| !before.lines().any(|old| old == *line)).collect()
}

/// Whom it follows.
fn follows(server: &Server) -> anyhow::Result<String> {
    server.sql(match server.kind() {
        Kind::MySql => "SHOW REPLICA STATUS",
        Kind::MariaDb => "SHOW ALL SLAVES STATUS",
    })
}

/// What nobody undoes: global variables but for positions in the log, which begins anew, and what the server keeps of
/// itself.
fn kept(server: &Server) -> anyhow::Result<String> {
    let variables = server.sql("SHOW GLOBAL VARIABLES")?;
    let position = |line: &&str| {
        let name = line.split('\t').next().unwrap_or_default();
        ["gtid_executed", "gtid_purged", "gtid_binlog_pos", "gtid_binlog_state"].contains(&name)
    };
    let mut kept: Vec<&str> = variables.lines().filter(|line| !position(line)).collect();
    let tables = server.sql(
        "SHOW TABLES FROM mysql;
         SELECT COUNT(*) FROM mysql.func; SELECT COUNT(*) FROM mysql.plugin; SELECT COUNT(*) FROM mysql.servers;
         SELECT COUNT(*) FROM mysql.general_log; SELECT COUNT(*) FROM mysql.slow_log;
         SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema IN ('mysql', 'sys')",
    )?;
    kept.push(&tables);
    Ok(kept.join("\n"))
}
