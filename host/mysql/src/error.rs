//! What can go wrong with a server, a table or a stream of events, and whether a retry helps.
//!
//! Every error says what was found and what was needed; none carries a password. Whether the
//! caller backs off and tries again is decided in one place, [`Error::is_transient`].
//!
//! # How they are printed
//!
//! An error of this crate says everything in its own line, the driver's and the server's words included,
//! and has no `source()`: a reporter that prints the chain prints each of them once. What comes from a
//! server is printed without control characters and cut where it is very long.

mod driver;

use rowmill_change::{Position, TableName};
use rowmill_foreign::{Parts, Printable, line};

pub use crate::problem::Problem;
pub(crate) use driver::{describe, is_transient};

/// The ways to a target that holds what the source says and nothing from before.
pub const ANEW: &str = "make the target anew: `rowmill run FILE --rebuild`, or `rowmill reset FILE --drop-target` and then `rowmill run FILE`";

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The user's configuration, or a setting of a server.
    Configuration,
    /// An outside system: server, network, or what its data says.
    Server,
    /// A mistake in this program.
    Internal,
}

/// An error of a source or a target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of a server cannot be used.
    Address {
        /// What is wrong with it, without its password.
        message: String,
    },
    /// Nothing answers at the address.
    Unreachable {
        /// Host and port.
        server: String,
        /// The network's or the driver's words.
        reason: String,
    },
    /// The server refuses this user.
    AccessDenied {
        /// Host and port.
        server: String,
        /// The user that was tried.
        user: String,
        /// The server's words.
        reason: String,
    },
    /// TLS was required and could not be had.
    Tls {
        /// Host and port.
        server: String,
        /// What failed.
        reason: String,
    },
    /// A statement or the protocol failed.
    Sql {
        /// What was being done: "reading the position".
        doing: &'static str,
        /// The driver's error. Not called `source`, see [the rule](self).
        cause: Box<mysql_async::Error>,
    },
    /// The user has no right to what every pipeline does.
    Denied {
        /// What was being done: "reading the progress".
        doing: &'static str,
        /// The server's words.
        reason: String,
        /// The statement that gives the right.
        fix: String,
    },
    /// The server is not the one that the progress belongs to.
    IdentityChanged {
        /// Who answered.
        found: String,
        /// Who was expected.
        expected: String,
    },
    /// The binary log no longer holds the position.
    PositionGone {
        /// The position asked for.
        position: Position,
        /// The server's words.
        reason: String,
    },
    /// The binary log holds another history than the one that the position was read from.
    HistoryChanged {
        /// The position asked for.
        position: Position,
        /// What the server has in its place.
        found: String,
        /// What was read before the position.
        needed: String,
    },
    /// The structure or contents of a table changed by other means than logged rows.
    SchemaChanged {
        /// The table.
        table: TableName,
        /// The statement, or what differs.
        statement: String,
        /// Where in the binary log.
        position: Position,
    },
    /// A statement stands in the log instead of rows, and what it changed is not known.
    UnclearStatement {
        /// The statement, or its beginning.
        statement: String,
        /// Why its effect is not known.
        reason: String,
        /// Where.
        position: Position,
    },
    /// A session logs less than whole rows.
    RowImage {
        /// The table.
        table: TableName,
        /// The session's variable.
        setting: &'static str,
        /// The value that it must have.
        needed: &'static str,
        /// Where, when known.
        position: Option<Position>,
    },
    /// A table that should be read is not there.
    TableMissing {
        /// The table.
        table: TableName,
    },
    /// A column has a type that cannot be read.
    UnsupportedType {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// A value cannot be represented, by option or by nature.
    Value {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// What is wrong with the value.
        message: String,
    },
    /// The stream holds an event that must be understood and is not.
    UnsupportedEvent {
        /// The event's name.
        event: String,
        /// Where.
        position: Position,
        /// What to change on the server.
        fix: String,
    },
    /// An event's bytes contradict themselves or the table's definition.
    Malformed {
        /// What is wrong.
        message: String,
        /// Where, when known.
        position: Option<Position>,
    },
    /// The server says that its binary log has a gap.
    Incident {
        /// The server's words.
        message: String,
        /// Where.
        position: Position,
    },
    /// The stream or a connection ended.
    Disconnected {
        /// Host and port.
        server: String,
        /// Why.
        reason: String,
    },
    /// The tables could not be locked for the moment that the snapshot's start needs.
    LockTimeout {
        /// How often it was tried.
        attempts: u32,
    },
    /// Another process works on this pipeline now.
    Fenced {
        /// The pipeline.
        pipeline: String,
        /// What is known of the other one.
        other: String,
    },
    /// The target refuses a row.
    Rejected {
        /// The target table.
        table: TableName,
        /// The row's key, where it could be found out: `(7, 'x')`.
        key: Option<String>,
        /// The server's words, with the column.
        message: String,
    },
    /// A row to be written collides with another row of the target on a unique key.
    Conflict {
        /// The target table.
        table: TableName,
        /// The key of the row that was to be written, where it could be found out.
        key: Option<String>,
        /// The server's words.
        message: String,
    },
    /// An update or delete reached a sink that only appends.
    NotAnInsert {
        /// The target table.
        table: TableName,
        /// "a delete" or "an update".
        change: &'static str,
        /// The row's key.
        key: String,
    },
    /// The target cannot be used as it is.
    Target {
        /// Everything that was found.
        problems: Vec<Problem>,
    },
    /// The stored progress is not what this process left there.
    ProgressLost {
        /// The pipeline.
        pipeline: String,
        /// What was found, and what to do.
        message: String,
    },
    /// Something that cannot happen did.
    Internal {
        /// What.
        message: String,
    },
}

