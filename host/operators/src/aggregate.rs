//! `aggregate`: one row per group, kept right under inserts, updates and deletes.
//!
//! ```text
//!  signed rows ──▶ windows, late rows ──▶ keys ──▶ groups ──▶ accumulators in a component
//!                      (late)             (keys)   (table)         │ at the end of an epoch
//!                                                                  ▼
//!                              changelog: what the touched groups were, and what they are now
//! ```
//!
//! Rows come with a sign: an insert or an after-image goes in, a delete or a before-image is taken
//! out. The host maps keys to slots, counts rows, decides on windows, `where` and `distinct`; every
//! accumulator lives in a component, which sees vectors of slot numbers and columns, once per batch
//! and call.
//!
//! # Why the result follows from the rows alone
//!
//! What a group shows is computed from its accumulators at the end of an epoch, and these depend on
//! the rows that went in and not on how they were cut, nor on when the group was on disk: the
//! contract demands that of components. Lateness is decided row by row in the source's order.
//! So after a restart the state of an earlier position and the changes since then give the same
//! bytes as if nothing had happened.

mod call;
mod changelog;
mod checkpoint;
mod cursor;
mod distinct;
mod entries;
mod event_time;
mod expiry;
mod groups;
pub mod keys;
mod outsiders;
mod record;
mod session;
pub mod state;
mod status;
mod table;
pub mod window;

use std::collections::{BTreeMap, HashMap};

use arrow_array::{Array, ArrayRef, TimestampMicrosecondArray, UInt32Array};
use arrow_buffer::BooleanBuffer;
use arrow_row::{RowConverter, SortField};
use arrow_schema::SchemaRef;
use rowmill_change::Op;
use rowmill_state::Writes;

pub use call::{ArgSource, Call};
pub(crate) use changelog::Changelog;
pub use checkpoint::AggregateState;
pub use cursor::Cursor;
pub use distinct::Pairs;
use event_time::event_times;
use expiry::Expiry;
pub use groups::{GROUPS_PER_WRITE, Groups};
use keys::Keys;
use outsiders::{Batch, Outsiders, Placed};
pub(crate) use outsiders::{RowHash, row_hash};
use session::Sessions;
use window::{Span, Time, Windowing};

use crate::error::Error;
use crate::step::{CallContext, Failure, Frame, Map};
use groups::Results;
use rowmill_plan::{Emit, OnError};
use table::Table;

/// Rows handled at once, after windows have multiplied them.
const ROWS_AT_ONCE: usize = 8_192;

/// What becomes of the changes of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emission {
    /// Nothing: a snapshot that is not complete, whose rows come in no order that means anything.
    Fill,
    /// Nothing: a replay of what the target has.
    None,
    /// Rows by key for the target.
    Rows,
    /// Before- and after-images for another aggregate.
    Images,
}

impl Emission {
    /// Whether somebody is told what changed.
    fn is_some(self) -> bool {
        matches!(self, Self::Rows | Self::Images)
    }
}

/// What a step is made of, as bound.
pub struct Parts {
    /// The step's id.
    pub id: String,
    /// What becomes of a group without a result.
    pub on_error: OnError,
    /// Computes the hidden columns: arguments and filters that are expressions.
    pub prepare: Option<Map>,
    /// The columns that make a group.
    pub by: Vec<usize>,
    /// The column of the event time, with the window.
    pub window: Option<(usize, Windowing)>,
    /// Over the key's columns as `Aggregate::key_columns` orders them.
    pub keys: Keys,
    /// The groups, and what each of them keeps.
    pub groups: Groups,
    /// The columns of the results: the key, then the values.
    pub output: SchemaRef,
    /// The changelog goes into another aggregate.
    pub feeds: bool,
    /// µs.
    pub ttl: Option<i64>,
}

/// An aggregate step at work.
pub struct Aggregate {
    /// The step's id.
    pub id: String,
    pub(crate) on_error: OnError,
    pub(crate) output: SchemaRef,
    /// The changelog goes into another aggregate.
    pub feeds: bool,
    pub(crate) groups: Groups,
    prepare: Option<Map>,
    by: Vec<usize>,
    on: Option<usize>,
    windowing: Option<Windowing>,
    outsiders: Option<Outsiders>,
    sessions: Option<Sessions>,
    keys: Keys,
    expiry: Option<Expiry>,
    /// Compares results.
    results: RowConverter,
    /// Slots that changed in this epoch, by their first change.
    touched: Vec<u32>,
    /// What some of them showed before it.
    before: Vec<(Vec<u32>, Results)>,
    /// How the keys of these were spelled, where keys have a spelling.
    spelled: HashMap<u32, Box<[u8]>>,
    /// Slots by the end of their window; may name slots that were freed since.
    ends: BTreeMap<Time, Vec<u32>>,
    /// Records that the running checkpoint needs.
    captured: Vec<Writes>,
    /// Rows of groups whose time to live was over.
    expired: u64,
}

