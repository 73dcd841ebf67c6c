//! Why a pipeline stopped: whose fault it is and what happens next.

use std::time::Duration;

use crate::step::{CPU_MAX, ROWS_MAX};
use rowmill_change::Position;
use rowmill_plan::problem::{Fault, Problem};

/// Why a pipeline could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan can't run: everything that was found wrong, before a row moved.
    #[error("{} problem{} in the plan", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Plan(Vec<Problem>),
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
    /// The state of the aggregates doesn't go with the target.
    #[error("the state of pipeline {pipeline} in {folder} can't be used: {what}; {choices}")]
    StateMismatch {
        /// The pipeline's name.
        pipeline: String,
        /// The state folder.
        folder: String,
        /// What is wrong with it.
        what: String,
        /// What to do.
        choices: String,
    },
    /// The state was written by another version, or is damaged where its checksums don't see it.
    #[error(
        "the state of the aggregates can't be read: {found}; make it anew from the source with `rowmill run FILE \
         --rebuild`, or run the version that wrote it"
    )]
    StateUnreadable {
        /// What is there.
        found: String,
    },
    /// Source or target: connection, server, schema, or another process that took over.
    #[error(transparent)]
    MySql(#[from] rowmill_mysql::Error),
    /// The source was lost while a snapshot filled the aggregates; a new snapshot is begun.
    #[error("the snapshot was interrupted")]
    SnapshotInterrupted(#[source] rowmill_mysql::Error),
    /// `verify` can't compare now.
    #[error("{message}")]
    Verify {
        /// What is in the way, and what to do.
        message: String,
    },
    /// A rebuild can't compare the target's keys with those that it wrote.
    #[error("{message}")]
    Rebuild {
        /// What is in the way.
        message: String,
    },
    /// The stored progress belongs to something else than this plan and source.
    #[error(
        "the stored progress of pipeline {pipeline} does not fit: {what} (found {found}, needed {needed}); {choices}"
    )]
    Progress {
        /// The pipeline's name.
        pipeline: String,
        /// What differs.
        what: String,
        /// What is there now.
        found: String,
        /// What the progress was made with.
        needed: String,
        /// What to do.
        choices: String,
    },
    /// A column operation failed in a way that binding should have excluded.
    #[error("internal error: a column operation failed")]
    Columns(#[from] arrow_schema::ArrowError),
    /// A mistake in rowmill.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// Who has to act.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Plan(problems) => problems.first().map_or(Fault::Internal, |problem| problem.fault),
            Self::Component { .. }
            | Self::Row { .. }
            | Self::FailingRows { .. }
            | Self::Aggregate { .. }
            | Self::Group { .. } => Fault::Component,
            Self::Stopped { .. } | Self::StateMismatch { .. } | Self::StateUnreadable { .. } | Self::State(_) => {
                Fault::Configuration
            }
            Self::MySql(error) | Self::SnapshotInterrupted(error) => fault(error.fault()),
            Self::Verify { .. } | Self::Rebuild { .. } | Self::Progress { .. } => Fault::Configuration,
            Self::Interrupted | Self::Columns(_) | Self::Internal(_) => Fault::Internal,
        }
    }
}

/// An error and its causes as one line. A cause whose words stand in what was said before is not said again.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let told = source.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = source.source();
    }
    text
}

/// The same word in this crate's type.
pub(crate) fn fault(fault: rowmill_mysql::Fault) -> Fault {
    match fault {
        rowmill_mysql::Fault::Configuration => Fault::Configuration,
        rowmill_mysql::Fault::Server => Fault::Server,
        rowmill_mysql::Fault::Internal => Fault::Internal,
    }
}

/// A position as people read it.
pub(crate) fn shown(position: &Position) -> String {
    position.to_string()
}