fn at(position: &Option<Position>) -> String {
    position.as_ref().map(|p| format!(" at {p}")).unwrap_or_default()
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.parts().fmt(f)
    }
}

impl Error {
    /// What it says.
    pub fn parts(&self) -> Parts {
        let new = |message: String| Parts::new(message);
        match self {
            Error::Address { message } => {
                new(format!("server address: {}", line(message))).needed("mysql://user:password@host:port/database")
            }
            Error::Unreachable { server, reason } => {
                new(format!("server {server} cannot be reached: {}", line(reason)))
            }
            Error::AccessDenied { server, user, reason } => {
                new(format!("server {server} refuses user '{}': {}", Printable(user), line(reason)))
            }
            Error::Tls { server, reason } => new(format!("no TLS connection to server {server}: {}", line(reason)))
                .fix("see the keys tls and tls_ca of source and sink (ssl-mode and ssl-ca in the address)"),
            Error::Sql { doing, cause } => new(format!("while {doing}: {}", describe(cause))),
            Error::Denied { doing, reason, fix } => new(format!("while {doing}: {}", line(reason))).fix(line(fix)),
            Error::TableMissing { table } => new(format!("table {table} does not exist")),
            Error::UnsupportedType { table, column, found } => {
                new(format!("column {} of table {table} has a type that is not supported", Printable(column)))
                    .found(line(found))
                    .fix("drop the column from the table, or leave the table out")
            }
            Error::Value { table, column, message } => {
                new(format!("column {} of table {table}: {}", Printable(column), line(message)))
            }
            Error::Disconnected { server, reason } => {
                new(format!("the connection to server {server} ended: {}", line(reason)))
            }
            Error::LockTimeout { attempts } => {
                new(format!("tables are in use by another session: no lock after {attempts} attempts"))
                    .fix("end long transactions on them and start again")
            }
            Error::Internal { message } => new(format!("internal error: {}", line(message))),
            Error::IdentityChanged { .. }
            | Error::PositionGone { .. }
            | Error::HistoryChanged { .. }
            | Error::SchemaChanged { .. }
            | Error::UnclearStatement { .. }
            | Error::RowImage { .. }
            | Error::UnsupportedEvent { .. }
            | Error::Malformed { .. }
            | Error::Incident { .. } => self.of_log().unwrap_or_default(),
            Error::Fenced { .. }
            | Error::Rejected { .. }
            | Error::Conflict { .. }
            | Error::NotAnInsert { .. }
            | Error::Target { .. }
            | Error::ProgressLost { .. } => self.of_target().unwrap_or_default(),
        }
    }

