//! What can go wrong with a component, typed: whose fault it is, where it happened, and
//! whether trying fewer rows can help.
//!
//! Every message names the component and, where known, the function and the step.
//!
//! Texts of a component are made one printable line of bounded length (`rowmill_foreign::line`) where they
//! enter an error, a row error, a log line or the name of a counter, so that nobody who prints one of these
//! has to think of it. Names of results and docs are data, and stay as they are.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use rowmill_foreign::{Printable, line};

use crate::catalog::Kind;

/// Where an error happened; the start of every message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// The component's name as loaded.
    pub component: String,
    /// The function, once one is being bound or run.
    pub function: Option<String>,
    /// The pipeline, once an identity is known.
    pub pipeline: Option<String>,
    /// The step, once an identity is known.
    pub step: Option<String>,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "component {}", Printable(&self.component))?;
        if let Some(function) = &self.function {
            write!(f, ", function {}", Printable(function))?;
        }
        if let Some(step) = &self.step {
            write!(f, ", step {}", Printable(step))?;
        }
        Ok(())
    }
}

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The pipeline's file: a name, an argument, a limit.
    Configuration,
    /// The component's code.
    Component,
    /// The host or the machine it runs on.
    Internal,
}

/// Which limit was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Limits::memory`](crate::Limits::memory).
    Memory,
    /// [`Limits::cpu_base`](crate::Limits::cpu_base) and
    /// [`Limits::cpu_per_row`](crate::Limits::cpu_per_row).
    Cpu,
    /// [`Limits::wall`](crate::Limits::wall).
    Wall,
    /// [`Limits::output`](crate::Limits::output).
    Output,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Memory => "memory",
            Limit::Cpu => "cpu",
            Limit::Wall => "wall",
            Limit::Output => "output",
        })
    }
}

/// What a bind error points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The call as a whole.
    Call,
    /// An argument, by its position.
    Argument(usize),
    /// A key of the configuration.
    Config(String),
    /// Bytes of a configuration value that is a text.
    Text {
        /// The configuration key.
        key: String,
        /// The first byte.
        start: usize,
        /// One past the last byte.
        end: usize,
    },
}

impl Place {
    /// The bytes inside the configuration text, if that is what is meant.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Place::Text { start, end, .. } => Some(*start..*end),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Call => f.write_str("the call"),
            Place::Argument(i) => write!(f, "argument {}", i + 1),
            Place::Config(key) => write!(f, "config key {key}"),
            Place::Text { key, start, end } => write!(f, "config key {key}, bytes {start}..{end}"),
        }
    }
}

/// An error of loading, binding or running a component.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine can't be set up on this machine.
    #[error("the wasm engine cannot be started: {message}")]
    Engine {
        /// The engine's own words.
        message: String,
    },
    /// The bytes are no component.
    #[error(
        "{site}: found {found}, needed a WebAssembly component (rust: cargo build --target wasm32-wasip2, crate-type cdylib)"
    )]
    NotAComponent {
        /// Where.
        site: Arc<Site>,
        /// What the bytes look like.
        found: String,
    },
    /// The component is larger than 64 MiB.
    #[error("{site}: the file has {size} bytes, at most {max} are loaded")]
    TooLarge {
        /// Where.
        site: Arc<Site>,
        /// Bytes found.
        size: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// The component's code is not valid, or asks for a feature that is off.
    #[error("{site}: does not compile: {message}")]
    Compile {
        /// Where.
        site: Arc<Site>,
        /// The compiler's words.
        message: String,
    },
    /// The component has more of something than any toolchain makes, and was not compiled.
    #[error("{site}: has {found} {what}, at most {max} are compiled")]
    Structure {
        /// Where.
        site: Arc<Site>,
        /// Of what: "levels of nested blocks in one function".
        what: &'static str,
        /// How much it has, or more.
        found: u64,
        /// How much is compiled.
        max: u64,
    },
    /// Compiling the component hit a limit.
    #[error("{site}: compiling it needs more than its {limit} limit of {allowed}")]
    CompileLimit {
        /// Where.
        site: Arc<Site>,
        /// Which one: memory or CPU time.
        limit: Limit,
        /// What is allowed, with its unit.
        allowed: String,
    },
    /// The process that compiled the component ended without an answer.
    #[error("{site}: does not compile: the compiler {found}")]
    Compiler {
        /// Where.
        site: Arc<Site>,
        /// How it ended.
        found: String,
    },
    /// The component imports what no component gets.
    #[error("{site}: imports {}, which no component is given; granted are {granted}", .imports.join(", "))]
    Refused {
        /// Where.
        site: Arc<Site>,
        /// The imports refused, by name.
        imports: Vec<String>,
        /// What would have been granted.
        granted: &'static str,
    },
    /// The component doesn't speak an interface version that this host speaks.
    #[error(
        "{site}: {found}; needed rowmill:udf/catalog with row-function, aggregate-function or both, of version 0.1"
    )]
    Interface {
        /// Where.
        site: Arc<Site>,
        /// What was found instead.
        found: String,
    },
    /// The component has no such function.
    #[error("{site}: there is no function {function}; there are: {}", .available.join(", "))]
    NoFunction {
        /// Where.
        site: Arc<Site>,
        /// The name asked for.
        function: String,
        /// Those that can be asked for.
        available: Vec<String>,
    },
    /// The function exists, but is of a kind that can't be run here.
    #[error("{site}: {}", of_kind(*.found))]
    Kind {
        /// Where.
        site: Arc<Site>,
        /// What the catalog says that it is.
        found: Kind,
    },
    /// The arguments or the configuration don't fit the function.
    #[error("{site}: {place}: {message}")]
    Bind {
        /// Where.
        site: Arc<Site>,
        /// What in the call is meant.
        place: Place,
        /// What is wrong with it.
        message: String,
    },
    /// The function refused a call; the instance stays usable.
    #[error("{site}: the call was refused: {message}")]
    Call {
        /// Where.
        site: Arc<Site>,
        /// The function's words.
        message: String,
    },
    /// The guest trapped: a panic, an `exit`, an access outside its memory.
    #[error("{site}: {reason}{}", .output.as_ref().map(|o| format!(": {o}")).unwrap_or_default())]
    Trap {
        /// Where.
        site: Arc<Site>,
        /// The trap.
        reason: String,
        /// What the guest wrote to stderr just before, such as a panic's message.
        output: Option<String>,
    },
    /// There is no room for another instance.
    #[error(
        "{site}: no room for another instance: {found}; stop a pipeline of this process, or run some in another one"
    )]
    NoRoom {
        /// Where.
        site: Arc<Site>,
        /// What takes the room.
        found: String,
    },
    /// A call on an aggregate whose instance ended with an earlier call.
    #[error("{site}: an earlier call ended its instance and all groups with it; renew it and restore their states")]
    Spent {
        /// Where.
        site: Arc<Site>,
    },
    /// A limit was hit.
    #[error("{site}: needs more than its {limit} limit of {allowed}{}", .output.as_ref().map(|o| format!(" ({o})")).unwrap_or_default())]
    Limit {
        /// Where.
        site: Arc<Site>,
        /// Which one.
        limit: Limit,
        /// What is allowed, with its unit.
        allowed: String,
        /// What the guest wrote to stderr just before.
        output: Option<String>,
    },
    /// What came back has not the shape that the contract asks for.
    #[error("{site}: wrong answer: {message}")]
    WrongAnswer {
        /// Where.
        site: Arc<Site>,
        /// What was found and what was needed.
        message: String,
    },
    /// The caller handed columns that don't fit the binding.
    #[error("{site}: the host offered columns that do not fit: {message}")]
    Input {
        /// Where.
        site: Arc<Site>,
        /// What was found and what was needed.
        message: String,
    },
}

