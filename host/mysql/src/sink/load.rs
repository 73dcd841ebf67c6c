//! Rows by `LOAD DATA LOCAL INFILE … REPLACE`, streamed from memory.
//!
//! `LOCAL` without `REPLACE` is `IGNORE`: it bends and drops rows with warnings, so it is REPLACE
//! always, also into an empty table. The statement counts only if the server's own count of
//! records is the number of rows sent, with nothing skipped and no warning: the driver ends a
//! stream that fails like one that is finished, and the server then keeps what it got.
//!
//! Chunks are encoded when the driver asks for them, so that encoding and the server's work
//! overlap. The handler belongs to this statement's connection, is used once, and knows no files.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;

use super::encode::Unwritable;
use super::shape::Shape;
use super::upsert::Job;
use crate::endpoint::Conn;
use crate::escape::Style;

/// Bytes per chunk. Each is one packet; encoding one takes a few milliseconds, for which it keeps
/// its worker thread. Halving it costs packets, doubling it delays other tasks.
const CHUNK: usize = 256 << 10;

/// What the server says it did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) records: u64,
    pub(super) deleted: u64,
    pub(super) skipped: u64,
    pub(super) warnings: u64,
}

/// Why a load failed.
pub(super) enum LoadError {
    /// A value cannot be written.
    Unwritable(Unwritable),
    /// The server or the connection.
    Driver(mysql_async::Error),
}

/// Sends all rows of the job.
pub(super) async fn load(conn: &mut Conn, shape: &Arc<Shape>, job: &Arc<Job>) -> Result<Counts, LoadError> {
    let failed: Arc<Mutex<Option<Unwritable>>> = Arc::default();
    let source = Source { shape: shape.clone(), job: job.clone(), next: 0, failed: failed.clone() };
    let pieces = async move {
        let stream = futures_util::stream::unfold(source, |mut source| async move {
            let chunk = source.chunk()?;
            Some((chunk, source))
        });
        Ok(stream.boxed())
    };
    let result = conn.load(&shape.load, pieces).await;
    if let Some(unwritable) = failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(LoadError::Unwritable(unwritable));
    }
    result.map_err(LoadError::Driver)?;
    Ok(counts(&conn.info()))
}

struct Source {
    shape: Arc<Shape>,
    job: Arc<Job>,
    next: usize,
    failed: Arc<Mutex<Option<Unwritable>>>,
}

impl Source {
    fn chunk(&mut self) -> Option<std::io::Result<Bytes>> {
        let total = self.job.compacted.upserts.len();
        if self.next == total {
            return None;
        }
        let mut out = Vec::with_capacity(CHUNK + CHUNK / 8);
        let mut scratch = Vec::new();
        while self.next < total && out.len() < CHUNK {
            if let Err(error) = self.job.write(self.next, &self.shape, Style::Load, &mut scratch, &mut out) {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                self.next = total;
                return Some(Err(std::io::Error::other("a value cannot be written")));
            }
            out.push(b'\n');
            self.next += 1;
        }
        Some(Ok(Bytes::from(out)))
    }
}

/// Reads `Records: 3  Deleted: 0  Skipped: 0  Warnings: 0`.
fn counts(info: &str) -> Counts {
    let mut counts = Counts::default();
    let mut words = info.split_whitespace();
    while let (Some(word), Some(number)) = (words.next(), words.next()) {
        let number = number.parse().unwrap_or(0);
        match word {
            "Records:" => counts.records = number,
            "Deleted:" => counts.deleted = number,
            "Skipped:" => counts.skipped = number,
            "Warnings:" => counts.warnings = number,
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_counts_are_read() {
        let counts = counts("Records: 3  Deleted: 1  Skipped: 0  Warnings: 2");
        assert_eq!(counts, Counts { records: 3, deleted: 1, skipped: 0, warnings: 2 });
    }
}
