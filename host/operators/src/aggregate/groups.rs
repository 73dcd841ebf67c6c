//! The groups of a step: keys, counts of rows, and the accumulators behind them.
//!
//! # The last result is not kept, it is asked for
//!
//! What a group's row in the target shows is what its accumulators said at the last barrier. So
//! before the first change of a group in an epoch its result is computed once more ([`Groups::before`]),
//! and at the end of the epoch again; the difference is what is passed on. A group at rest costs
//! its key and its accumulators, nothing else, in memory and on disk.

use arrow_array::{ArrayRef, UInt32Array};
use arrow_buffer::BooleanBuffer;
use rowmill_foreign::line;
use rowmill_state::{Value, Writes};
use rowmill_wasm::RowError;

use super::call::{Call, GROUPS_PER_CALL, Rows};
use super::entries::Entries;
use super::record::{self, Record};
use super::session::index;
use super::state::State;
use super::table::STORED;
use crate::error::Error;

/// Of each eviction this share of the groups in memory leaves: rare enough to be cheap, small enough
/// that what is used stays.
const EVICTED_SHARE: usize = 4;

/// Records written to the store at once: each write touches the pages that its keys are on, so that more
/// at once cost less each. Twice as many take twice the memory, some 100 bytes a record.
pub const GROUPS_PER_WRITE: usize = 131_072;

/// Groups and their accumulators.
pub struct Groups {
    pub(super) entries: Entries,
    /// Of sessions: the table of the store that lists members by time.
    pub(super) ends: Option<String>,
    pub(crate) calls: Vec<Call>,
    pub(super) state: State,
    /// Bytes that the groups in memory may take, the components' included.
    memory_max: usize,
    /// Bytes from which on the pairs of a call leave the memory, too.
    pairs_max: usize,
    /// Groups that fit, once it is known.
    groups_max: Option<usize>,
    /// Bytes when that was found out last. A component's memory never shrinks, so the same bytes again
    /// tell nothing new.
    full_at: usize,
    /// Groups, those on disk included.
    pub(super) total: u64,
    /// Groups that left the memory so far.
    pub(super) evicted: u64,
}

/// Results of groups.
pub(super) struct Results {
    /// One column per call.
    pub(super) columns: Vec<ArrayRef>,
    /// Groups without a result, by their place.
    pub(super) errors: Vec<(String, RowError)>,
}

impl Groups {
    /// `name`: in the store. Until [`Groups::attach`] there is none.
    pub fn new(name: String, calls: Vec<Call>, memory_max: usize) -> Self {
        let state = State::default();
        Self {
            entries: Entries::new(name),
            ends: None,
            calls,
            state,
            memory_max,
            pairs_max: memory_max / 8,
            groups_max: None,
            full_at: 0,
            total: 0,
            evicted: 0,
        }
    }

    /// Lets only so many groups stay in memory, and pairs only while nothing has to leave it.
    pub(crate) fn shrink(&mut self, groups: usize) {
        self.groups_max = Some(groups);
        self.pairs_max = 0;
    }

    /// Uses this store from now on, with what it has of an earlier run.
    pub async fn attach(&mut self, state: State) -> Result<(), Error> {
        self.state = state;
        self.total = self.state.count(&self.entries.name).await?;
        self.entries.open(&self.state).await?;
        for call in &mut self.calls {
            if let Some(pairs) = &mut call.distinct {
                pairs.entries.open(&self.state).await?;
            }
        }
        Ok(())
    }

    /// The groups of rows by their keys; those on disk are brought back.
    pub(super) async fn resolve(&mut self, keys: &arrow_row::Rows) -> Result<Vec<u32>, Error> {
        let before = self.entries.table.len();
        let resolved = self.entries.resolve(keys, &self.state).await?;
        self.total += (self.entries.table.len() - before - resolved.restored.len()) as u64;
        for part in resolved.restored.chunks(GROUPS_PER_CALL) {
            self.restore(part).await?;
        }
        Ok(resolved.slots)
    }

    /// Puts records into their slots and accumulators.
    pub(super) async fn restore(&mut self, restored: &[(u32, Value)]) -> Result<(), Error> {
        let mut records = Vec::with_capacity(restored.len());
        for (slot, value) in restored {
            let record = Record::read(value)?;
            if let Some(shown) = record.shown {
                self.entries.table.show(*slot, shown);
            }
            let entry = self.entries.table.slot_mut(*slot);
            (entry.count, entry.time) = (record.count, record.time);
            entry.flags |= STORED;
            records.push(record);
        }
        let groups = UInt32Array::from_iter_values(restored.iter().map(|(slot, _)| *slot));
        let count = self.entries.table.numbers();
        for call in &mut self.calls {
            call.load(count, &groups, &mut records).await?;
        }
        Ok(())
    }

