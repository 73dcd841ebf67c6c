//! Plans and runs dataflows: steps over changes, epochs, exactly once.

#[doc(hidden)]
pub mod bench;
mod error;
mod pipeline;
pub mod status;
#[cfg(test)]
mod streams;

pub use error::{Error, with_causes};
pub use pipeline::{
    CheckpointListing, Difference, DifferenceKind, Rebuild, RunOptions, Savepoint, StateListing, StoredStatus, Summary,
    VerifyReport, check, reset, run, state_export, state_folder, state_import, state_list, stored_status, verify,
};
