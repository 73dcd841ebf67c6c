//! What a start does with the state that it found: fill it, write what it holds, or bring it up to the target.

use std::path::Path;

use rowmill_change::{Position, Standing};

use crate::digest::Digests;
use crate::error::Error;
use crate::manifest::{Manifest, state_folder};
use rowmill_operators::aggregate::state::State;
use rowmill_plan::Plan;

/// What a start does with the state that it found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Beginning {
    /// The state is filled from a snapshot.
    Fill,
    /// The state is whole, the target gets every group.
    Write(Manifest),
    /// The target has results; the state is brought up to them.
    Replay(Manifest, Position),
}

/// Decides by what the target and the state folder say.
pub(crate) async fn begin(
    plan: &Plan,
    state: &State,
    stored: &Standing,
    digests: &Digests,
    root: Option<&Path>,
) -> Result<Beginning, Error> {
    let newest = match state.checkpoint().map(|checkpoint| Manifest::read(&checkpoint)).transpose() {
        Err(_) if stored.rebuilding => None,
        read => read?,
    };
    let folder = state_folder(plan, root)?.display().to_string();
    let mismatch = |what: String, choices: &str| Error::StateMismatch {
        pipeline: plan.name.clone(),
        folder: folder.clone(),
        what,
        choices: choices.to_owned(),
    };
    const CHOICES: &str = "import a savepoint of this pipeline (`rowmill state FILE import DIR`), or make the state anew \
         from the source with `rowmill run FILE --rebuild`";
    let ours = |manifest: &Manifest| manifest.incarnation == stored.incarnation;
    match (&stored.position, newest) {
        (None, Some(manifest)) if ours(&manifest) && manifest.pending && digests.accept(&manifest.plan_digest) => {
            Ok(Beginning::Write(manifest))
        }
        (None, Some(manifest)) if !ours(&manifest) && !stored.rebuilding => Err(mismatch(
            "it is the state of an earlier life of this pipeline, and the target has no progress".to_owned(),
            rowmill_mysql::ANEW,
        )),
        (None, _) => Ok(Beginning::Fill),
        (Some(target), None) => Err(mismatch(format!("there is none, and the target is at {target}"), CHOICES)),
        (Some(_), Some(manifest)) if !ours(&manifest) => {
            Err(mismatch("it is the state of another life of this pipeline".to_owned(), CHOICES))
        }
        (Some(_), Some(manifest)) if !digests.accept(&manifest.plan_digest) => {
            Err(mismatch("it was made by another plan".to_owned(), CHOICES))
        }
        (Some(target), Some(manifest)) if target.reached(&manifest.position) => {
            Ok(Beginning::Replay(manifest, target.clone()))
        }
        (Some(target), Some(manifest)) => {
            // The target was set back; perhaps not further than to the checkpoint before.
            let earlier = state.previous().map(|checkpoint| Manifest::read(&checkpoint)).transpose()?;
            match earlier.filter(|earlier| ours(earlier) && target.reached(&earlier.position)) {
                Some(earlier) => {
                    tracing::warn!(target = %target, state = %manifest.position, earlier = %earlier.position,
                        "the target was set back; going on from the checkpoint before");
                    state.restore_previous().await?;
                    Ok(Beginning::Replay(earlier, target.clone()))
                }
                None => Err(mismatch(
                    format!(
                        "the target is at {target}, before the state at {}: it was restored or failed over",
                        manifest.position
                    ),
                    CHOICES,
                )),
            }
        }
    }
}
