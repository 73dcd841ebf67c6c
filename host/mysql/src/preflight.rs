//! What is checked on a source before anything moves.
//!
//! All problems are found in one pass, each with the setting or object, the value found, the value
//! needed, and the statement that mends it. Nothing is changed on the server.

use crate::endpoint::{Endpoint, Flavor, Identity};
use crate::error::{Error, Problem};
use crate::position::Position;
use crate::table::TableDef;

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
    let _ = (endpoint, tables, start, options);
    Err(Error::internal("not built yet").into())
}