    /// Hands rows to every call. Rows that one of them refuses are taken out of the others again, and
    /// answered.
    pub(super) async fn update(
        &mut self,
        columns: &[ArrayRef],
        slots: &[u32],
        retract: Option<&BooleanBuffer>,
        captured: &mut Vec<Writes>,
    ) -> Result<Vec<Refused>, Error> {
        let groups = UInt32Array::from(slots.to_vec());
        let count = self.entries.table.numbers();
        let rows = Rows { columns, groups: &groups, retract, count };
        let mut refused: Vec<Refused> = Vec::new();
        for at in 0..self.calls.len() {
            let call = &mut self.calls[at];
            let errors = match call.distinct.take() {
                None => call.update(&rows).await?,
                Some(mut pairs) => {
                    let errors = update_distinct(call, &mut pairs, &self.entries, &rows, &self.state, captured).await;
                    call.distinct = Some(pairs);
                    errors?
                }
            };
            refused.extend(errors.into_iter().map(|error| Refused { call: at, error }));
        }
        if !refused.is_empty() {
            self.undo(&rows, &refused).await?;
        }
        Ok(refused)
    }

    /// Takes rows that one call refused out of the calls that took them.
    async fn undo(&mut self, rows: &Rows<'_>, refused: &[Refused]) -> Result<(), Error> {
        for at in 0..self.calls.len() {
            let own: Vec<usize> = refused.iter().filter(|r| r.call == at).map(|r| r.error.row).collect();
            let mut others: Vec<usize> =
                refused.iter().filter(|r| r.call != at).map(|r| r.error.row).filter(|row| !own.contains(row)).collect();
            others.sort_unstable();
            others.dedup();
            let call = &mut self.calls[at];
            if others.is_empty() {
                continue;
            }
            if call.distinct.is_some() || !call.signature().retract {
                return Err(Error::Stopped {
                    step: call.column.clone(),
                    reason: format!(
                        "a row that another value of the step refuses can't be taken out of {} again; use \
                         `on_error: fail`, or filter such rows out before",
                        call.name
                    ),
                });
            }
            let places = UInt32Array::from_iter_values(others.iter().map(|&row| row as u32));
            let taken = rows.columns.iter().map(|column| arrow_select::take::take(column, &places, None));
            let columns: Vec<ArrayRef> = taken.collect::<Result<_, _>>()?;
            let groups = UInt32Array::from_iter_values(others.iter().map(|&row| rows.groups.value(row)));
            let turned: BooleanBuffer =
                others.iter().map(|&row| !rows.retract.is_some_and(|bits| bits.value(row))).collect();
            let rows = Rows { columns: &columns, groups: &groups, retract: Some(&turned), count: rows.count };
            call.update(&rows).await?;
        }
        Ok(())
    }

    /// The results of groups as they are now.
    pub(super) async fn evaluate(&mut self, slots: &[u32]) -> Result<Results, Error> {
        let mut columns = vec![Vec::new(); self.calls.len()];
        let mut errors = Vec::new();
        // Once for no groups at all, so that there are columns.
        let parts = slots.chunks(GROUPS_PER_CALL).chain(slots.is_empty().then_some(&[][..]));
        for (part, slots) in parts.enumerate() {
            let groups = UInt32Array::from(slots.to_vec());
            for (call, columns) in self.calls.iter_mut().zip(&mut columns) {
                let (results, failed) = call.evaluate(&groups).await?;
                columns.extend(results.into_iter().next());
                let place = |error: RowError| RowError { row: part * GROUPS_PER_CALL + error.row, ..error };
                errors.extend(failed.into_iter().map(|error| (call.name.clone(), place(error))));
            }
        }
        let join = |parts: Vec<ArrayRef>| match &parts[..] {
            [only] => Ok(only.clone()),
            parts => arrow_select::concat::concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
        };
        Ok(Results { columns: columns.into_iter().map(join).collect::<Result<_, _>>()?, errors })
    }

