//! One row per group, and the windows that cut groups by event time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::units;

/// What an aggregate step computes: one row per group, of the columns `by`, `window_start` and
/// `window_end` if there is a window, and `values`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// The columns whose values make a group; NULL is a value. At `aggregate/by/<n>`.
    pub by: Vec<String>,
    /// Cuts the groups by event time.
    pub window: Option<Window>,
    /// The result columns, in order. At `aggregate/values/<name>`.
    pub values: Vec<(String, AggregateCall)>,
    /// Forgets the state of groups that nothing has changed for so long, by the source's commit times.
    #[serde(default, with = "units::optional_duration", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// How texts in `by` are compared.
    pub collate: Collate,
}

/// A result column of an aggregate step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AggregateCall {
    /// An aggregate function; an expression is a call such as `sum(total)` in `std/stats`.
    pub call: Call,
    /// Only the rows for which this is true take part. At `<value>/where`.
    pub filter: Option<Call>,
    /// Of rows with equal arguments only one takes part.
    pub distinct: bool,
}

/// How texts are compared when rows are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Collate {
    /// As their column's collation says.
    #[default]
    Column,
    /// By their bytes.
    Binary,
}

/// A window on event time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Which windows a row belongs to.
    pub shape: WindowShape,
    /// The column of the event time. At `aggregate/window/on`.
    pub on: String,
    /// How far behind the newest event time the watermark is.
    #[serde(with = "units::duration")]
    pub lateness: Duration,
    /// What a row does whose window is closed.
    pub late: Late,
    /// When results are written.
    pub emit: Emit,
    /// A source without changes for so long lets the watermark advance by that time, again and again.
    #[serde(default, with = "units::optional_duration", skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
}

/// Which windows a row belongs to. Windows are aligned to 1970-01-01 00:00:00 of the column's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowShape {
    /// One after the other.
    Tumble {
        /// From start to end.
        #[serde(with = "units::duration")]
        size: Duration,
    },
    /// Overlapping, a new one begins every `slide`.
    Hop {
        /// From start to end.
        #[serde(with = "units::duration")]
        size: Duration,
        /// From start to start; at most `size`.
        #[serde(with = "units::duration")]
        slide: Duration,
    },
    /// Windows with the same start that end every `step`, the last after `size`.
    Cumulate {
        /// From start to the last end; a multiple of `step`.
        #[serde(with = "units::duration")]
        size: Duration,
        /// From end to end.
        #[serde(with = "units::duration")]
        step: Duration,
    },
    /// From a row to `gap` after the last row of its group that is closer than `gap` to the one before.
    Session {
        /// The silence that ends it.
        #[serde(with = "units::duration")]
        gap: Duration,
    },
}

impl WindowShape {
    /// The word in the file.
    pub fn name(&self) -> &'static str {
        match self {
            WindowShape::Tumble { .. } => "tumble",
            WindowShape::Hop { .. } => "hop",
            WindowShape::Cumulate { .. } => "cumulate",
            WindowShape::Session { .. } => "session",
        }
    }
}

/// What a row does whose window is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Late {
    /// It is counted and left out; the state of closed windows is freed.
    #[default]
    Drop,
    /// It is counted and changes its window's result all the same; closed windows keep their state.
    Update,
}

/// When the results of a window are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Emit {
    /// Whenever they change.
    #[default]
    Update,
    /// When the window closes.
    Close,
}
