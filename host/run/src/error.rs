//! Why a pipeline stopped: whose fault it is and what happens next.

use rowmill_plan::problem::{Fault, Problem};

/// Why a pipeline could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan can't run: everything that was found wrong, before a row moved.
    #[error("{} problem{} in the plan", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Plan(Vec<Problem>),
    /// A step stopped: a component, a row, the state.
    #[error(transparent)]
    Operator(#[from] rowmill_operators::Error),
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
            Self::Operator(error) => error.fault(),
            Self::StateMismatch { .. } | Self::StateUnreadable { .. } | Self::State(_) => Fault::Configuration,
            Self::MySql(error) | Self::SnapshotInterrupted(error) => fault(error.fault()),
            Self::Verify { .. } | Self::Rebuild { .. } | Self::Progress { .. } => Fault::Configuration,
            Self::Columns(_) | Self::Internal(_) => Fault::Internal,
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
