//! The place where rows become writes: what the target gets of a batch, one event for each key.
//!
//! # Changes in, events out
//!
//! Steps ran on after-images (`+I`, `+U`); an event says which output rows its key has from now on, none meaning
//! that it is deleted.
//!
//! | change | event |
//! |---|---|
//! | `+I`, `+U` that passes | upsert of its output rows; those above the last `ordinality` are deleted |
//! | `+U` that is filtered out or fails | delete by key, unconditionally |
//! | `+I` that is filtered out or fails | none: the target can't hold its key |
//! | `-D`, and the `-U` of a changed key | delete by key |
//! | the `-U` of a key that stays | none: its `+U` says everything |
//!
//! An unconditional delete costs little and makes the target independent of what an earlier
//! version of the logic wrote. That "`+I` writes nothing" holds only for targets that rowmill has
//! written from empty: with `sink.existing: keep`, in a process that rebuilt the target, and after a rebuild that left
//! rows, an insert is treated as an update.
//!
//! Behind an aggregate the changes are those of groups, and the keys are the group's. Where a key can be NULL the
//! target's key is a hash of it, which is appended here as the last column. Behind a union the tag is part of the key.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch, StringArray, UInt32Array};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{DataType, SchemaRef};
use rowmill_change::{Op, Write};
use sha2::{Digest, Sha256};

use crate::aggregate::keys::Keys;
use crate::error::Error;
use crate::hold::{self, Made};
use crate::step::Frame;
use crate::stream::{Changes, Root};

/// Makes the writes of one target from the rows of one stream.
pub struct Writer {
    /// The number that the writes carry.
    pub target: usize,
    /// The columns of the rows that arrive.
    schema: SchemaRef,
    key: Vec<KeyPart>,
    /// The target holds no row of a key that is inserted.
    inserts_are_fresh: bool,
    /// Makes the hash that stands for a key that can be NULL.
    hash: Option<Keys>,
    /// What the target holds; known when it has been created.
    made: Option<Made>,
}

/// Where a column of the target's key comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyPart {
    /// A column of the stream's rows, in the type that the target's rows have.
    Column(usize, DataType),
    /// The tag of a union.
    Tag(String),
}

impl Writer {
    /// `key`: the target's, without `ordinality`. `inserts_are_fresh`: the target holds no row of a key that is
    /// inserted, or takes nothing but inserts.
    pub fn new(
        target: usize,
        schema: SchemaRef,
        key: Vec<KeyPart>,
        hash: Option<Keys>,
        inserts_are_fresh: bool,
    ) -> Self {
        Self { target, schema, key, inserts_are_fresh, hash, made: None }
    }

    /// The target may hold rows of any key from now on, as in a rebuild: an insert is treated as an update.
    pub(crate) fn overwrite(&mut self) {
        self.inserts_are_fresh = false;
    }

    /// From now on rows that the target can't hold are failures of the step that made the value.
    pub(crate) fn hold(&mut self, made: Made) {
        self.made = Some(made);
    }

    /// What the target gets of these rows, all of them after-images. Also answers how many it can't hold.
    pub(crate) fn write(&self, frame: Frame, root: &Root, changes: &Changes<'_>) -> Result<(Write, u64), Error> {
        let (frame, refused) = self.holdable(frame, root, changes)?;
        Ok((self.events(frame, changes)?, refused))
    }

    fn holdable(&self, frame: Frame, root: &Root, changes: &Changes<'_>) -> Result<(Frame, u64), Error> {
        let Some(made) = &self.made else { return Ok((frame, 0)) };
        let failures = made.failures(&frame)?;
        if failures.is_empty() {
            return Ok((frame, 0));
        }
        let origins = failures.iter().flat_map(|(_, failures)| failures).map(|failure| failure.origin).collect();
        let mut skipped = 0;
        for (step, failures) in failures {
            skipped += root.failed(&step.id, step.on_error, failures, changes)?;
        }
        Ok((hold::without(frame, &origins)?, skipped))
    }

    /// One event for each key that the batch says something about, in the order of its rows.
    fn events(&self, frame: Frame, changes: &Changes<'_>) -> Result<Write, Error> {
        let input = changes.rows.num_rows();
        let keys = self.keys(changes.rows)?;
        let unmoved = unmoved(&keys, changes.ops)?;
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
            if row == start && (is_fresh || unmoved.as_ref().is_some_and(|unmoved| unmoved[index])) {
                continue;
            }
            source.push(index as u32);
            fresh.push(is_fresh);
            offsets.push(row as u32);
        }
        let mut keys = if source.len() == input { keys } else { take(&keys, &source)? };
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(frame.rows));
        let mut rows = RecordBatch::try_new_with_options(self.schema.clone(), frame.columns, &options)?;
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
        Ok(Write { target: self.target, keys, fresh, offsets, rows })
    }

    fn keys(&self, rows: &RecordBatch) -> Result<Vec<ArrayRef>, Error> {
        let part = |part: &KeyPart| match part {
            KeyPart::Column(column, to) if rows.column(*column).data_type() == to => {
                Ok(Arc::clone(rows.column(*column)))
            }
            KeyPart::Column(column, to) => Ok(arrow_cast::cast(rows.column(*column), to)?),
            KeyPart::Tag(tag) => Ok(Arc::new(StringArray::from(vec![tag.as_str(); rows.num_rows()])) as ArrayRef),
        };
        self.key.iter().map(part).collect()
    }
}

/// Which rows are before-images of an update that leaves the key as it is; `None`: none.
fn unmoved(keys: &[ArrayRef], ops: &[Op]) -> Result<Option<Vec<bool>>, Error> {
    if keys.is_empty() || !ops.contains(&Op::UpdateBefore) {
        return Ok(None);
    }
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    let keys = RowConverter::new(fields)?.convert_columns(keys)?;
    let stays = |row: usize| {
        let update = ops[row] == Op::UpdateBefore && ops.get(row + 1) == Some(&Op::UpdateAfter);
        update && keys.row(row) == keys.row(row + 1)
    };
    Ok(Some((0..ops.len()).map(stays).collect()))
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
