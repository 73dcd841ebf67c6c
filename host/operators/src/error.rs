//! Why an operator stopped.

use std::fmt;
use std::time::Duration;

use rowmill_foreign::Parts;
use rowmill_plan::problem::Fault;

use crate::step::{CPU_MAX, ROWS_MAX};

/// Why an operator stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A component failed in a way that no single row explains, or that its step doesn't tolerate.
    Component {
        /// The step's id.
        step: String,
        /// Component, function, and what it did.
        source: rowmill_wasm::Error,
    },
    /// A component flagged a row, or failed on it, and the step says `on_error: fail`.
    Row {
        /// The step's id.
        step: String,
        /// `std/sql#filter`.
        function: String,
        /// The source table.
        table: String,
        /// `id=7`.
        key: String,
        /// The component's code.
        code: String,
        /// The component's message.
        message: String,
        /// Where the transaction of the row begins.
        position: String,
    },
    /// So many rows of a batch fail, or so much was spent on finding them, that skipping is no remedy.
    FailingRows {
        /// The step's id.
        step: String,
        /// `./price.wasm#total`.
        function: String,
        /// Rows of the call.
        rows: usize,
        /// Rows that failed when they were run alone.
        failed: usize,
        /// Calls that failed, on one row or on several.
        attempts: u64,
        /// CPU time spent on them.
        cpu: Duration,
        /// What most of them failed with.
        code: &'static str,
        /// How many did.
        count: usize,
        /// The message of the first of these.
        message: String,
    },
    /// The pipeline was told to stop while it looked for failing rows. Nothing of their batch was written.
    Interrupted,
    /// A component that keeps accumulators failed. They are gone; the state on disk and the source have
    /// all that they were made of.
    Aggregate {
        /// The step's id.
        step: String,
        /// The result column.
        column: String,
        /// Component, function, and what it did.
        source: rowmill_wasm::Error,
    },
    /// The result of a group can't be computed, and the step says `on_error: fail`.
    Group {
        /// The step's id.
        step: String,
        /// `std/stats#sum`.
        function: String,
        /// `customer_id=7`.
        group: String,
        /// The component's code.
        code: String,
        /// The component's message.
        message: String,
    },
    /// A step can't go on.
    Stopped {
        /// The step's id.
        step: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The state folder.
    State(#[from] rowmill_state::Error),
    /// A column operation failed in a way that binding should have excluded.
    Columns(#[from] arrow_schema::ArrowError),
    /// A mistake in rowmill.
    Internal(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().fmt(f)
    }
}

impl Error {
    /// What it says; what a component did is its source.
    pub fn parts(&self) -> Parts {
        match self {
            Self::Component { step, .. } => Parts::new(format!("step {step}: a component failed")),
            Self::Row { step, function, table, key, code, message, position } => Parts::new(format!(
                "step {step}: {function} failed on the row with key {key} of table {table}: {message} ({code}), in the \
                 transaction at {position}"
            ))
            .fix("`on_error: skip` would leave such rows out"),
            Self::FailingRows { step, function, rows, failed, attempts, cpu, code, count, message } => {
                Parts::new(format!(
                    "step {step}: {function} fails on too many rows: {failed} of the {rows} rows of a batch failed by \
                     themselves so far, and {attempts} attempts that failed took {:.1} s of CPU (a batch may have \
                     {ROWS_MAX} such rows and {} s); the commonest error, {count} times: {message} ({code})",
                    cpu.as_secs_f64(),
                    CPU_MAX.as_secs()
                ))
            }
            Self::Interrupted => Parts::new("told to stop while looking for the rows that fail"),
            Self::Aggregate { step, column, .. } => Parts::new(format!(
                "step {step}: the aggregate {column} failed; its accumulators are lost and are made again from the \
                 state at the next start"
            )),
            Self::Group { step, function, group, code, message } => {
                Parts::new(format!("step {step}: {function} has no result for the group {group}: {message} ({code})"))
                    .fix("`on_error: skip` would leave such groups out")
            }
            Self::Stopped { step, reason } => Parts::new(format!("step {step}: {reason}")),
            Self::State(error) => error.parts(),
            Self::Columns(_) => Parts::new("internal error: a column operation failed"),
            Self::Internal(message) => Parts::new(format!("internal error: {message}")),
        }
    }

    /// A mistake in rowmill.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// Who has to act.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Component { .. }
            | Self::Row { .. }
            | Self::FailingRows { .. }
            | Self::Aggregate { .. }
            | Self::Group { .. } => Fault::Component,
            Self::Stopped { .. } | Self::State(_) => Fault::Configuration,
            Self::Interrupted | Self::Columns(_) | Self::Internal(_) => Fault::Internal,
        }
    }
}
