//! The end of an epoch: what the touched groups were and what they are now, as a changelog.

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, SchemaRef};
use arrow_select::interleave::interleave;
use rowmill_change::Op;
use rowmill_foreign::line;

use super::groups::Results;
use super::keys::Keys;
use super::table::{STORED, Table};
use super::window::Time;
use super::{Aggregate, Emission};
use crate::cell;
use crate::error::Error;
use crate::step::FAILURES_LOGGED;
use rowmill_plan::{Emit, Late, OnError};

/// Changes of groups, with the columns of the step's output.
pub(crate) struct Changelog {
    pub(crate) rows: RecordBatch,
    pub(crate) ops: Vec<Op>,
}

/// A row of a changelog: a group, and where its result is.
struct Image {
    slot: u32,
    /// How the group's key was spelled, if that is not as it is now.
    spelled: Option<Box<[u8]>>,
    part: usize,
    row: usize,
    op: Op,
}

/// Where results of groups are; `None`: it has none.
type Found = Option<(usize, usize)>;

impl Aggregate {
    /// Ends the epoch: what changed is answered, groups without rows and closed windows are freed.
    pub(crate) async fn finish(&mut self, emission: Emission) -> Result<Option<Changelog>, Error> {
        if self.sessions.is_some() {
            return self.finish_sessions(emission).await;
        }
        let forgotten = self.find_closed(emission).await?;
        let closing = self.closing();
        let candidates = self.candidates(&closing);
        let changelog = match emission.is_some() {
            false => None,
            true => self.compare(&candidates, emission).await?,
        };
        self.settle(&closing, &candidates).await?;
        if self.frees() && (forgotten || !closing.is_empty()) {
            self.free_pairs().await?;
        }
        Ok(changelog)
    }

