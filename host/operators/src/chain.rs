//! The steps of one table over a batch of changes: what becomes of each key.
//!
//! # Changes in, events out
//!
//! Steps run on after-images only (`+I`, `+U`); the result for the sink is one event per key: the
//! output rows that the key has from now on, none meaning that it is deleted.
//!
//! | change | event |
//! |---|---|
//! | `+I`, `+U` that passes | upsert of its output rows; those above the last `ordinality` are deleted |
//! | `+U` that is filtered out or fails | delete by key, unconditionally |
//! | `+I` that is filtered out or fails | none: the target can't hold its key |
//! | `-D`, and the `-U` of a changed key | delete by key |
//!
//! An unconditional delete costs little and makes the target independent of what an earlier
//! version of the logic wrote. That "`+I` writes nothing" holds only for targets that rowmill has
//! written from empty: with `sink.existing: keep`, in a process that rebuilt the target, and after a rebuild that left
//! rows, an insert is treated as an update.

//!
//! # Upstream of an aggregate
//!
//! There both images of an update run ([`Chain::images`]), because the aggregate takes out what it
//! once put in. Functions are pure, so a before-image that errs now is one that erred when it was an
//! after-image; it counts as filtered out and is not counted again.
//!
//! # Downstream of an aggregate
//!
//! The changes are those of groups, and the keys are the group's. Where a key can be NULL the target's
//! key is a hash of it, which is appended here as the last column.

use std::pin::Pin;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, UInt32Array};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::SchemaRef;
use rowmill_change::{Holds, Op, Position, TableName, Write};
use rowmill_foreign::line;
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::aggregate::keys::Keys;
use crate::cell;
use crate::error::Error;
use crate::hold::{self, Made};
use crate::step::{CallContext, FAILURES_LOGGED, Failure, Frame, Overseer, RowFacts, Search, Step};
use rowmill_plan::{Existing, Mode, OnError, Plan};

/// Steps bound one after the other.
pub struct Chain {
    /// In their order.
    pub steps: Vec<Step>,
    /// The source table, for messages.
    table: String,
    input: SchemaRef,
    /// Key columns of the input.
    key: Vec<usize>,
    /// The target holds no row of a key that is inserted.
    inserts_are_fresh: bool,
    keys: RowConverter,
    wants_seeds: bool,
    /// Makes the hash that stands for a key that can be NULL.
    hash: Option<Keys>,
    /// May end the search for failing rows.
    pub(crate) overseer: Overseer,
    /// What the target holds; known when it has been created. Only the chain before the sink has it.
    made: Option<Made>,
}

/// A chain in the making.
pub struct Links {
    /// The source table, for messages.
    pub table: String,
    /// The columns of its input.
    pub input: SchemaRef,
    /// The key's columns in the input.
    pub key: Vec<usize>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Makes the hash that stands for a key that can be NULL.
    pub hash: Option<Keys>,
}

/// Boxed: the compiler can't see through the borrows of a nested future that is spawned.
type Running<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Changes of one table.
pub struct Changes<'a> {
    /// Both images of an update, or the after-image alone.
    pub rows: &'a RecordBatch,
    /// One per row.
    pub ops: &'a [Op],
    /// Microseconds since the epoch, one per row.
    pub commit_time: &'a [i64],
    /// After the batch; for messages.
    pub position: &'a Position,
}

/// What a batch became.
pub struct Events {
    /// What the target gets.
    pub write: Write,
    /// Rows left out because they failed.
    pub skipped: u64,
}

impl Chain {
    /// A chain of these links. A key of a type that has no order is an error.
    pub fn new(plan: &Plan, links: Links) -> Result<Self, Error> {
        let Links { table, input, key, steps, hash } = links;
        let fields = key.iter().map(|&column| SortField::new(input.field(column).data_type().clone())).collect();
        Ok(Self {
            keys: RowConverter::new(fields)?,
            wants_seeds: steps.iter().flat_map(Step::calls).any(|call| call.reads_seed()),
            // To an append sink `fresh` says "this is an insert".
            inserts_are_fresh: plan.sink.existing == Existing::Refuse || plan.sink.mode == Mode::Append,
            table,
            input,
            key,
            steps,
            hash,
            overseer: Overseer::default(),
            made: None,
        })
    }

    /// The target may hold rows of any key from now on, as in a rebuild: an insert is treated as an update.
    pub fn overwrite(&mut self) {
        self.inserts_are_fresh = false;
    }

