//! One attempt at an epoch's transaction: fence, removals, deletes, upserts, COMMIT.
//!
//! Nothing here retries. What failed is told apart by what must happen next: after an error
//! before COMMIT the transaction is undone; after one at COMMIT nobody knows, and the progress
//! must be looked up.

use std::sync::Arc;

use rowmill_change::{Committed, ProgressUpdate, Removal, Written};

use super::delete::Deletes;
use super::load::{LoadError, load};
use super::progress::to_json;
use super::session::Session;
use super::shape::Shape;
use super::upsert::{Inserts, Job, Verb};
use super::{Mode, SinkOptions, State, meta, remove};
use crate::error::{Doing, Error, Result, describe};
use crate::statement::Statement;

/// Below this many rows INSERT is used: `LOAD DATA` costs two more round trips and its parsing.
const BULK_ROWS_MIN: usize = 64;

/// The server's errors that are about a row and undo their statement only: a column that is NULL, a second
/// row of a key, values that a column does not hold, a foreign key, geometry, JSON, a CHECK (of either server).
/// The list is closed: others, such as a full table of locks or a deadlock, undo the whole transaction, and
/// with some it depends on a setting. What was sent after that would be committed at once, without the progress.
const OF_A_ROW: [u16; 14] = [1048, 1062, 1264, 1265, 1292, 1366, 1406, 1416, 1452, 3140, 3141, 3156, 3819, 4025];

/// An epoch, ready to be written any number of times.
pub(super) struct Prepared {
    pub(super) jobs: Vec<Arc<Job>>,
    pub(super) removals: Vec<Removal>,
    pub(super) shapes: Vec<Arc<Shape>>,
    /// Moves the progress, if the fence is ours.
    pub(super) progress: Statement,
    /// The target may hold rows of a later state of the source, which may be in the way.
    pub(super) converging: bool,
}

/// How an attempt failed.
pub(super) enum Failure {
    /// Incarnation, fence or number of commits is not ours. Nothing is written.
    Fenced,
    /// Before COMMIT. `bulk` tells that LOAD DATA refused and INSERT may say more.
    Before { error: Error, bulk: bool },
    /// At COMMIT: it may have happened.
    AtCommit { error: Error, committed: Committed },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Before { error, bulk: false }
    }
}

fn json<T: serde::Serialize>(statement: Statement, value: Option<&T>) -> Result<Statement> {
    Ok(match value.map(to_json).transpose()? {
        Some(json) => statement.literal(&json),
        None => statement.text("NULL"),
    })
}

/// The statement that moves the progress, the first of the transaction.
pub(super) fn progress_statement(
    options: &SinkOptions,
    update: &ProgressUpdate,
    state: &State,
    rows_out: u64,
) -> Result<Statement> {
    let mut set = Statement::new("UPDATE ").table(&meta::Names::new(options).progress);
    set = set.text(" SET commits = commits + 1, ");
    if let Some(position) = &update.position {
        set = json(set.text("position = "), Some(position))?.text(", ");
    }
    if let Some(micros) = update.as_of {
        set = set.text("as_of = '1970-01-01' + INTERVAL ").number(micros).text(" MICROSECOND, ");
    }
    if let Some(aggregates) = &update.aggregates {
        set = set.text("aggregates = ").literal(aggregates).text(", ");
    }
    if update.rebuilt {
        let left = if update.extras_left { "0" } else { "NULL" };
        set = set.text("rebuild_since = NULL, rebuild_deletes = ").text(left).text(", ");
    }
    set = json(set.text("snapshot = "), update.snapshot.as_ref())?;
    set = json(set.text(", converge_until = "), update.converge_until.as_ref())?;
    Ok(set
        .text(", rows_in = rows_in + ")
        .number(update.rows_in)
        .text(", rows_out = rows_out + ")
        .number(rows_out)
        .text(", skipped = skipped + ")
        .number(update.skipped)
        .text(", split_transactions = split_transactions + ")
        .number(update.split_transactions)
        .text(", updated_at = UTC_TIMESTAMP(6) WHERE pipeline = ")
        .literal(&options.pipeline)
        .text(" AND lane = 0 AND incarnation = ")
        .literal(&state.incarnation)
        .text(" AND fence = ")
        .number(state.fence)
        .text(" AND commits = ")
        .number(state.commits))
}

