//! What a checkpoint says of itself, and where the state of a pipeline lies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rowmill_change::Position;
use rowmill_state::Checkpoint;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use rowmill_operators::aggregate::AggregateState;
use rowmill_operators::{Graph, Node};
use rowmill_plan::Plan;

/// The layout of the state's records. Another one is refused by name.
const FORMAT: u32 = 1;

/// The manifest of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    pub(crate) pipeline: String,
    /// That of the target's progress.
    pub(crate) incarnation: String,
    pub(crate) plan_digest: String,
    /// Everything before it is in the state, nothing after it.
    pub(crate) position: Position,
    /// The snapshot is complete here, but the target doesn't have its results yet.
    pub(crate) pending: bool,
    /// By relation and step.
    states: BTreeMap<String, BTreeMap<String, AggregateState>>,
}

impl Manifest {
    /// Of the aggregates as they are now.
    pub(crate) fn of(graph: &Graph, about: &About, position: Position, pending: bool) -> Self {
        let mut states = BTreeMap::<String, BTreeMap<String, AggregateState>>::new();
        for Node { relation, aggregate, .. } in graph.nodes() {
            states.entry(relation.clone()).or_default().insert(aggregate.id.clone(), aggregate.state());
        }
        Self {
            format: FORMAT,
            pipeline: about.pipeline.clone(),
            incarnation: about.incarnation.clone(),
            plan_digest: about.plan_digest.clone(),
            position,
            pending,
            states,
        }
    }

    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self, Error> {
        // The format first: what another one holds besides is not known here.
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| Error::StateUnreadable {
            found: format!("the manifest of checkpoint {} is damaged: {error}", checkpoint.sequence),
            needed: None,
        };
        let Versioned { format } = serde_json::from_slice(&checkpoint.manifest).map_err(unreadable)?;
        if format != FORMAT {
            return Err(Error::StateUnreadable {
                found: format!("a state in format {format}, written by another version of rowmill"),
                needed: Some(format!("format {FORMAT}")),
            });
        }
        serde_json::from_slice(&checkpoint.manifest).map_err(unreadable)
    }

    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|error| Error::internal(format!("a manifest can't be written: {error}")))
    }

    /// The part of one aggregate.
    pub(crate) fn state(&self, relation: &str, step: &str) -> Option<&AggregateState> {
        self.states.get(relation)?.get(step)
    }
}

/// What all manifests of a run share.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) pipeline: String,
    pub(crate) incarnation: String,
    pub(crate) plan_digest: String,
}

/// The state folder of a pipeline: the one in its file, or one by its name under `root` (of the user: `$XDG_STATE_HOME`,
/// `~/.local/state`), where nothing else lies: it is removed as a whole.
pub fn state_folder(plan: &Plan, root: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(folder) = &plan.state {
        return Ok(folder.clone());
    }
    let folder = root.map(|root| root.join(&plan.name).join("state"));
    folder.ok_or_else(|| Error::StateMismatch {
        pipeline: plan.name.clone(),
        folder: "(none)".to_owned(),
        what: "neither XDG_STATE_HOME nor HOME says where state may be kept".to_owned(),
        choices: "write `state: ./state/NAME` into the pipeline file".to_owned(),
    })
}