    /// Slots in memory whose window has closed since the last epoch.
    fn closing(&mut self) -> Vec<u32> {
        let Some(windowing) = &mut self.windowing else { return Vec::new() };
        let watermark = windowing.watermark();
        if watermark <= windowing.closed {
            return Vec::new();
        }
        windowing.closed = watermark;
        let open = self.ends.split_off(&(watermark + 1));
        let closed = std::mem::replace(&mut self.ends, open);
        let table = &self.groups.entries.table;
        let mut slots: Vec<u32> = closed
            .into_iter()
            .flat_map(|(end, slots)| slots.into_iter().map(move |slot| (end, slot)))
            .filter(|&(end, slot)| table.is_live(slot) && table.slot(slot).time == end)
            .map(|(_, slot)| slot)
            .collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The groups whose result may have to be passed on.
    fn candidates(&mut self, closing: &[u32]) -> Vec<u32> {
        let touched = std::mem::take(&mut self.touched);
        let table = &self.groups.entries.table;
        let mut touched: Vec<u32> = touched.into_iter().filter(|&slot| table.is_live(slot)).collect();
        match &self.windowing {
            Some(windowing) if windowing.emit == Emit::Close => {
                let mut all = touched.clone();
                all.extend(closing);
                all.sort_unstable();
                all.dedup();
                // What is still open says nothing yet; it is settled all the same.
                let closed = windowing.closed;
                let is_ready = |slot: &u32| table.slot(*slot).time <= closed;
                let (ready, open): (Vec<u32>, Vec<u32>) = all.into_iter().partition(is_ready);
                for slot in open {
                    self.settle_open(slot);
                }
                ready
            }
            _ => {
                touched.sort_unstable();
                touched.dedup();
                touched
            }
        }
    }

    /// A touched group whose window is still open and says nothing before it closes.
    fn settle_open(&mut self, slot: u32) {
        let table = &mut self.groups.entries.table;
        table.settle(slot);
        if table.slot(slot).count <= 0 {
            self.touched.push(slot);
        }
    }

    /// Compares what groups show with what they did.
    async fn compare(&mut self, slots: &[u32], emission: Emission) -> Result<Option<Changelog>, Error> {
        let before = std::mem::take(&mut self.before);
        let mut spellings = std::mem::take(&mut self.spelled);
        let live: Vec<u32> =
            slots.iter().copied().filter(|&slot| self.groups.entries.table.slot(slot).count > 0).collect();
        let after = self.groups.evaluate(&live).await?;
        self.report(&live, &after)?;
        for (at, &slot) in slots.iter().enumerate() {
            self.groups.entries.table.slot_mut(slot).at = at as u32;
        }
        let table = &self.groups.entries.table;
        let mut was: Vec<Found> = vec![None; slots.len()];
        let mut is: Vec<Found> = vec![None; slots.len()];
        let mut parts: Vec<Results> = Vec::new();
        for (slots, results) in before {
            place(table, &mut was, &slots, &results, parts.len());
            parts.push(results);
        }
        place(table, &mut is, &live, &after, parts.len());
        parts.push(after);
        // For groups that go without anything known of them.
        let blank = (parts.len(), 0);
        if self.expiry.is_some() {
            let first = self.output.fields().len() - self.groups.calls.len();
            let columns = self.output.fields()[first..].iter().map(|field| anything(field.data_type()));
            parts.push(Results { columns: columns.collect::<Result<_, _>>()?, errors: Vec::new() });
        }
        let encoded = parts.iter().map(|part| self.results.convert_columns(&part.columns));
        let encoded = encoded.collect::<Result<Vec<_>, _>>()?;
        let mut images = Vec::with_capacity(slots.len());
        for (&slot, (was, is)) in slots.iter().zip(was.into_iter().zip(is)) {
            let spelled = spellings.remove(&slot).filter(|old| table.slot(slot).shown.as_ref() != Some(old));
            let respelled = spelled.is_some();
            let mut image = |(part, row): (usize, usize), op| {
                let old = matches!(op, Op::UpdateBefore | Op::Delete);
                let spelled = spelled.clone().filter(|_| old);
                images.push(Image { slot, spelled, part, row, op });
            };
            match (was, is) {
                // Equal keys of another spelling are the same row for a server, but not what it shows.
                (Some(was), Some(is)) if respelled => {
                    image(was, Op::Delete);
                    image(is, Op::Insert);
                }
                (Some(was), Some(is)) => {
                    if encoded[was.0].row(was.1) == encoded[is.0].row(is.1) {
                        continue;
                    }
                    if emission == Emission::Images {
                        image(was, Op::UpdateBefore);
                    }
                    image(is, Op::UpdateAfter);
                }
                (Some(was), None) => image(was, Op::Delete),
                // With a time to live the target may still show what was forgotten here.
                (None, Some(is)) if self.expiry.is_some() => image(is, Op::UpdateAfter),
                (None, Some(is)) => image(is, Op::Insert),
                // It may have been forgotten before the rows that are left out now: the target has it still.
                (None, None) if self.expiry.is_some() => image(blank, Op::Delete),
                (None, None) => {}
            }
        }
        if images.is_empty() {
            return Ok(None);
        }
        Ok(Some(changelog(table, &self.keys, self.windowing.is_some(), &self.output, &parts, &images)?))
    }

    /// Groups whose result can't be computed.
    pub(super) fn report(&self, slots: &[u32], results: &Results) -> Result<(), Error> {
        for (function, error) in results.errors.iter().take(FAILURES_LOGGED) {
            let group = self.shown_key(slots[error.row])?;
            let (code, message) = (line(&error.code).into_owned(), line(&error.message).into_owned());
            if self.on_error == OnError::Fail {
                return Err(Error::Group { step: self.id.clone(), function: function.clone(), group, code, message });
            }
            tracing::warn!(step = self.id, function, group, code, error = message, "group without a result");
        }
        if let Some(more) = results.errors.len().checked_sub(FAILURES_LOGGED).filter(|more| *more > 0) {
            tracing::warn!(step = self.id, more, "further groups of this epoch without a result");
        }
        Ok(())
    }

    /// A group's key for messages.
    fn shown_key(&self, slot: u32) -> Result<String, Error> {
        let windowed = self.windowing.is_some() && self.sessions.is_none();
        let columns = key_columns(&self.groups.entries.table, &self.keys, windowed, &[slot])?;
        let fields = self.output.fields().iter();
        let parts: Vec<String> = columns
            .iter()
            .zip(fields)
            .map(|(column, field)| format!("{}={}", field.name(), cell::text(column, 0)))
            .collect();
        Ok(line(&parts.join(", ")).into_owned())
    }

    /// Frees what ended, and notes what was passed on.
    async fn settle(&mut self, closing: &[u32], candidates: &[u32]) -> Result<(), Error> {
        self.before.clear();
        self.spelled.clear();
        let empty: Vec<u32> = std::mem::take(&mut self.touched);
        let frees = self.frees();
        let table = &mut self.groups.entries.table;
        let mut ended = Vec::new();
        for &slot in candidates.iter().chain(&empty) {
            let entry = table.slot(slot);
            if entry.count < 0 {
                return Err(self.taken_out_too_often(slot)?);
            }
            table.settle(slot);
            if table.slot(slot).count == 0 {
                ended.push(slot);
            }
        }
        if frees {
            ended.extend(closing);
        }
        ended.sort_unstable();
        ended.dedup();
        self.free(&ended).await
    }

    /// Whether closed windows are freed.
    fn frees(&self) -> bool {
        self.windowing.as_ref().is_some_and(|windowing| windowing.late == Late::Drop)
    }

    /// A group with fewer rows than none.
    pub(super) fn taken_out_too_often(&self, slot: u32) -> Result<Error, Error> {
        let rows = -self.groups.entries.table.slot(slot).count;
        let group = self.shown_key(slot)?;
        Ok(Error::Stopped {
            step: self.id.clone(),
            reason: format!(
                "{rows} rows were taken out of the group {group} that never went in; the source has changed rows \
                 without logging it, or the state is not of this source: start over with `rowmill run FILE --rebuild`"
            ),
        })
    }

    /// Frees groups: the running checkpoint gets them as they were, the next one forgets them.
    pub(super) async fn free(&mut self, ended: &[u32]) -> Result<(), Error> {
        if ended.is_empty() {
            return Ok(());
        }
        let pending = self.groups.entries.table.pending_among(ended);
        if !pending.is_empty() {
            let records = self.groups.save(&pending).await?;
            self.captured.extend(records);
        }
        self.groups.evict(ended).await?;
        self.groups.total = self.groups.total.saturating_sub(ended.len() as u64);
        for &slot in ended {
            self.groups.entries.table.end(slot);
        }
        Ok(())
    }
}

/// Notes where the results of slots are.
fn place(table: &Table, found: &mut [Found], slots: &[u32], results: &Results, part: usize) {
    for (row, &slot) in slots.iter().enumerate() {
        found[table.slot(slot).at as usize] = Some((part, row));
    }
    for (_, error) in &results.errors {
        found[table.slot(slots[error.row]).at as usize] = None;
    }
}

/// The key's columns of slots, in the order of the output.
pub(super) fn key_columns(table: &Table, keys: &Keys, windowed: bool, slots: &[u32]) -> Result<Vec<ArrayRef>, Error> {
    let spellings: Vec<Box<[u8]>> =
        slots.iter().map(|&slot| table.slot(slot).shown.clone().unwrap_or_default()).collect();
    decode(table, keys, windowed, slots.iter().copied(), &spellings)
}

fn decode(
    table: &Table,
    keys: &Keys,
    windowed: bool,
    slots: impl Iterator<Item = u32>,
    spellings: &[Box<[u8]>],
) -> Result<Vec<ArrayRef>, Error> {
    let bytes: Vec<&[u8]> = slots.map(|slot| &*table.slot(slot).key).collect();
    let shown: Vec<&[u8]> = spellings.iter().map(|spelling| &**spelling).collect();
    let mut columns = keys.decode(&bytes, &shown)?;
    if windowed {
        // Stored as end, start, by; shown as by, start, end.
        columns.rotate_left(2);
        let last = columns.len() - 1;
        columns.swap(last - 1, last);
    }
    Ok(columns)
}

fn changelog(
    table: &Table,
    keys: &Keys,
    windowed: bool,
    schema: &SchemaRef,
    parts: &[Results],
    images: &[Image],
) -> Result<Changelog, Error> {
    let spelling = |image: &Image| match &image.spelled {
        Some(old) => old.clone(),
        None => table.slot(image.slot).shown.clone().unwrap_or_default(),
    };
    let spellings: Vec<Box<[u8]>> = images.iter().map(spelling).collect();
    let slots = images.iter().map(|image| image.slot);
    let mut columns = decode(table, keys, windowed, slots, &spellings)?;
    let places: Vec<(usize, usize)> = images.iter().map(|image| (image.part, image.row)).collect();
    let calls = parts.first().map_or(0, |part| part.columns.len());
    for call in 0..calls {
        let arrays: Vec<&dyn Array> = parts.iter().map(|part| part.columns[call].as_ref()).collect();
        columns.push(interleave(&arrays, &places)?);
    }
    Ok(Changelog { rows: output(schema, columns)?, ops: images.iter().map(|image| image.op).collect() })
}

/// A row that is not NULL.
fn anything(data_type: &DataType) -> Result<ArrayRef, Error> {
    let null = arrow_array::new_null_array(data_type, 1).to_data();
    Ok(arrow_array::make_array(null.into_builder().nulls(None).build()?))
}

/// Columns as the step's output: the times of windows in the type of the event time's column.
pub(super) fn output(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch, Error> {
    let rows = columns.first().map_or(0, |column| column.len());
    let cast = |(column, field): (ArrayRef, &arrow_schema::FieldRef)| match column.data_type() == field.data_type() {
        true => Ok(column),
        false => arrow_cast::cast(&column, field.data_type()),
    };
    let columns = columns.into_iter().zip(schema.fields()).map(cast).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

impl Aggregate {
    /// Windows that closed while their groups were on disk: brought back if they have to be written,
    /// otherwise only forgotten; whether any were.
    async fn find_closed(&mut self, emission: Emission) -> Result<bool, Error> {
        let Some(windowing) = &self.windowing else { return Ok(false) };
        let (watermark, closed) = (windowing.watermark(), windowing.closed);
        let writes = windowing.emit == Emit::Close && emission.is_some();
        let frees = self.frees();
        let mut forgotten = false;
        if watermark <= closed || !self.groups.entries.is_on_disk() || !(writes || frees) {
            return Ok(false);
        }
        let below = self.window_prefix(watermark + 1)?;
        // One byte string comes before everything that ends later.
        let mut after = match closed {
            Time::MIN => None,
            closed => Some(self.window_prefix(closed + 1)?),
        };
        let (state, name) = (self.groups.state.clone(), self.groups.entries.name.clone());
        loop {
            let found = state.scan(&name, after.clone(), Some(below.clone()), super::call::GROUPS_PER_CALL).await?;
            let Some((last, _)) = found.last() else { return Ok(forgotten) };
            after = Some(last.clone());
            let mut restored = Vec::new();
            for (key, value) in found {
                let table = &mut self.groups.entries.table;
                if table.find(&key).is_some() || table.is_gone(&key) {
                    continue;
                }
                let slot = table.insert(&key);
                table.slot_mut(slot).flags |= STORED;
                restored.push((slot, value));
            }
            if writes {
                self.groups.restore(&restored).await?;
                for (slot, _) in &restored {
                    let table = &mut self.groups.entries.table;
                    let end = table.slot(*slot).time;
                    table.list(*slot);
                    self.ends.entry(end).or_default().push(*slot);
                }
            } else {
                forgotten |= !restored.is_empty();
                restored.iter().for_each(|(slot, _)| self.groups.entries.table.end(*slot));
                self.groups.total = self.groups.total.saturating_sub(restored.len() as u64);
            }
        }
    }

    /// The first bytes of keys of windows that end at `end`.
    fn window_prefix(&self, end: Time) -> Result<Box<[u8]>, Error> {
        let field = arrow_row::SortField::new(DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, None));
        let column: ArrayRef = std::sync::Arc::new(arrow_array::TimestampMicrosecondArray::from(vec![end]));
        let rows = arrow_row::RowConverter::new(vec![field])?.convert_columns(&[column])?;
        Ok(Box::from(rows.row(0).data()))
    }

    /// Frees the pairs of closed windows.
    async fn free_pairs(&mut self) -> Result<(), Error> {
        let Some(closed) = self.windowing.as_ref().map(|windowing| windowing.closed) else { return Ok(()) };
        let below = self.window_prefix(closed.saturating_add(1))?;
        for call in &mut self.groups.calls {
            if let Some(pairs) = &mut call.distinct {
                pairs.close(closed, &below, &self.groups.state, &mut self.captured).await?;
            }
        }
        Ok(())
    }
}
