//! Why a pipeline could not start, or stopped.

use std::fmt;

use rowmill_foreign::{Parts, line};
use rowmill_plan::problem::{Fault, Problem};

/// Why a pipeline could not start, or stopped. What can be done about it: [`policy`](crate::policy()).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan can't run: everything that was found wrong, before a row moved.
    Plan(Vec<Problem>),
    /// A step stopped: a component, a row, the state.
    Operator(#[from] rowmill_operators::Error),
    /// The state folder.
    State(#[from] rowmill_state::Error),
    /// The state of the aggregates doesn't go with the target.
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
    StateUnreadable {
        /// What is there.
        found: String,
        /// What this version reads, if it is another version's.
        needed: Option<String>,
    },
    /// Source or target: connection, server, schema, or another process that took over.
    MySql(#[from] rowmill_mysql::Error),
    /// The source was lost while a snapshot was read that can't be resumed; a new snapshot is begun.
    SnapshotInterrupted(#[source] rowmill_mysql::Error),
    /// `verify` can't compare now.
    Verify {
        /// What is in the way, and what to do.
        message: String,
    },
    /// A rebuild can't compare the target's keys with those that it wrote.
    Rebuild {
        /// What is in the way.
        message: String,
    },
    /// The stored progress belongs to something else than this plan and source.
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
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// What it says; its causes are its sources.
    pub fn parts(&self) -> Parts {
        match self {
            Self::Plan(problems) => match &problems[..] {
                [problem] => {
                    let shown = |text: &Option<String>| text.as_ref().map(|text| line(text).into_owned());
                    Parts {
                        message: line(&problem.message).into_owned(),
                        found: shown(&problem.found),
                        needed: shown(&problem.needed),
                        fix: shown(&problem.fix),
                    }
                }
                _ => Parts::new(format!("{} problems in the plan", problems.len())),
            },
            Self::Operator(error) => error.parts(),
            Self::State(error) => error.parts(),
            Self::StateMismatch { pipeline, folder, what, choices } => {
                Parts::new(format!("the state of pipeline {pipeline} in {folder} can't be used"))
                    .found(what.as_str())
                    .fix(choices.as_str())
            }
            Self::StateUnreadable { found, needed } => {
                let parts = Parts::new("the state of the aggregates can't be read").found(found.as_str());
                let parts = Parts { needed: needed.clone(), ..parts };
                parts.fix(
                    "make it anew from the source with `rowmill run FILE --rebuild`, or run the version that wrote it",
                )
            }
            Self::MySql(error) => error.parts(),
            Self::SnapshotInterrupted(_) => Parts::new("the snapshot was interrupted"),
            Self::Verify { message } | Self::Rebuild { message } => Parts::new(message.as_str()),
            Self::Progress { pipeline, what, found, needed, choices } => {
                Parts::new(format!("the stored progress of pipeline {pipeline} does not fit: {what}"))
                    .found(found.as_str())
                    .needed(needed.as_str())
                    .fix(choices.as_str())
            }
            Self::Columns(_) => Parts::new("internal error: a column operation failed"),
            Self::Internal(message) => Parts::new(format!("internal error: {message}")),
        }
    }

    /// The same as a problem, its causes in the message.
    pub fn problem(&self) -> Problem {
        let Parts { message, found, needed, fix } = self.parts();
        // What was said is not said again as a cause.
        let (mut said, mut message) = (self.to_string(), message);
        for cause in causes(self) {
            if !said.contains(&cause) {
                said = format!("{said}: {cause}");
                message = format!("{message}: {cause}");
            }
        }
        let problem = Problem::new(self.fault(), message);
        Problem { found, needed, fix, ..problem }
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

fn causes(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string).collect()
}

/// An error and its causes as one line. A cause whose words stand in what was said before is not said again.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for told in causes(error) {
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
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
