//! Plans and runs dataflows: steps over changes, epochs, exactly once.

mod bind;
mod chain;
mod components;
mod error;
pub mod file;
mod pipeline;
pub mod plan;
pub mod problem;
pub mod secret;
pub mod status;
mod step;
pub mod type_name;
pub mod units;

pub use bind::{CallView, ColumnView, PlanView, StepView, TableView};
pub use components::{BuiltIn, Environment};
pub use error::Error;
pub use pipeline::{
    Difference, DifferenceKind, RunOptions, StoredStatus, Summary, VerifyReport, check, reset, run, stored_status,
    verify,
};
