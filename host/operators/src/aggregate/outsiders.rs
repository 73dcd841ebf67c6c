//! Which rows of a batch take part in which windows, in the order of the source.
//!
//! # A row whose update came too late is out
//!
//! Of an update whose before-image is late the after-image is dropped too: the row is still counted
//! in the closed window, and would be counted twice. From then on no image of that row is in any open
//! window, so none may be taken out of one: the row is *out* until it is deleted. The keys of such rows
//! are kept (as hashes of 128 bits) and are part of the state.

use rowmill_change::Op;
use rowmill_state::Writes;
use xxhash_rust::xxh3::xxh3_128;

use super::call::GROUPS_PER_CALL;
use super::entries::Entries;
use super::record;
use super::state::State;
use super::table::STORED;
use super::window::{Span, Time, Windowing};
use crate::error::Error;
use rowmill_plan::Late;

/// Rows in windows: row `rows[i]` of the step's input takes part in `windows[i]`.
#[derive(Default)]
pub(super) struct Placed {
    pub(super) rows: Vec<u32>,
    pub(super) windows: Vec<Span>,
}

/// The rows that are out, all of them in memory: they are few.
pub(super) struct Outsiders {
    pub(super) entries: Entries,
}

/// The hash of a row's key.
pub(crate) type RowHash = [u8; 16];

/// The hash that stands for a row whose key has these bytes.
pub(crate) fn row_hash(key: &[u8]) -> RowHash {
    xxh3_128(key).to_be_bytes()
}

/// The rows of a batch, as the source gave them and as the steps before left them.
pub(super) struct Batch<'a> {
    /// One per row of the source.
    pub(super) ops: &'a [Op],
    /// Makes the hash of the key of a row of the source.
    pub(super) hash: &'a (dyn Fn(usize) -> RowHash + Sync),
    /// The source's row behind each row of the step's input, ascending.
    pub(super) origins: &'a [u32],
    /// The event time of each row of the step's input.
    pub(super) times: &'a [Time],
}

impl Outsiders {
    pub(crate) fn new(name: String) -> Self {
        Self { entries: Entries::new(name) }
    }

    /// Takes in those of an earlier run.
    pub(super) async fn open(&mut self, state: &State) -> Result<(), Error> {
        self.entries.open(state).await?;
        let mut after = None;
        loop {
            let found = state.scan(&self.entries.name, after, None, GROUPS_PER_CALL).await?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, _) in &found {
                let slot = self.entries.table.insert(key);
                let entry = self.entries.table.slot_mut(slot);
                entry.count = 1;
                entry.flags |= STORED;
            }
        }
    }

    /// The rows that are out.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let table = &self.entries.table;
        table.live().map(|slot| &*table.slot(slot).key)
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.entries.table.len()
    }

    /// Puts rows out of which another run has said so.
    pub(super) fn put_out(&mut self, rows: &[RowHash]) {
        for row in rows {
            let slot = self.add(row);
            self.entries.table.slot_mut(slot).count = 1;
        }
    }

    /// Decides row by row.
    pub(super) fn place(&mut self, windowing: &mut Windowing, batch: &Batch<'_>, captured: &mut Vec<Writes>) -> Placed {
        let mut placed = Placed::default();
        let mut windows = Vec::new();
        // The after-image of the last update must be dropped, since its before-image was.
        let mut drop_after: Option<u32> = None;
        let mut next = 0;
        for (origin, op) in batch.ops.iter().enumerate() {
            let first = next;
            while next < batch.origins.len() && batch.origins[next] as usize == origin {
                next += 1;
            }
            let is_out = match self.len() {
                0 => None,
                _ => self.entries.table.find(&(batch.hash)(origin)),
            };
            match op {
                Op::Insert | Op::UpdateAfter => {
                    let dropped = drop_after.take() == Some(origin as u32);
                    if dropped && is_out.is_none() {
                        let slot = self.add(&(batch.hash)(origin));
                        self.change(slot, 1, captured);
                    }
                    for row in first..next {
                        if !dropped && is_out.is_none() {
                            take_part(windowing, row, batch.times[row], &mut windows, &mut placed);
                        }
                        windowing.watermark.see(batch.times[row]);
                    }
                }
                Op::UpdateBefore | Op::Delete => {
                    let mut late = is_out.is_some();
                    if is_out.is_none() {
                        for row in first..next {
                            late |= !take_part(windowing, row, batch.times[row], &mut windows, &mut placed);
                        }
                    }
                    if let Some(slot) = is_out {
                        self.change(slot, 0, captured);
                    }
                    if *op == Op::UpdateBefore && late && windowing.late == Late::Drop {
                        drop_after = Some(origin as u32 + 1);
                    }
                }
            }
        }
        placed
    }

    /// A new entry, or the one that is there.
    fn add(&mut self, key: &RowHash) -> u32 {
        let table = &mut self.entries.table;
        if let Some(slot) = table.find(key) {
            return slot;
        }
        let stale = table.unbury(key);
        let slot = table.insert(key);
        table.slot_mut(slot).flags |= stale.unwrap_or(0);
        slot
    }

    /// Puts a row out, or (0) forgets it.
    fn change(&mut self, slot: u32, count: i64, captured: &mut Vec<Writes>) {
        let pending = self.entries.table.pending_among(&[slot]);
        captured.extend(self.save(&pending));
        self.entries.table.soil(slot);
        self.entries.table.slot_mut(slot).count = count;
        if count == 0 {
            self.entries.table.end(slot);
        }
    }

    /// The records of rows that are out.
    pub(super) fn save(&mut self, slots: &[u32]) -> Option<Writes> {
        let records: Vec<Vec<u8>> = slots.iter().map(|&slot| record::begin(self.entries.table.slot(slot))).collect();
        (!slots.is_empty()).then(|| self.entries.writes(slots, records))
    }
}

/// Puts a row into its open windows; false (and counted) if it has none.
fn take_part(windowing: &mut Windowing, row: usize, at: Time, windows: &mut Vec<Span>, placed: &mut Placed) -> bool {
    windows.clear();
    windowing.assigner.assign(at, windows);
    let late = windows.iter().all(|&window| windowing.is_closed(window));
    if late {
        windowing.watermark.late += 1;
    }
    for &window in windows.iter() {
        if windowing.late == Late::Update || !windowing.is_closed(window) {
            placed.rows.push(row as u32);
            placed.windows.push(window);
        }
    }
    !late
}
