//! Entries by key, in memory as far as they are needed, with slots numbered densely.
//!
//! Groups, the pairs of `distinct` and the rows that are out are all kept in such a table. A slot
//! number is what a component knows a group by; numbers of entries that ended are used again, so
//! the accumulators on the other side stay dense.
//!
//! # Memory and disk
//!
//! The table says which of its entries the store has ([`STORED`]) and which have changed since the
//! last barrier ([`DIRTY`]); it does no I/O itself. An entry that is not here may be on disk: its
//! owner asks the store for keys that [`Table::find`] doesn't know, once per batch.
//!
//! # Why a checkpoint sees one moment
//!
//! [`Table::begin_checkpoint`] marks what changed as [`PENDING`]. From then on whoever is about to
//! change a pending entry has it captured first ([`Table::pending_among`]), and the rest is captured
//! bit by bit. So each entry is captured as it was at the barrier, and nothing waits for it.

use std::collections::HashSet;

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Changed since the last barrier.
pub(super) const DIRTY: u8 = 1;
/// The store holds a version of it.
pub(super) const STORED: u8 = 2;
/// Changed before the barrier of the running checkpoint and not captured yet.
pub(super) const PENDING: u8 = 4;
/// Changed in this epoch.
pub(super) const TOUCHED: u8 = 8;
/// Used since the clock's hand last passed.
const RECENT: u8 = 16;

/// Listed by the end of its window.
pub(super) const LISTED: u8 = 32;

/// What a slot costs beside the bytes of its key and its spelling: itself, its place in the index
/// and what allocations round up to.
const SLOT_BYTES: usize = size_of::<Slot>() + 8 + 32;

/// One entry.
pub(super) struct Slot {
    /// Empty: the slot is free.
    pub(super) key: Box<[u8]>,
    /// The values as they were first seen, where the key doesn't say them.
    pub(super) shown: Option<Box<[u8]>>,
    /// Rows in it.
    pub(super) count: i64,
    /// µs since 1970: the window's end, or without one the commit time of the last change.
    pub(super) time: i64,
    /// A place in a list that is being worked on.
    pub(super) at: u32,
    pub(super) flags: u8,
}

/// Entries by key.
#[derive(Default)]
pub(super) struct Table {
    index: HashTable<u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots with [`DIRTY`]; may name slots that have been freed or cleaned since.
    dirty: Vec<u32>,
    /// Slots with [`PENDING`], likewise.
    pending: Vec<u32>,
    /// Keys that the store holds and that ended since the last barrier.
    tombstones: HashSet<Box<[u8]>>,
    /// Those that ended before it, until the running checkpoint has removed them.
    tombstones_before: HashSet<Box<[u8]>>,
    heap: usize,
    hand: usize,
}