/// Runs the transaction once.
pub(super) async fn attempt(
    session: &mut Session,
    epoch: &Prepared,
    allow_bulk: bool,
) -> std::result::Result<Committed, Failure> {
    begin(session, &epoch.progress).await?;
    let mut done = Committed { targets: vec![Written::default(); epoch.shapes.len()], bulk: false, retries: 0 };
    for removal in &epoch.removals {
        done.targets[removal.target].deleted += clear_extra(session, &epoch.shapes[removal.target], removal).await?;
    }
    for job in &epoch.jobs {
        done.targets[job.target].deleted += delete(session, &epoch.shapes[job.target], job).await?;
    }
    for job in &epoch.jobs {
        let shape = &epoch.shapes[job.target];
        let rows = job.compacted.upserts.len();
        done.targets[job.target].rows += rows as u64;
        let verb = match (shape.rules.mode, shape.rules.delete_first) {
            (Mode::Append, _) => Verb::Insert,
            (Mode::Upsert, true) if epoch.converging => Verb::Replace,
            (Mode::Upsert, true) => Verb::Insert,
            (Mode::Upsert, false) => Verb::Upsert,
        };
        if rows >= BULK_ROWS_MIN && allow_bulk && session.local_infile && shape.bulk.is_ok() {
            done.bulk = true;
            bulk(session, shape, job, verb).await?;
        } else {
            insert(session, shape, job, verb).await?;
        }
    }
    match session.conn.query_drop("COMMIT").await.doing("committing to the target") {
        Ok(()) => Ok(done),
        Err(error) => Err(Failure::AtCommit { error, committed: done }),
    }
}

async fn begin(session: &mut Session, progress: &Statement) -> std::result::Result<(), Failure> {
    let moved = session.conn.query_two("START TRANSACTION", progress).await.doing("moving the progress")?;
    if moved != 1 {
        return Err(Failure::Fenced);
    }
    Ok(())
}

async fn clear_extra(session: &mut Session, shape: &Shape, removal: &Removal) -> Result<u64> {
    let mut removed = 0;
    let mut rest = removal.rows.as_slice();
    while let Some((statement, taken)) = remove::statement(shape, &removal.columns, rest, session.statement_bytes)? {
        session.conn.query_drop(statement).await.doing("deleting rows that the pipeline did not write")?;
        removed += session.conn.affected_rows();
        rest = &rest[taken..];
    }
    Ok(removed)
}

async fn delete(session: &mut Session, shape: &Shape, job: &Job) -> Result<u64> {
    let mut deletes = Deletes::new(shape, job, session.statement_bytes);
    let mut deleted = 0;
    while let Some(statement) = deletes.next().map_err(|e| job.unwritable_key(shape, &e))? {
        session.conn.query_drop(statement).await.map_err(|e| refused(shape, job, 0, e))?;
        deleted += session.conn.affected_rows();
    }
    Ok(deleted)
}

async fn insert(session: &mut Session, shape: &Shape, job: &Job, verb: Verb) -> Result<()> {
    let mut inserts = Inserts::new(shape, job, verb, session.statement_bytes);
    while let Some(insert) = inserts.next().map_err(|e| job.unwritable(shape, &e))? {
        if let Err(error) = session.conn.query_drop(insert.statement).await {
            let search = is_of_a_row(&error);
            let rows = insert.from..insert.from + insert.rows;
            return Err(match refused(shape, job, insert.from, error) {
                Error::Rejected { table, key: None, message } if search => {
                    let key = culprit(session, shape, job, verb, rows).await;
                    Error::Rejected { table, key, message }
                }
                Error::Conflict { table, key: None, message } if search => {
                    let key = culprit(session, shape, job, verb, rows).await;
                    Error::Conflict { table, key, message }
                }
                other => other,
            });
        }
        let affected = session.conn.affected_rows();
        if session.conn.warnings() > 0 {
            ensure_harmless(session, shape, job, insert.from).await?;
        }
        if verb == Verb::Insert && affected != insert.rows as u64 {
            return Err(Error::Rejected {
                table: shape.table.clone(),
                key: None,
                message: format!("{} rows were sent and {affected} arrived", insert.rows),
            });
        }
    }
    Ok(())
}

/// True if the server refused a row, and the transaction is still there.
fn is_of_a_row(error: &mysql_async::Error) -> bool {
    matches!(error, mysql_async::Error::Server(e) if OF_A_ROW.contains(&e.code))
}

