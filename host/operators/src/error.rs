//! Why an operator stopped.

use std::time::Duration;

use rowmill_plan::problem::Fault;

use crate::step::{CPU_MAX, ROWS_MAX};

/// Why an operator stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A component failed in a way that no single row explains, or that its step doesn't tolerate.
    #[error("step {step}: a component failed")]
    Component {
        /// The step's id.
        step: String,
        /// Component, function, and what it did.
        source: rowmill_wasm::Error,
    },
    /// A component flagged a row, or failed on it, and the step says `on_error: fail`.
    #[error(
        "step {step}: {function} failed on the row with key {key} of table {table}: {message} ({code}), \
         in the transaction at {position}; `on_error: skip` would leave such rows out"
    )]
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
        /// Position after the batch that holds the row.
        position: String,
    },
    /// So many rows of a batch fail, or so much was spent on finding them, that skipping is no remedy.
    #[error(
        "step {step}: {function} fails on too many rows: {failed} of the {rows} rows of a batch failed by themselves \
         so far, and {attempts} attempts that failed took {:.1} s of CPU (a batch may have {} such rows and {} s); the \
         commonest error, {count} times: {message} ({code})",
        cpu.as_secs_f64(), ROWS_MAX, CPU_MAX.as_secs()
    )]
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
    #[error("told to stop while looking for the rows that fail")]
    Interrupted,
    /// A component that keeps accumulators failed. They are gone; the state on disk and the source have
    /// all that they were made of.
    #[error(
        "step {step}: the aggregate {column} failed; its accumulators are lost and are made again from the state at \
         the next start"
    )]
    Aggregate {
        /// The step's id.
        step: String,
        /// The result column.
        column: String,
        /// Component, function, and what it did.
        source: rowmill_wasm::Error,
    },
    /// The result of a group can't be computed, and the step says `on_error: fail`.
    #[error(
        "step {step}: {function} has no result for the group {group}: {message} ({code}); `on_error: skip` would leave \
         such groups out"
    )]
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
    #[error("step {step}: {reason}")]
    Stopped {
        /// The step's id.
        step: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The state folder.
    #[error(transparent)]
    State(#[from] rowmill_state::Error),
    /// A column operation failed in a way that binding should have excluded.
    #[error("internal error: a column operation failed")]
    Columns(#[from] arrow_schema::ArrowError),
    /// A mistake in rowmill.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
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
