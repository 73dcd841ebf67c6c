//! What an epoch comes down to: per key the last change, in key order.
//!
//! Events are only numbered here, never copied: the result names them by write and index, and the
//! encoder reads the columns in place. Keys are compared as `arrow-row` bytes, which is finer than
//! any collation: keys that a collation takes for equal stay apart, and since every delete is
//! executed before every upsert, a change from one to the other comes out right.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_row::{RowConverter, Rows, SortField};
use rowmill_change::Write;

use super::Mode;
use crate::error::{Error, Result};

/// A row or an event of one of the epoch's writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    /// Index into the writes of this target.
    pub(super) write: u32,
    /// Index of the event or of the row.
    pub(super) index: u32,
}

/// Rows to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delete {
    /// The event that names the key.
    pub(super) event: At,
    /// With ordinality: rows up to this one stay.
    pub(super) keep: u32,
}

/// What must be written of an epoch to one target, both in key order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compacted {
    pub(super) deletes: Vec<Delete>,
    pub(super) upserts: Vec<At>,
    /// For each upsert the event that it belongs to, for messages.
    pub(super) events: Vec<At>,
}

/// An event that an appending sink does not take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAnInsert {
    pub(super) event: At,
    pub(super) change: &'static str,
}

/// How a target wants its keys replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) mode: Mode,
    /// The column of the rows that completes the target's key, after a table function.
    pub(super) ordinality: Option<usize>,
    /// Every key that is written is deleted first, because of a second unique key.
    pub(super) delete_first: bool,
}

struct Event {
    /// The first bytes of the key, big-endian: most comparisons end here.
    prefix: u128,
    at: At,
}

/// Makes the bytes of keys. One per target, since it remembers the key's types.
#[derive(Debug)]
pub(super) struct Keys(Option<RowConverter>);

impl Keys {
    pub(super) fn new(types: impl Iterator<Item = arrow_schema::DataType>) -> Result<Keys> {
        let fields: Vec<SortField> = types.map(SortField::new).collect();
        if fields.is_empty() {
            return Ok(Keys(None));
        }
        let converter =
            RowConverter::new(fields).map_err(|e| Error::internal(format!("key cannot be compared: {e}")))?;
        Ok(Keys(Some(converter)))
    }

    fn rows(&mut self, keys: &[ArrayRef]) -> Result<Option<Rows>> {
        let Some(converter) = &mut self.0 else { return Ok(None) };
        converter.convert_columns(keys).map(Some).map_err(|e| Error::internal(format!("key cannot be compared: {e}")))
    }
}

/// Reduces the writes, all of one target, to what must be executed.
pub(super) fn compact(
    keys: &mut Keys,
    writes: &[Write],
    rules: Rules,
) -> Result<std::result::Result<Compacted, NotAnInsert>> {
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        ensure_consistent(write, rules)?;
        rows.push(keys.rows(&write.keys)?);
    }
    let bytes = |at: At| rows[at.write as usize].as_ref().map(|r| r.row(at.index as usize));
    let mut events: Vec<Event> = Vec::with_capacity(writes.iter().map(|w| w.fresh.len()).sum());
    for (write, content) in writes.iter().enumerate() {
        for index in 0..content.fresh.len() {
            let at = At { write: write as u32, index: index as u32 };
            let prefix = bytes(at).map_or(0, |row| prefix(row.as_ref()));
            events.push(Event { prefix, at });
        }
    }
    // Without a key each event stands alone, in the order of arrival.
    let keyed = keys.0.is_some();
    if keyed {
        let order = |a: &Event, b: &Event| {
            a.prefix
                .cmp(&b.prefix)
                .then_with(|| bytes(a.at).cmp(&bytes(b.at)))
                .then_with(|| (a.at.write, a.at.index).cmp(&(b.at.write, b.at.index)))
        };
        // A chunk of a snapshot arrives in order.
        if !events.is_sorted_by(|a, b| order(a, b).is_le()) {
            events.sort_unstable_by(order);
        }
    }
    let mut result = Compacted::default();
    let mut begin = 0;
    while begin < events.len() {
        let mut end = begin + 1;
        while keyed
            && end < events.len()
            && events[end].prefix == events[begin].prefix
            && bytes(events[end].at) == bytes(events[begin].at)
        {
            end += 1;
        }
        if let Some(refused) = one_key(&mut result, &events[begin..end], writes, rules) {
            return Ok(Err(refused));
        }
        begin = end;
    }
    Ok(Ok(result))
}

/// Adds what the events of one key come down to.
fn one_key(result: &mut Compacted, events: &[Event], writes: &[Write], rules: Rules) -> Option<NotAnInsert> {
    let last = events.last()?.at;
    let write = &writes[last.write as usize];
    let (from, to) = (write.offsets[last.index as usize], write.offsets[last.index as usize + 1]);
    let sole_and_fresh = events.len() == 1 && write.fresh[last.index as usize];
    if rules.mode == Mode::Append {
        let refused = events.iter().enumerate().find_map(|(i, e)| {
            let write = &writes[e.at.write as usize];
            let fresh = write.fresh[e.at.index as usize] && i == 0;
            let empty = write.offsets[e.at.index as usize] == write.offsets[e.at.index as usize + 1];
            let change = if empty { "a delete" } else { "an update" };
            (!fresh).then_some(NotAnInsert { event: e.at, change })
        });
        if refused.is_some() {
            return refused;
        }
    } else if !sole_and_fresh && (from == to || rules.ordinality.is_some() || rules.delete_first) {
        let keep = if rules.delete_first || has_gaps(write, from, to, rules) { 0 } else { to - from };
        result.deletes.push(Delete { event: last, keep });
    }
    for row in from..to {
        result.upserts.push(At { write: last.write, index: row });
        result.events.push(last);
    }
    None
}

