//! What operators tell of themselves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::aggregate::window::Watermark;

/// How far the search for the failing rows of a batch is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SearchStatus {
    /// The step's id.
    pub step: String,
    /// Component and function: `std/text#trim`.
    pub function: String,
    /// Rows of the call that failed.
    pub rows: u64,
    /// Those of them that are still to be run.
    pub rows_left: u64,
    /// Rows that failed by themselves, so far.
    pub failing_rows: u64,
    /// Calls that failed, on one row or on several.
    pub failed_attempts: u64,
    /// CPU time spent on them.
    pub cpu: Duration,
}

/// An aggregate as it is, for whoever looks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AggregateStatus {
    /// The relation that the step is of: a source table, or a view.
    pub table: String,
    /// The step's id.
    pub step: String,
    /// Groups, those on disk included.
    pub groups: u64,
    /// Groups in memory.
    pub groups_in_memory: u64,
    /// Bytes in memory, the component's included.
    pub memory: u64,
    /// Groups that left the memory since the process started.
    pub evicted: u64,
    /// The watermark, as text; `None` without a window or before the first event.
    pub watermark: Option<String>,
    /// Rows that came too late.
    pub late: u64,
    /// Rows taken out of groups whose time to live was over.
    pub expired: u64,
    /// Rows that are left out since their update came too late, until they are deleted.
    #[serde(default)]
    pub out: u64,
}

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
