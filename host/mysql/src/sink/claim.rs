//! Taking a pipeline over: progress tables, targets, fence.
//!
//! Targets are created before the progress row, so that a row never stands for tables that are
//! not there.
//!
//! # The fence comes last
//!
//! What raises the fence ends the process before. So it happens after everything that can still fail:
//! the targets are created and read, their statements prepared, and in the transaction that raises it
//! the progress is read once more, so that only a COMMIT is left.
//!
//! # Only as it was looked at
//!
//! A start decides by the progress that it read some time ago: whether there is a snapshot to take, or to
//! resume, or changes to follow. Meanwhile the process before goes on. Its position may move, which the
//! answer tells; but if the pipeline entered another stage, or was taken over, reset or rebuilt, those
//! decisions don't hold. So the UPDATE names what was read, and a start whose UPDATE finds no row looks
//! again. Two processes that start at the same moment meet here: the second finds the row of the first.
//!
//! # Starting over
//!
//! A rebuild takes the row over and sets it back in the same transaction: the fence keeps the process
//! before from writing another row, the new incarnation keeps its state folder from being taken for
//! this one's, and `rebuild_since` says until the very end that rows of the target may be left over.
//! So a rebuild that a crash ends is seen as one by the next start, wherever it was; and no reader
//! of the row ever sees the old position with the new plan.

use std::sync::Arc;

use rowmill_change::TargetTable;

use super::check::gone;
use super::compact::Keys;
use super::create::{Dialect, create_statement};
use super::grants::Grants;
use super::progress::{self, to_json};
use super::retry::Attempts;
use super::session::Session;
use super::shape::{Shape, created_by, creator};
use super::{Expected, Progress, Sink, SinkOptions, State, Takeover, meta};
use crate::error::{Doing, Error, Result};
use crate::statement::Statement;

/// Takes over what is there, whatever it is.
pub(super) async fn whatever(
    options: SinkOptions,
    targets: Vec<TargetTable>,
    first: Progress,
    takeover: Takeover,
) -> Result<(Sink, Progress)> {
    let taken = claim(options, targets, first, takeover, &Expected::Anything).await?;
    taken.ok_or_else(|| Error::internal("a claim that expects nothing was refused"))
}

pub(super) async fn claim(
    options: SinkOptions,
    targets: Vec<TargetTable>,
    first: Progress,
    takeover: Takeover,
    expected: &Expected,
) -> Result<Option<(Sink, Progress)>> {
    let mut attempts = Attempts::default();
    loop {
        let error = match attempt(&options, &targets, &first, takeover, expected).await {
            Ok(Some(Claimed { session, shapes, keys, progress })) => {
                let state = State {
                    incarnation: progress.incarnation.clone(),
                    fence: progress.fence,
                    commits: progress.commits,
                    position: progress.position.clone(),
                    busy: false,
                };
                return Ok(Some((Sink { options, targets, shapes, keys, session: Some(session), state }, progress)));
            }
            Ok(None) => return Ok(None),
            Err(error) => error,
        };
        // A server that is not there is the caller's news at a start; the locks of a process
        // that is just being replaced are not.
        match attempts.pause(&error) {
            Some(pause) if error.server_code().is_some() => {
                tracing::warn!(%error, "claiming the pipeline: trying again");
                tokio::time::sleep(pause).await;
            }
            _ => return Err(error),
        }
    }
}

struct Claimed {
    session: Session,
    shapes: Vec<Arc<Shape>>,
    keys: Vec<Keys>,
    progress: Progress,
}

async fn attempt(
    options: &SinkOptions,
    targets: &[TargetTable],
    first: &Progress,
    takeover: Takeover,
    expected: &Expected,
) -> Result<Option<Claimed>> {
    let mut session = Session::open(options).await?;
    meta::ensure(&mut session.conn, options).await?;
    // Rows of a stored position are in the targets.
    let goes_on = takeover == Takeover::GoOn && expected.progress().is_some_and(|seen| seen.position.is_some());
    create_missing(&mut session, options, targets, goes_on).await?;
    let grants = Grants::read(&mut session.conn, session.flavor).await?;
    let mut shapes = Vec::with_capacity(targets.len());
    let mut keys = Vec::with_capacity(targets.len());
    for target in targets {
        shapes.push(Arc::new(Shape::read(&mut session, target, &grants).await?));
        keys.push(Keys::new(target.event_key().iter().map(|&i| target.schema.field(i).data_type().clone()))?);
    }
    let taken = match expected {
        Expected::AsRead(Some(seen)) => take(&mut session, options, first, takeover, Some(seen)).await?,
        Expected::AsRead(None) => insert(&mut session, options, first, takeover).await?,
        Expected::Anything => loop {
            if let Some(progress) = take(&mut session, options, first, takeover, None).await? {
                break Some(progress);
            }
            if let Some(progress) = insert(&mut session, options, first, takeover).await? {
                break Some(progress);
            }
        },
    };
    Ok(taken.map(|progress| Claimed { session, shapes, keys, progress }))
}

