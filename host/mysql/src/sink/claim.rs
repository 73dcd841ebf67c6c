//! Taking a pipeline over: progress tables, targets, fence.
//!
//! Targets are created before the progress row, so that a row never stands for tables that are
//! not there. Two processes that start at the same moment meet at the row: the second finds it,
//! and raises the fence.
//!
//! # Starting over
//!
//! A rebuild takes the row over and sets it back in the same transaction: the fence keeps the process
//! before from writing another row, the new incarnation keeps its state folder from being taken for
//! this one's, and `rebuild_since` says until the very end that rows of the target may be left over.
//! So a rebuild that a crash ends is seen as one by the next start, wherever it was; and no reader
//! of the row ever sees the old position with the new plan.

use std::sync::Arc;

use super::compact::Keys;
use super::create::{Dialect, create_statement};
use super::grants::Grants;
use super::progress::{self, to_json};
use super::retry::Attempts;
use super::session::Session;
use super::shape::{Shape, created_by};
use super::{Progress, Sink, SinkOptions, State, Target, meta};
use crate::error::{Doing, Error, Result};
use crate::statement::Statement;

/// What is done with progress that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The pipeline goes on from it.
    GoOn,
    /// The pipeline starts over.
    StartOver,
}

pub(super) async fn claim(
    options: SinkOptions,
    targets: Vec<Target>,
    first: Progress,
    found: Found,
) -> Result<(Sink, Progress)> {
    let mut attempts = Attempts::default();
    loop {
        let error = match attempt(&options, &targets, &first, found).await {
            Ok((session, shapes, progress)) => {
                let keys = targets
                    .iter()
                    .map(|t| Keys::new(t.event_key().iter().map(|&i| t.schema.field(i).data_type().clone())))
                    .collect::<Result<Vec<_>>>()?;
                let state = State {
                    fence: progress.fence,
                    commits: progress.commits,
                    position: progress.position.clone(),
                    busy: false,
                };
                return Ok((Sink { options, targets, shapes, keys, session: Some(session), state }, progress));
            }
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

async fn attempt(
    options: &SinkOptions,
    targets: &[Target],
    first: &Progress,
    found: Found,
) -> Result<(Session, Vec<Arc<Shape>>, Progress)> {
    let mut session = Session::open(options).await?;
    meta::ensure(&mut session.conn, options).await?;
    create_missing(&mut session, options, targets).await?;
    let grants = Grants::read(&mut session.conn, session.flavor).await?;
    let mut shapes = Vec::with_capacity(targets.len());
    for target in targets {
        shapes.push(Arc::new(Shape::read(&mut session, options, target, &grants).await?));
    }
    // Where another process that started at the same moment was first, its row is taken over: go
    // on from its progress only if it is stored; the fence decides between the two.
    while !take(&mut session, options, first, found).await? && !insert(&mut session, options, first, found).await? {}
    let progress = progress::read(&mut session.conn, options).await?.ok_or_else(|| Error::ProgressLost {
        pipeline: options.pipeline.clone(),
        message: "vanished while it was claimed: it was reset".into(),
    })?;
    Ok((session, shapes, progress))
}

async fn create_missing(session: &mut Session, options: &SinkOptions, targets: &[Target]) -> Result<()> {
    let mut dialect = None;
    for target in targets {
        if created_by(&mut session.conn, &target.table).await?.is_some() {
            continue;
        }
        if !options.create {
            return Err(Error::TableMissing { table: target.table.clone() });
        }
        let dialect = match &mut dialect {
            Some(dialect) => dialect,
            none => none.insert(Dialect::read(&mut session.conn, session.flavor).await?),
        };
        let statement =
            create_statement(target, &options.pipeline, dialect).map_err(|problems| Error::Target { problems })?;
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

/// Takes over the row that is there; false if there is none.
async fn take(session: &mut Session, options: &SinkOptions, first: &Progress, found: Found) -> Result<bool> {
    match found {
        Found::GoOn => raise_fence(session, options).await,
        Found::StartOver => start_over(session, options, first).await,
    }
}

async fn raise_fence(session: &mut Session, options: &SinkOptions) -> Result<bool> {
    let progress = meta::Names::new(options).progress;
    session
        .conn
        .exec_drop(
            Statement::new("UPDATE ").table(&progress).text(
                " SET fence = fence + 1, owner = ?, claimed_at = UTC_TIMESTAMP(6), \
                 stopped_at = NULL, stopped_reason = NULL WHERE pipeline = ? AND lane = 0",
            ),
            (owner(), &options.pipeline),
        )
        .await
        .doing("raising the fence")?;
    Ok(session.conn.affected_rows() == 1)
}

/// Raises the fence and sets the row back to the first progress, marked as a rebuild.
async fn start_over(session: &mut Session, options: &SinkOptions, first: &Progress) -> Result<bool> {
    const DOING: &str = "setting the progress back for a rebuild";
    let progress = meta::Names::new(options).progress;
    let stored = Stored::new(first)?;
    session.conn.query_drop("START TRANSACTION").await.doing(DOING)?;
    session
        .conn
        .exec_drop(
            Statement::new("UPDATE ").table(&progress).text(
                " SET fence = fence + 1, incarnation = ?, plan_digest = ?, source = ?, position = ?, \
                 snapshot = ?, converge_until = ?, aggregates = ?, as_of = NULL, rebuild_since = UTC_TIMESTAMP(6), \
                 owner = ?, claimed_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6), \
                 stopped_at = NULL, stopped_reason = NULL WHERE pipeline = ? AND lane = 0",
            ),
            (
                &stored.incarnation,
                &first.plan_digest,
                &stored.source,
                &stored.position,
                &stored.snapshot,
                &stored.converge_until,
                &stored.aggregates,
                owner(),
                &options.pipeline,
            ),
        )
        .await
        .doing(DOING)?;
    if session.conn.affected_rows() != 1 {
        session.conn.query_drop("ROLLBACK").await.doing(DOING)?;
        return Ok(false);
    }
    store_tables(session, options, first, DOING).await?;
    session.conn.query_drop("COMMIT").await.doing(DOING)?;
    Ok(true)
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

/// Stores a first progress; false if there is a row by now.
async fn insert(session: &mut Session, options: &SinkOptions, first: &Progress, found: Found) -> Result<bool> {
    const DOING: &str = "storing the first progress";
    let progress = meta::Names::new(options).progress;
    let stored = Stored::new(first)?;
    // Without progress nobody knows where the target's rows come from: a rebuild all the same.
    let rebuild_since = if found == Found::StartOver { "UTC_TIMESTAMP(6)" } else { "NULL" };
    session.conn.query_drop("START TRANSACTION").await.doing(DOING)?;
    let inserted = session
        .conn
        .exec_drop(
            Statement::new("INSERT INTO ")
                .table(&progress)
                .text(
                    " (pipeline, lane, incarnation, plan_digest, source, position, snapshot, \
                 converge_until, aggregates, rebuild_since, fence, commits, rows_in, rows_out, split_transactions, \
                 skipped, owner, started_at, claimed_at, updated_at) \
                 VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ",
                )
                .text(rebuild_since)
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
        return Ok(false);
    }
    inserted.doing(DOING)?;
    store_tables(session, options, first, DOING).await?;
    session.conn.query_drop("COMMIT").await.doing(DOING)?;
    Ok(true)
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
