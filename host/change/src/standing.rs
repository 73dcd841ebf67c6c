//! Where a pipeline stands, as its target has stored it.

use crate::{Position, SnapshotProgress};

/// What a target's progress says to whoever goes on from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Random, made at the first start: two pipelines of the same name differ in it.
    pub incarnation: String,
    /// Raised by each start; what an older process writes is refused.
    pub fence: u64,
    /// Where the stream is; never moves backwards.
    pub position: Option<Position>,
    /// What is done of the snapshot; `None` if there is none or it is complete.
    pub snapshot: Option<SnapshotProgress>,
    /// Until here the target converges after a resumed snapshot.
    pub converge_until: Option<Position>,
    /// Seconds since the moment as of which the target shows the source; `None` until the snapshot is complete.
    pub age_seconds: Option<f64>,
    /// What aggregate steps keep with the position, as JSON.
    pub aggregates: Option<String>,
    /// A rebuild was begun and not finished: rows of the target may be left over from before it.
    pub rebuilding: bool,
    /// That rebuild deletes rows that it did not write in every table.
    pub delete_extra: bool,
    /// An earlier rebuild left rows that the source does not give.
    pub extras_left: bool,
    /// Transactions committed.
    pub commits: u64,
}
