//! Rows by multi-row INSERT: for small epochs, and for tables that `LOAD DATA` may not touch.

use rowmill_change::Write;

use super::columns::Columns;
use super::compact::{Compacted, Keys, compact};
use super::encode::{Unwritable, describe_key, write_hash, write_row};
use super::shape::Shape;
use crate::error::{Error, Result};
use crate::escape::Style;
use crate::statement::Statement;

/// Rows per statement. A tenth of it costs half of the speed; ten times as many gain little.
const ROWS_PER_STATEMENT: usize = 1_000;

/// What an epoch comes down to for one target, with its columns. Made once, whatever is retried.
#[derive(Debug)]
pub(super) struct Job {
    /// Index into the shapes.
    pub(super) target: usize,
    pub(super) compacted: Compacted,
    /// Per write.
    pub(super) columns: Vec<Columns>,
}

impl Job {
    pub(super) fn new(target: usize, shape: &Shape, keys: &mut Keys, writes: &[Write]) -> Result<Job> {
        let mut columns = Vec::with_capacity(writes.len());
        for write in writes {
            let made = Columns::new(&write.rows, &write.keys, &shape.columns, &shape.event_key);
            columns.push(made.map_err(|e| Error::internal(format!("a write to {}: {e}", shape.table)))?);
        }
        let compacted = compact(keys, writes, shape.rules)?.map_err(|refused| Error::NotAnInsert {
            table: shape.table.clone(),
            change: refused.change,
            key: describe_key(&columns[refused.event.write as usize].keys, refused.event.index as usize),
        })?;
        Ok(Job { target, compacted, columns })
    }

    /// Appends the values of the `i`th upsert, the hidden key last.
    pub(super) fn write(
        &self,
        i: usize,
        shape: &Shape,
        style: Style,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritable> {
        let separator = if style == Style::Load { b'\t' } else { b',' };
        let at = self.compacted.upserts[i];
        let columns = &self.columns[at.write as usize];
        write_row(&columns.rows, at, style, separator, out)?;
        if shape.hashed {
            out.extend_from_slice(if style == Style::Load { &b"\t"[..] } else { b",x'" });
            let key = shape.event_key.iter().map(|&k| &columns.rows[k]);
            write_hash(key, at, scratch, out)?;
            if style == Style::Literal {
                out.push(b'\'');
            }
        }
        Ok(())
    }

    /// The key of the `i`th upsert, for messages.
    pub(super) fn key_of(&self, i: usize) -> Option<String> {
        let event = self.compacted.events.get(i)?;
        Some(describe_key(&self.columns[event.write as usize].keys, event.index as usize))
    }

    /// Names the column and the row of a value of a row that cannot be written.
    pub(super) fn unwritable(&self, shape: &Shape, value: &Unwritable) -> Error {
        let upsert = self.compacted.upserts.iter().position(|at| *at == value.at);
        Job::rejected(shape, value, upsert.and_then(|i| self.key_of(i)))
    }

    /// The same of a value of an event's key.
    pub(super) fn unwritable_key(&self, shape: &Shape, value: &Unwritable) -> Error {
        let keys = &self.columns[value.at.write as usize].keys;
        Job::rejected(shape, value, Some(describe_key(keys, value.at.index as usize)))
    }

    fn rejected(shape: &Shape, value: &Unwritable, key: Option<String>) -> Error {
        Error::Rejected {
            table: shape.table.clone(),
            key,
            message: format!("the value of column {} {}", shape.columns[value.column].name, value.message),
        }
    }
}

/// Which statement writes rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// A row that is there is updated.
    Upsert,
    /// A row that is there is an error.
    Insert,
    /// Rows in the way go; only while the target converges.
    Replace,
}

/// The statements that write a job's rows, as they are needed.
pub(super) struct Inserts<'a> {
    shape: &'a Shape,
    job: &'a Job,
    verb: Verb,
    next: usize,
    end: usize,
    limit_bytes: usize,
    scratch: Vec<u8>,
}

/// A statement, and which rows of the job it writes.
pub(super) struct Insert {
    pub(super) statement: Statement,
    pub(super) from: usize,
    pub(super) rows: usize,
}

impl<'a> Inserts<'a> {
    pub(super) fn new(shape: &'a Shape, job: &'a Job, verb: Verb, limit_bytes: usize) -> Inserts<'a> {
        let end = job.compacted.upserts.len();
        Inserts { shape, job, verb, next: 0, end, limit_bytes, scratch: Vec::new() }
    }

    /// Of some rows only, which go into one statement.
    pub(super) fn of(shape: &'a Shape, job: &'a Job, verb: Verb, rows: std::ops::Range<usize>) -> Inserts<'a> {
        Inserts { shape, job, verb, next: rows.start, end: rows.end, limit_bytes: usize::MAX, scratch: Vec::new() }
    }

    /// The next statement; the error is about a value that cannot be written.
    pub(super) fn next(&mut self) -> Result<Option<Insert>, Unwritable> {
        let total = self.end;
        if self.next == total {
            return Ok(None);
        }
        let from = self.next;
        let verb = if self.verb == Verb::Replace { "REPLACE " } else { "INSERT " };
        let mut statement = Statement::with_capacity(64 << 10).text(verb).part(&self.shape.insert);
        let values = statement.encoder();
        while self.next < total && self.next - from < ROWS_PER_STATEMENT {
            if self.next > from {
                if values.len() > self.limit_bytes {
                    break;
                }
                values.push(b',');
            }
            values.push(b'(');
            self.job.write(self.next, self.shape, Style::Literal, &mut self.scratch, values)?;
            values.push(b')');
            self.next += 1;
        }
        if self.verb == Verb::Upsert {
            statement = statement.part(&self.shape.on_duplicate);
        }
        Ok(Some(Insert { statement, from, rows: self.next - from }))
    }
}
