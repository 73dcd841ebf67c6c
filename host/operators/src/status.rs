//! What aggregates tell of themselves.

use serde::{Deserialize, Serialize};

use crate::aggregate::window::Watermark;

/// What of an aggregate goes with a position of the target: what a position doesn't say, and the next start and
/// `verify` have to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AggregateProgress {
    /// The relation that the step is of: a source table, or a view.
    pub table: String,
    /// The step's id.
    pub step: String,
    /// Rows that came too late.
    pub late: u64,
    /// Rows that are left out since their update came too late, until they are deleted.
    #[serde(default)]
    pub out: u64,
    /// Their hashes, unless they are too many to be told.
    #[serde(default)]
    pub(crate) out_rows: Vec<String>,
    /// Event time, if the aggregate has a window.
    pub(crate) event_time: Option<Watermark>,
}

impl AggregateProgress {
    /// That of one aggregate.
    pub fn of<'a>(stored: &'a [Self], relation: &str, step: &str) -> Option<&'a Self> {
        stored.iter().find(|known| known.table == relation && known.step == step)
    }
}
