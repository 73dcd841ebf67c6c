//! The epoch being filled: rows between two commits, and when it may close.
//!
//! An epoch ends at the end of a source transaction, so that readers of the target never see half
//! of one; unless that transaction alone is larger than an epoch, which is then counted. It closes
//! when it is full (large under much load) or when the stream is dry (small under little load): at once if the
//! commit before began long enough ago, else when that is so. A commit costs the servers the same whether it
//! holds one transaction or many, and a source that is busy with small ones is dry after each of them.

use std::time::Duration;

use rowmill_change::{Position, Removal, Write};
use rowmill_operators::Written;

/// Rows on their way to the sink, and the source position that they reach.
#[derive(Default)]
pub(crate) struct Filling {
    pub(crate) writes: Vec<Write>,
    pub(crate) removals: Vec<Removal>,
    /// Rows and row changes read from the source.
    pub(crate) rows_in: u64,
    pub(crate) skipped: u64,
    /// Bytes of the output columns.
    pub(crate) bytes: usize,
    /// Rows of the transaction that is not complete yet, those in earlier epochs included.
    open_rows: u64,
    /// The epoch before ended inside a transaction.
    pub(crate) began_inside: bool,
    /// Whether the position is the end of a transaction.
    boundary: bool,
    /// Whether the stream had nothing more when the position was reached.
    dry: bool,
    /// The position is the source's state as of this moment, in µs since 1970: of the newest transaction,
    /// or of the source's word that there is nothing after it.
    pub(crate) as_of: Option<i64>,
    pub(crate) position: Option<Position>,
}

/// What may happen with an epoch now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    /// Nothing to write, or not at a place to cut.
    No,
    /// Commit.
    Whole,
    /// Commit if nothing more comes for so long.
    Later(Duration),
    /// Commit although a transaction is cut in two.
    Split,
}

impl Filling {
    /// The first epoch of a stream that begins here.
    pub(crate) fn resumed(position: Position) -> Filling {
        let mut filling = Filling { began_inside: position.rows > 0, ..Filling::default() };
        let boundary = position.rows == 0;
        filling.reach(position, boundary, false);
        filling
    }

    /// Counts rows that were read. `bytes`: of those that went into aggregates, whose results come with the end of the
    /// epoch.
    pub(crate) fn add_read(&mut self, rows_in: u64, bytes: usize, commit_time: Option<i64>) {
        self.bytes += bytes;
        self.rows_in += rows_in;
        self.as_of = self.as_of.max(commit_time);
    }

    /// Adds what rows became.
    pub(crate) fn add_output(&mut self, written: Written) {
        self.skipped += written.skipped;
        for write in written.writes {
            self.bytes += write.rows.get_array_memory_size();
            if write.offsets.len() > 1 {
                self.writes.push(write);
            }
        }
    }

    /// Adds rows to delete that no event names.
    pub(crate) fn remove(&mut self, removal: Removal) {
        self.removals.push(removal);
    }

    /// Whether there are at least so many events and removals.
    pub(crate) fn has_output(&self, wanted: usize) -> bool {
        let events = self.writes.iter().map(|write| write.fresh.len());
        events.chain(self.removals.iter().map(|removal| removal.rows.len())).sum::<usize>() >= wanted
    }

    /// Whether nothing was read since the last epoch.
    pub(crate) fn is_clean(&self) -> bool {
        self.rows_in == 0 && self.writes.is_empty() && self.removals.is_empty()
    }

    /// Moves the position forward.
    pub(crate) fn reach(&mut self, position: Position, boundary: bool, dry: bool) {
        self.open_rows = if boundary { 0 } else { position.rows };
        self.boundary = boundary;
        self.dry = dry;
        self.position = Some(position);
    }

    /// The position is the source's state as of `moment`, also where no row of ours says so: the last
    /// transaction that was passed was committed then, or the source had nothing more to send.
    pub(crate) fn show(&mut self, moment: Option<i64>) {
        self.as_of = self.as_of.max(moment);
    }

    /// Whether rows wait to be committed.
    pub(crate) fn has_rows(&self) -> bool {
        self.rows_in > 0
    }