/// The source's rows behind a batch.
pub(crate) struct Origin<'a> {
    pub(crate) ops: &'a [Op],
    /// µs since 1970.
    pub(crate) commit_time: &'a [i64],
    /// Makes the hash of a row's key; only needed where there is a window.
    pub(crate) keys: Option<&'a (dyn Fn(usize) -> RowHash + Sync)>,
}

/// Rows with their groups.
struct Rows {
    /// Those of the step's input and the hidden ones.
    columns: Vec<ArrayRef>,
    slots: Vec<u32>,
    /// The source's row behind each.
    origins: Vec<u32>,
    is_out: Vec<bool>,
    /// How the groups' keys are spelled, where they don't say it.
    spelled: Option<arrow_row::Rows>,
    /// The rows come in no order that means anything.
    unordered: bool,
}

impl Rows {
    /// Counts a row that went in or out. The group shows its first spelling since it was empty; where no
    /// order is known, the smallest.
    fn count(&self, row: usize, table: &mut Table) {
        let slot = self.slots[row];
        let entry = table.slot_mut(slot);
        let was = entry.count;
        entry.count += if self.is_out[row] { -1 } else { 1 };
        let Some(shown) = self.spelled.as_ref().map(|spelled| spelled.row(row)) else { return };
        let shown = shown.data();
        let shows = match &entry.shown {
            None => true,
            Some(_) if self.is_out[row] => false,
            Some(known) => was == 0 || self.unordered && shown < &**known,
        };
        if shows {
            table.show(slot, shown);
        }
    }
}

impl Aggregate {
    /// Lets only so many groups stay in memory, and the pairs of `distinct` only while nothing has to leave it: for tests
    /// of what leaves and comes back.
    #[doc(hidden)]
    pub fn keep_groups(&mut self, groups: usize) {
        self.groups.shrink(groups);
    }

    /// An aggregate without groups. Parts that don't go together are a mistake of whoever bound them.
    pub fn new(parts: Parts) -> Result<Self, Error> {
        let first = parts.output.fields().len() - parts.groups.calls.len();
        let results = parts.output.fields()[first..].iter().map(|field| SortField::new(field.data_type().clone()));
        let name = parts.groups.entries.name.clone();
        let windowed = parts.window.is_some();
        let (on, windowing) = parts.window.map_or((None, None), |(on, windowing)| (Some(on), Some(windowing)));
        let gap = windowing.as_ref().and_then(|windowing| windowing.assigner.gap());
        let mut groups = parts.groups;
        groups.ends = gap.map(|_| format!("{name}/ends"));
        Ok(Self {
            results: RowConverter::new(results.collect())?,
            id: parts.id,
            on_error: parts.on_error,
            output: parts.output,
            feeds: parts.feeds,
            groups,
            prepare: parts.prepare,
            by: parts.by,
            on,
            outsiders: windowed.then(|| Outsiders::new(format!("{name}/out"))),
            sessions: gap.map(Sessions::new),
            windowing,
            keys: parts.keys,
            expiry: parts.ttl.map(Expiry::new),
            touched: Vec::new(),
            before: Vec::new(),
            spelled: HashMap::new(),
            ends: BTreeMap::new(),
            captured: Vec::new(),
            expired: 0,
        })
    }

    /// Whether the keys of the source's rows are needed.
    pub(crate) fn has_window(&self) -> bool {
        self.windowing.is_some()
    }

    /// The calls of components that compute hidden columns, for meters.
    pub(crate) fn prepared(&self) -> impl Iterator<Item = &crate::step::BoundCall> {
        self.prepare.iter().flat_map(Map::calls)
    }