/// The key of the row that a statement of these rows was refused for, where the server's words don't say
/// it. The statement is undone and so will the transaction be: parts of it are tried until one row is left,
/// or until an error may have ended the transaction ([`OF_A_ROW`]), after which nothing more is sent.
async fn culprit(
    session: &mut Session,
    shape: &Shape,
    job: &Job,
    verb: Verb,
    mut rows: std::ops::Range<usize>,
) -> Option<String> {
    while rows.len() > 1 {
        let middle = rows.start + rows.len() / 2;
        let mut inserts = Inserts::of(shape, job, verb, rows.start..middle);
        let statement = inserts.next().ok()??.statement;
        match session.conn.query_drop(statement).await {
            Ok(()) => rows.start = middle,
            Err(error) if is_of_a_row(&error) => rows.end = middle,
            Err(_) => return None,
        }
    }
    job.key_of(rows.start)
}

async fn bulk(
    session: &mut Session,
    shape: &Arc<Shape>,
    job: &Arc<Job>,
    verb: Verb,
) -> std::result::Result<(), Failure> {
    let counts = match load(&mut session.conn, shape, job).await {
        Ok(counts) => counts,
        Err(LoadError::Unwritable(value)) => return Err(job.unwritable(shape, &value).into()),
        Err(LoadError::Driver(error)) => {
            // LOAD DATA LOCAL is off (now): the other way works.
            let disabled = matches!(&error, mysql_async::Error::Server(e) if matches!(e.code, 1148 | 3948 | 4166));
            let error = refused(shape, job, 0, error);
            let bulk =
                disabled || matches!(&error, Error::Rejected { key: None, .. } | Error::Conflict { key: None, .. });
            return Err(Failure::Before { error, bulk });
        }
    };
    if counts.warnings > 0 {
        let result = ensure_harmless(session, shape, job, 0).await;
        result.map_err(|error| Failure::Before { error, bulk: true })?;
    }
    let sent = job.compacted.upserts.len() as u64;
    if counts.records != sent || counts.skipped > 0 {
        let message = format!("{sent} rows were sent, {} arrived and {} were skipped", counts.records, counts.skipped);
        let error = Error::Rejected { table: shape.table.clone(), key: None, message };
        return Err(Failure::Before { error, bulk: true });
    }
    if verb == Verb::Insert && counts.deleted > 0 {
        let message = format!("{} rows with another key were in the way", counts.deleted);
        let error = Error::Conflict { table: shape.table.clone(), key: None, message };
        return Err(Failure::Before { error, bulk: true });
    }
    Ok(())
}

/// Reads the warnings of the last statement; any that is about data is an error.
async fn ensure_harmless(session: &mut Session, shape: &Shape, job: &Job, from: usize) -> Result<()> {
    let warnings: Vec<(String, u16, String)> =
        session.conn.query("SHOW WARNINGS").await.doing("reading the target's warnings")?;
    // 1592: unsafe for statement-based logging; 1287, 1681: deprecated syntax or type.
    match warnings.into_iter().find(|(_, code, _)| !matches!(code, 1592 | 1287 | 1681)) {
        None => Ok(()),
        Some((_, code, message)) => Err(Error::Rejected {
            table: shape.table.clone(),
            key: row_number(&message).and_then(|n| job.key_of(from + n - 1)),
            message: format!("server warning {code}: {message}"),
        }),
    }
}

/// Classifies what the server says to a statement that writes rows; `from` is its first row.
fn refused(shape: &Shape, job: &Job, from: usize, error: mysql_async::Error) -> Error {
    let error = match error {
        mysql_async::Error::Server(e) if !crate::error::is_transient(&mysql_async::Error::Server(e.clone())) => e,
        other => return Error::Sql { doing: "writing rows into the target", cause: Box::new(other) },
    };
    let key = row_number(&error.message).and_then(|n| job.key_of(from + n - 1));
    let message = describe(&mysql_async::Error::Server(error.clone()));
    match error.code {
        1022 | 1062 | 1586 | 1859 => Error::Conflict { table: shape.table.clone(), key, message },
        _ => Error::Rejected { table: shape.table.clone(), key, message },
    }
}

/// The 7 of `Data too long for column 'name' at row 7`.
fn row_number(message: &str) -> Option<usize> {
    let (_, number) = message.rsplit_once("at row ")?;
    number.trim_end_matches('.').parse().ok().filter(|&n| n > 0)
}
