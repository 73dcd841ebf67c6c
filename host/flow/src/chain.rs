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
//! written from empty: with `sink.existing: keep` an insert is treated as an update.

use std::pin::Pin;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_row::{RowConverter, SortField};
use rowmill_mysql::sink::Write;
use rowmill_mysql::{Op, Position, TableDef};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, shown};
use crate::plan::{Existing, Mode, OnError, Pipeline};
use crate::step::{CallContext, Failure, Frame, Step};

/// How many failing rows of a batch get a log line of their own.
const FAILURES_LOGGED: usize = 10;

/// The bound steps of one table.
pub(crate) struct Chain {
    pub(crate) steps: Vec<Step>,
    table: String,
    /// Key columns of the source rows.
    key: Vec<usize>,
    key_names: Vec<String>,
    /// Whether a key that is inserted can be in the target already.
    inserts_are_fresh: bool,
    seeds: Option<RowConverter>,
}

/// Changes of one table.
pub(crate) struct Changes<'a> {
    pub(crate) rows: &'a RecordBatch,
    pub(crate) ops: &'a [Op],
    /// Microseconds since the epoch, one per row.
    pub(crate) commit_time: &'a [i64],
    /// After the batch; for messages.
    pub(crate) position: &'a Position,
}

/// What a batch became.
pub(crate) struct Events {
    pub(crate) write: Write,
    /// Rows left out because they failed.
    pub(crate) skipped: u64,
}

impl Chain {
    pub(crate) fn new(plan: &Pipeline, table: &TableDef, key: Vec<usize>, steps: Vec<Step>) -> Self {
        let wants_seeds = steps.iter().flat_map(Step::calls).any(|call| call.reads_seed());
        let schema = table.schema();
        let fields = key.iter().map(|&column| SortField::new(schema.field(column).data_type().clone())).collect();
        Self {
            key_names: key.iter().map(|&column| table.columns[column].name.clone()).collect(),
            table: table.name.to_string(),
            key,
            // To an append sink `fresh` says "this is an insert".
            inserts_are_fresh: plan.sink.existing == Existing::Refuse || plan.sink.mode == Mode::Append,
            seeds: if wants_seeds { RowConverter::new(fields).ok() } else { None },
            steps,
        }
    }

    /// Runs the steps. `target`: the number that the write carries.
    ///
    /// Boxed: the compiler can't see through the borrows of a nested future that is spawned.
    pub(crate) fn run<'a>(
        &'a mut self,
        changes: &'a Changes<'_>,
        target: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Events, Error>> + Send + 'a>> {
        Box::pin(self.run_steps(changes, target))
    }

    async fn run_steps(&mut self, changes: &Changes<'_>, target: usize) -> Result<Events, Error> {
        let input = changes.rows.num_rows();
        let is_after = |op: &Op| matches!(op, Op::Insert | Op::UpdateAfter);
        // Rows that the steps see; None: all of them.
        let selected: Option<Vec<u32>> = match changes.ops.iter().all(is_after) {
            true => None,
            false => Some((0..input as u32).filter(|&row| is_after(&changes.ops[row as usize])).collect()),
        };
        let columns = match &selected {
            None => changes.rows.columns().to_vec(),
            Some(rows) => take(changes.rows.columns(), rows)?,
        };
        let rows = selected.as_ref().map_or(input, Vec::len);
        let mut frame = Frame { columns, rows, origin: selected };

        let ops: Vec<u8> = changes.ops.iter().map(|op| *op as u8).collect();
        let seeds = self.seeds(changes.rows)?;
        let context = CallContext { ops: &ops, commit_time: changes.commit_time, seeds: &seeds };
        let mut skipped = 0;
        for step in 0..self.steps.len() {
            let mut failures = Vec::new();
            frame = self.steps[step].run(frame, &context, &mut failures).await?;
            if !failures.is_empty() {
                failures.sort_by_key(|failure| failure.origin);
                self.failed(&self.steps[step], &failures, changes)?;
                failures.dedup_by_key(|failure| failure.origin);
                skipped += failures.len() as u64;
            }
        }
        let write = self.events(frame, changes, target)?;
        Ok(Events { write, skipped })
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
        let keys = if source.len() == input { keys } else { take(&keys, &source)? };
        let schema = match self.steps.last() {
            Some(step) => step.output.clone(),
            None => changes.rows.schema(),
        };
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(frame.rows));
        let rows = RecordBatch::try_new_with_options(schema, frame.columns, &options)?;
        Ok(Write { target, keys, fresh, offsets, rows })
    }

    /// Stops at the first failed row, or logs the first few.
    fn failed(&self, step: &Step, failures: &[Failure], changes: &Changes<'_>) -> Result<(), Error> {
        if let (OnError::Fail, Some(first)) = (step.on_error, failures.first()) {
            return Err(Error::Row {
                step: step.id.clone(),
                function: first.function.clone(),
                table: self.table.clone(),
                key: self.key_text(changes.rows, first.origin as usize),
                code: first.code.clone(),
                message: first.message.clone(),
                position: shown(changes.position),
            });
        }
        for failure in failures.iter().take(FAILURES_LOGGED) {
            tracing::warn!(
                step = step.id,
                function = failure.function,
                table = self.table,
                key = self.key_text(changes.rows, failure.origin as usize),
                position = shown(changes.position),
                code = failure.code,
                error = failure.message,
                "row skipped"
            );
        }
        if let Some(more) = failures.len().checked_sub(FAILURES_LOGGED).filter(|more| *more > 0) {
            tracing::warn!(step = step.id, table = self.table, more, "further rows of this batch skipped");
        }
        Ok(())
    }

    fn key_text(&self, rows: &RecordBatch, row: usize) -> String {
        let value = |column: usize| {
            arrow_cast::display::array_value_to_string(rows.column(column), row).unwrap_or_else(|_| "?".to_owned())
        };
        let parts: Vec<String> =
            self.key.iter().zip(&self.key_names).map(|(&column, name)| format!("{name}={}", value(column))).collect();
        parts.join(", ")
    }

    fn seeds(&self, rows: &RecordBatch) -> Result<Vec<u64>, Error> {
        let Some(converter) = &self.seeds else { return Ok(Vec::new()) };
        let keys: Vec<ArrayRef> = self.key.iter().map(|&column| rows.column(column).clone()).collect();
        Ok(converter.convert_columns(&keys)?.iter().map(|key| xxh3_64(key.as_ref())).collect())
    }
}

fn take(columns: &[ArrayRef], rows: &[u32]) -> Result<Vec<ArrayRef>, Error> {
    let rows = UInt32Array::from(rows.to_vec());
    let taken = columns.iter().map(|column| arrow_select::take::take(column, &rows, None));
    Ok(taken.collect::<Result<_, _>>()?)
}