fn of_kind(found: Kind) -> &'static str {
    match found {
        Kind::Aggregate => "is an aggregate, needed a function of rows; an aggregate is called in an aggregate step",
        Kind::Scalar => "is a scalar function, needed an aggregate; it is called in a map step",
        Kind::Filter => "is a filter, needed an aggregate; it is called in a filter step",
        Kind::Table => "is a table function, needed an aggregate; it is called in a transform step",
    }
}

impl Error {
    /// An answer that is not as the contract says. The message holds names that the component chose.
    pub(crate) fn wrong_answer(site: &Arc<Site>, message: &str) -> Error {
        Error::WrongAnswer { site: site.clone(), message: line(message).into_owned() }
    }

    /// Where it happened; none for an engine that can't be set up.
    #[must_use]
    pub fn site(&self) -> Option<&Site> {
        match self {
            Error::Engine { .. } => None,
            Error::NotAComponent { site, .. }
            | Error::TooLarge { site, .. }
            | Error::Compile { site, .. }
            | Error::Structure { site, .. }
            | Error::CompileLimit { site, .. }
            | Error::Compiler { site, .. }
            | Error::Refused { site, .. }
            | Error::Interface { site, .. }
            | Error::NoFunction { site, .. }
            | Error::Kind { site, .. }
            | Error::Spent { site }
            | Error::NoRoom { site, .. }
            | Error::Bind { site, .. }
            | Error::Call { site, .. }
            | Error::Trap { site, .. }
            | Error::Limit { site, .. }
            | Error::WrongAnswer { site, .. }
            | Error::Input { site, .. } => Some(site),
        }
    }

    /// Who has to act.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Error::Engine { .. } | Error::Spent { .. } | Error::Input { .. } => Fault::Internal,
            Error::NotAComponent { .. }
            | Error::TooLarge { .. }
            | Error::NoFunction { .. }
            | Error::Kind { .. }
            | Error::NoRoom { .. }
            | Error::Bind { .. } => Fault::Configuration,
            Error::Compile { .. }
            | Error::Structure { .. }
            | Error::CompileLimit { .. }
            | Error::Compiler { .. }
            | Error::Refused { .. }
            | Error::Interface { .. }
            | Error::Call { .. }
            | Error::Trap { .. }
            | Error::Limit { .. }
            | Error::WrongAnswer { .. } => Fault::Component,
        }
    }

    /// A limit was hit. It depends on the machine as well as on the rows, so running
    /// the rows in halves can help.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        matches!(self, Error::Limit { .. })
    }

    /// The guest trapped; running the rows in halves finds the one at fault.
    #[must_use]
    pub fn is_trap(&self) -> bool {
        matches!(self, Error::Trap { .. })
    }

    /// Which limit was hit.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Error::Limit { limit, .. } | Error::CompileLimit { limit, .. } => Some(*limit),
            _ => None,
        }
    }

    /// What a bind error points at.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Error::Bind { place, .. } => Some(place),
            _ => None,
        }
    }

    /// The message without the site, for a caller that shows the place itself.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Error::Bind { message, .. }
            | Error::Call { message, .. }
            | Error::WrongAnswer { message, .. }
            | Error::Input { message, .. }
            | Error::Compile { message, .. }
            | Error::Engine { message } => message.clone(),
            other => other.to_string(),
        }
    }
}
