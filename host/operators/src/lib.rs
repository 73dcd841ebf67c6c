//! What happens to rows between a source and a target, whatever these are.
//!
//! [`Stream`]s run components over the columns of a batch; [`aggregate`]s keep groups and tell what became of them;
//! [`Writer`]s make [`Write`](rowmill_change::Write)s of rows; a [`Graph`] is all of a pipeline. Nothing here reads or
//! writes a server, decides when an epoch ends, or knows where a state lies: `run` does.

pub mod aggregate;
pub mod cell;
mod error;
mod gather;
mod graph;
mod hold;
mod limits;
mod status;
pub mod step;
mod stream;
mod write;

pub use error::Error;
pub use graph::{Graph, Node, Progress, Written};
pub use limits::wasm_limits;
pub use status::AggregateProgress;
pub use stream::{Branch, Changes, Entry, Outlet, Stream};
pub use write::{KeyPart, Writer};
