//! How a running pipeline is doing: one value, replaced as a whole, read by whoever shows it.
//!
//! The runtime publishes a [`Status`] through a `tokio::sync::watch` channel, at most a few
//! times a second and at every change of phase; the live line, the log line and `/metrics` read
//! the latest one. Counters count since the process started and never go down; what a restart
//! keeps is in the target's progress table, not here. Nothing in it is secret. As JSON, durations are
//! seconds and moments are seconds since 1970, as in `/metrics`.
//! As JSON, durations are seconds, and moments seconds since 1970.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// An idle source says that it is there twice in this time. What is missing for longer is late.
const SIGN_LATE: Duration = Duration::from_secs(10);

/// What the pipeline is busy with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Preflight, binding, claiming the progress.
    #[default]
    Starting,
    /// Reading the tables.
    Snapshot {
        /// Rows read so far, those of earlier runs included.
        done: u64,
        /// The server's estimate of all rows; may be too small.
        total: u64,
    },
    /// Reading changes that were made before this start.
    CatchingUp,
    /// Up to date, waiting for changes.
    Streaming,
    /// After a snapshot in several runs: the target becomes consistent when this phase ends.
    Converging,
    /// Finishing the last epoch.
    Stopping,
}

impl Phase {
    /// The word that logs, the live line and metrics use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Snapshot { .. } => "snapshot",
            Self::CatchingUp => "catching-up",
            Self::Streaming => "streaming",
            Self::Converging => "converging",
            Self::Stopping => "stopping",
        }
    }

    /// Every phase's word, for a metric with one series per phase.
    pub const NAMES: [&str; 6] = ["starting", "snapshot", "catching-up", "streaming", "converging", "stopping"];
}

/// The state of one pipeline at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The pipeline's name.
    pub pipeline: String,
    /// Which claim of the target's progress this process runs under; `None` before it has one.
    pub claim: Option<Claim>,
    /// What it is busy with.
    pub phase: Phase,
    /// Rows and row changes read from the source.
    pub rows_in: u64,
    /// Rows written to the target.
    pub rows_out: u64,
    /// Rows deleted in the target.
    pub rows_deleted: u64,
    /// Rows left out because of `on_error: skip`.
    pub skipped: u64,
    /// The target shows the source as of this moment; `None` until the snapshot is complete.
    #[serde(rename = "as_of_timestamp_seconds", with = "crate::seconds::optional_moment")]
    pub as_of: Option<SystemTime>,
    /// All that was heard of the source is in the target.
    pub caught_up: bool,
    /// Since when the source has been listened to without a sign of it; `None` while nobody listens,
    /// because the target is slow or the pipeline has not got that far.
    #[serde(rename = "silent_since_timestamp_seconds", with = "crate::seconds::optional_moment")]
    pub silent_since: Option<SystemTime>,
    /// Committed epochs.
    pub epochs: u64,
    /// Source transactions larger than an epoch, which readers of the target saw in parts.
    pub split_transactions: u64,
    /// Transactions and streams that were tried again, after deadlocks and dropped connections.
    pub retries: u64,
    /// Resident bytes of batches between source and sink.
    pub bytes_in_flight: u64,
    /// The committed source position, as text.
    pub position: Option<String>,
    /// One entry per call of a component, in the order of the steps.
    pub steps: Vec<StepMeter>,
    /// One entry per target.
    pub targets: Vec<TargetStatus>,
    /// One entry per table and aggregate step.
    pub aggregates: Vec<AggregateStatus>,
    /// The newest checkpoint of this process.
    pub checkpoint: Option<CheckpointStatus>,
    /// Bytes of the state on disk.
    pub state_bytes: u64,
    /// While a batch with failing rows holds everything up for longer than a second.
    pub search: Option<SearchStatus>,
}

impl Status {
    /// How old the state of the source is that the target shows, at this moment; `None` until the snapshot
    /// is complete. Nothing has to happen for it to grow.
    pub fn lag(&self) -> Option<Duration> {
        let age = age(self.as_of?);
        // Between two signs of an idle source there is nothing to wait for.
        Some(if self.caught_up && age < SIGN_LATE { Duration::ZERO } else { age })
    }

    /// How long nothing has been heard of the source, while it is listened to.
    pub fn silent_for(&self) -> Option<Duration> {
        self.silent_since.map(age)
    }