async fn create_missing(
    session: &mut Session,
    options: &SinkOptions,
    targets: &[TargetTable],
    goes_on: bool,
) -> Result<()> {
    let mut dialect = None;
    for target in targets {
        if created_by(&mut session.conn, &target.table).await?.is_some() {
            continue;
        }
        if goes_on {
            return Err(Error::Target { problems: vec![gone(&target.table)] });
        }
        if !target.options.create {
            return Err(Error::TableMissing { table: target.table.clone() });
        }
        let dialect = match &mut dialect {
            Some(dialect) => dialect,
            none => none.insert(Dialect::read(&mut session.conn, session.flavor).await?),
        };
        let statement =
            create_statement(target, &creator(options), dialect).map_err(|problems| Error::Target { problems })?;
        session.conn.define(statement).await.doing("creating the target table")?;
        tracing::info!(table = %target.table, "target table created");
    }
    Ok(())
}

/// This process in words, for whoever is fenced off.
fn owner() -> String {
    let host = rowmill_foreign::read_text("/proc/sys/kernel/hostname".as_ref(), 4096).unwrap_or_default();
    let host = if host.trim().is_empty() { "a host without a name" } else { host.trim() };
    format!("process {} on {host}", std::process::id())
}

/// Takes over the row that is there; `None` if there is none, or not the one that was seen.
async fn take(
    session: &mut Session,
    options: &SinkOptions,
    first: &Progress,
    takeover: Takeover,
    seen: Option<&Progress>,
) -> Result<Option<Progress>> {
    const DOING: &str = "raising the fence";
    session.conn.query_drop("START TRANSACTION").await.doing(DOING)?;
    match takeover {
        Takeover::GoOn => raise_fence(session, options, first, seen).await?,
        Takeover::StartOver { delete_extra } => start_over(session, options, first, delete_extra, seen).await?,
    }
    if session.conn.affected_rows() != 1 {
        session.conn.query_drop("ROLLBACK").await.doing(DOING)?;
        return Ok(None);
    }
    if takeover != Takeover::GoOn {
        store_tables(session, options, first, DOING).await?;
    }
    commit(session, options, DOING).await.map(Some)
}

/// Ends the transaction that took the row over; answers the progress as it left it.
async fn commit(session: &mut Session, options: &SinkOptions, doing: &'static str) -> Result<Progress> {
    let progress = progress::read(&mut session.conn, options).await?;
    let progress = progress.ok_or_else(|| Error::internal("the progress that was just written is not there"))?;
    session.conn.query_drop("COMMIT").await.doing(doing)?;
    Ok(progress)
}

/// `WHERE …`: the pipeline's row, as it was seen.
fn row(statement: Statement, options: &SinkOptions, seen: Option<&Progress>) -> Statement {
    let statement = statement.text(" WHERE pipeline = ").literal(&options.pipeline).text(" AND lane = 0");
    let Some(seen) = seen else { return statement };
    statement
        .text(" AND incarnation = ")
        .literal(&seen.incarnation)
        .text(" AND fence = ")
        .number(seen.fence)
        .text(" AND (position IS NULL) = ")
        .number(seen.position.is_none())
        .text(" AND (snapshot IS NULL) = ")
        .number(seen.snapshot.is_none())
        .text(" AND (rebuild_since IS NOT NULL) = ")
        .number(seen.rebuilding)
}

/// Raises the fence. The digest is the one of whoever claims: it found the stored one to mean the same plan.
async fn raise_fence(
    session: &mut Session,
    options: &SinkOptions,
    first: &Progress,
    seen: Option<&Progress>,
) -> Result<()> {
    let statement = Statement::new("UPDATE ").table(&meta::Names::new(options).progress).text(
        " SET fence = fence + 1, plan_digest = ?, owner = ?, claimed_at = UTC_TIMESTAMP(6), stopped_at = NULL, stopped_reason = NULL",
    );
    session
        .conn
        .exec_drop(row(statement, options, seen), (&first.plan_digest, owner()))
        .await
        .doing("raising the fence")
}

