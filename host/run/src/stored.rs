//! What the target knows of a pipeline: `status` and `reset`, without running it.

use std::path::Path;

use rowmill_mysql::preflight::unread_tables;
use rowmill_mysql::sink::{self, Progress, Reset, Sink, TargetNames};
use rowmill_mysql::{binlog, endpoint};
use serde::Serialize;

use super::prepare::server_problem;
use super::servers::endpoints;
use crate::digest::short_hash;
use crate::error::Error;
use crate::progress;
use rowmill_observe::AggregateStatus;
use rowmill_plan::Plan;

/// The stored progress and how far the source is ahead of it.
#[derive(Clone, Debug, Serialize)]
pub struct StoredStatus {
    /// The pipeline's name.
    pub pipeline: String,
    /// As stored in the target; `None` before the first start.
    pub progress: Option<Progress>,
    /// The aggregates as they were at the stored position; as JSON they are in the progress.
    #[serde(skip)]
    pub aggregates: Vec<AggregateStatus>,
    /// Where the source is now.
    pub source_position: Option<String>,
    /// How old the source's state is that the target shows, in seconds: 0 when nothing is left to
    /// read, otherwise the time since the target last held everything (or since the newest
    /// transaction that it holds). `None` until the snapshot is complete.
    pub lag_seconds: Option<f64>,
    /// Bytes of binlog between the stored position and the source's, if both are in one file.
    pub lag_bytes: Option<u64>,
    /// Tables of the source that a pattern of the file means and that are not read, since they were created
    /// after the first start. Only known when the source was asked.
    pub unread_tables: Vec<String>,
    /// Why the source could not be asked, or what is wrong with what it answered.
    pub source_error: Option<String>,
    /// The phase that the stored progress is in: `not started`, `snapshot`, `converging`, `streaming`,
    /// `rebuilding`.
    pub phase: &'static str,
}

/// 16 hex digits that name the progress row of a plan, for what belongs to it outside of the target: of the sink's
/// host, its port, the schema of the progress, and the pipeline.
pub fn progress_name(plan: &Plan) -> Result<String, Error> {
    let (_, options) = endpoints(plan).map_err(Error::Plan)?;
    let (host, port) = (options.endpoint.host(), options.endpoint.port());
    Ok(short_hash(&format!("{host}\0{port}\0{}\0{}", options.meta, options.pipeline)))
}

/// Reads the stored progress; asks the source where it is.
pub async fn stored_status(plan: &Plan) -> Result<StoredStatus, Error> {
    let (source, options) = endpoints(plan).map_err(Error::Plan)?;
    let progress = Sink::read_progress(&options).await;
    let mut progress = progress.map_err(|error| Error::Plan(vec![server_problem(&error, "/sink/url")]))?;
    let document = progress.as_mut().and_then(|progress| progress.aggregates.as_mut());
    let aggregates = document.as_ref().map(|document| progress::shown(document)).unwrap_or_default();
    if let Some(document) = document {
        *document = serde_json::to_value(&aggregates).unwrap_or_default();
    }
    let asked: Result<_, rowmill_mysql::Error> = async {
        let mut conn = source.connect().await?;
        let (flavor, _) = endpoint::flavor(&mut conn).await?;
        let unread = match &progress {
            Some(progress) => unread_tables(&mut conn, &source, &plan.source.tables, &progress.tables).await?,
            None => Vec::new(),
        };
        Ok((binlog::current_position(&mut conn, flavor).await?, unread))
    }
    .await;
    let (asked, unread) = match asked {
        Ok((position, unread)) => (Ok(position), unread),
        Err(error) => (Err(error), Vec::new()),
    };
    let stored = progress.as_ref().and_then(|progress| progress.position.as_ref());
    let lag_bytes = match (&asked, stored) {
        (Ok(now), Some(stored)) if now.file == stored.file => Some(now.offset.saturating_sub(stored.offset)),
        _ => None,
    };
    // The position was read before the end of the log was, so a log that ends before it is another one.
    let is_ahead = matches!((&asked, stored), (Ok(now), Some(stored)) if stored.order(now).is_gt());
    let lag_bytes = lag_bytes.filter(|_| !is_ahead);
    let nothing_left = matches!((&asked, stored), (Ok(now), Some(stored)) if stored.reached(now));
    let age = progress.as_ref().and_then(|progress| progress.age_seconds);
    let lag_seconds = match nothing_left {
        _ if is_ahead => None,
        true => age.map(|_| 0.0),
        false => age,
    };
    let another_log = || {
        "its binary log ends before the pipeline's position: it was reset, or the server was restored or replaced"
            .to_owned()
    };
    let phase = match &progress {
        Some(Progress { rebuilding: true, .. }) => "rebuilding",
        None | Some(Progress { position: None, .. }) => "not started",
        Some(Progress { snapshot: Some(_), .. }) => "snapshot",
        Some(Progress { converge_until: Some(_), .. }) => "converging",
        Some(_) => "streaming",
    };
    Ok(StoredStatus {
        pipeline: plan.name.clone(),
        phase,
        progress,
        aggregates,
        lag_seconds,
        lag_bytes,
        unread_tables: unread.iter().map(ToString::to_string).collect(),
        source_error: asked.as_ref().err().map(ToString::to_string).or_else(|| is_ahead.then(another_log)),
        source_position: asked.ok().map(|position| position.to_string()),
    })
}

/// Forgets the progress and the state folder; with `drop_target` also drops the target tables that the pipeline
/// created. Works whatever is left of the progress.
pub async fn reset(plan: &Plan, root: Option<&Path>, drop_target: bool) -> Result<Reset, Error> {
    let (_, options) = endpoints(plan).map_err(Error::Plan)?;
    let read = sink::tables_read(&options).await;
    let read = read.map_err(|error| Error::Plan(vec![server_problem(&error, "/sink/url")]))?;
    // First the state: while it is held the pipeline runs.
    super::savepoint::forget(plan, root).await?;
    let known = plan.sink.tables.iter().flat_map(|target| match target.fixed_table() {
        Some(table) => vec![table.to_owned()],
        None => read.iter().map(|table| target.table_for(&table.name)).collect(),
    });
    let may_be = |name: &str, folds| plan.sink.tables.iter().any(|target| target.may_be_table(name, folds));
    let targets = TargetNames { known: known.collect(), may_be: &may_be };
    Ok(sink::reset(&options, drop_target.then_some(&targets)).await?)
}