    /// What an error of the binary log says.
    fn of_log(&self) -> Option<Parts> {
        let new = |message: String| Parts::new(message);
        Some(match self {
            Error::IdentityChanged { found, expected } => {
                new("the source is another server than the one that the stored position belongs to".to_owned())
                    .found(line(found))
                    .needed(line(expected))
                    .fix(format!("point the source at the old server, or {ANEW}"))
            }
            Error::PositionGone { position, reason } => {
                new(format!("the binary log no longer holds position {position}: {}", line(reason))).fix(format!(
                    "{ANEW}, and keep binary logs longer (binlog_expire_logs_seconds) if they were purged"
                ))
            }
            Error::HistoryChanged { position, found, needed } => new(format!(
                "the server's binary log is not the one that position {position} was read from: it was reset, or the \
                 server was restored from a backup or replaced by another"
            ))
            .found(line(found))
            .needed(line(needed))
            .fix(format!("point the source at the server of before, or {ANEW}")),
            Error::SchemaChanged { table, statement, position } => new(format!(
                "table {table} was changed at {position} by: {}; this version cannot follow it",
                line(statement)
            ))
            .fix(ANEW),
            Error::UnclearStatement { statement, reason, position } => new(format!(
                "binary log at {position}: the statement '{}' may have changed rows of a table that is read: {}",
                line(statement),
                line(reason)
            ))
            .fix(
                "set binlog_format = 'ROW' in the session that sent it, and start over with `rowmill run FILE \
                 --rebuild`; or, if rows of the tables that it writes don't matter, list these in \
                 source.ignore_statements and start again",
            ),
            Error::RowImage { table, setting, needed, position } => new(format!(
                "binary log{}: rows of table {table} were logged without all of their columns, by a session with \
                 another {setting} than the server's",
                at(position)
            ))
            .fix(format!(
                "set {setting} = {needed} in every session that writes the table, and start over with `rowmill run \
                 FILE --rebuild`"
            )),
            Error::UnsupportedEvent { event, position, fix } => {
                new(format!("binary log at {position}: {} is not supported", line(event))).fix(fix.as_str())
            }
            Error::Malformed { message, position } => new(format!("binary log{}: {}", at(position), line(message))),
            Error::Incident { message, position } => new(format!(
                "binary log at {position}: the server reports an incident ({}), rows may be missing",
                line(message)
            ))
            .fix(ANEW),
            _ => return None,
        })
    }

    /// What an error of the target says.
    fn of_target(&self) -> Option<Parts> {
        let new = |message: String| Parts::new(message);
        let key_of = |key: &Option<String>| key.as_ref().map(|key| format!(" (key {})", line(key))).unwrap_or_default();
        Some(match self {
            Error::Fenced { pipeline, other } => new(format!(
                "pipeline '{pipeline}' was taken over by another process: {}; this one stops and has written nothing \
                 since",
                line(other)
            )),
            Error::Rejected { table, key, message } => {
                new(format!("target table {table} refuses a row{}: {}", key_of(key), line(message)))
            }
            Error::Conflict { table, key, message } => new(format!(
                "target table {table}: {}{}; the unique key holds in the target but not in what the pipeline writes",
                line(message),
                key.as_ref().map(|key| format!(" (row with key {})", line(key))).unwrap_or_default()
            ))
            .fix("drop it there, or make the pipeline's rows unique"),
            Error::NotAnInsert { table, change, key } => new(format!(
                "target table {table}: {change} of key {} reached a sink with mode 'append', which takes inserts only",
                line(key)
            ))
            .fix("use mode 'upsert'"),
            Error::Target { problems } => {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                new(format!("the target cannot be used: {}", problems.join("; ")))
            }
            Error::ProgressLost { pipeline, message } => {
                new(format!("the progress of pipeline '{pipeline}' in the target {}", line(message)))
            }
            _ => return None,
        })
    }

    /// True if the same attempt may succeed later: the network, a restart, a lock.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Unreachable { .. } | Error::Disconnected { .. } | Error::LockTimeout { .. } => true,
            Error::Sql { cause, .. } => is_transient(cause),
            _ => false,
        }
    }

    /// Who has to act on it.
    pub fn fault(&self) -> Fault {
        match self {
            Error::Address { .. }
            | Error::AccessDenied { .. }
            | Error::Tls { .. }
            | Error::IdentityChanged { .. }
            | Error::UnsupportedType { .. }
            | Error::UnclearStatement { .. }
            | Error::RowImage { .. }
            | Error::NotAnInsert { .. }
            | Error::Target { .. }
            | Error::TableMissing { .. } => Fault::Configuration,
            Error::Internal { .. } => Fault::Internal,
            _ => Fault::Server,
        }
    }

    /// The number of the server's error, if it is one.
    pub fn server_code(&self) -> Option<u16> {
        match self {
            Error::Sql { cause, .. } => match cause.as_ref() {
                mysql_async::Error::Server(e) => Some(e.code),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Error {
        Error::Malformed { message: message.into(), position: None }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Error {
        Error::Internal { message: message.into() }
    }

    pub(crate) fn row_image(table: TableName, setting: &'static str, needed: &'static str) -> Error {
        Error::RowImage { table, setting, needed, position: None }
    }

    /// Adds the place to an error of the decoder, which does not know it.
    pub(crate) fn at(self, place: &Position) -> Error {
        match self {
            Error::Malformed { message, position: None } => Error::Malformed { message, position: Some(place.clone()) },
            Error::RowImage { table, setting, needed, position: None } => {
                Error::RowImage { table, setting, needed, position: Some(place.clone()) }
            }
            other => other,
        }
    }
}

/// Adds what was being done to the driver's error.
pub(crate) trait Doing<T> {
    /// Wraps the error with what was being done, as a verb: "reading the position".
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, mysql_async::Error> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|cause| Error::Sql { doing, cause: Box::new(cause) })
    }
}
