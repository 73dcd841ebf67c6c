//! The search for the rows of a batch that a component can't survive, and what it may cost.
//!
//! A call that fails as a whole (a trap, a limit, a malformed answer) says nothing about which row is
//! at fault. So the batch is cut into [`PIECES`] pieces, those that fail into pieces again, until
//! single rows are left. Each failed attempt costs a fresh instance and up to the call's whole
//! CPU limit; many pieces at a time make few such attempts: one looping row among 8,192 is found
//! with four.
//!
//! # Why it ends
//!
//! One batch may spend [`CPU_MAX`] on attempts that fail (making fresh instances and checking answers
//! included), and at most [`ROWS_MAX`] of its rows may
//! fail by themselves, whatever its steps and their number. Attempts that succeed are paid from what
//! the call's own limit allows for the whole batch, and from the same purse beyond that: a component
//! that is slow only when it is called with few rows can't stall the pipeline either. When the
//! purse is empty the pipeline stops, and says what it found.
//!
//! Between two attempts, and in the midst of one, the wish to stop is looked at ([`Overseer`]): the
//! rows of the batch are not in the target yet, and are read again at the next start.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::error::Error;
use rowmill_observe::SearchStatus;

/// CPU time that a batch may spend on attempts that fail: that of 50 loops under the default limits.
/// Half of it would give up on a batch with a few dozen looping rows; twice of it is a pipeline that
/// seems to hang.
pub const CPU_MAX: Duration = Duration::from_secs(5);

/// More rows than this failing by themselves in one batch are not single bad rows.
pub const ROWS_MAX: usize = 256;

/// Into how many pieces a failed part is cut. Two would need 13 failed attempts for one row among
/// 8,192; each costs as much CPU as a call may use at least.
const PIECES: usize = 16;

/// Parts up to this size are run row by row: most of their rows succeed at once.
const SINGLE_ROWS: usize = 32;

/// How often a search that takes long is told of.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Who may end a search, and who wants to hear of it.
#[derive(Clone, Default)]
pub struct Overseer {
    stop: Option<watch::Receiver<bool>>,
    show: Option<Arc<Show>>,
}

/// Shows how far a search is; `None` when it is over.
type Show = dyn Fn(Option<SearchStatus>) + Send + Sync;

impl Overseer {
    /// `stop` becomes true when the pipeline shall stop; `show` is told how far a search is, and `None` at its end.
    pub fn new(stop: watch::Receiver<bool>, show: impl Fn(Option<SearchStatus>) + Send + Sync + 'static) -> Self {
        Self { stop: Some(stop), show: Some(Arc::new(show)) }
    }

    /// Runs `attempt` unless, or until, the pipeline is told to stop.
    pub(crate) async fn unless_stopped<T>(&self, attempt: impl Future<Output = T>) -> Result<T, Error> {
        let Some(mut stop) = self.stop.clone() else { return Ok(attempt.await) };
        tokio::select! {
            biased;
            Ok(_) = stop.wait_for(|stop| *stop) => Err(Error::Interrupted),
            done = attempt => Ok(done),
        }
    }

    fn show(&self, search: Option<SearchStatus>) {
        if let Some(show) = &self.show {
            show(search);
        }
    }
}

/// What one batch has spent, over all of its calls.
#[derive(Default)]
pub struct Search {
    pub(crate) overseer: Overseer,
    attempts: u64,
    failed_attempts: u64,
    failed_cpu: Duration,
    /// Of attempts that succeeded, beyond what the call is allowed for the whole batch.
    excess_cpu: Duration,
    /// Rows of the batch that failed by themselves, each counted once however many calls it fails.
    failed_rows: HashSet<u32>,
    /// By code: how many attempts, and the message of the first.
    causes: BTreeMap<&'static str, (usize, String)>,
    told: Option<Instant>,
}

/// The call that is being looked into.
pub(crate) struct Subject<'a> {
    pub(crate) step: &'a str,
    pub(crate) function: &'a str,
    /// Rows of the call that failed.
    pub(crate) rows: usize,
}

impl Search {
    /// A purse that is full; `overseer` may end the search.
    pub fn new(overseer: &Overseer) -> Self {
        Self { overseer: overseer.clone(), ..Self::default() }
    }

