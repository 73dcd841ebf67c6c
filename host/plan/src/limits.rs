//! What a component may use, what a failing row does, and when batches and epochs close.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units;

/// What [`Limits::memory`] can be: a page of linear memory at least, and what a 32-bit component can address at most.
pub const MEMORY: RangeInclusive<u64> = 64 << 10..=4 << 30;
/// How many rows a batch or an epoch can have.
pub const ROWS: RangeInclusive<usize> = 1..=10_000_000;
/// How many bytes.
pub const BYTES: RangeInclusive<usize> = 1 << 10..=1 << 30;
/// The longest [`Epoch::pace`]: positions without rows are stored as often.
pub const PACE_MAX: Duration = Duration::from_secs(10);

/// What a row that a component flags, or traps on, does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Stops the pipeline.
    #[default]
    Fail,
    /// Leaves the row out, counts it and logs it.
    Skip,
}

/// What a component may use. Each call of a function stays under `cpu_base + rows * cpu_per_row`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of linear memory of one instance.
    pub memory: u64,
    /// CPU time of one call, whatever its size.
    #[serde(with = "units::duration")]
    pub cpu_base: Duration,
    /// CPU time added for each row of the call.
    #[serde(with = "units::duration")]
    pub cpu_per_row: Duration,
    /// Elapsed time of one call.
    #[serde(with = "units::duration")]
    pub wall: Duration,
    /// Bytes that one call may return.
    pub output: u64,
}

/// Bytes of memory of an aggregate step where neither it nor the pipeline sets them: the default of
/// [`Limits::memory`] there. It holds the groups that are worked on; the others are on disk and
/// come back when they are needed, so half of it is slower and twice of it faster where there are
/// more than about a million groups, with the same results.
pub const AGGREGATE_MEMORY: u64 = 256 << 20;

/// Defaults of the file: roomy for ordinary functions, deadly for a loop without end within 6 s.
impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            cpu_base: Duration::from_millis(100),
            cpu_per_row: Duration::from_micros(50),
            wall: Duration::from_secs(5),
            output: 64 << 20,
        }
    }
}

/// When a batch closes, if the stream has more to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Rows.
    pub rows: usize,
    /// Bytes.
    pub bytes: usize,
}

/// 8,192 rows amortise a call to well below 1 ns/row; 4 MiB stay in the cache of a server.
impl Default for Batch {
    fn default() -> Self {
        Self { rows: 8_192, bytes: 4 << 20 }
    }
}

/// When an epoch closes, at the latest; it also closes when the stream is dry, but then not sooner than `pace`
/// after the commit before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Rows.
    pub rows: usize,
    /// Bytes.
    pub bytes: usize,
    /// Source transactions that follow each other are committed together for so long. Zero: each as soon as the
    /// target can take it.
    #[serde(with = "units::duration", default)]
    pub pace: Duration,
}

/// Two epochs are in memory at most: 64 MiB of rows. A hundred commits a second cost the servers little.
impl Default for Epoch {
    fn default() -> Self {
        Self { rows: 65_536, bytes: 32 << 20, pace: Duration::from_millis(10) }
    }
}
