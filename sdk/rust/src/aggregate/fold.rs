//! The loop of `update`: rows into accumulators.
//!
//! Eight rows per turn: they share the test for interruption that a loop in a component pays at
//! each turn, a byte of the validity and a byte of the retractions. Groups need no check per row
//! beyond that their chunk is there, because the room was made before.

use super::accumulators::Accumulators;
use crate::bitmap::Bitmap;
use crate::cell::Written;
use crate::contract::FlaggedRow;
use crate::error::RowError;

/// Rows per turn.
pub(crate) const LANES: usize = 8;

impl<S: Default> Accumulators<S> {
    /// Takes rows in or out: row i goes to `groups[i]`. `count` is above every number in `groups`.
    /// Rows where `valid` has no bit are skipped; where `retract` has one, `take` runs, otherwise
    /// `put`, with the accumulator and the row. Returns the rows that they refused.
    ///
    /// ```
    /// use rowmill_sdk::aggregate::Accumulators;
    /// use rowmill_sdk::column::F64s;
    ///
    /// let mut sums = Accumulators::<f64>::new();
    /// let column: F64s = [Some(1.0), None, Some(3.0)].into_iter().collect();
    /// let refused = sums.fold(2, &[0, 0, 1], None, column.validity(),
    ///     |sum, row| *sum += column.value(row),
    ///     |sum, row| *sum -= column.value(row));
    /// assert!(refused.is_empty());
    /// assert_eq!((*sums.get(0), *sums.get(1)), (1.0, 3.0));
    /// ```
    ///
    /// # Panics
    /// When a group is not below `count`.
    #[inline(always)]
    pub fn fold<D: Written>(
        &mut self,
        count: u32,
        groups: &[u32],
        retract: Option<&Bitmap>,
        valid: Option<&Bitmap>,
        mut put: impl FnMut(&mut S, usize) -> D,
        mut take: impl FnMut(&mut S, usize) -> D,
    ) -> Vec<FlaggedRow> {
        self.reserve(count);
        self.touch(groups);
        let mut refused = Vec::new();
        let mut note = |row: usize, written: D| {
            if let Err(error) = written.into_written() {
                flag(&mut refused, row, error);
            }
        };
        let (blocks, rest) = groups.as_chunks::<LANES>();
        let whole = blocks.len() * LANES;
        match (retract, valid) {
            (None, None) => {
                for (block, groups) in blocks.iter().enumerate() {
                    for (lane, group) in groups.iter().enumerate() {
                        let row = block * LANES + lane;
                        note(row, put(self.touched(*group), row));
                    }
                }
                for (row, group) in (whole..).zip(rest) {
                    note(row, put(self.touched(*group), row));
                }
            }
            (Some(retract), None) => {
                for ((block, groups), outs) in blocks.iter().enumerate().zip(retract.as_bytes()) {
                    for (lane, group) in groups.iter().enumerate() {
                        let row = block * LANES + lane;
                        let state = self.touched(*group);
                        let written = if outs >> lane & 1 == 0 { put(state, row) } else { take(state, row) };
                        note(row, written);
                    }
                }
                for (row, group) in (whole..).zip(rest) {
                    let state = self.touched(*group);
                    note(row, if retract.get(row) { take(state, row) } else { put(state, row) });
                }
            }
            (retract, Some(valid)) => {
                let outs = retract.map_or(&[][..], Bitmap::as_bytes);
                for ((block, groups), ins) in groups.chunks(LANES).enumerate().zip(valid.as_bytes()) {
                    let outs = outs.get(block).copied().unwrap_or(0);
                    for (lane, group) in groups.iter().enumerate() {
                        if ins >> lane & 1 == 1 {
                            let row = block * LANES + lane;
                            let state = self.touched(*group);
                            let written = if outs >> lane & 1 == 0 { put(state, row) } else { take(state, row) };
                            note(row, written);
                        }
                    }
                }
            }
        }
        refused
    }
}

#[cold]
fn flag(refused: &mut Vec<FlaggedRow>, row: usize, error: RowError) {
    refused.push(FlaggedRow { row: row as u32, code: error.code.into_owned(), message: error.message.into_owned() });
}
