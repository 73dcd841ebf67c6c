//! How a pipeline is doing, for whoever looks: one value, and the same as Prometheus text.
//!
//! Plain data without a pipeline behind it: operators and the run fill it in, the command line, a metrics endpoint or the
//! caller of the library show it.

mod prometheus;
mod seconds;
mod status;

pub use prometheus::prometheus;
pub use status::{AggregateStatus, CheckpointStatus, Claim, Phase, SearchStatus, Status, StepMeter, TargetStatus};
