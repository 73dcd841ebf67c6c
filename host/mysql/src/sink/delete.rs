//! Deletes by key, many to a statement.
//!
//! One key column becomes `k IN (…)`; several become `(a = … AND b = …) OR …`, which both servers
//! answer by index (MariaDB reads the whole table for a row constructor with IN). A key part that
//! is NULL matches nothing, which is right: without a hashed key the target's columns are NOT NULL.

use super::compact::Delete;
use super::encode::{Unwritable, write_hash};
use super::shape::Shape;
use super::upsert::Job;
use crate::escape::Style;
use crate::statement::Statement;

/// Keys per statement. Above 1,000 MariaDB turns an IN list into a subquery, and MySQL's range
/// optimizer runs out of its 8 MiB at some 10,000 conditions and reads the whole table.
pub(super) const KEYS_PER_STATEMENT: usize = 500;

/// The statements that delete a job's keys, as they are needed.
pub(super) struct Deletes<'a> {
    shape: &'a Shape,
    job: &'a Job,
    rest: &'a [Delete],
    names: Vec<Statement>,
    limit_bytes: usize,
    scratch: Vec<u8>,
}

impl<'a> Deletes<'a> {
    pub(super) fn new(shape: &'a Shape, job: &'a Job, limit_bytes: usize) -> Deletes<'a> {
        Deletes {
            shape,
            job,
            rest: &job.compacted.deletes,
            names: shape.key_columns(),
            limit_bytes,
            scratch: Vec::new(),
        }
    }

    /// The next statement; the error is about a key that cannot be written.
    pub(super) fn next(&mut self) -> Result<Option<Statement>, Unwritable> {
        let Some(first) = self.rest.first() else { return Ok(None) };
        let mut statement = Statement::with_capacity(16 << 10).part(&self.shape.delete);
        // Neighbours of one form share a statement.
        let list = first.keep == 0 && self.names.len() == 1;
        if list {
            statement = statement.part(&self.names[0]).text(" IN (");
        }
        let mut taken = 0;
        for delete in self.rest {
            let same_form = list == (delete.keep == 0 && self.names.len() == 1);
            if !same_form || taken == KEYS_PER_STATEMENT || (taken > 0 && statement.len() > self.limit_bytes) {
                break;
            }
            if list {
                if taken > 0 {
                    statement = statement.text(",");
                }
                self.value(0, delete, statement.encoder())?;
            } else {
                statement = statement.text(if taken > 0 { " OR (" } else { "(" });
                for part in 0..self.names.len() {
                    let and = if part > 0 { " AND " } else { "" };
                    statement = statement.text(and).part(&self.names[part]).text(" = ");
                    self.value(part, delete, statement.encoder())?;
                }
                if let (Some(ordinality), true) = (self.shape.ordinality, delete.keep > 0) {
                    let name = &self.shape.columns[ordinality].name;
                    statement = statement.text(" AND ").name(name).text(" > ").number(delete.keep);
                }
                statement = statement.text(")");
            }
            taken += 1;
        }
        if list {
            statement = statement.text(")");
        }
        self.rest = &self.rest[taken..];
        Ok(Some(statement))
    }

    fn value(&mut self, part: usize, delete: &Delete, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        let keys = &self.job.columns[delete.event.write as usize].keys;
        if self.shape.hashed {
            out.extend_from_slice(b"x'");
            write_hash(keys.iter(), delete.event, &mut self.scratch, out)?;
            out.push(b'\'');
            return Ok(());
        }
        let column = self.shape.event_key[part];
        keys[part].write(delete.event.index as usize, Style::Literal, out).map_err(|message| Unwritable {
            column,
            at: delete.event,
            message,
        })
    }
}