impl Table {
    /// The slot of a key that is in memory.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        self.find_hashed(xxh3_64(key), key)
    }

    #[inline]
    fn find_hashed(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.index.find(hash, |&slot| *self.slots[slot as usize].key == *key).copied()
    }

    /// Takes in a key that is not here.
    pub(super) fn insert(&mut self, key: &[u8]) -> u32 {
        let slot = Slot { key: Box::from(key), shown: None, count: 0, time: 0, at: 0, flags: 0 };
        self.heap += key.len();
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[number as usize] = slot;
                number
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
        };
        let slots = &self.slots;
        self.index.insert_unique(xxh3_64(key), number, |&other| xxh3_64(&slots[other as usize].key));
        number
    }

    pub(super) fn slot(&self, number: u32) -> &Slot {
        &self.slots[number as usize]
    }

    pub(super) fn slot_mut(&mut self, number: u32) -> &mut Slot {
        &mut self.slots[number as usize]
    }

    /// Remembers how the values were spelled.
    pub(super) fn show(&mut self, number: u32, shown: &[u8]) {
        let slot = &mut self.slots[number as usize];
        self.heap += shown.len();
        self.heap -= slot.shown.as_ref().map_or(0, |old| old.len());
        slot.shown = Some(Box::from(shown));
    }

    /// Notes a change of the entry. Answers whether it is the first one in this epoch.
    #[inline]
    pub(super) fn touch(&mut self, number: u32) -> bool {
        let slot = &mut self.slots[number as usize];
        if slot.flags & DIRTY == 0 {
            self.dirty.push(number);
        }
        let first = slot.flags & TOUCHED == 0;
        slot.flags |= DIRTY | TOUCHED | RECENT;
        first
    }

    /// Whether the entry has to be listed by the end of its window; once.
    pub(super) fn list(&mut self, number: u32) -> bool {
        let slot = &mut self.slots[number as usize];
        let listed = slot.flags & LISTED != 0;
        slot.flags |= LISTED;
        !listed
    }

    /// Notes a change of an entry that nobody collects by epoch.
    pub(super) fn soil(&mut self, number: u32) {
        let first = self.touch(number);
        if first {
            self.slots[number as usize].flags &= !TOUCHED;
        }
    }

    /// Above every slot number in use.
    pub(super) fn numbers(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Entries in memory.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// An estimate of the bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * SLOT_BYTES + self.heap
    }

    /// Whether the store doesn't have the entry as it is.
    pub(super) fn needs_saving(&self, number: u32) -> bool {
        let flags = self.slots[number as usize].flags;
        flags & DIRTY != 0 || flags & STORED == 0
    }

    /// Whether the slot holds an entry.
    pub(super) fn is_live(&self, number: u32) -> bool {
        !self.slots[number as usize].key.is_empty()
    }

    /// All entries in memory.
    pub(super) fn live(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.slots.len() as u32).filter(|&number| self.is_live(number))
    }

    /// The entry ended: it is forgotten here, and by the next checkpoint on disk.
    pub(super) fn end(&mut self, number: u32) {
        let stored = self.slots[number as usize].flags & STORED != 0;
        let key = self.forget(number);
        if stored {
            self.tombstones.insert(key);
        }
    }

    /// Frees the slot. The store's version, if any, stays.
    pub(super) fn forget(&mut self, number: u32) -> Box<[u8]> {
        let slot = &mut self.slots[number as usize];
        let key = std::mem::take(&mut slot.key);
        self.heap -= key.len() + slot.shown.take().map_or(0, |shown| shown.len());
        slot.flags = 0;
        slot.count = 0;
        if let Ok(entry) = self.index.find_entry(xxh3_64(&key), |&other| other == number) {
            entry.remove();
        }
        self.free.push(number);
        key
    }

    /// Whether the store's version of a key is stale because the entry ended. If it begins anew, it
    /// has to be told that there is one: the answer then carries [`STORED`].
    pub(super) fn unbury(&mut self, key: &[u8]) -> Option<u8> {
        if self.tombstones.remove(key) {
            return Some(STORED);
        }
        // The running checkpoint removes it; what begins anew is written by the next one.
        self.tombstones_before.contains(key).then_some(0)
    }

    /// Whether an entry of this key ended, so that what the store has of it is stale.
    pub(super) fn is_gone(&self, key: &[u8]) -> bool {
        self.tombstones.contains(key) || self.tombstones_before.contains(key)
    }

    /// A barrier: what changed before it has to be captured.
    pub(crate) fn begin_checkpoint(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        for &number in &dirty {
            let slot = &mut self.slots[number as usize];
            if slot.flags & DIRTY != 0 {
                slot.flags = slot.flags & !DIRTY | PENDING;
            }
        }
        self.pending = dirty;
        self.tombstones_before = std::mem::take(&mut self.tombstones);
    }

    /// Keys to be removed on disk, as of the barrier.
    pub(super) fn tombstones_before(&self) -> impl Iterator<Item = &Box<[u8]>> {
        self.tombstones_before.iter()
    }

    /// The running checkpoint is in the store.
    pub(crate) fn end_checkpoint(&mut self) {
        self.tombstones_before = HashSet::new();
    }

    /// Up to `most` entries that are still to be captured; they count as captured from now on.
    pub(super) fn take_pending(&mut self, most: usize) -> Vec<u32> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(number) = self.pending.pop()
        {
            if self.capture(number) {
                taken.push(number);
            }
        }
        taken
    }

    /// Whether entries are still to be captured.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Those of `numbers` that have to be captured before they change; they count as captured from
    /// now on.
    pub(super) fn pending_among(&mut self, numbers: &[u32]) -> Vec<u32> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        numbers.iter().copied().filter(|&number| self.capture(number)).collect()
    }

    fn capture(&mut self, number: u32) -> bool {
        let slot = &mut self.slots[number as usize];
        let captured = slot.flags & PENDING != 0;
        if captured {
            slot.flags = slot.flags & !PENDING | STORED;
        }
        captured
    }

    /// The epoch is over for this entry.
    pub(super) fn settle(&mut self, number: u32) {
        self.slots[number as usize].flags &= !TOUCHED;
    }

    /// Chooses up to `most` entries that can leave the memory: none that changed in this epoch or
    /// still has to be captured, and those first that nothing has used for a while.
    pub(super) fn victims(&mut self, most: usize) -> Vec<u32> {
        let mut victims = Vec::new();
        let slots = self.slots.len();
        // Two rounds: the first takes away the mark of use.
        for _ in 0..2 * slots {
            if victims.len() >= most {
                break;
            }
            self.hand = (self.hand + 1) % slots;
            let slot = &mut self.slots[self.hand];
            if slot.key.is_empty() || slot.flags & (TOUCHED | PENDING) != 0 {
                continue;
            }
            match slot.flags & RECENT {
                0 => {
                    // Not chosen twice.
                    slot.flags |= RECENT;
                    victims.push(self.hand as u32);
                }
                _ => slot.flags &= !RECENT,
            }
        }
        victims.sort_unstable();
        victims.dedup();
        victims
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_dense_and_used_again() {
        let mut table = Table::default();
        let a = table.insert(b"a");
        let b = table.insert(b"b");
        assert_eq!((a, b, table.numbers()), (0, 1, 2));
        table.forget(a);
        assert_eq!(table.find(b"a"), None);
        assert_eq!(table.insert(b"c"), a);
        assert_eq!((table.find(b"b"), table.find(b"c"), table.len()), (Some(b), Some(a), 2));
    }

    #[test]
    fn what_changed_before_a_barrier_is_captured_once() {
        let mut table = Table::default();
        let slots: Vec<u32> = (0..5u8).map(|n| table.insert(&[n])).collect();
        slots.iter().for_each(|&slot| assert!(table.touch(slot)));
        assert!(!table.touch(slots[0]));
        slots.iter().for_each(|&slot| table.settle(slot));
        table.begin_checkpoint();
        assert_eq!(table.pending_among(&[1, 1, 3]), [1, 3]);
        table.touch(1);
        let mut rest = table.take_pending(10);
        rest.sort_unstable();
        assert_eq!(rest, [0, 2, 4]);
        assert!(!table.has_pending());
        table.begin_checkpoint();
        assert_eq!(table.take_pending(10), [1]);
    }

    #[test]
    fn only_stored_entries_leave_tombstones() {
        let mut table = Table::default();
        let a = table.insert(b"a");
        let b = table.insert(b"b");
        table.touch(a);
        table.settle(a);
        table.begin_checkpoint();
        table.take_pending(1);
        table.end_checkpoint();
        table.end(a);
        table.end(b);
        assert_eq!(table.unbury(b"b"), None);
        assert_eq!(table.unbury(b"a"), Some(STORED));
        let a = table.insert(b"a");
        table.slot_mut(a).flags |= STORED;
        table.end(a);
        table.begin_checkpoint();
        assert_eq!(table.tombstones_before().collect::<Vec<_>>(), [&(Box::from(*b"a") as Box<[u8]>)]);
        assert_eq!(table.unbury(b"a"), Some(0));
        table.end_checkpoint();
        assert_eq!(table.unbury(b"a"), None);
    }

    #[test]
    fn victims_are_those_that_nothing_used() {
        let mut table = Table::default();
        (0..10u8).for_each(|n| {
            table.insert(&[n]);
        });
        table.touch(3);
        let victims = table.victims(20);
        assert_eq!(victims.len(), 9);
        assert!(!victims.contains(&3));
    }
}
