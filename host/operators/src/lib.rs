//! What happens to rows between a source and a target, whatever these are.
//!
//! [`Chain`]s of steps run components over the columns of a batch; [`aggregate`]s keep groups and tell what became of
//! them; a [`Dataflow`] is what one table goes through, and its last chain makes [`Write`](rowmill_change::Write)s.
//! Nothing here reads or writes a server, decides when an epoch ends, or knows where a state lies: `run` does.

pub mod aggregate;
pub mod cell;
mod chain;
mod dataflow;
mod error;
mod hold;
mod limits;
mod status;
pub mod step;

pub use chain::{Chain, Changes, Events, Links};
pub use dataflow::{Dataflow, Progress, Stage};
pub use error::Error;
pub use limits::wasm_limits;
pub use status::{AggregateProgress, AggregateStatus, SearchStatus};
