//! Writing an epoch until it is known to be in the target, or known not to get there.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::Row;
use rowmill_change::{Committed, Epoch, Position, ProgressUpdate, Removal, Write};
use tokio::time::Instant;

use super::retry::Attempts;
use super::session::Session;
use super::transaction::{Failure, Prepared, attempt, progress_statement};
use super::upsert::Job;
use super::{Sink, meta};
use crate::error::{ANEW, Doing, Error, Result};
use crate::statement::Statement;

/// A session that was idle for longer is tried before it is used.
const IDLE_MAX: Duration = Duration::from_secs(5);

pub(super) async fn commit(sink: &mut Sink, mut epoch: Epoch) -> Result<Committed> {
    if sink.state.busy {
        return Err(Error::internal("a commit was cancelled half-way; claim the pipeline again"));
    }
    ensure_forward(sink, epoch.progress.position.as_ref())?;
    let (writes, removals) = (std::mem::take(&mut epoch.writes), std::mem::take(&mut epoch.removals));
    let prepared = prepare(sink, writes, removals, &epoch.progress)?;
    sink.state.busy = true;
    let result = until_known(sink, &prepared).await;
    if let Ok(committed) = &result {
        sink.state.commits += 1;
        if epoch.progress.position.is_some() {
            sink.state.position = epoch.progress.position;
        }
        tracing::trace!(commits = sink.state.commits, rows = committed.rows_written(), "epoch committed");
    }
    sink.state.busy = false;
    result
}

/// A stored position that moved back would lose what lies between.
fn ensure_forward(sink: &Sink, new: Option<&Position>) -> Result<()> {
    match (&sink.state.position, new) {
        (Some(old), Some(new)) if !new.reached(old) => {
            Err(Error::internal(format!("the position would move back from {old} to {new}")))
        }
        _ => Ok(()),
    }
}

fn prepare(sink: &mut Sink, writes: Vec<Write>, removals: Vec<Removal>, progress: &ProgressUpdate) -> Result<Prepared> {
    if let Some(removal) = removals.iter().find(|removal| removal.target >= sink.shapes.len()) {
        return Err(Error::internal(format!("a removal names target {}, which there is not", removal.target)));
    }
    let mut per_target: Vec<Vec<Write>> = vec![Vec::new(); sink.shapes.len()];
    for write in writes {
        let Some(writes) = per_target.get_mut(write.target) else {
            return Err(Error::internal(format!("a write names target {}, which there is not", write.target)));
        };
        writes.push(write);
    }
    let mut jobs = Vec::new();
    for (target, writes) in per_target.iter().enumerate().filter(|(_, w)| !w.is_empty()) {
        jobs.push(Arc::new(Job::new(target, &sink.shapes[target], &mut sink.keys[target], writes)?));
    }
    let written = jobs.iter().map(|j| j.compacted.upserts.len() + j.compacted.deletes.len());
    let rows_out = written.chain(removals.iter().map(|removal| removal.rows.len())).sum::<usize>() as u64;
    Ok(Prepared {
        jobs,
        removals,
        shapes: sink.shapes.clone(),
        progress: progress_statement(&sink.options, progress, &sink.state, rows_out)?,
        converging: progress.converging,
    })
}

/// What the progress row says after a COMMIT whose answer was lost.
enum Looked {
    Applied,
    NotApplied,
}

async fn until_known(sink: &mut Sink, epoch: &Prepared) -> Result<Committed> {
    let mut attempts = Attempts::default();
    let mut allow_bulk = true;
    let mut retries = 0;
    // What LOAD DATA said before INSERT was tried to learn more.
    let mut first_error: Option<Error> = None;
    let mut unknown: Option<Committed> = None;
    loop {
        let error = match round(sink, epoch, allow_bulk, &mut unknown).await {
            Ok(committed) => {
                if let Some(error) = first_error {
                    tracing::warn!(%error, "LOAD DATA failed where INSERT did not; the epoch is written by INSERT");
                }
                return Ok(Committed { retries, ..committed });
            }
            Err(Round::Fenced) => match fenced(sink).await {
                Ok(error) => return Err(error),
                Err(error) => error,
            },
            Err(Round::Failed { error, bulk }) if bulk && allow_bulk => {
                allow_bulk = false;
                first_error = Some(error);
                continue;
            }
            Err(Round::Failed { error, .. }) => error,
        };
        match attempts.pause(&error) {
            None => return Err(error),
            Some(pause) => {
                retries += 1;
                tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "target: trying again");
                tokio::time::sleep(pause).await;
            }
        }
    }
}

enum Round {
    Fenced,
    Failed { error: Error, bulk: bool },
}

impl From<Error> for Round {
    fn from(error: Error) -> Round {
        Round::Failed { error, bulk: false }
    }
}

