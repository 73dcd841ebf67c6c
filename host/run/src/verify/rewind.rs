//! The source as it was at an earlier position: the rows of a snapshot with the changes since then undone.
//!
//! Only the first change of a key matters: it says what the key was before. A `-U` or `-D` carries
//! that row; a `+I` says that there was none. Changes after the snapshot's position may be among
//! those that are added (a batch can reach beyond it): their keys' earlier changes, if any, win, and
//! for the others the before-image is the row of the snapshot itself, so undoing them changes nothing.

use std::collections::HashMap;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow_row::{OwnedRow, RowConverter, Rows, SortField};
use rowmill_change::{ChangeBatch, Op, Position};

use crate::error::Error;
use rowmill_bind::BoundSource;

/// More changed keys than this are not held in memory: the pipeline was stopped for too long.
const KEYS_MAX: usize = 2_000_000;

pub(crate) struct Rewind {
    tables: Vec<Table>,
}

struct Table {
    converter: RowConverter,
    key: Vec<usize>,
    /// Key to the row that it had; `None` if it had none.
    first: HashMap<OwnedRow, Option<(usize, u32)>>,
    batches: Vec<RecordBatch>,
}

impl Rewind {
    pub(crate) fn new(sources: &[BoundSource]) -> Result<Self, Error> {
        let table = |bound: &BoundSource| {
            let schema = &bound.columns;
            let fields = bound.key.iter().map(|&column| SortField::new(schema.field(column).data_type().clone()));
            Ok(Table {
                converter: RowConverter::new(fields.collect())?,
                key: bound.key.clone(),
                first: HashMap::new(),
                batches: Vec::new(),
            })
        };
        Ok(Self { tables: sources.iter().map(table).collect::<Result<_, Error>>()? })
    }

    /// Adds the next changes, in the order of the stream.
    pub(crate) fn add(&mut self, batch: &ChangeBatch, at: &Position, end: &Position) -> Result<(), Error> {
        let table = &mut self.tables[batch.table];
        let keys = table.keys(&batch.rows)?;
        let mut kept = false;
        for (row, op) in batch.ops.iter().enumerate() {
            let before = match op {
                Op::UpdateBefore | Op::Delete => Some((table.batches.len(), row as u32)),
                Op::Insert | Op::UpdateAfter => None,
            };
            let key = keys.row(row).owned();
            if let std::collections::hash_map::Entry::Vacant(entry) = table.first.entry(key) {
                kept |= before.is_some();
                entry.insert(before);
            }
        }
        if kept {
            table.batches.push(batch.rows.clone());
        }
        if table.first.len() > KEYS_MAX {
            return Err(Error::Verify {
                message: format!(
                    "the target is too far behind the source to compare: more than {KEYS_MAX} rows changed up to {at}, \
                     and the source is at {end}; run the pipeline until it has caught up, then verify"
                ),
            });
        }
        Ok(())
    }

    /// The rows of a snapshot batch whose keys have not changed since.
    pub(crate) fn without_changed(&self, table: usize, rows: &RecordBatch) -> Result<RecordBatch, Error> {
        let table = &self.tables[table];
        if table.first.is_empty() {
            return Ok(rows.clone());
        }
        let keys = table.keys(rows)?;
        let keep: BooleanArray =
            (0..rows.num_rows()).map(|row| Some(!table.first.contains_key(&keys.row(row).owned()))).collect();
        Ok(arrow_select::filter::filter_record_batch(rows, &keep)?)
    }

    /// The rows that the changed keys had.
    pub(crate) fn before_images(&mut self, table: usize) -> Result<Vec<RecordBatch>, Error> {
        let table = &mut self.tables[table];
        let mut wanted: Vec<Vec<u32>> = vec![Vec::new(); table.batches.len()];
        for (batch, row) in table.first.values().flatten() {
            wanted[*batch].push(*row);
        }
        let batches = std::mem::take(&mut table.batches);
        let mut images = Vec::new();
        for (batch, mut rows) in batches.into_iter().zip(wanted) {
            rows.sort_unstable();
            images.push(arrow_select::take::take_record_batch(&batch, &UInt32Array::from(rows))?);
        }
        Ok(images)
    }
}

impl Table {
    fn keys(&self, rows: &RecordBatch) -> Result<Rows, Error> {
        let columns: Vec<ArrayRef> = self.key.iter().map(|&column| rows.column(column).clone()).collect();
        Ok(self.converter.convert_columns(&columns)?)
    }
}
