//! What a guest says: stdout, stderr and `host.log` become log lines, at most so many
//! per second, and the end of stderr is kept for the error message of a trap.
//!
//! The voice is shared by the store's data and the streams that the guest holds, all of
//! which are used by one thread at a time; the lock is never contended and never held
//! across an await, so it is the blocking kind.

mod quota;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use rowmill_foreign::{Printable, line};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

pub(crate) use quota::Quota;

use crate::error::Site;

/// Bytes of stderr kept for a trap's message: room for a panic with a long message,
/// small enough to be shown whole.
const TAIL_BYTES: usize = 4096;

/// A line longer than this is cut; the rest of it is dropped.
const LINE_BYTES: usize = 8192;

/// The levels of `host.log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// Shared handle of an instance's voice.
#[derive(Clone, Debug)]
pub(crate) struct Voice(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Something was said since the last call began; most calls say nothing and take no lock.
    used: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    site: Arc<Site>,
    quota: Quota,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    tail: Vec<u8>,
}

impl Voice {
    pub(crate) fn new(site: Arc<Site>, quota: Quota) -> Voice {
        let inner = Mutex::new(Inner { site, quota, stdout: Vec::new(), stderr: Vec::new(), tail: Vec::new() });
        Voice(Arc::new(Shared { used: AtomicBool::new(false), inner }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.used.store(true, Ordering::Relaxed);
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins: what was said in an earlier one explains no trap of this one.
    pub(crate) fn begin(&self) {
        if self.0.used.load(Ordering::Relaxed) {
            self.lock().tail.clear();
            self.0.used.store(false, Ordering::Relaxed);
        }
    }

    /// A line from `host.log`. Errors are kept like stderr: an SDK may report a panic so.
    pub(crate) fn say(&self, level: Level, message: &str) {
        let mut inner = self.lock();
        if level == Level::Error {
            inner.keep(message.as_bytes());
            inner.keep(b"\n");
        }
        inner.line(level, message);
    }

    /// The end of what went to stderr in this call, without the advice that Rust's own
    /// panic handler adds.
    pub(crate) fn last_words(&self) -> Option<String> {
        let mut inner = self.lock();
        inner.flush();
        let text = String::from_utf8_lossy(&inner.tail);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("note: run with `RUST_BACKTRACE"))
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        // One line, as all messages are.
        let text = lines.join(" ");
        (!text.is_empty()).then(|| line(&text).into_owned())
    }

    pub(crate) fn stdout(&self) -> Stream {
        Stream { voice: self.clone(), error: false }
    }

    pub(crate) fn stderr(&self) -> Stream {
        Stream { voice: self.clone(), error: true }
    }
}

impl Inner {
    fn keep(&mut self, bytes: &[u8]) {
        // Only its end: a message may have megabytes, and the room for them would stay.
        let bytes = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        self.tail.extend_from_slice(bytes);
        let excess = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..excess);
    }

    fn write(&mut self, error: bool, bytes: &[u8]) {
        if error {
            self.keep(bytes);
        }
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let pending = if error { &mut self.stderr } else { &mut self.stdout };
            let room = LINE_BYTES.saturating_sub(pending.len());
            pending.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                let line = std::mem::take(pending);
                self.emit(error, &line);
            }
        }
    }

    fn emit(&mut self, error: bool, line: &[u8]) {
        if !line.is_empty() {
            let level = if error { Level::Warn } else { Level::Info };
            self.line(level, &String::from_utf8_lossy(line));
        }
    }

    fn flush(&mut self) {
        for error in [false, true] {
            let pending = if error { &mut self.stderr } else { &mut self.stdout };
            let line = std::mem::take(pending);
            self.emit(error, &line);
        }
    }

    fn line(&mut self, level: Level, message: &str) {
        if !self.quota.take() {
            return;
        }
        let message = Printable(cut(message));
        let at = &self.site;
        match level {
            Level::Error => tracing::error!(target: "rowmill::guest", at = %at, "{message}"),
            Level::Warn => tracing::warn!(target: "rowmill::guest", at = %at, "{message}"),
            Level::Info => tracing::info!(target: "rowmill::guest", at = %at, "{message}"),
            Level::Debug => tracing::debug!(target: "rowmill::guest", at = %at, "{message}"),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.flush();
    }
}

fn cut(message: &str) -> &str {
    let mut end = message.len().min(LINE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

/// A guest's stdout or stderr: always ready, never blocks.
#[derive(Clone)]
pub(crate) struct Stream {
    voice: Voice,
    error: bool,
}

#[async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.voice.lock().write(self.error, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl tokio::io::AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.voice.lock().write(self.error, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