/// One attempt, with the look-up before it if the one before ended in the dark.
async fn round(
    sink: &mut Sink,
    epoch: &Prepared,
    allow_bulk: bool,
    unknown: &mut Option<Committed>,
) -> std::result::Result<Committed, Round> {
    let mut session = session(sink).await?;
    if let Some(committed) = unknown.as_ref() {
        match look_up(sink, &mut session).await? {
            Some(Looked::Applied) => {
                keep(sink, session);
                return Ok(committed.clone());
            }
            Some(Looked::NotApplied) => *unknown = None,
            None => return Err(Round::Fenced),
        }
    }
    match attempt(&mut session, epoch, allow_bulk).await {
        Ok(committed) => {
            keep(sink, session);
            Ok(committed)
        }
        Err(Failure::AtCommit { error, committed }) => {
            // Whatever the error is, the progress row knows; and it is read on a new session.
            tracing::warn!(%error, "target: the answer to COMMIT was lost, looking it up");
            *unknown = Some(committed);
            let reason = error.to_string();
            Err(Error::Disconnected { server: sink.options.endpoint.server(), reason }.into())
        }
        Err(Failure::Fenced) => {
            roll_back(sink, session).await;
            Err(Round::Fenced)
        }
        Err(Failure::Before { error, bulk }) => {
            roll_back(sink, session).await;
            Err(Round::Failed { error, bulk })
        }
    }
}

/// The kept session if it still answers, else a new one.
async fn session(sink: &mut Sink) -> Result<Session> {
    if let Some(mut session) = sink.session.take()
        && (session.used.elapsed() < IDLE_MAX || session.conn.ping().await.is_ok())
    {
        return Ok(session);
    }
    Session::open(&sink.options).await
}

fn keep(sink: &mut Sink, mut session: Session) {
    session.used = Instant::now();
    sink.session = Some(session);
}

/// Undoes the transaction explicitly: some errors undo only their statement. A session that
/// cannot even do that is dropped, which undoes it too.
async fn roll_back(sink: &mut Sink, mut session: Session) {
    if session.conn.query_drop("ROLLBACK").await.is_ok() {
        keep(sink, session);
    }
}

/// Reads the progress row with a lock, so that a transaction of the lost session has ended before.
/// `None` if the row is not ours any more.
async fn look_up(sink: &Sink, session: &mut Session) -> Result<Option<Looked>> {
    const DOING: &str = "looking up whether the last commit happened";
    let progress = meta::Names::new(&sink.options).progress;
    session.conn.query_drop("START TRANSACTION").await.doing(DOING)?;
    let row: Option<(u64, u64)> = session
        .conn
        .exec_first(
            Statement::new("SELECT fence, commits FROM ")
                .table(&progress)
                .text(" WHERE pipeline = ? AND lane = 0 AND incarnation = ? FOR UPDATE"),
            (&sink.options.pipeline, &sink.state.incarnation),
        )
        .await
        .doing(DOING)?;
    session.conn.query_drop("ROLLBACK").await.doing(DOING)?;
    Ok(match row {
        Some((fence, commits)) if fence == sink.state.fence && commits == sink.state.commits + 1 => {
            Some(Looked::Applied)
        }
        Some((fence, commits)) if fence == sink.state.fence && commits == sink.state.commits => {
            Some(Looked::NotApplied)
        }
        _ => None,
    })
}

/// Finds out why the progress row was not ours.
async fn fenced(sink: &mut Sink) -> Result<Error> {
    let mut session = session(sink).await?;
    let progress = meta::Names::new(&sink.options).progress;
    let row: Option<Row> = session
        .conn
        .exec_first(
            Statement::new("SELECT fence, commits, owner, CAST(claimed_at AS CHAR), incarnation FROM ")
                .table(&progress)
                .text(" WHERE pipeline = ? AND lane = 0"),
            (&sink.options.pipeline,),
        )
        .await
        .doing("reading who took the pipeline over")?;
    keep(sink, session);
    let pipeline = sink.options.pipeline.clone();
    let Some(row) = row else {
        return Ok(Error::ProgressLost { pipeline, message: "is gone: it was reset while this process ran".into() });
    };
    let number = |i: usize| row.get::<Option<u64>, _>(i).flatten().unwrap_or(0);
    let text = |i: usize| row.get::<Option<String>, _>(i).flatten().unwrap_or_default();
    let other = format!("{} since {} UTC", text(2), text(3));
    if number(0) == sink.state.fence && text(4) == sink.state.incarnation {
        let message = format!(
            "counts {} commits and this process made it {}: the target was restored to another state; start again; if \
             it does not go on from there, {ANEW}",
            number(1),
            sink.state.commits
        );
        return Ok(Error::ProgressLost { pipeline, message });
    }
    Ok(Error::Fenced { pipeline, other })
}

pub(super) async fn record_stop(sink: &mut Sink, reason: &str) -> Result<()> {
    let mut session = session(sink).await?;
    let progress = meta::Names::new(&sink.options).progress;
    session
        .conn
        .exec_drop(
            Statement::new("UPDATE ").table(&progress).text(
                " SET stopped_at = UTC_TIMESTAMP(6), stopped_reason = ? \
                 WHERE pipeline = ? AND lane = 0 AND incarnation = ? AND fence = ?",
            ),
            (reason, &sink.options.pipeline, &sink.state.incarnation, sink.state.fence),
        )
        .await
        .doing("recording why the pipeline stopped")?;
    keep(sink, session);
    Ok(())
}
