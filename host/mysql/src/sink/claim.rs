//! Taking a pipeline over: progress tables, targets, fence.
//!
//! Targets are created before the progress row, so that a row never stands for tables that are
//! not there. Two processes that start at the same moment meet at the row: the second finds it,
//! and raises the fence.

use std::sync::Arc;

use mysql_async::prelude::Queryable;

use super::compact::Keys;
use super::create::{Dialect, create_statement};
use super::grants::Grants;
use super::progress::{self, to_json};
use super::retry::Attempts;
use super::session::Session;
use super::shape::{Shape, created_by};
use super::{Progress, Sink, SinkOptions, State, Target, meta};
use crate::error::{Doing, Error, Result};

pub(super) async fn claim(options: SinkOptions, targets: Vec<Target>, first: Progress) -> Result<(Sink, Progress)> {
    let mut attempts = Attempts::default();
    loop {
        let error = match attempt(&options, &targets, &first).await {
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
) -> Result<(Session, Vec<Arc<Shape>>, Progress)> {
    let mut session = Session::open(options).await?;
    meta::ensure(&mut session.conn, options).await?;
    create_missing(&mut session, options, targets).await?;
    let grants = Grants::read(&mut session.conn, session.flavor).await?;
    let mut shapes = Vec::with_capacity(targets.len());
    for target in targets {
        shapes.push(Arc::new(Shape::read(&mut session, options, target, &grants).await?));
    }
    let taken = take_over(&mut session, options).await?;
    if !taken {
        insert(&mut session, options, first).await?;
    }
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
        session.conn.query_drop(statement).await.doing("creating the target table")?;
        tracing::info!(table = %target.table, "target table created");
    }
    Ok(())
}

/// This process in words, for whoever is fenced off.
fn owner() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "a host without a name" } else { host.trim() };
    format!("process {} on {host}", std::process::id())
}

/// Raises the fence; false if there is no row.
async fn take_over(session: &mut Session, options: &SinkOptions) -> Result<bool> {
    let progress = meta::Names::new(options).progress;
    session
        .conn
        .exec_drop(
            format!(
                "UPDATE {progress} SET fence = fence + 1, owner = ?, claimed_at = UTC_TIMESTAMP(6), \
                 stopped_at = NULL, stopped_reason = NULL WHERE pipeline = ? AND lane = 0"
            ),
            (owner(), &options.pipeline),
        )
        .await
        .doing("raising the fence")?;
    Ok(session.conn.affected_rows() == 1)
}

async fn insert(session: &mut Session, options: &SinkOptions, first: &Progress) -> Result<()> {
    const DOING: &str = "storing the first progress";
    let names = meta::Names::new(options);
    let incarnation = if first.incarnation.is_empty() {
        format!("{:032x}", rand::random::<u128>())
    } else {
        first.incarnation.clone()
    };
    let conn = &mut session.conn;
    conn.query_drop("START TRANSACTION").await.doing(DOING)?;
    let inserted = conn
        .exec_drop(
            format!(
                "INSERT INTO {} (pipeline, lane, incarnation, plan_digest, source, position, snapshot, converge_until, \
                 fence, commits, rows_in, rows_out, split_transactions, skipped, owner, started_at, claimed_at, updated_at) \
                 VALUES (?, 0, ?, ?, ?, ?, ?, ?, 1, 0, 0, 0, 0, 0, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
                names.progress
            ),
            (
                &options.pipeline,
                incarnation,
                &first.plan_digest,
                first.source.to_string(),
                first.position.as_ref().map(to_json).transpose()?,
                first.snapshot.as_ref().map(to_json).transpose()?,
                first.converge_until.as_ref().map(to_json).transpose()?,
                owner(),
            ),
        )
        .await;
    if let Err(mysql_async::Error::Server(e)) = &inserted
        && e.code == 1062
    {
        // Another process started at the same moment and was first. Go on from its progress only
        // if it is stored; the fence decides between the two.
        conn.query_drop("ROLLBACK").await.doing(DOING)?;
        take_over(session, options).await?;
        return Ok(());
    }
    inserted.doing(DOING)?;
    conn.exec_drop(format!("DELETE FROM {} WHERE pipeline = ?", names.tables), (&options.pipeline,))
        .await
        .doing(DOING)?;
    for (ordinal, table) in first.tables.iter().enumerate() {
        conn.exec_drop(
            format!(
                "INSERT INTO {} (pipeline, ordinal, table_schema, table_name, definition) VALUES (?, ?, ?, ?, ?)",
                names.tables
            ),
            (&options.pipeline, ordinal, &table.name.schema, &table.name.name, to_json(table)?),
        )
        .await
        .doing(DOING)?;
    }
    conn.query_drop("COMMIT").await.doing(DOING)
}
