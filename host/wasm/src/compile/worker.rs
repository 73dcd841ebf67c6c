//! Compiling in a process of its own, under limits of the system.
//!
//! # What the worker is
//!
//! This program once more, started with one argument. It is given the component over a pipe and nothing
//! else: no environment, no descriptors but its three pipes. Its first act is to limit itself; the limits
//! grow with the length of the component, which it is told before the component. It has no pool of
//! instances and runs no code of a guest. Its engine is set up like ours otherwise, so that we can load
//! what it made; a test compares the two.
//!
//! # How it ends
//!
//! - It answers, and is told that it may go by the end of its input.
//! - It hits a limit: of CPU time (the system's SIGXCPU) or of memory (an allocation fails, which it says
//!   or dies of). That is an error of the component, and says which.
//! - Nobody waits any more: dropping the future kills it.
//! - We are gone, in whatever way: then the pipe that it reads from ends, and a thread of its own, which
//!   does nothing but wait for that, ends it. (The kernel's "signal at the parent's death" is that of the
//!   parent's *thread*, and threads of a runtime come and go.)
//!
//! It is in a process group of its own: Ctrl-C in a terminal is ours to answer.

mod descriptors;
mod serve;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use rowmill_foreign::line;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::frame::{self, Answer};
use super::limits;
use crate::error::{Error, Limit, Site};

pub use serve::compile_worker;

/// The argument that makes a program a worker: its `main` then calls [`compile_worker`] and does nothing
/// else, see [`Compiler::Worker`](crate::Compiler::Worker).
pub const COMPILE_WORKER: &str = "compile-worker";

/// `SIGXCPU` and `SIGABRT` of Linux.
const SIGXCPU: i32 = 24;
const SIGABRT: i32 = 6;

/// Bytes of a worker's stderr that are kept.
const WORDS_BYTES: u64 = 4096;

/// Compiles a component in a worker.
pub(crate) async fn compile(program: &Path, site: &Arc<Site>, wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let internal = |what: &str, error: &dyn std::fmt::Display| Error::Engine {
        message: format!("its compile worker {} {what}: {error}", program.display()),
    };
    let mut worker = start(program).map_err(|e| internal("does not start", &e))?;
    let exchanged = exchange(&mut worker, wasm).await;
    let (output, words) = exchanged.map_err(|e| internal("can't be talked to", &e))?;
    let status = worker.wait().await.map_err(|e| internal("can't be waited for", &e))?;
    let too_much = |limit, allowed| Error::CompileLimit { site: site.clone(), limit, allowed };
    let memory = || too_much(Limit::Memory, format!("{} MiB of memory", limits::memory(wasm.len() as u64) >> 20));
    match Answer::read(output) {
        Some(Answer::Compiled(compiled)) => Ok(compiled),
        Some(Answer::Invalid(message)) => {
            Err(Error::Compile { site: site.clone(), message: line(&message).into_owned() })
        }
        Some(Answer::Memory) => Err(memory()),
        None if status.signal() == Some(SIGXCPU) => {
            let allowed = format!("{:?} of CPU time", limits::cpu(wasm.len() as u64));
            Err(too_much(Limit::Cpu, allowed))
        }
        None if status.signal() == Some(SIGABRT) && words.contains("memory allocation of") => Err(memory()),
        None => Err(Error::Compiler { site: site.clone(), found: found(status, &words) }),
    }
}

fn start(program: &Path) -> std::io::Result<Child> {
    Command::new(program)
        .arg0("rowmill")
        .arg(COMPILE_WORKER)
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Hands over the component and takes the answer, and what the worker wrote to stderr.
async fn exchange(worker: &mut Child, wasm: &[u8]) -> std::io::Result<(Vec<u8>, String)> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (worker.stdin.take(), worker.stdout.take(), worker.stderr.take())
    else {
        return Err(std::io::Error::other("it has no pipes"));
    };
    let hand_over = async {
        // A worker that dies while it is fed says why by its status.
        let _ = stdin.write_all(&frame::length(wasm)).await;
        let _ = stdin.write_all(wasm).await;
        let _ = stdin.flush().await;
    };
    // What it holds in memory is the most that it can send.
    let answer = read_some(stdout, limits::memory(wasm.len() as u64));
    let ((), answer, words) = tokio::join!(hand_over, answer, read_some(stderr, WORDS_BYTES));
    // Its end lets the worker go.
    drop(stdin);
    Ok((answer?, String::from_utf8_lossy(&words?).into_owned()))
}

/// Reads to the end, and keeps so many bytes.
async fn read_some(mut from: impl AsyncRead + Unpin, bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    (&mut from).take(bytes).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(kept)
}

/// How a worker ended that gave no answer.
fn found(status: ExitStatus, words: &str) -> String {
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, Some(0)) => "ended without an answer".to_owned(),
        (None, code) => format!("ended with the exit code {}", code.unwrap_or(-1)),
    };
    let words: Vec<&str> = words.split_whitespace().collect();
    if words.is_empty() { how } else { format!("{how}: {}", line(&words.join(" "))) }
}