    /// The same, if it is longer than it should be.
    pub fn silence(&self) -> Option<Duration> {
        self.silent_for().filter(|silent| *silent >= SIGN_LATE)
    }
}

/// A moment that a clock ahead of ours names has no age.
fn age(moment: SystemTime) -> Duration {
    SystemTime::now().duration_since(moment).unwrap_or_default()
}

/// What a target has got since the process started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// Its table, quoted.
    pub table: String,
    /// Rows written.
    pub rows_out: u64,
    /// Rows deleted.
    pub rows_deleted: u64,
}

/// What tells two processes of one pipeline apart: a start raises the fence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Of the progress, made at its first start.
    pub incarnation: String,
    /// Raised by each start.
    pub fence: u64,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointStatus {
    /// What it covers.
    pub position: String,
    /// When it was in the store.
    #[serde(rename = "timestamp_seconds", with = "crate::seconds::moment")]
    pub at: SystemTime,
    /// From its barrier to the store.
    #[serde(rename = "took_seconds", with = "crate::seconds::duration")]
    pub took: Duration,
}

/// How far the search for the failing rows of a batch is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    #[serde(rename = "cpu_seconds", with = "crate::seconds::duration")]
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

/// What one call of a component has cost since the process started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepMeter {
    /// The step's id.
    pub step: String,
    /// Component and function: `std/text#trim`.
    pub function: String,
    /// Calls across the boundary.
    pub calls: u64,
    /// Rows given to them.
    pub rows: u64,
    /// CPU time.
    #[serde(rename = "cpu_seconds", with = "crate::seconds::duration")]
    pub cpu: Duration,
    /// Elapsed time.
    #[serde(rename = "wall_seconds", with = "crate::seconds::duration")]
    pub wall: Duration,
    /// Largest linear memory seen, in bytes.
    pub memory_peak: u64,
    /// Rows flagged by the component.
    pub errors: u64,
    /// Traps and limits hit.
    pub traps: u64,
    /// What the function counts itself, by the names that it gives.
    pub counters: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ago(seconds: u64) -> Option<SystemTime> {
        Some(SystemTime::now() - Duration::from_secs(seconds))
    }

    #[test]
    fn the_lag_grows_while_nothing_happens() {
        let status = |as_of, caught_up| Status { as_of, caught_up, ..Status::default() };
        assert_eq!(status(None, true).lag(), None);
        assert_eq!(status(ago(4), true).lag(), Some(Duration::ZERO));
        assert!(status(ago(4), false).lag() >= Some(Duration::from_secs(4)));
        // Not even a source that was caught up with: its next sign is missing.
        assert!(status(ago(40), true).lag() >= Some(Duration::from_secs(40)));
        let ahead = SystemTime::now() + Duration::from_secs(60);
        assert_eq!(status(Some(ahead), false).lag(), Some(Duration::ZERO));
    }

    #[test]
    fn a_status_is_the_same_after_a_way_through_json() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
        let step = StepMeter { cpu: Duration::from_micros(1_500), ..StepMeter::default() };
        let status = Status {
            claim: Some(Claim { incarnation: "a1".to_owned(), fence: 7 }),
            phase: Phase::Snapshot { done: 1, total: 2 },
            as_of: Some(moment),
            checkpoint: Some(CheckpointStatus { position: String::new(), at: moment, took: Duration::from_secs(2) }),
            steps: vec![StepMeter { wall: Duration::from_millis(1), ..step.clone() }],
            ..Status::default()
        };
        let json = serde_json::to_string(&status).expect("plain data");
        assert!(json.contains("\"cpu_seconds\":0.0015") && json.contains("\"as_of_timestamp_seconds\":1700000000.25"));
        assert_eq!(serde_json::from_str::<Status>(&json).expect("the same"), status);
        // Not by a number that is no duration.
        for wrong in ["-1.0", "1e300", "\"1\""] {
            assert!(serde_json::from_str::<Status>(&json.replace("0.0015", wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn silence_is_told_when_a_sign_is_late() {
        let silence = |silent_since| Status { silent_since, ..Status::default() }.silence();
        assert_eq!(silence(None), None);
        assert_eq!(silence(ago(5)), None);
        assert!(silence(ago(23)) >= Some(Duration::from_secs(23)));
    }
}