    /// The records of groups.
    pub(super) async fn save(&mut self, slots: &[u32]) -> Result<Vec<Writes>, Error> {
        let mut writes = Vec::new();
        for slots in slots.chunks(GROUPS_PER_CALL) {
            let mut records: Vec<Vec<u8>> =
                slots.iter().map(|&slot| record::begin(self.entries.table.slot(slot))).collect();
            let groups = UInt32Array::from(slots.to_vec());
            for call in &mut self.calls {
                call.save(&groups, &mut records).await?;
            }
            let members = self.entries.writes(slots, records);
            writes.extend(self.ends.as_ref().map(|ends| index(ends, &members)));
            writes.push(members);
        }
        Ok(writes)
    }

    /// Frees accumulators.
    pub(super) async fn evict(&mut self, slots: &[u32]) -> Result<(), Error> {
        for slots in slots.chunks(GROUPS_PER_CALL) {
            let groups = UInt32Array::from(slots.to_vec());
            for call in &mut self.calls {
                call.evict(&groups).await?;
            }
        }
        Ok(())
    }

    /// Bytes in memory: the host's maps and the components' memories.
    pub(super) fn bytes(&self) -> usize {
        let pairs = |call: &Call| call.distinct.as_ref().map_or(0, |pairs| pairs.entries.table.bytes());
        self.entries.table.bytes() + self.calls.iter().map(|call| call.memory() + pairs(call)).sum::<usize>()
    }

    /// Whether groups have to leave the memory.
    pub fn is_full(&self) -> bool {
        self.groups_max.is_some_and(|most| self.entries.table.len() >= most) || self.outgrew()
    }

    /// Whether more memory is held than may be, and more than when this was noticed last.
    fn outgrew(&self) -> bool {
        self.bytes() > self.memory_max.max(self.full_at + self.memory_max / 16)
    }

    /// Moves groups that nothing uses right now to the store. No checkpoint may be under way: what it
    /// has yet to write must not be overtaken.
    pub async fn make_room(&mut self) -> Result<(), Error> {
        let here = self.entries.table.len();
        if self.outgrew() {
            self.full_at = self.bytes();
            let fit = self.groups_max.map_or(here, |most| most.min(here) - most.min(here) / 10);
            self.groups_max = Some(fit.max(GROUPS_PER_CALL));
        }
        let victims = self.entries.table.victims(here / EVICTED_SHARE + 1);
        let table = &self.entries.table;
        let mut changed: Vec<u32> = victims.iter().copied().filter(|&slot| table.needs_saving(slot)).collect();
        // In key order and many at once, so that neighbours on disk are written together.
        changed.sort_unstable_by(|&a, &b| table.slot(a).key.cmp(&table.slot(b).key));
        for part in changed.chunks(GROUPS_PER_WRITE) {
            let writes = self.save(part).await?;
            self.state.write(writes).await?;
        }
        self.evict(&victims).await?;
        for &slot in &victims {
            self.entries.table.forget(slot);
        }
        self.evicted += victims.len() as u64;
        for call in &mut self.calls {
            let Some(pairs) = &mut call.distinct else { continue };
            let table = &mut pairs.entries.table;
            if table.bytes() < self.pairs_max {
                continue;
            }
            let victims = table.victims(table.len() / 2);
            let changed: Vec<u32> = victims.iter().copied().filter(|&slot| table.needs_saving(slot)).collect();
            let writes: Vec<Writes> = pairs.save(&changed).into_iter().collect();
            self.state.write(writes).await?;
            for slot in victims {
                pairs.entries.table.forget(slot);
            }
        }
        Ok(())
    }
}

/// A row that a call refused.
pub(super) struct Refused {
    /// The call.
    pub(super) call: usize,
    /// The row's place, and why.
    pub(super) error: RowError,
}

/// Hands those rows to a call that are the first or the last of their pair.
async fn update_distinct(
    call: &mut Call,
    pairs: &mut super::distinct::Pairs,
    groups: &Entries,
    rows: &Rows<'_>,
    state: &State,
    captured: &mut Vec<Writes>,
) -> Result<Vec<RowError>, Error> {
    let selected = call.select(rows)?;
    let arguments = call.arguments(&selected.columns)?;
    let passed =
        pairs.pass(&groups.table, &selected.groups, selected.retract.as_ref(), &arguments, state, captured).await?;
    let mut errors = call.run(rows.count, &passed.groups, Some(&passed.retract), &passed.arguments).await?;
    for error in &mut errors {
        error.row = selected.place(passed.places[error.row]);
    }
    if let Some(error) = errors.first() {
        return Err(Error::Stopped {
            step: call.column.clone(),
            reason: format!(
                "{} with `distinct` refuses a value: {} ({}); filter such rows out before",
                call.name,
                line(&error.message),
                line(&error.code)
            ),
        });
    }
    Ok(errors)
}
