//! What is checked on a source before anything moves.
//!
//! All problems are found in one pass, each with the setting or object, the value found, the value
//! needed, and the statement that mends it. Nothing is changed on the server.

mod patterns;
mod server;
mod start;
mod tables;

use std::collections::BTreeSet;

use crate::binlog::Unread;
use crate::endpoint::{self, Conn, Endpoint, Flavor, Identity};
use crate::error::{Doing, Error, Problem};
use crate::table::{TableDef, TablePattern, matches_of};
use rowmill_change::{Position, TableName};
pub(crate) use server::Grants;
use server::Settings;

/// Where reading begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A snapshot, then the changes since.
    Snapshot,
    /// Only changes from now on.
    Latest,
    /// Everything that the binary log still holds.
    Earliest,
    /// From a place in a binary log file.
    File {
        /// The file's name.
        file: String,
        /// The offset of an event in it.
        position: u64,
    },
    /// From the transactions that follow a GTID set.
    Gtid(String),
    /// From a stored position: a restart.
    Stored(Position),
}

/// What the check may let pass.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// Tables changed by cascades that the server doesn't log are read anyway.
    pub allow_unlogged_cascades: bool,
    /// Tables that statements in the log may change unseen, see
    /// [`ChangesOptions`](crate::binlog::ChangesOptions::ignore_statements): they can't be read.
    pub ignore_statements: Vec<String>,
    /// The caller opens the stream of changes next, which compares the server's history with a stored
    /// position itself: it isn't compared here, where the position has a witness.
    pub opens_stream: bool,
}

/// What is known about the server after a check.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// MySQL or MariaDB.
    pub flavor: Flavor,
    /// Its version text.
    pub version: String,
    /// Which instance.
    pub identity: Identity,
    /// Where to start reading; `None` for [`Start::Snapshot`], which finds its own.
    pub start: Option<Position>,
    /// Which tables the patterns mean beyond those that are read.
    pub unread: Unread,
}

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// The server could not be asked.
    #[error(transparent)]
    Server(#[from] Error),
    /// It was asked, and these must be mended first.
    #[error("{} problem(s) found on the source", problems.len())]
    Problems {
        /// All of them.
        problems: Vec<Problem>,
    },
}

/// Checks everything that reading `tables` (patterns) from this server needs.
pub async fn check_source(
    endpoint: &Endpoint,
    tables: &[String],
    start: &Start,
    options: &CheckOptions,
) -> Result<(ServerInfo, Vec<TableDef>), PreflightError> {
    let mut conn = endpoint.connect().await?;
    let (flavor, version) = endpoint::flavor(&mut conn).await?;
    let identity = endpoint::identity(&mut conn, flavor).await?;
    let settings = Settings::read(&mut conn).await?;
    let mut problems = settings.problems();
    let grants = Grants::read(&mut conn).await?;

    let patterns = parse_patterns(tables, endpoint);
    let expanded = patterns::expand(&mut conn, &patterns, &mut problems).await?;
    patterns::warn_of_hidden(&grants, endpoint.user(), &patterns);
    let names = expanded.tables;
    problems.extend(grants.problems(flavor, endpoint.user(), &names));
    let mut defs = Vec::new();
    for name in &names {
        if name.schema.is_empty() {
            problems.push(Problem::new(
                format!("table {}", name.name),
                "no schema",
                "a schema",
                "name the database in the address, or write schema.table",
            ));
        } else if let Some(def) = tables::check(&mut conn, flavor, &settings, name, options, &mut problems).await? {
            defs.push(def);
        }
    }
    tables::check_charsets(&mut conn, &defs, &mut problems).await?;
    let start =
        if settings.has_binlog() { start::resolve(&mut conn, flavor, start, &mut problems).await? } else { None };
    conn.disconnect().await.doing("ending the check")?;
    let start = match start.filter(|_| problems.is_empty()) {
        Some(position) if options.opens_stream && position.witness.is_some() => Some(position),
        Some(position) => start::recognise(endpoint, &identity, position, &mut problems).await?,
        None => None,
    };
    if problems.is_empty() {
        let unread = Unread::new(&patterns, names.iter().chain(&expanded.passed_over), settings.folds_names());
        Ok((ServerInfo { flavor, version, identity, start, unread }, defs))
    } else {
        Err(PreflightError::Problems { problems })
    }
}

fn parse_patterns(tables: &[String], endpoint: &Endpoint) -> Vec<TablePattern> {
    tables.iter().map(|text| TablePattern::parse(text, endpoint.database())).collect()
}

/// Tables that a pattern of `tables` means and that are not among those that are `read`: they were created
/// since. In the order of their names.
pub async fn unread_tables(
    conn: &mut Conn,
    endpoint: &Endpoint,
    tables: &[String],
    read: &[TableDef],
) -> Result<Vec<TableName>, Error> {
    let mut unread = BTreeSet::new();
    for pattern in parse_patterns(tables, endpoint).iter().filter(|pattern| pattern.is_glob()) {
        let found = matches_of(conn, pattern).await?.into_iter();
        let tables = found.filter(|found| found.is_base_table() || found.is_system_versioned());
        unread.extend(tables.map(|found| found.name).filter(|name| !read.iter().any(|table| table.name == *name)));
    }
    Ok(unread.into_iter().collect())
}
