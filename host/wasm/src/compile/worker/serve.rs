//! The worker's side.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::descriptors::close_inherited;
use crate::compile::frame::{Answer, read_length};
use crate::compile::limits;
use crate::engine::{self, COMPONENT_BYTES_MAX};

/// How much less the worker matters than what is running.
const NICENESS: i32 = 10;

/// Descriptors that it may open: pipes, and the files that tell the number of processors.
const DESCRIPTORS_MAX: u64 = 64;

/// More threads than these are faster, but each needs memory of its own for what it compiles.
const THREADS_MAX: usize = 4;

/// Between the signal at the limit of CPU time, which we die of, and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// Does a worker's work: reads a component from stdin, writes the answer to stdout.
///
/// A program that is given to [`Compiler::Worker`](crate::Compiler::Worker) calls this as the first thing
/// in its `main`, and ends with the code, when [`COMPILE_WORKER`](crate::COMPILE_WORKER) is its only argument.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "its stderr is a pipe to the process that started it")]
pub fn compile_worker() -> ExitCode {
    close_inherited();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "its stdout is a pipe to the process that started it")]
fn serve() -> io::Result<()> {
    let mut stdin = io::stdin();
    let length = read_length(&mut stdin)?;
    if length > COMPONENT_BYTES_MAX {
        return Err(io::Error::other(format!("a component of {length} bytes")));
    }
    limit_self(length)?;
    let mut wasm = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    stdin.read_exact(&mut wasm)?;
    std::thread::Builder::new().name("parent".to_owned()).spawn(end_with_parent)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().map_err(io::Error::other)?;
    let engine = wasmtime::Engine::new(&engine::base()).map_err(|e| io::Error::other(format!("{e:#}")))?;
    let answer = match engine.precompile_component(&wasm) {
        Ok(compiled) => Answer::Compiled(compiled),
        Err(error) => refusal(&error),
    };
    answer.write(&mut io::stdout().lock())
}

fn refusal(error: &wasmtime::Error) -> Answer {
    let words = format!("{error:#}");
    // A mapping that was refused: `ENOMEM`, which the engine hands on in the system's words.
    if error.is::<wasmtime::error::OutOfMemory>() || words.contains("os error 12") {
        return Answer::Memory;
    }
    Answer::Invalid(words)
}

fn limit_self(wasm_bytes: u64) -> io::Result<()> {
    let limit = |resource: Resource, soft: u64, hard: u64| {
        setrlimit(resource, within(getrlimit(resource), soft, hard)).map_err(io::Error::from)
    };
    let cpu = limits::cpu(wasm_bytes);
    limit(Resource::Cpu, cpu.as_secs(), (cpu + GRACE).as_secs())?;
    // Private memory that can be written: heaps and stacks, and no address space that is only reserved.
    let memory = limits::memory(wasm_bytes);
    limit(Resource::Data, memory, memory)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Nofile, DESCRIPTORS_MAX, DESCRIPTORS_MAX)?;
    // A system that lets nobody change it is no reason not to compile.
    let _ = rustix::process::nice(NICENESS);
    Ok(())
}

/// The wanted limits, as far as the inherited one allows: only a privileged process may raise that.
fn within(inherited: Rlimit, soft: u64, hard: u64) -> Rlimit {
    let hard = inherited.maximum.map_or(hard, |maximum| maximum.min(hard));
    Rlimit { current: Some(soft.min(hard)), maximum: Some(hard) }
}

/// Waits for the end of the input, which is when nobody needs this process any more.
fn end_with_parent() {
    let mut rest = [0; 64];
    while matches!(io::stdin().read(&mut rest), Ok(1..)) {}
    std::process::exit(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inherited_limit_is_not_raised() {
        for (inherited, expected) in [(None, (5, 7)), (Some(100), (5, 7)), (Some(6), (5, 6)), (Some(3), (3, 3))] {
            let found = within(Rlimit { current: Some(1), maximum: inherited }, 5, 7);
            assert_eq!((found.current, found.maximum), (Some(expected.0), Some(expected.1)), "{inherited:?}");
        }
    }
}
