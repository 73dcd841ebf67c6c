//! Plans and runs dataflows: steps over changes, epochs, exactly once.

pub mod file;
pub mod plan;
pub mod problem;
pub mod secret;
pub mod status;
pub mod type_name;
pub mod units;
