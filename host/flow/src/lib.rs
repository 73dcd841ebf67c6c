//! Plans and runs dataflows: steps over changes, epochs, exactly once.

mod aggregate;
#[doc(hidden)]
pub mod bench;
mod bind;
pub mod cell;
mod chain;
mod components;
mod dataflow;
mod error;
mod hold;
mod pipeline;
pub mod status;
mod step;

pub use bind::{CallView, ColumnView, PlanView, StateView, StepView, TableView, ValueStateView};
pub use components::{BuiltIn, Environment, wasm_limits};
pub use error::{Error, with_causes};
pub use pipeline::{
    CheckpointListing, Difference, DifferenceKind, Rebuild, RunOptions, Savepoint, StateListing, StoredStatus, Summary,
    VerifyReport, check, reset, run, state_export, state_folder, state_import, state_list, stored_status, verify,
};
