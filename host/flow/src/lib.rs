//! Plans and runs dataflows: steps over changes, epochs, exactly once.

pub mod file;
pub mod plan;
pub mod problem;
pub mod secret;
pub mod status;
pub mod type_name;
pub mod units;
#[cfg(feature = "runtime")]
mod bind;
#[cfg(feature = "runtime")]
mod chain;
#[cfg(feature = "runtime")]
mod components;
#[cfg(feature = "runtime")]
mod error;
#[cfg(feature = "runtime")]
mod pipeline;
#[cfg(feature = "runtime")]
mod step;
