//! The state folder from outside: `state list`, `export`, `import`.
//!
//! A savepoint is the newest checkpoint in a folder that can be moved. It belongs to one life of one
//! pipeline: the target's progress names it, and an import refuses any other, since what the target
//! holds would not go with it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rowmill_change::Position;
use rowmill_mysql::sink::Sink;
use rowmill_state::{Checkpoint, Options, Store};
use serde::{Deserialize, Serialize};

use super::manifest::{Manifest, state_folder};
use super::prepare::server_problem;
use super::servers::endpoints;
use crate::error::Error;
use rowmill_plan::Plan;
use rowmill_plan::problem::Problem;

/// What the state folder of a pipeline holds.
#[derive(Clone, Debug, Serialize)]
pub struct StateListing {
    /// The folder.
    pub folder: PathBuf,
    /// Bytes on disk.
    pub bytes: u64,
    /// The checkpoints, the newest first; at most two.
    pub checkpoints: Vec<CheckpointListing>,
    /// The tables with their entries.
    pub tables: Vec<(String, u64)>,
}

/// One checkpoint.
#[derive(Clone, Debug, Serialize)]
pub struct CheckpointListing {
    /// Counts up.
    pub sequence: u64,
    /// Everything before it is in the state.
    pub position: String,
    /// The target did not have the results of the snapshot yet.
    pub pending: bool,
    /// Seconds since it was written.
    pub age_seconds: f64,
}

/// A savepoint that was written or read.
#[derive(Clone, Debug, Serialize)]
pub struct Savepoint {
    /// Its folder.
    pub folder: PathBuf,
    /// The position that it covers.
    pub position: String,
    /// Entries in it.
    pub entries: u64,
    /// Bytes in it.
    pub bytes: u64,
}

/// What a savepoint says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Header {
    pipeline: String,
    incarnation: String,
    position: Position,
}

/// What is in the state folder. The pipeline must not be running: it holds the folder.
pub async fn state_list(plan: &Plan, root: Option<&Path>) -> Result<StateListing, Error> {
    let folder = existing(plan, root)?;
    let opened = folder.clone();
    blocking(move || {
        let store = Store::open(&opened, Options::default())?;
        let checkpoints = [store.checkpoint(), store.previous()].into_iter().flatten();
        let tables = store.tables()?;
        let counted = tables.into_iter().map(|table| store.count(&table).map(|entries| (table, entries)));
        Ok(StateListing {
            folder: opened,
            bytes: store.bytes_on_disk()?,
            checkpoints: checkpoints.map(|checkpoint| listing(&checkpoint)).collect::<Result<_, _>>()?,
            tables: counted.collect::<Result<_, _>>()?,
        })
    })
    .await
}

fn listing(checkpoint: &Checkpoint) -> Result<CheckpointListing, Error> {
    let manifest = Manifest::read(checkpoint)?;
    let written = UNIX_EPOCH + Duration::from_millis(checkpoint.written_at_ms);
    Ok(CheckpointListing {
        sequence: checkpoint.sequence,
        position: manifest.position.to_string(),
        pending: manifest.pending,
        age_seconds: SystemTime::now().duration_since(written).unwrap_or_default().as_secs_f64(),
    })
}

/// Writes the newest checkpoint into `to`, an empty or missing folder.
pub async fn state_export(plan: &Plan, root: Option<&Path>, to: &Path) -> Result<Savepoint, Error> {
    let (folder, to) = (existing(plan, root)?, to.to_owned());
    let name = plan.name.clone();
    blocking(move || {
        let store = Store::open(&folder, Options::default())?;
        let Some(checkpoint) = store.checkpoint() else {
            return Err(Error::StateMismatch {
                pipeline: name,
                folder: folder.display().to_string(),
                what: "there is no checkpoint in it".to_owned(),
                choices: "run the pipeline until its snapshot is complete, then stop and export it".to_owned(),
            });
        };
        let manifest = Manifest::read(&checkpoint)?;
        let header =
            Header { pipeline: manifest.pipeline, incarnation: manifest.incarnation, position: manifest.position };
        let position = header.position.to_string();
        let header = serde_json::to_value(&header)
            .map_err(|error| Error::internal(format!("the savepoint's header can't be written: {error}")))?;
        let summary = store.export(&to, header)?;
        Ok(Savepoint { folder: to, position, entries: summary.entries, bytes: summary.bytes })
    })
    .await
}

