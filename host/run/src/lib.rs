//! A pipeline at work: started, followed, committed, verified, forgotten.
//!
//! # How rows flow
//!
//! One task reads batches (snapshot, then changes), runs the steps on them and collects the
//! resulting writes in the epoch being filled. A second task commits the epoch before it. So there
//! are at most two epochs in memory, and a slow target stops the reading: that is all the
//! back-pressure there is.
//!
//! # Why nothing is lost and nothing is written twice
//!
//! The position after an epoch is written in the same target transaction as its rows
//! (`rowmill_mysql::sink`). Whatever kills the process, the stored position says exactly which
//! changes are in the target, and the next start reads from there. In the snapshot the position is
//! the place S where it was taken together with the key ranges that are done; a restart reads the
//! missing ranges in new reader transactions and then streams from the first S. Rows read later
//! than S may already contain changes that the stream brings again: each is an upsert or a delete by
//! key, the last change of a key comes last, so the target converges. It has converged when the
//! position of the last reader is passed.

mod beginning;
#[doc(hidden)]
pub mod bench;
mod checkpoint;
mod claim;
mod clock;
mod commit;
mod decide;
mod digest;
mod epoch;
mod error;
#[cfg(test)]
mod golden;
mod handle;
mod last_seen;
mod manifest;
mod meters;
mod partitions;
mod phase;
mod policy;
mod prepare;
mod progress;
mod reconcile;
mod savepoint;
mod servers;
mod start;
mod stored;
#[cfg(test)]
mod streams;
mod verify;
mod worker;

use rowmill_bind::{Environment, PlanView};
use rowmill_operators::aggregate::state::State;
use rowmill_plan::Plan;

pub use error::{Error, with_causes};
pub use handle::{Control, Handle, Refused, handle};
pub use manifest::state_folder;
pub use policy::{Policy, policy};
pub use savepoint::{CheckpointListing, Savepoint, StateListing, state_export, state_import, state_list};
pub use start::{Rebuild, RunOptions, Summary, run};
pub use stored::{StoredStatus, progress_name, reset, stored_status};
pub use verify::{Difference, DifferenceKind, VerifyReport, verify};

/// Everything that [`run`] looks at before it moves a row, without changing anything. Answers the
/// bound plan.
pub async fn check(plan: &Plan, environment: &Environment) -> Result<PlanView, Error> {
    let state = State::default();
    Ok(prepare::prepare(plan, environment, &state, prepare::Purpose::Look).await?.view(plan))
}
