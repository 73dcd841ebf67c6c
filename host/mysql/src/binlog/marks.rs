//! Which rows of a batch are which of the event: their numbers among those of other tables, and their transactions.

use std::sync::Arc;

use rowmill_change::TransactionStart;

/// Of the rows that a decoder holds.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) ordinals: Vec<u32>,
    pub(crate) transactions: Vec<TransactionStart>,
}

impl Marks {
    /// The rows from here on are of the transaction that begins there. `rows`: how many come before.
    pub(crate) fn begin_transaction(&mut self, rows: usize, file: &str, offset: u64) {
        let last = self.transactions.last().filter(|last| *last.file == *file);
        if last.is_some_and(|last| last.offset == offset) {
            return;
        }
        let file = last.map_or_else(|| Arc::from(file), |last| Arc::clone(&last.file));
        self.transactions.push(TransactionStart { row: rows as u32, file, offset });
    }

    /// Numbers the rows up to these on from `next`.
    pub(crate) fn number(&mut self, rows: usize, next: &mut u32) {
        let taken = rows - self.ordinals.len();
        self.ordinals.extend((*next..).take(taken));
        *next += taken as u32;
    }
}