/// Whether a later filter took some of the rows 1…n out: then "those above n" are not all that must go.
fn has_gaps(write: &Write, from: u32, to: u32, rules: Rules) -> bool {
    let Some(column) = rules.ordinality.filter(|_| to > from) else { return false };
    let ordinality = write.rows.column(column).as_primitive_opt::<UInt32Type>();
    ordinality.is_none_or(|ordinality| ordinality.value(to as usize - 1) != to - from)
}

fn prefix(bytes: &[u8]) -> u128 {
    let mut first = [0; 16];
    let n = bytes.len().min(16);
    first[..n].copy_from_slice(&bytes[..n]);
    u128::from_be_bytes(first)
}

fn ensure_consistent(write: &Write, rules: Rules) -> Result<()> {
    let events = write.fresh.len();
    let ordered =
        write.offsets.is_sorted() && write.offsets.last().is_none_or(|&l| l as usize <= write.rows.num_rows());
    let single = rules.ordinality.is_some() || write.offsets.windows(2).all(|w| w[1] - w[0] <= 1);
    if write.offsets.len() != events + 1 || !ordered || write.keys.iter().any(|k| k.len() != events) || !single {
        return Err(Error::internal(format!("a write of {events} events contradicts itself")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, RecordBatch, UInt32Array};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    /// Events as (key, rows, fresh).
    fn write(events: &[(i64, u32, bool)]) -> Write {
        let mut offsets = vec![0];
        for e in events {
            offsets.push(offsets[offsets.len() - 1] + e.1);
        }
        let numbers: Vec<u32> = events.iter().flat_map(|e| 1..=e.1).collect();
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::UInt32, false)]));
        Write {
            target: 0,
            keys: vec![Arc::new(Int64Array::from_iter_values(events.iter().map(|e| e.0)))],
            fresh: events.iter().map(|e| e.2).collect(),
            offsets,
            rows: RecordBatch::try_new(schema, vec![Arc::new(UInt32Array::from(numbers))]).unwrap(),
        }
    }

    fn run(writes: &[Write], rules: Rules) -> std::result::Result<Compacted, NotAnInsert> {
        let mut keys = Keys::new(std::iter::once(DataType::Int64)).unwrap();
        compact(&mut keys, writes, rules).unwrap()
    }

    const UPSERT: Rules = Rules { mode: Mode::Upsert, ordinality: None, delete_first: false };

    fn at(write: u32, index: u32) -> At {
        At { write, index }
    }

    #[test]
    fn the_last_event_of_a_key_wins_across_writes_in_key_order() {
        let writes = [write(&[(5, 1, true), (-2, 1, true), (7, 1, false)]), write(&[(5, 1, false), (7, 0, false)])];
        let done = run(&writes, UPSERT).unwrap();
        assert_eq!(done.upserts, [at(0, 1), at(1, 0)]);
        assert_eq!(done.deletes, [Delete { event: at(1, 1), keep: 0 }]);
    }

    #[test]
    fn ordinality_deletes_what_is_above_unless_the_key_is_new() {
        let rules = Rules { ordinality: Some(0), ..UPSERT };
        let done = run(&[write(&[(1, 3, true), (2, 2, false), (3, 0, true)])], rules).unwrap();
        assert_eq!(done.upserts.len(), 5);
        assert_eq!(done.deletes, [Delete { event: at(0, 1), keep: 2 }]);
    }

    #[test]
    fn rows_with_gaps_in_their_ordinality_replace_all_rows_of_their_key() {
        let rules = Rules { ordinality: Some(0), ..UPSERT };
        let mut gaps = write(&[(1, 2, false)]);
        gaps.rows = RecordBatch::try_new(gaps.rows.schema(), vec![Arc::new(UInt32Array::from(vec![2, 4]))]).unwrap();
        let done = run(&[gaps], rules).unwrap();
        assert_eq!(done.deletes, [Delete { event: at(0, 0), keep: 0 }]);
        assert_eq!(done.upserts.len(), 2);
    }

    #[test]
    fn a_key_that_was_new_and_changed_again_is_not_new() {
        let rules = Rules { delete_first: true, ..UPSERT };
        let done = run(&[write(&[(1, 0, false), (1, 1, true), (2, 1, true)])], rules).unwrap();
        assert_eq!(done.deletes, [Delete { event: at(0, 1), keep: 0 }]);
        assert_eq!(done.upserts.len(), 2);
    }

    #[test]
    fn appending_refuses_deletes_updates_and_a_second_event() {
        let rules = Rules { mode: Mode::Append, ..UPSERT };
        assert!(run(&[write(&[(1, 1, true), (2, 1, true)])], rules).is_ok());
        assert_eq!(run(&[write(&[(1, 0, false)])], rules).unwrap_err().change, "a delete");
        assert_eq!(run(&[write(&[(1, 1, true), (1, 1, true)])], rules).unwrap_err().change, "an update");
    }
}
