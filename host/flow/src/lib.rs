//! Plans and runs dataflows: steps over changes, epochs, exactly once.

pub mod file;
pub mod plan;
pub mod problem;
pub mod secret;
pub mod status;
pub mod type_name;
pub mod units;
mod bind;
mod chain;
mod components;
mod error;
mod pipeline;
mod step;

pub use bind::{CallView, ColumnView, PlanView, StepView, TableView};
pub use components::{BuiltIn, Environment};
pub use error::Error;
pub use pipeline::{
    Difference, DifferenceKind, RunOptions, StoredStatus, Summary, VerifyReport, check, reset, run, stored_status, verify,
};