    /// Counts an attempt that failed; `row` is the row of the batch that it was on, if it was on one alone.
    pub(crate) fn failed(
        &mut self,
        subject: &Subject<'_>,
        row: Option<u32>,
        cpu: Duration,
        code: &'static str,
        error: &rowmill_wasm::Error,
    ) -> Result<(), Error> {
        self.attempts += 1;
        self.failed_attempts += 1;
        self.failed_cpu += cpu;
        self.failed_rows.extend(row);
        let (count, _) = self.causes.entry(code).or_insert_with(|| (0, error.to_string()));
        *count += 1;
        self.ensure_affordable(subject)
    }

    /// Counts an attempt that succeeded; `left` is what remains of the call's own limit.
    pub(crate) fn succeeded(&mut self, subject: &Subject<'_>, cpu: Duration, left: &mut Duration) -> Result<(), Error> {
        self.attempts += 1;
        self.excess_cpu += cpu.saturating_sub(*left);
        *left = left.saturating_sub(cpu);
        self.ensure_affordable(subject)
    }

    fn ensure_affordable(&self, subject: &Subject<'_>) -> Result<(), Error> {
        let cpu = self.failed_cpu + self.excess_cpu;
        if cpu <= CPU_MAX && self.failed_rows.len() <= ROWS_MAX {
            return Ok(());
        }
        let commonest = self.causes.iter().max_by_key(|(_, (count, _))| *count);
        let (code, count, message) = match commonest {
            Some((code, (count, message))) => (*code, *count, message.clone()),
            None => ("slow", 0, "no attempt failed, but many took long".to_owned()),
        };
        Err(Error::FailingRows {
            step: subject.step.to_owned(),
            function: subject.function.to_owned(),
            rows: subject.rows,
            failed: self.failed_rows.len(),
            attempts: self.failed_attempts,
            cpu,
            code,
            count,
            message,
        })
    }

    /// Logs and shows how far the search is, once a second.
    pub(crate) fn tell(&mut self, subject: &Subject<'_>, rows_left: usize) {
        let now = Instant::now();
        let last = *self.told.get_or_insert(now);
        if now.duration_since(last) < TELL_EVERY {
            return;
        }
        self.told = Some(now);
        let cpu_ms = u64::try_from((self.failed_cpu + self.excess_cpu).as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            step = subject.step,
            function = subject.function,
            rows = subject.rows,
            rows_left,
            failing_rows = self.failed_rows.len(),
            failed_attempts = self.failed_attempts,
            cpu_ms,
            "still looking for the rows that fail"
        );
        self.overseer.show(Some(SearchStatus {
            step: subject.step.to_owned(),
            function: subject.function.to_owned(),
            rows: subject.rows as u64,
            rows_left: rows_left as u64,
            failing_rows: self.failed_rows.len() as u64,
            failed_attempts: self.failed_attempts,
            cpu: self.failed_cpu + self.excess_cpu,
        }));
    }

    /// The search of a call has ended.
    pub(crate) fn end(&mut self) {
        if self.told.take().is_some() {
            self.overseer.show(None);
        }
    }
}

/// A failed part in pieces, the first one last: that is the order of a stack.
pub(crate) fn pieces(start: usize, rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let size = if rows <= SINGLE_ROWS { 1 } else { rows.div_ceil(PIECES) };
    (0..rows).step_by(size).rev().map(move |from| (start + from, size.min(rows - from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole_and_end_at_single_rows() {
        for rows in [2, 15, 16, 17, 32, 33, 100, 8_191, 8_192] {
            let mut todo = vec![(7, rows)];
            let mut singles = Vec::new();
            while let Some((start, rows)) = todo.pop() {
                if rows == 1 {
                    singles.push(start);
                } else {
                    todo.extend(pieces(start, rows));
                }
            }
            assert_eq!(singles, (7..7 + rows).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_row_among_many_costs_four_attempts() {
        let mut attempts = 0;
        let mut part = (0, 8_192);
        loop {
            attempts += 1;
            if part.1 == 1 {
                break;
            }
            part = pieces(part.0, part.1).find(|(start, rows)| (*start..start + rows).contains(&5_000)).unwrap();
        }
        assert_eq!(attempts, 4);
    }
}
