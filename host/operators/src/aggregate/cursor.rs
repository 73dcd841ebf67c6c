//! All groups, those on disk included, one chunk after the other: for the target after a snapshot,
//! and for whoever compares.

use arrow_array::RecordBatch;
use rowmill_state::Key;

use super::Aggregate;
use super::call::GROUPS_PER_CALL;
use super::changelog::{key_columns, output};
use super::table::STORED;
use super::window::Time;
use crate::error::Error;
use rowmill_plan::Emit;

/// Where a walk over all groups is.
#[derive(Default)]
pub struct Cursor {
    /// The next slot; slots come first.
    slot: u32,
    /// The last key seen on disk (of sessions: the last member seen).
    pub(super) after: Option<Key>,
    pub(super) done: bool,
}

impl Aggregate {
    /// The next groups with their results; `None` at the end. Nothing may change in between.
    pub async fn next_groups(&mut self, cursor: &mut Cursor) -> Result<Option<RecordBatch>, Error> {
        while !cursor.done {
            let batch = match self.sessions.is_some() {
                true => self.next_sessions(cursor).await?,
                false => self.next_chunk(cursor).await?,
            };
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    async fn next_chunk(&mut self, cursor: &mut Cursor) -> Result<RecordBatch, Error> {
        let numbers = self.groups.entries.table.numbers();
        if cursor.slot < numbers {
            let end = numbers.min(cursor.slot + GROUPS_PER_CALL as u32);
            let table = &self.groups.entries.table;
            let slots: Vec<u32> = (cursor.slot..end).filter(|&slot| table.is_live(slot)).collect();
            cursor.slot = end;
            return self.show(&slots).await;
        }
        if !self.groups.entries.is_on_disk() {
            cursor.done = true;
            return self.show(&[]).await;
        }
        let (state, name) = (self.groups.state.clone(), self.groups.entries.name.clone());
        let found = state.scan(&name, cursor.after.clone(), None, GROUPS_PER_CALL).await?;
        cursor.done = found.len() < GROUPS_PER_CALL;
        cursor.after = found.last().map(|(key, _)| key.clone()).or(cursor.after.take());
        let mut visitors = Vec::new();
        for (key, value) in found {
            let table = &mut self.groups.entries.table;
            if table.find(&key).is_none() && !table.is_gone(&key) {
                let slot = table.insert(&key);
                table.slot_mut(slot).flags |= STORED;
                visitors.push((slot, value));
            }
        }
        self.groups.restore(&visitors).await?;
        let slots: Vec<u32> = visitors.iter().map(|(slot, _)| *slot).collect();
        let batch = self.show(&slots).await?;
        self.groups.evict(&slots).await?;
        for slot in slots {
            self.groups.entries.table.forget(slot);
        }
        // Slots that were made for visitors must not be walked over.
        cursor.slot = self.groups.entries.table.numbers();
        Ok(batch)
    }

    /// The rows of groups that have something to show.
    async fn show(&mut self, slots: &[u32]) -> Result<RecordBatch, Error> {
        let table = &self.groups.entries.table;
        let slots: Vec<u32> = slots
            .iter()
            .copied()
            .filter(|&slot| table.slot(slot).count > 0 && self.is_shown(table.slot(slot).time))
            .collect();
        let results = self.groups.evaluate(&slots).await?;
        self.report(&slots, &results)?;
        let failed: Vec<usize> = results.errors.iter().map(|(_, error)| error.row).collect();
        let mut columns = key_columns(&self.groups.entries.table, &self.keys, self.windowing.is_some(), &slots)?;
        columns.extend(results.columns);
        let batch = output(&self.output, columns)?;
        if failed.is_empty() {
            return Ok(batch);
        }
        let keep = (0..slots.len()).map(|row| Some(!failed.contains(&row))).collect();
        Ok(arrow_select::filter::filter_record_batch(&batch, &keep)?)
    }

    /// Whether the result of a window that ends then is written already.
    pub(super) fn is_shown(&self, end: Time) -> bool {
        match &self.windowing {
            Some(windowing) if windowing.emit == Emit::Close => end <= windowing.watermark(),
            _ => true,
        }
    }
}