    /// Whether no more rows should be read before a commit.
    pub(crate) fn is_full(&self, limits: rowmill_plan::Epoch) -> bool {
        self.rows_in >= limits.rows as u64 || self.bytes >= limits.bytes
    }

    /// Whether this is a place to commit what there is, so long after the commit before began; `None`: there
    /// was none, or nobody wants to wait for company.
    pub(crate) fn close(&self, limits: rowmill_plan::Epoch, since: Option<Duration>) -> Close {
        if !self.has_rows() {
            return Close::No;
        }
        let full = self.is_full(limits);
        let rest = since.map_or(Duration::ZERO, |since| limits.pace.saturating_sub(since));
        match self.boundary {
            true if full => Close::Whole,
            true if self.dry && !rest.is_zero() => Close::Later(rest),
            true if self.dry => Close::Whole,
            false if full && self.open_rows >= limits.rows as u64 => Close::Split,
            false if full && self.bytes >= 2 * limits.bytes => Close::Split,
            _ => Close::No,
        }
    }

    /// Whether the position is the end of a transaction, so that stopping here loses nothing.
    pub(crate) fn at_boundary(&self) -> bool {
        self.boundary
    }

    /// Whether the stream had nothing more to give.
    pub(crate) fn is_dry(&self) -> bool {
        self.dry
    }

    /// Takes the epoch out; the next one begins where this one ends.
    pub(crate) fn take(&mut self) -> Filling {
        let next = Filling {
            open_rows: self.open_rows,
            began_inside: !self.boundary,
            boundary: self.boundary,
            dry: self.dry,
            ..Filling::default()
        };
        std::mem::replace(self, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Duration = Duration::from_millis(10);
    const LIMITS: rowmill_plan::Epoch = rowmill_plan::Epoch { rows: 10, bytes: 1 << 30, pace: PACE };

    fn filled(rows: u64, boundary: bool, dry: bool) -> Filling {
        let mut filling = Filling { rows_in: rows, ..Filling::default() };
        filling.reach(Position { rows, ..Position::new("binlog.000001", 4) }, boundary, dry);
        filling
    }

    #[test]
    fn an_epoch_closes_when_dry_or_full_at_the_end_of_a_transaction() {
        assert_eq!(filled(0, true, true).close(LIMITS, Some(PACE)), Close::No);
        assert_eq!(filled(1, true, true).close(LIMITS, Some(PACE)), Close::Whole);
        assert_eq!(filled(1, true, false).close(LIMITS, Some(PACE)), Close::No);
        assert_eq!(filled(10, true, false).close(LIMITS, Some(PACE)), Close::Whole);
    }

    #[test]
    fn a_dry_epoch_waits_for_its_time_and_a_full_one_does_not() {
        let early = PACE - Duration::from_millis(3);
        assert_eq!(filled(1, true, true).close(LIMITS, Some(early)), Close::Later(Duration::from_millis(3)));
        assert_eq!(filled(1, true, false).close(LIMITS, Some(early)), Close::No);
        assert_eq!(filled(0, true, true).close(LIMITS, Some(early)), Close::No);
        assert_eq!(filled(10, true, true).close(LIMITS, Some(Duration::ZERO)), Close::Whole);
        assert_eq!(filled(10, false, false).close(LIMITS, Some(Duration::ZERO)), Close::Split);
        assert_eq!(filled(1, true, true).close(LIMITS, None), Close::Whole, "there was no commit before");
        let at_once = rowmill_plan::Epoch { pace: Duration::ZERO, ..LIMITS };
        assert_eq!(filled(1, true, true).close(at_once, Some(Duration::ZERO)), Close::Whole);
    }

    #[test]
    fn a_transaction_is_cut_only_when_it_alone_fills_an_epoch() {
        assert_eq!(filled(9, false, true).close(LIMITS, Some(PACE)), Close::No);
        assert_eq!(filled(10, false, false).close(LIMITS, Some(PACE)), Close::Split);
        let mut two = filled(8, true, false);
        two.rows_in += 8;
        two.reach(Position { rows: 8, ..Position::new("binlog.000001", 4) }, false, false);
        assert_eq!(two.close(LIMITS, Some(PACE)), Close::No, "8 rows of the open transaction are less than an epoch");
    }
}
