//! Loads Wasm components, runs their functions on Arrow columns under limits.
//!
//! ```text
//! Engine ── load ──> Component ── bind ──> Function ── run ─────> Output
//!  cache, tick        checks, catalog  │    an instance            arrays, row errors
//!                                      └─> Aggregate ── update, evaluate, snapshot, …
//!                                           an instance with accumulators
//! ```
//!
//! A component is foreign code. It gets no files, network, clock or randomness
//! (`world`), as much memory, CPU, wall time and output as its [`Limits`] say
//! (`memory`, `budget`, `instance`), and nothing that it returns is believed (`lift`). A
//! trap or a limit ends its instance, never the process. A [`Function`] then makes another
//! by itself; an [`Aggregate`] lost its accumulators with it, and waits for its holder.
//!
//! What this crate does not do: it knows no MySQL, decides nothing about what happens to
//! rows after an error, and keeps no state: keys, checkpoints and what to restore are the
//! holder's.

mod aggregate;
mod artifact;
mod binding;
mod bindings;
mod bounds;
mod budget;
mod cache;
mod call;
mod catalog;
mod compile;
mod component;
mod data_type;
mod engine;
mod error;
mod function;
mod input;
mod instance;
mod lift;
mod limits;
mod loaded;
mod log;
mod lower;
mod memory;
mod pool;
mod states;
mod widen;
mod world;

pub use aggregate::{Aggregate, AggregateSignature};
pub use binding::{Argument, Differs, RowFact, Signature};
pub use catalog::{Arity, ConfigKey, Description, FunctionInfo, Kind, Parameter};
pub use compile::Compiler;
pub use compile::worker::{COMPILE_WORKER, compile_worker};
pub use component::{Component, Identity, Import};
pub use data_type::{JSON_KEY, JSON_VALUE, is_json};
pub use engine::{COMPONENT_BYTES_MAX, Engine, EngineOptions};
pub use error::{Error, Fault, Limit, Place, Site};
pub use function::Function;
pub use input::Input;
pub use instance::Instance;
pub use lift::{Output, RowError};
pub use limits::{Limits, Meter};
pub use states::{StateSchema, States};
