//! A place where an event must end: for whoever reads up to it and then does something else.
//!
//! # Why it is exact
//!
//! Every way out of [`Changes::advance`] with rows passes [`Changes::reach_until`] first, and that
//! is asked after each event and after each piece of a row event. So only a row event of the limit's
//! own transaction could go beyond it, and there the decoder is told how many row changes are left.
//! Rows are counted as positions count them, so it does not matter how the server cuts or compresses
//! the transaction, nor whether the connection was lost in between: the limit outlives connections.
//!
//! A limit that a stream opened by GTID never meets, because the transaction that ended there is
//! among those left out, is reached as soon as something later begins. Nothing of ours lies between.

use std::cmp::Ordering;

use rowmill_change::{ChangeEvent, Position, file_number};

use super::super::gtid::GtidSet;
use super::super::history;
use super::{Changes, Id, Transaction};
use crate::error::{Error, Result};

/// The limit.
#[derive(Debug)]
pub(super) struct Until {
    position: Position,
    /// The transactions before it, where known.
    set: Option<GtidSet>,
}

impl Until {
    fn new(position: Position) -> Result<Until> {
        let set = position.gtid.as_deref().and_then(GtidSet::parse);
        if position.file.is_empty() && (set.is_none() || position.rows > 0) {
            return Err(Error::malformed(format!("a stream can't be read up to {position}: no file, and no GTID set")));
        }
        Ok(Until { position, set })
    }

    /// Only its transactions say where it is.
    fn is_by_set(&self) -> bool {
        self.position.file.is_empty()
    }

    /// Where a place lies, seen from the limit.
    fn order(&self, file: &str, offset: u64, rows: u64) -> Ordering {
        let files = match file == self.position.file {
            true => Ordering::Equal,
            false => file_number(file).cmp(&self.position.file_number()),
        };
        files.then((offset, rows).cmp(&(self.position.offset, self.position.rows)))
    }

    /// How many row changes of this transaction may still be taken.
    pub(super) fn rows_before(&self, file: &str, transaction: &Transaction) -> u64 {
        if self.is_by_set() || self.order(file, transaction.start, u64::MAX) == Ordering::Less {
            return u64::MAX;
        }
        self.position.rows.saturating_sub(transaction.rows)
    }
}

impl Changes {
    /// Sets a limit that no event goes beyond: the rows before it close a batch, and the event that
    /// carries them (or, without rows, a position) carries exactly `until`. Then the limit is gone and
    /// the stream goes on. A place inside of a transaction and one between transactions both will do.
    ///
    /// A limit where the stream already is gives an event at once; one that lies behind is dropped.
    /// It holds over lost connections.
    pub fn set_until(&mut self, until: Option<Position>) -> Result<()> {
        let until = until.map(Until::new).transpose()?;
        self.until = until.filter(|until| !self.has_passed(until));
        // What was read beyond the last event may lie beyond the limit as well: it comes again.
        if self.until.is_some() && self.has_read_ahead() {
            self.stream = None;
        }
        Ok(())
    }

    /// The limit that is still to be reached.
    pub fn until(&self) -> Option<&Position> {
        self.until.as_ref().map(|until| &until.position)
    }

    fn has_read_ahead(&self) -> bool {
        self.pending.is_some() || self.decoders.iter().any(|decoder| decoder.rows() > 0)
    }

    /// The stream's last event ended after the limit.
    fn has_passed(&self, until: &Until) -> bool {
        let at = &self.delivered;
        if !until.is_by_set() && !at.file.is_empty() {
            return until.order(&at.file, at.offset, at.rows) == Ordering::Greater;
        }
        let read = at.gtid.as_deref().and_then(GtidSet::parse);
        let (Some(read), Some(limit)) = (read, &until.set) else { return false };
        read.covers(limit) && (!limit.covers(&read) || at.rows > until.position.rows)
    }

    /// The event that ends at the limit, if the stream is there.
    pub(super) fn reach_until(&mut self) -> Result<Option<ChangeEvent>> {
        if !self.until.as_ref().is_some_and(|until| self.is_at(until)) {
            return Ok(None);
        }
        let Some(until) = self.until.take() else { return Ok(None) };
        // Another history may have come to the same place, or passed over it.
        if let (Some(needed), Some(found)) = (until.position.mark(), self.mark().filter(|_| self.placed))
            && found != *needed
        {
            return Err(history::changed(&until.position, &found.to_string(), &needed.to_string()));
        }
        // The same place for our rows, but as this stream has it, so that it can be opened there anew.
        self.delivered = self.here();
        self.temporary.deliver();
        self.said_dry = false;
        self.reported = std::time::Instant::now();
        self.wants_boundary &= until.position.rows > 0;
        let mut position = until.position;
        if position.gtid.is_none() {
            position.gtid.clone_from(&self.delivered.gtid);
        }
        let boundary = position.rows == 0;
        let batches = self.take_batches()?;
        Ok(Some(if boundary && batches.is_empty() {
            ChangeEvent::Position { position, commit_time: self.committed, dry: false, idle: false }
        } else {
            ChangeEvent::Rows { batches, position, boundary, dry: false }
        }))
    }

    /// All row changes before the limit were read.
    fn is_at(&self, until: &Until) -> bool {
        if self.placed && !until.is_by_set() {
            let (offset, rows) = self.place();
            return until.order(&self.file, offset, rows) != Ordering::Less;
        }
        let Some(set) = until.set.as_ref().filter(|_| until.position.rows == 0 && self.skip == 0) else { return false };
        match &self.transaction {
            None => self.gtid.as_ref().is_some_and(|read| read.covers(set)),
            // It begins after the limit: everything before it is read.
            Some(Transaction { rows: 0, gtid: Some(id), .. }) => !match id {
                Id::MySql(source, number) => set.contains(source, *number),
                Id::MariaDb(domain, _, sequence) => set.contains_sequence(*domain, *sequence),
            },
            Some(_) => false,
        }
    }
}