    /// Takes in the rows of a batch. Rows that fail are answered in `failures`.
    pub(crate) async fn absorb(
        &mut self,
        mut frame: Frame,
        context: &mut CallContext<'_>,
        origin: &Origin<'_>,
        emission: Emission,
        failures: &mut Vec<Failure>,
    ) -> Result<(), Error> {
        if let Some(prepare) = &mut self.prepare {
            frame = prepare.run(frame, context, failures).await?;
        }
        let placed = match self.on {
            Some(on) => {
                frame = self.with_event_time(frame, on, failures)?;
                self.place(&frame, on, origin)?
            }
            None => Placed { rows: (0..frame.rows as u32).collect(), windows: Vec::new() },
        };
        let whole =
            placed.rows.len() == frame.rows && placed.rows.iter().enumerate().all(|(at, &row)| at == row as usize);
        for start in (0..placed.rows.len()).step_by(ROWS_AT_ONCE) {
            let end = (start + ROWS_AT_ONCE).min(placed.rows.len());
            let rows = &placed.rows[start..end];
            let columns = match whole {
                true if start == 0 && end == frame.rows => frame.columns.clone(),
                true => frame.columns.iter().map(|column| column.slice(start, end - start)).collect(),
                false => {
                    let rows = UInt32Array::from(rows.to_vec());
                    let taken = frame.columns.iter().map(|column| arrow_select::take::take(column, &rows, None));
                    taken.collect::<Result<_, _>>()?
                }
            };
            let origins: Vec<u32> = rows.iter().map(|&row| frame.origin(row as usize)).collect();
            let windows = if placed.windows.is_empty() { &[][..] } else { &placed.windows[start..end] };
            self.absorb_part(columns, windows, origins, origin, emission, failures).await?;
        }
        Ok(())
    }

    fn output_name(&self, on: usize) -> String {
        self.by
            .iter()
            .position(|&column| column == on)
            .map_or_else(|| "of the window".to_owned(), |at| self.output.field(at).name().clone())
    }

    fn place(&mut self, frame: &Frame, on: usize, origin: &Origin<'_>) -> Result<Placed, Error> {
        let times = event_times(&frame.columns[on])?;
        let origins: Vec<u32> = (0..frame.rows).map(|row| frame.origin(row)).collect();
        let (Some(windowing), Some(outsiders), Some(hash)) = (&mut self.windowing, &mut self.outsiders, origin.keys)
        else {
            return Err(Error::internal("a window was bound without the keys of the source's rows"));
        };
        let batch = Batch { ops: origin.ops, hash, origins: &origins, times: times.values() };
        Ok(outsiders.place(windowing, &batch, &mut self.captured))
    }

    /// The key's columns: with a window its end first, so that the store has those together that
    /// close together; of a session the event time last.
    fn key_columns(&self, columns: &[ArrayRef], windows: &[Span]) -> Vec<ArrayRef> {
        let by = self.by.iter().map(|&column| columns[column].clone());
        let times = |time: fn(&Span) -> Time| -> ArrayRef {
            std::sync::Arc::new(TimestampMicrosecondArray::from_iter_values(windows.iter().map(time)))
        };
        match (&self.windowing, &self.sessions) {
            (None, _) => by.collect(),
            (Some(_), None) => [times(|span| span.end), times(|span| span.start)].into_iter().chain(by).collect(),
            (Some(_), Some(_)) => by.chain([times(|span| span.start)]).collect(),
        }
    }

    async fn absorb_part(
        &mut self,
        columns: Vec<ArrayRef>,
        windows: &[Span],
        origins: Vec<u32>,
        origin: &Origin<'_>,
        emission: Emission,
        failures: &mut Vec<Failure>,
    ) -> Result<(), Error> {
        let key_columns = self.key_columns(&columns, windows);
        let keys = self.keys.encode(&key_columns)?;
        let spelled = self.keys.spell(&key_columns)?;
        let slots = self.groups.resolve(&keys).await?;
        let pending = self.groups.entries.table.pending_among(&slots);
        if !pending.is_empty() {
            let records = self.groups.save(&pending).await?;
            self.captured.extend(records);
        }
        if self.sessions.is_some() {
            self.touch_sessions(&slots, emission).await?;
        } else {
            self.touch(&slots, windows, emission).await?;
        }
        for (&slot, span) in slots.iter().zip(windows) {
            self.groups.entries.table.slot_mut(slot).time = span.end;
        }
        let out = |&row: &u32| matches!(origin.ops[row as usize], Op::UpdateBefore | Op::Delete);
        let is_out: Vec<bool> = origins.iter().map(out).collect();
        let rows = Rows { columns, slots, origins, is_out, spelled, unordered: emission == Emission::Fill };
        if self.expiry.is_none() {
            let all = (0..rows.slots.len() as u32).collect();
            return self.hand_over(&rows, all, failures).await;
        }
        for life in self.lives(&rows, origin.commit_time) {
            self.groups.evict(&life.over).await?;
            for slot in life.over {
                self.groups.entries.table.slot_mut(slot).count = 0;
            }
            self.hand_over(&rows, life.rows, failures).await?;
        }
        Ok(())
    }

