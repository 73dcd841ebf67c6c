//! What is wrong, where, and what to type to mend it.
//!
//! Every part that examines a plan (the file loader, the binder, both preflights) answers
//! with a list of [`Problem`]s, so that a user sees all of them at once. A problem carries no
//! line number: it points into the plan with a JSON pointer (`/steps/2/map/total`), because
//! a plan can also come from somewhere else than a file. The document of a loader turns the
//! pointer into a place in the file, if there is one.
//!
//! Nothing here prints. Secrets must not be put into a problem: `found` shows the text as the
//! user wrote it, before `${…}` was replaced.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The pipeline file, the command line or the environment says something that can't be done.
    Configuration,
    /// A component did what the contract forbids, or is not a component.
    Component,
    /// A server can't be reached, refuses, or is not set up for what the plan asks.
    Server,
    /// A mistake in rowmill.
    Internal,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::Component => "component",
            Self::Server => "server",
            Self::Internal => "internal",
        })
    }
}

/// One thing that is wrong, with its place and its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The place in the plan, as a JSON pointer: `/steps/2/map/total`, `/sink/key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The key at `pointer` is meant, not its value.
    #[serde(skip)]
    pub key: bool,
    /// Bytes inside the text that `pointer` names (an expression), after YAML's escapes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner: Option<Range<usize>>,
    /// Bytes of the file, where the pointer can't say it: a key, a syntax error. Wins over `pointer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Range<usize>>,
    /// Who has to act.
    pub fault: Fault,
    /// It may be gone at the next attempt, without anybody doing anything.
    #[serde(skip)]
    pub passes: bool,
    /// A short lower-case sentence that names the thing.
    pub message: String,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed: Option<String>,
    /// What to type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Problem {
    /// A problem without a place yet.
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self {
            pointer: None,
            key: false,
            inner: None,
            span: None,
            fault,
            passes: false,
            message: message.into(),
            found: None,
            needed: None,
            fix: None,
        }
    }

    /// The user's file or command line is to be changed.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(Fault::Configuration, message)
    }

    /// The component is to be changed.
    pub fn component(message: impl Into<String>) -> Self {
        Self::new(Fault::Component, message)
    }

    /// A server is to be changed or started.
    pub fn server(message: impl Into<String>) -> Self {
        Self::new(Fault::Server, message)
    }

    /// Places the problem in the plan.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Places the problem at a key of the plan, rather than at its value.
    #[must_use]
    pub fn at_key(self, pointer: impl Into<String>) -> Self {
        Self { key: true, ..self.at(pointer) }
    }

    /// Narrows the place to bytes inside the text at the pointer.
    #[must_use]
    pub fn within(mut self, inner: Range<usize>) -> Self {
        self.inner = Some(inner);
        self
    }

    /// Places the problem at bytes of the file.
    #[must_use]
    pub fn spanning(mut self, span: Range<usize>) -> Self {
        self.span = Some(span);
        self
    }

    /// Says what is there.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    /// Says what would be right.
    #[must_use]
    pub fn needed(mut self, needed: impl Into<String>) -> Self {
        self.needed = Some(needed.into());
        self
    }

    /// Says what to type.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// One line: the message, then found, needed and fix. Without a place: see `rowmill_yaml::Document`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(found) = &self.found {
            write!(f, "; found {found}")?;
        }
        if let Some(needed) = &self.needed {
            write!(f, "; needed {needed}")?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "; fix: {fix}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// Appends one key or index to a JSON pointer, escaped as RFC 6901 wants.
pub fn child(pointer: &str, key: impl fmt::Display) -> String {
    let key = key.to_string().replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_one_line() {
        let problem = Problem::server("setting binlog_format of the source")
            .found("STATEMENT")
            .needed("ROW")
            .fix("SET GLOBAL binlog_format = ROW");
        assert_eq!(
            problem.to_string(),
            "setting binlog_format of the source; found STATEMENT; needed ROW; fix: SET GLOBAL binlog_format = ROW"
        );
    }

    #[test]
    fn pointers_escape_slash_and_tilde() {
        assert_eq!(child("/steps/0/map", "a/b~c"), "/steps/0/map/a~1b~0c");
        assert_eq!(child("/steps", 3), "/steps/3");
    }
}
