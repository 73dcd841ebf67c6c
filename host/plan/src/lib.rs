//! The plan: what a pipeline does, as plain data.
//!
//! A plan says nothing about how it was written down; the YAML file (`rowmill-yaml`) is one
//! way, a SQL text or an API call can be others, and another engine can read it. So nothing
//! here does I/O, holds a connection or knows a line number, and what a front end leaves out
//! has already been replaced by its default: `on_error` and `limits` of a step are the ones
//! in force.
//!
//! Places in a plan are JSON pointers that follow the file's shape: `/source/tables/0`,
//! `/steps/3/filter`, `/steps/3/map/total/args/1`, `/steps/3/filter/config/threshold`,
//! `/views/paid/steps/0/filter`. The functions named `…pointer` make them, so that binder and loader can't disagree.
//!
//! [`validate`] holds the rules that every plan keeps, whoever made it.

mod aggregate;
mod call;
mod limits;
mod plan;
pub mod problem;
mod relation;
mod secret;
mod sink;
mod source;
mod step;
pub mod type_name;
pub mod units;
mod validate;

pub use aggregate::{Aggregate, AggregateCall, Collate, Emit, Late, Window, WindowShape};
pub use call::{Arg, Call, ComponentRef};
pub use limits::{AGGREGATE_MEMORY, BYTES, Batch, Epoch, Limits, MEMORY, OnError, PACE_MAX, ROWS};
pub use plan::Plan;
pub use problem::{Fault, Problem};
pub use relation::{Relation, TABLE_TAG, Upstream, is_glob};
pub use secret::Secret;
pub use sink::{Existing, Mode, Sink, SinkTable, TABLE};
pub use source::{Source, Start, Tls, TlsMode, ZeroDates};
pub use step::{Step, StepKind};
pub use validate::{
    WINDOW_COLUMNS, called_like_a_table, column_list, is_pipeline_name, is_step_id, is_table_name, parts, validate,
};