/// Reads a savepoint into the pipeline's state folder, which must be missing or hold no checkpoint.
pub async fn state_import(plan: &Plan, root: Option<&Path>, from: &Path) -> Result<Savepoint, Error> {
    let inspected = from.to_owned();
    let (header, ..) = blocking(move || Ok(rowmill_state::inspect(&inspected)?)).await?;
    let folder = state_folder(plan, root)?;
    let mismatch = |what: String, choices: &str| Error::StateMismatch {
        pipeline: plan.name.clone(),
        folder: from.display().to_string(),
        what,
        choices: choices.to_owned(),
    };
    let header: Header = serde_json::from_value(header)
        .map_err(|error| mismatch(format!("its header is not one of rowmill: {error}"), "export it again"))?;
    if header.pipeline != plan.name {
        return Err(mismatch(
            format!("it is of the pipeline {}", header.pipeline),
            "import it with the file of that pipeline",
        ));
    }
    let (_, options) = endpoints(plan).map_err(Error::Plan)?;
    let progress = Sink::read_progress(&options).await;
    let progress = progress.map_err(|error| Error::Plan(vec![server_problem(&error, "/sink/url")]))?;
    const REBUILD: &str = "make the state anew from the source: rowmill run FILE --rebuild";
    let progress =
        progress.ok_or_else(|| mismatch("the target has no progress of this pipeline".to_owned(), REBUILD))?;
    if progress.incarnation != header.incarnation {
        return Err(mismatch("it is of another life of this pipeline than the target's progress".to_owned(), REBUILD));
    }
    if let Some(position) = progress.position.filter(|position| !position.reached(&header.position)) {
        let what = format!("it is of {}, the target is at {position}, before it", header.position);
        return Err(mismatch(what, "import an older savepoint, or rowmill run FILE --rebuild"));
    }
    let (from, position) = (from.to_owned(), header.position.to_string());
    let name = plan.name.clone();
    let summary = blocking(move || {
        make_way(&name, &folder)?;
        Ok(rowmill_state::import(&from, &folder)?)
    })
    .await?;
    Ok(Savepoint { folder: state_folder(plan, root)?, position, entries: summary.entries, bytes: summary.bytes })
}

/// Removes a state without a checkpoint: a run that was refused for want of one left it behind.
fn make_way(pipeline: &str, folder: &Path) -> Result<(), Error> {
    if !folder.is_dir() {
        return Ok(());
    }
    let store = Store::open(folder, Options::default())?;
    if let Some(checkpoint) = store.checkpoint() {
        return Err(Error::StateMismatch {
            pipeline: pipeline.to_owned(),
            folder: folder.display().to_string(),
            what: format!("it is not empty, it holds checkpoint {}", checkpoint.sequence),
            choices: "remove the folder if its state is not wanted any more, then import again".to_owned(),
        });
    }
    drop(store);
    Ok(rowmill_state::remove(folder)?)
}

/// The state folder of a plan that has one.
fn existing(plan: &Plan, root: Option<&Path>) -> Result<PathBuf, Error> {
    if !plan.has_aggregates() {
        return Err(Error::Plan(vec![
            Problem::configuration(format!("pipeline {} has no aggregate, so it keeps no state", plan.name))
                .at("/steps"),
        ]));
    }
    let folder = state_folder(plan, root)?;
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Error::StateMismatch {
        pipeline: plan.name.clone(),
        folder: folder.display().to_string(),
        what: "the folder does not exist".to_owned(),
        choices: "run the pipeline first, or name the right folder: `state: …` in the pipeline file".to_owned(),
    })
}

/// Removes the state of a pipeline, for `reset`. The pipeline must not be running.
pub(super) async fn forget(plan: &Plan, root: Option<&Path>) -> Result<bool, Error> {
    if !plan.has_aggregates() {
        return Ok(false);
    }
    let folder = state_folder(plan, root)?;
    if !folder.is_dir() {
        return Ok(false);
    }
    blocking(move || Ok(rowmill_state::remove(&folder)?)).await?;
    Ok(true)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal(format!("a task of the state store ended: {error}")))?
}
