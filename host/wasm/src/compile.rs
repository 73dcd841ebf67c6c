//! Compiling: foreign code through a large program of ours, Cranelift.
//!
//! Its time and memory grow faster than its input: a file of 76 KB that nests loops took it minutes. So
//! there are two bounds:
//!
//! 1. [`structure`] looks over the file in time linear to it and refuses what no toolchain makes: the
//!    answer is the same on every machine, and comes at once.
//! 2. What passes is compiled under limits of CPU time and memory that grow with the file ([`limits`]).
//!    The system can only limit a process, so that takes a process of its own ([`worker`]). A program
//!    that embeds this crate has none to offer; there the first bound stands alone.
//!
//! Nothing is remembered of a component that was refused: the pass is as quick as looking it up would
//! be, and limits of time may hold on another day, or another machine.

mod frame;
mod limits;
pub(crate) mod structure;
pub(crate) mod worker;

use std::path::PathBuf;

/// Who compiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compiler {
    /// This process, without limits of time and memory. A compilation that was given up still runs to
    /// its end on a thread of its own.
    #[default]
    InProcess,
    /// A process of its own per component, under limits: this program, which has to pass the argument
    /// [`COMPILE_WORKER`](crate::COMPILE_WORKER) on to [`compile_worker`](crate::compile_worker).
    Worker(PathBuf),
}
