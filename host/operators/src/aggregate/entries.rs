//! A table of entries over the store: what is not in memory is read, what must leave is written.

use arrow_row::Rows;
use rowmill_state::{Key, Value, Writes};

use super::state::State;
use super::table::Table;
use crate::error::Error;

/// Entries by key, in memory and in a table of the store.
pub(super) struct Entries {
    pub(super) table: Table,
    /// In the store.
    pub(super) name: String,
    /// The store may hold entries that are not in memory.
    on_disk: bool,
}

/// The slots of a batch's keys.
pub(super) struct Resolved {
    /// One per row.
    pub(super) slots: Vec<u32>,
    /// Those that came from the store just now, with their records. They count as used.
    pub(super) restored: Vec<(u32, Value)>,
}

impl Entries {
    pub(crate) fn new(name: String) -> Self {
        Self { table: Table::default(), name, on_disk: false }
    }

    /// Looks whether the store has entries of an earlier run.
    pub(super) async fn open(&mut self, state: &State) -> Result<(), Error> {
        self.on_disk = state.count(&self.name).await? > 0;
        Ok(())
    }

    pub(super) fn is_on_disk(&self) -> bool {
        self.on_disk
    }

    /// The slots of keys: known ones, those that the store has, and new ones for the rest.
    pub(super) async fn resolve(&mut self, keys: &Rows, state: &State) -> Result<Resolved, Error> {
        let mut unknown = Vec::new();
        let mut slots = Vec::with_capacity(keys.num_rows());
        for key in keys {
            let slot = match self.table.find(key.data()) {
                Some(slot) => slot,
                None => {
                    let slot = self.table.insert(key.data());
                    unknown.push(slot);
                    slot
                }
            };
            slots.push(slot);
        }
        let restored = if self.on_disk { self.restore(unknown, state).await? } else { Vec::new() };
        Ok(Resolved { slots, restored })
    }

    /// Reads the records of slots that have just been made.
    async fn restore(&mut self, mut unknown: Vec<u32>, state: &State) -> Result<Vec<(u32, Value)>, Error> {
        let table = &mut self.table;
        unknown.retain(|&slot| {
            let key = table.slot(slot).key.clone();
            let stale = table.unbury(&key);
            table.slot_mut(slot).flags |= stale.unwrap_or(0);
            stale.is_none()
        });
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<Key> = unknown.iter().map(|&slot| table.slot(slot).key.clone()).collect();
        let values = state.read(&self.name, keys).await?;
        Ok(unknown.into_iter().zip(values).filter_map(|(slot, value)| Some((slot, value?))).collect())
    }

    /// The write of these records, which the store then has.
    pub(super) fn writes(&mut self, slots: &[u32], records: Vec<Vec<u8>>) -> Writes {
        self.on_disk |= !slots.is_empty();
        let key = |&slot: &u32| self.table.slot(slot).key.clone();
        let entries = slots.iter().map(key).zip(records.into_iter().map(|record| Some(record.into()))).collect();
        Writes { table: self.name.clone(), entries }
    }

    /// The removal of what had ended at the barrier.
    pub(super) fn removals(&self) -> Writes {
        let entries = self.table.tombstones_before().map(|key| (key.clone(), None)).collect();
        Writes { table: self.name.clone(), entries }
    }
}