    /// Only finds the groups of rows: for benchmarks.
    pub async fn look_up(&mut self, columns: &[ArrayRef]) -> Result<(), Error> {
        let keys = self.keys.encode(&self.key_columns(columns, &[]))?;
        self.groups.resolve(&keys).await.map(drop)
    }

    /// Notes which groups change, and what they show so far.
    async fn touch(&mut self, slots: &[u32], windows: &[Span], emission: Emission) -> Result<(), Error> {
        // A window that is written when it closes shows nothing before.
        let shown_until = match &self.windowing {
            Some(windowing) if windowing.emit == Emit::Close => windowing.closed,
            _ => Time::MAX,
        };
        let closed = self.windowing.as_ref().map_or(Time::MIN, |windowing| windowing.closed);
        let mut shown = Vec::new();
        for (row, &slot) in slots.iter().enumerate() {
            let table = &mut self.groups.entries.table;
            if !table.touch(slot) {
                continue;
            }
            self.touched.push(slot);
            let entry = table.slot(slot);
            if entry.count > 0 && entry.time <= shown_until {
                shown.push(slot);
                if let Some(spelling) = entry.shown.clone().filter(|_| emission.is_some()) {
                    self.spelled.insert(slot, spelling);
                }
            }
            // What begins in a window that has closed doesn't close again.
            if let Some(span) = windows.get(row).filter(|span| span.end > closed)
                && table.list(slot)
            {
                self.ends.entry(span.end).or_default().push(slot);
            }
        }
        if emission.is_some() && !shown.is_empty() {
            let results = self.groups.evaluate(&shown).await?;
            self.before.push((shown, results));
        }
        Ok(())
    }

    /// Hands rows to the components, and counts those that none of them refuses.
    async fn hand_over(&mut self, all: &Rows, rows: Vec<u32>, failures: &mut Vec<Failure>) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let taken;
        let columns = match rows.len() == all.slots.len() {
            true => &all.columns,
            false => {
                let rows = UInt32Array::from(rows.clone());
                let take = |column: &ArrayRef| arrow_select::take::take(column, &rows, None);
                taken = all.columns.iter().map(take).collect::<Result<Vec<_>, _>>()?;
                &taken
            }
        };
        let retract: BooleanBuffer = rows.iter().map(|&row| all.is_out[row as usize]).collect();
        let retract = (retract.count_set_bits() > 0).then_some(retract);
        let groups: Vec<u32> = rows.iter().map(|&row| all.slots[row as usize]).collect();
        let mut refused = self.groups.update(columns, &groups, retract.as_ref(), &mut self.captured).await?;
        // A row that several calls refuse counts once.
        refused.sort_by_key(|refused| refused.error.row);
        refused.dedup_by_key(|refused| refused.error.row);
        let mut next = refused.iter().map(|refused| refused.error.row).peekable();
        let table = &mut self.groups.entries.table;
        for (at, &row) in rows.iter().enumerate() {
            if next.next_if_eq(&at).is_none() {
                all.count(row as usize, table);
            }
        }
        if self.expiry.is_some() && self.on_error != OnError::Fail && !refused.is_empty() {
            return Err(Error::Stopped {
                step: self.id.clone(),
                reason: "a row that a function refuses can't be left out of groups with a time to live; filter such \
                         rows out before"
                    .to_owned(),
            });
        }
        for refused in refused {
            let origin = all.origins[rows[refused.error.row] as usize];
            // Nor does one in several windows.
            if failures.last().is_none_or(|last| last.origin != origin) {
                failures.push(Failure {
                    origin,
                    code: refused.error.code,
                    message: refused.error.message,
                    function: self.groups.calls[refused.call].name.clone(),
                });
            }
        }
        Ok(())
    }

    /// Whether groups have to leave the memory before more rows come.
    pub fn is_full(&self) -> bool {
        self.groups.is_full()
    }

    /// Makes room. Not while a checkpoint is under way, nor in the middle of an epoch of another step.
    pub async fn make_room(&mut self) -> Result<(), Error> {
        self.groups.make_room().await?;
        let table = &self.groups.entries.table;
        if let Some(sessions) = &mut self.sessions {
            sessions.forget_evicted(table);
        }
        // A group that comes back is listed again.
        self.ends.retain(|end, slots| {
            slots.retain(|&slot| table.is_live(slot) && table.slot(slot).time == *end);
            slots.sort_unstable();
            slots.dedup();
            !slots.is_empty()
        });
        Ok(())
    }
}