/// Raises the fence and sets the row back to the first progress, marked as a rebuild.
async fn start_over(
    session: &mut Session,
    options: &SinkOptions,
    first: &Progress,
    delete_extra: bool,
    seen: Option<&Progress>,
) -> Result<()> {
    let stored = Stored::new(first)?;
    let statement = Statement::new("UPDATE ").table(&meta::Names::new(options).progress).text(
        " SET fence = fence + 1, incarnation = ?, plan_digest = ?, source = ?, position = ?, snapshot = ?, \
         converge_until = ?, aggregates = ?, as_of = NULL, rebuild_since = UTC_TIMESTAMP(6), rebuild_deletes = ?, \
         owner = ?, claimed_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6), stopped_at = NULL, \
         stopped_reason = NULL",
    );
    session
        .conn
        .exec_drop(
            row(statement, options, seen),
            (
                &stored.incarnation,
                &first.plan_digest,
                &stored.source,
                &stored.position,
                &stored.snapshot,
                &stored.converge_until,
                &stored.aggregates,
                delete_extra,
                owner(),
            ),
        )
        .await
        .doing("setting the progress back for a rebuild")
}

/// A first progress as its columns hold it.
struct Stored {
    incarnation: String,
    source: String,
    position: Option<String>,
    snapshot: Option<String>,
    converge_until: Option<String>,
    aggregates: Option<String>,
}

impl Stored {
    fn new(first: &Progress) -> Result<Stored> {
        let random = || format!("{:032x}", rand::random::<u128>());
        Ok(Stored {
            incarnation: Some(first.incarnation.clone()).filter(|i| !i.is_empty()).unwrap_or_else(random),
            source: first.source.to_string(),
            position: first.position.as_ref().map(to_json).transpose()?,
            snapshot: first.snapshot.as_ref().map(to_json).transpose()?,
            converge_until: first.converge_until.as_ref().map(to_json).transpose()?,
            aggregates: first.aggregates.as_ref().map(to_json).transpose()?,
        })
    }
}

/// Stores a first progress; `None` if there is a row by now.
async fn insert(
    session: &mut Session,
    options: &SinkOptions,
    first: &Progress,
    takeover: Takeover,
) -> Result<Option<Progress>> {
    const DOING: &str = "storing the first progress";
    let progress = meta::Names::new(options).progress;
    let stored = Stored::new(first)?;
    // Without progress nobody knows where the target's rows come from: a rebuild all the same.
    let rebuild = match takeover {
        Takeover::GoOn => "NULL, NULL",
        Takeover::StartOver { delete_extra: false } => "UTC_TIMESTAMP(6), 0",
        Takeover::StartOver { delete_extra: true } => "UTC_TIMESTAMP(6), 1",
    };
    session.conn.query_drop("START TRANSACTION").await.doing(DOING)?;
    let inserted = session
        .conn
        .exec_drop(
            Statement::new("INSERT INTO ")
                .table(&progress)
                .text(
                    " (pipeline, lane, incarnation, plan_digest, source, position, snapshot, \
                 converge_until, aggregates, rebuild_since, rebuild_deletes, fence, commits, rows_in, rows_out, \
                 split_transactions, skipped, owner, started_at, claimed_at, updated_at) \
                 VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ",
                )
                .text(rebuild)
                .text(
                    ", 1, 0, 0, 0, 0, 0, ?, UTC_TIMESTAMP(6), \
                 UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
                ),
            (
                &options.pipeline,
                &stored.incarnation,
                &first.plan_digest,
                &stored.source,
                &stored.position,
                &stored.snapshot,
                &stored.converge_until,
                &stored.aggregates,
                owner(),
            ),
        )
        .await;
    if matches!(&inserted, Err(mysql_async::Error::Server(e)) if e.code == 1062) {
        session.conn.query_drop("ROLLBACK").await.doing(DOING)?;
        return Ok(None);
    }
    inserted.doing(DOING)?;
    store_tables(session, options, first, DOING).await?;
    commit(session, options, DOING).await.map(Some)
}

/// Replaces the stored definitions of the source's tables.
async fn store_tables(
    session: &mut Session,
    options: &SinkOptions,
    first: &Progress,
    doing: &'static str,
) -> Result<()> {
    let tables = meta::Names::new(options).tables;
    let conn = &mut session.conn;
    conn.exec_drop(Statement::new("DELETE FROM ").table(&tables).text(" WHERE pipeline = ?"), (&options.pipeline,))
        .await
        .doing(doing)?;
    for (ordinal, table) in first.tables.iter().enumerate() {
        conn.exec_drop(
            Statement::new("INSERT INTO ")
                .table(&tables)
                .text(" (pipeline, ordinal, table_schema, table_name, definition) VALUES (?, ?, ?, ?, ?)"),
            (&options.pipeline, ordinal, &table.name.schema, &table.name.name, to_json(table)?),
        )
        .await
        .doing(doing)?;
    }
    Ok(())
}