    /// What one batch may spend on calls that fail.
    pub(crate) fn search(&self) -> Search {
        Search::new(&self.overseer)
    }

    /// Runs the steps. `target`: the number that the write carries.
    pub fn run<'a>(&'a mut self, changes: &'a Changes<'_>, target: usize) -> Running<'a, Events> {
        Box::pin(self.run_steps(changes, target))
    }

    async fn run_steps(&mut self, changes: &Changes<'_>, target: usize) -> Result<Events, Error> {
        let is_after = |op: &Op| matches!(op, Op::Insert | Op::UpdateAfter);
        // Rows that the steps see; None: all of them.
        let selected: Option<Vec<u32>> = match changes.ops.iter().all(is_after) {
            true => None,
            false => {
                let input = changes.rows.num_rows() as u32;
                Some((0..input).filter(|&row| is_after(&changes.ops[row as usize])).collect())
            }
        };
        let columns = match &selected {
            None => changes.rows.columns().to_vec(),
            Some(rows) => take(changes.rows.columns(), rows)?,
        };
        let rows = selected.as_ref().map_or(changes.rows.num_rows(), Vec::len);
        let frame = Frame { columns, rows, origin: selected };
        let mut search = self.search();
        let facts = self.facts(changes, false)?;
        let (frame, skipped) = self.frame(frame, changes, &facts, &mut search).await?;
        let (frame, refused) = self.holdable(frame, changes)?;
        let write = self.events(frame, changes, target)?;
        Ok(Events { write, skipped: skipped + refused })
    }

    /// From now on rows that the target can't hold are failures of the step that made the value.
    pub fn hold(&mut self, table: &TableName, holds: Arc<dyn Holds>) {
        self.made = Some(Made::new(table.clone(), holds, self.input.fields().len(), &self.steps));
    }

    fn holdable(&self, frame: Frame, changes: &Changes<'_>) -> Result<(Frame, u64), Error> {
        let Some(made) = &self.made else { return Ok((frame, 0)) };
        let failures = made.failures(&frame)?;
        if failures.is_empty() {
            return Ok((frame, 0));
        }
        let origins = failures.values().flatten().map(|failure| failure.origin).collect();
        let mut skipped = 0;
        for (step, failures) in failures {
            let step = &self.steps[step];
            skipped += self.failed(&step.id, step.on_error, failures, changes)?;
        }
        Ok((hold::without(frame, &origins)?, skipped))
    }

    /// Runs the steps on all images. Also answers how many rows failed, before-images not counted.
    pub(crate) fn images<'a>(
        &'a mut self,
        changes: &'a Changes<'_>,
        facts: &'a RowFacts<'_>,
        search: &'a mut Search,
    ) -> Running<'a, (Frame, u64)> {
        let frame = Frame { columns: changes.rows.columns().to_vec(), rows: changes.rows.num_rows(), origin: None };
        Box::pin(self.frame(frame, changes, facts, search))
    }

    async fn frame(
        &mut self,
        mut frame: Frame,
        changes: &Changes<'_>,
        facts: &RowFacts<'_>,
        search: &mut Search,
    ) -> Result<(Frame, u64), Error> {
        let mut context = CallContext { facts, search };
        let mut skipped = 0;
        for step in 0..self.steps.len() {
            let mut failures = Vec::new();
            frame = self.steps[step].run(frame, &mut context, &mut failures).await?;
            let (id, on_error) = (&self.steps[step].id, self.steps[step].on_error);
            skipped += self.failed(id, on_error, failures, changes)?;
        }
        Ok((frame, skipped))
    }

    /// One event for each key that the batch says something about, in the order of its rows.
    fn events(&self, frame: Frame, changes: &Changes<'_>, target: usize) -> Result<Write, Error> {
        let input = changes.rows.num_rows();
        let mut source = Vec::with_capacity(input);
        let mut fresh = Vec::with_capacity(input);
        let mut offsets = Vec::with_capacity(input + 1);
        offsets.push(0u32);
        let mut row = 0;
        for (index, op) in changes.ops.iter().enumerate() {
            let start = row;
            while row < frame.rows && frame.origin(row) as usize == index {
                row += 1;
            }
            let is_fresh = *op == Op::Insert && self.inserts_are_fresh;
            if row == start && is_fresh {
                continue;
            }
            source.push(index as u32);
            fresh.push(is_fresh);
            offsets.push(row as u32);
        }
        let keys: Vec<ArrayRef> = self.key.iter().map(|&column| changes.rows.column(column).clone()).collect();
        let mut keys = if source.len() == input { keys } else { take(&keys, &source)? };
        let schema = match self.steps.last() {
            Some(step) => step.output.clone(),
            None => self.input.clone(),
        };
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(frame.rows));
        let mut rows = RecordBatch::try_new_with_options(schema, frame.columns, &options)?;
        if let Some(hash) = &self.hash {
            let hashes: ArrayRef = Arc::new(hashes(&hash.encode(&keys)?));
            let events = offsets.windows(2).enumerate();
            let of_rows: Vec<u32> =
                events.flat_map(|(event, ends)| (ends[0]..ends[1]).map(move |_| event as u32)).collect();
            let mut columns = rows.columns().to_vec();
            columns.extend(take(std::slice::from_ref(&hashes), &of_rows)?);
            let mut fields: Vec<_> = rows.schema().fields().iter().cloned().collect();
            fields.push(Arc::new(rowmill_change::key_hash_field()));
            rows = RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), columns)?;
            keys = vec![hashes];
        }
        Ok(Write { target, keys, fresh, offsets, rows })
    }

    /// Stops at the first failed row, or logs the first few and counts all but before-images.
    pub(crate) fn failed(
        &self,
        step: &str,
        on_error: OnError,
        mut failures: Vec<Failure>,
        changes: &Changes<'_>,
    ) -> Result<u64, Error> {
        failures.sort_by_key(|failure| failure.origin);
        if let (OnError::Fail, Some(first)) = (on_error, failures.first()) {
            return Err(Error::Row {
                step: step.to_owned(),
                function: first.function.clone(),
                table: self.table.clone(),
                key: self.key_text(changes.rows, first.origin as usize),
                code: line(&first.code).into_owned(),
                message: line(&first.message).into_owned(),
                position: changes.position.to_string(),
            });
        }
        failures.retain(|failure| matches!(changes.ops[failure.origin as usize], Op::Insert | Op::UpdateAfter));
        for failure in failures.iter().take(FAILURES_LOGGED) {
            tracing::warn!(
                step,
                function = failure.function,
                table = self.table,
                key = self.key_text(changes.rows, failure.origin as usize),
                position = changes.position.to_string(),
                code = line(&failure.code).as_ref(),
                error = line(&failure.message).as_ref(),
                "row skipped"
            );
        }
        if let Some(more) = failures.len().checked_sub(FAILURES_LOGGED).filter(|more| *more > 0) {
            tracing::warn!(step, table = self.table, more, "further rows of this batch skipped");
        }
        failures.dedup_by_key(|failure| failure.origin);
        Ok(failures.len() as u64)
    }

    fn key_text(&self, rows: &RecordBatch, row: usize) -> String {
        let part =
            |&column: &usize| format!("{}={}", self.input.field(column).name(), cell::text(rows.column(column), row));
        let parts: Vec<String> = self.key.iter().map(part).collect();
        line(&parts.join(", ")).into_owned()
    }

    /// The keys of rows as bytes.
    pub(crate) fn row_keys(&self, rows: &RecordBatch) -> Result<Rows, Error> {
        let keys: Vec<ArrayRef> = self.key.iter().map(|&column| rows.column(column).clone()).collect();
        Ok(self.keys.convert_columns(&keys)?)
    }

    /// What the steps ask for of each row. `seeds`: what comes after them asks for these.
    pub(crate) fn facts<'a>(&self, changes: &Changes<'a>, seeds: bool) -> Result<RowFacts<'a>, Error> {
        let seeds = match seeds || self.wants_seeds {
            true => Some(self.row_keys(changes.rows)?.iter().map(|key| xxh3_64(key.as_ref())).collect()),
            false => None,
        };
        Ok(RowFacts { ops: changes.ops, commit_time: changes.commit_time, seeds })
    }
}

/// The first 128 bits of each key's SHA-256: rows must not be able to share one on purpose.
fn hashes(keys: &Rows) -> BinaryArray {
    BinaryArray::from_iter_values(keys.iter().map(|key| Sha256::digest(key.data())[..16].to_vec()))
}

fn take(columns: &[ArrayRef], rows: &[u32]) -> Result<Vec<ArrayRef>, Error> {
    let rows = UInt32Array::from(rows.to_vec());
    let taken = columns.iter().map(|column| arrow_select::take::take(column, &rows, None));
    Ok(taken.collect::<Result<_, _>>()?)
}
