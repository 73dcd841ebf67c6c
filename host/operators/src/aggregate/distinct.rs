//! `distinct`: of rows with equal arguments in a group only one takes part.
//!
//! The host counts how often each pair of group and arguments is there. The first row of a pair goes
//! in, the last one that leaves takes it out; the component never sees the others, so it needs to
//! know nothing of this. A pair's arguments are compared as groups are, by collation; what is taken
//! out is spelled as what went in.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, UInt32Array};
use arrow_buffer::BooleanBuffer;
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{DataType, Field};
use rowmill_state::{Key, Writes};

use super::call::GROUPS_PER_CALL;
use super::entries::Entries;
use super::keys::Keys;
use super::record::{self, Record};
use super::state::State;
use super::table::{STORED, Table};
use crate::error::Error;
use rowmill_plan::Collate;

/// The pairs of one call.
pub struct Pairs {
    pub(super) entries: Entries,
    keys: Keys,
    /// A group's key beside the arguments' key.
    joined: RowConverter,
    /// Up to this key pairs of closed windows have been forgotten on disk.
    closed: Option<Key>,
}

/// The rows that a component sees.
pub(super) struct Passed {
    /// Their places among the rows given.
    pub(super) places: Vec<usize>,
    pub(super) groups: UInt32Array,
    pub(super) retract: BooleanBuffer,
    pub(super) arguments: Vec<ArrayRef>,
}

impl Pairs {
    /// `name`: in the store. The error names the argument that has no equality.
    pub fn new(name: String, arguments: &[&Field]) -> Result<Self, (usize, String)> {
        let joined = RowConverter::new(vec![SortField::new(DataType::Binary), SortField::new(DataType::Binary)]);
        Ok(Self {
            entries: Entries::new(name),
            keys: Keys::new(arguments, Collate::Column)?,
            joined: joined.map_err(|error| (0, error.to_string()))?,
            closed: None,
        })
    }

    /// Counts rows and answers those that a component sees. `captured`: where pairs go that the
    /// running checkpoint still needs as they were.
    pub(super) async fn pass(
        &mut self,
        groups: &Table,
        slots: &UInt32Array,
        retract: Option<&BooleanBuffer>,
        arguments: &[ArrayRef],
        state: &State,
        captured: &mut Vec<Writes>,
    ) -> Result<Passed, Error> {
        let pairs = self.pair_keys(groups, slots, arguments)?;
        let spelled = self.keys.spell(arguments)?;
        let resolved = self.entries.resolve(&pairs, state).await?;
        for (slot, value) in &resolved.restored {
            let record = Record::read(value)?;
            let (count, time) = (record.count, record.time);
            if let Some(shown) = record.shown {
                self.entries.table.show(*slot, shown);
            }
            let entry = self.entries.table.slot_mut(*slot);
            (entry.count, entry.time) = (count, time);
            entry.flags |= STORED;
        }
        captured.extend(self.capture(&resolved.slots));
        let mut places = Vec::new();
        let mut shown: Vec<Box<[u8]>> = Vec::new();
        for (row, &slot) in resolved.slots.iter().enumerate() {
            let table = &mut self.entries.table;
            table.soil(slot);
            let out = retract.is_some_and(|bits| bits.value(row));
            let before = table.slot(slot).count;
            table.slot_mut(slot).count += if out { -1 } else { 1 };
            let passes = if out { before == 1 } else { before == 0 };
            if passes && let Some(spelled) = &spelled {
                if !out {
                    table.show(slot, spelled.row(row).data());
                }
                shown.push(table.slot(slot).shown.clone().unwrap_or_default());
            }
            if passes {
                places.push(row);
            }
            table.slot_mut(slot).time = groups.slot(slots.value(row)).time;
        }
        for &slot in &resolved.slots {
            let table = &mut self.entries.table;
            if table.is_live(slot) && table.slot(slot).count == 0 {
                table.end(slot);
            }
        }
        let arguments = self.arguments(arguments, &places, &shown)?;
        Ok(Passed {
            groups: UInt32Array::from_iter_values(places.iter().map(|&row| slots.value(row))),
            retract: places.iter().map(|&row| retract.is_some_and(|bits| bits.value(row))).collect(),
            arguments,
            places,
        })
    }

    fn pair_keys(&self, groups: &Table, slots: &UInt32Array, arguments: &[ArrayRef]) -> Result<Rows, Error> {
        let values = self.keys.encode(arguments)?;
        let keys = slots.values().iter().map(|&slot| &*groups.slot(slot).key);
        let keys: ArrayRef = Arc::new(BinaryArray::from_iter_values(keys));
        let values: ArrayRef = Arc::new(values.try_into_binary()?);
        Ok(self.joined.convert_columns(&[keys, values])?)
    }

    /// The arguments of the rows that pass, with the spellings that went in.
    fn arguments(&self, arguments: &[ArrayRef], places: &[usize], shown: &[Box<[u8]>]) -> Result<Vec<ArrayRef>, Error> {
        let rows = UInt32Array::from_iter_values(places.iter().map(|&row| row as u32));
        let taken = arguments.iter().map(|column| arrow_select::take::take(column, &rows, None));
        let taken: Vec<ArrayRef> = taken.collect::<Result<_, _>>()?;
        if !self.keys.are_spelled() {
            return Ok(taken);
        }
        let keys = self.keys.encode(&taken)?;
        let keys: Vec<&[u8]> = (0..keys.num_rows()).map(|row| keys.row(row).data()).collect();
        let shown: Vec<&[u8]> = shown.iter().map(|row| &**row).collect();
        self.keys.decode(&keys, &shown)
    }

    /// Forgets the pairs of windows that have closed: those up to `closed`, whose groups' keys are
    /// below `below`.
    pub async fn close(
        &mut self,
        closed: i64,
        below: &[u8],
        state: &State,
        captured: &mut Vec<Writes>,
    ) -> Result<(), Error> {
        let table = &self.entries.table;
        let ended: Vec<u32> = table.live().filter(|&slot| table.slot(slot).time <= closed).collect();
        captured.extend(self.capture(&ended));
        ended.iter().for_each(|&slot| self.entries.table.end(slot));
        if !self.entries.is_on_disk() {
            return Ok(());
        }
        let bytes = |bytes: &[u8]| -> ArrayRef { Arc::new(BinaryArray::from_iter_values([bytes])) };
        let below: Key = Box::from(self.joined.convert_columns(&[bytes(below), bytes(b"")])?.row(0).data());
        loop {
            let after = self.closed.clone();
            let found = state.scan(&self.entries.name, after, Some(below.clone()), GROUPS_PER_CALL).await?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            self.closed = Some(last.clone());
            for (key, _) in found {
                let table = &mut self.entries.table;
                if table.find(&key).is_none() && !table.is_gone(&key) {
                    let slot = table.insert(&key);
                    table.slot_mut(slot).flags |= STORED;
                    table.end(slot);
                }
            }
        }
    }

    /// The records of those pairs that the running checkpoint still needs.
    fn capture(&mut self, slots: &[u32]) -> Option<Writes> {
        let pending = self.entries.table.pending_among(slots);
        self.save(&pending)
    }

    /// The records of pairs.
    pub(super) fn save(&mut self, slots: &[u32]) -> Option<Writes> {
        let records: Vec<Vec<u8>> = slots.iter().map(|&slot| record::begin(self.entries.table.slot(slot))).collect();
        (!slots.is_empty()).then(|| self.entries.writes(slots, records))
    }
}
