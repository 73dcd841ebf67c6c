//! Pipelines with aggregates: the snapshot fills their state, and only then the target gets results.
//!
//! 1. The snapshot is read into the aggregates. Nothing is committed: a crash begins anew.
//! 2. A checkpoint is taken at S, marked as *pending*: the state is whole, the target has nothing.
//! 3. Every group is written once. Only the last of these epochs stores the position S; a crash
//!    before it finds the pending checkpoint and writes them all again.
//!
//! A rebuild does the same over a target that holds rows: each group is written as an update, and
//! rows of the target whose keys were not among them are deleted. Nothing is guessed from what the
//! target says.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field};
use rowmill_mysql::Op;
use rowmill_mysql::sink::{Target, Write};
use rowmill_mysql::snapshot::KeyScan;
use xxhash_rust::xxh3::xxh3_128;

use super::epoch::Close;
use super::run::{Ended, Flow, micros_now, stopped};
use crate::aggregate::Cursor;
use crate::aggregate::keys::Keys;
use crate::bind::same_name;
use crate::chain;
use crate::dataflow::Progress;
use crate::error::Error;
use crate::plan::Collate;
use crate::status::Phase;

/// Rows of a snapshot between two looks at the memory.
const ROWS_PER_LOOK: u64 = 65_536;

impl Flow {
    /// Reads the snapshot into the aggregates, and takes the pending checkpoint.
    pub(super) async fn fill(&mut self) -> Result<Ended, Error> {
        let mut snapshot = self.begun.take().ok_or_else(|| Error::internal("a state was filled without a snapshot"))?;
        let total = snapshot.rows_estimate();
        tracing::info!(rows_estimate = total, position = %self.handed, "reading the snapshot into the aggregates");
        // All rows are as of S: a group must not grow old while the snapshot is read.
        let as_of = micros_now();
        let mut looked_at = 0;
        loop {
            let batch = tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Ok(Ended::Stopped),
                batch = snapshot.next() => batch,
            };
            let batch = match batch {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                // Its rows can't be told from those that are missing; the state is filled anew.
                Err(error) if error.is_transient() => return Err(Error::SnapshotInterrupted(error)),
                Err(error) => return Err(error.into()),
            };
            let rows = batch.rows.num_rows();
            if rows > 0 {
                let (ops, commit_time) = (vec![Op::Insert; rows], vec![as_of; rows]);
                let changes =
                    chain::Changes { rows: &batch.rows, ops: &ops, commit_time: &commit_time, position: &self.handed };
                let skipped = self.prepared.tables[batch.table].flow.absorb(&changes, Progress::Snapshot).await?;
                self.filling.add_absorbed(rows as u64, skipped, batch.rows.get_array_memory_size(), None);
                self.now.rows_in += rows as u64;
            }
            if self.now.rows_in - looked_at >= ROWS_PER_LOOK {
                looked_at = self.now.rows_in;
                for table in 0..self.prepared.tables.len() {
                    let position = self.handed.clone();
                    let flow = &mut self.prepared.tables[table].flow;
                    flow.close(Progress::Snapshot, &position, table).await?;
                    flow.make_room().await?;
                }
            }
            let done = self.now.rows_in;
            self.phase(Phase::Snapshot { done, total: total.max(done) });
        }
        for table in &mut self.prepared.tables {
            table.flow.complete_snapshot(&self.handed, &[]).await?;
        }
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.take(&mut self.prepared.tables, self.handed.clone(), true).await?;
        }
        tracing::info!(rows = self.now.rows_in, position = %self.handed, "the aggregates hold the snapshot");
        Ok(Ended::Complete)
    }

    /// Writes every group, then the position.
    pub(super) async fn write_groups(&mut self) -> Result<Ended, Error> {
        let op = match self.rebuilding || !self.target_is_fresh {
            true => Op::UpdateAfter,
            false => Op::Insert,
        };
        // The position is stored with the last epoch only.
        self.storing_position = false;
        for table in 0..self.prepared.tables.len() {
            let target = &self.prepared.tables[table].target;
            let mut written = self.rebuilding.then(|| Written::new(target)).transpose()?;
            let mut cursor = Cursor::default();
            loop {
                let position = self.handed.clone();
                let flow = &mut self.prepared.tables[table].flow;
                let Some((_, events)) = flow.next_groups(&mut cursor, op, &position, table).await? else { break };
                if let Some(written) = &mut written {
                    written.note(&events.write)?;
                }
                self.filling.add_output(events.write, events.skipped);
                if self.commit_when_full().await? == Ended::Stopped {
                    return Ok(Ended::Stopped);
                }
            }
            if let Some(written) = written
                && (self.flush().await? == Ended::Stopped
                    || self.delete_others(table, written).await? == Ended::Stopped)
            {
                return Ok(Ended::Stopped);
            }
            // Windows that were closed when the snapshot was taken have been written.
            let position = self.handed.clone();
            self.prepared.tables[table].flow.close(Progress::Snapshot, &position, table).await?;
        }
        if !self.wait_idle().await? {
            return Ok(Ended::Stopped);
        }
        self.storing_position = true;
        self.filling.reach(self.handed.clone(), true, false);
        self.start_commit(Close::Whole).await?;
        self.rebuilding = false;
        match self.wait_idle().await? {
            true => Ok(Ended::Complete),
            false => Ok(Ended::Stopped),
        }
    }

    /// Deletes the target's rows whose keys were not written.
    async fn delete_others(&mut self, table: usize, written: Written) -> Result<Ended, Error> {
        let target = self.prepared.tables[table].target.clone();
        let mut conn = self.prepared.sink.endpoint.connect().await?;
        let definition = rowmill_mysql::table::read_definition(&mut conn, &target.table).await?;
        let definition =
            definition.ok_or_else(|| rowmill_mysql::Error::TableMissing { table: target.table.clone() })?;
        let schema = definition.schema();
        let mut columns = Vec::new();
        for &key in &target.key {
            let name = target.schema.field(key).name();
            let found = schema.fields().iter().position(|field| same_name(field.name(), name));
            columns.push(found.ok_or_else(|| Error::internal(format!("the target has no column {name}")))?);
        }
        // Deletes are written while the scan goes on; in the order of the key it is not disturbed.
        let mut scan = KeyScan::new(&definition, &columns)?;
        let mut deleted = 0;
        while let Some(rows) = scan.next(&mut conn, self.plan.batch.rows).await? {
            let Some(keys) = written.others(rows.columns())? else { continue };
            let events = keys.first().map_or(0, |key| key.len());
            deleted += events;
            let write = Write {
                target: table,
                keys,
                fresh: vec![false; events],
                offsets: vec![0; events + 1],
                rows: RecordBatch::new_empty(target.schema.clone()),
            };
            self.filling.add_output(write, 0);
            if self.commit_when_full().await? == Ended::Stopped {
                return Ok(Ended::Stopped);
            }
        }
        if deleted > 0 {
            tracing::info!(table = %target.table, rows = deleted, "deleted rows that belong to no group any more");
        }
        Ok(Ended::Complete)
    }

    /// Commits what there is if it fills an epoch.
    async fn commit_when_full(&mut self) -> Result<Ended, Error> {
        if !self.filling.is_full(self.plan.epoch) && !self.filling.has_output(self.plan.epoch.rows) {
            return Ok(Ended::Complete);
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<Ended, Error> {
        if !self.wait_idle().await? {
            return Ok(Ended::Stopped);
        }
        if *self.stop.borrow() {
            return Ok(Ended::Stopped);
        }
        self.filling.reach(self.handed.clone(), true, false);
        self.start_commit(Close::Whole).await?;
        Ok(Ended::Complete)
    }
}

/// The keys that a rebuild has written, as hashes. Texts by their collation: the target may spell a key
/// in another way, and a delete by that spelling would take out what was written.
struct Written {
    types: Vec<DataType>,
    compared: Keys,
    keys: HashSet<u128>,
}

impl Written {
    fn new(target: &Target) -> Result<Self, Error> {
        let fields: Vec<&Field> = target.key.iter().map(|&key| target.schema.field(key)).collect();
        let compared = Keys::new(&fields, Collate::Column);
        let compared = compared.map_err(|(_, message)| Error::internal(format!("the target's key: {message}")))?;
        Ok(Self {
            types: fields.iter().map(|field| field.data_type().clone()).collect(),
            compared,
            keys: HashSet::new(),
        })
    }

    fn hashes(&self, keys: &[ArrayRef]) -> Result<Vec<u128>, Error> {
        let cast = |(key, to): (&ArrayRef, &DataType)| match key.data_type() == to {
            true => Ok(Arc::clone(key)),
            false => arrow_cast::cast(key, to),
        };
        let keys = keys.iter().zip(&self.types).map(cast).collect::<Result<Vec<_>, _>>()?;
        Ok(self.compared.encode(&keys)?.iter().map(|key| xxh3_128(key.data())).collect())
    }

    fn note(&mut self, write: &Write) -> Result<(), Error> {
        let hashes = self.hashes(&write.keys)?;
        self.keys.extend(hashes);
        Ok(())
    }

    /// Those of these keys that were not written; `None` if all were.
    fn others(&self, keys: &[ArrayRef]) -> Result<Option<Vec<ArrayRef>>, Error> {
        let hashes = self.hashes(keys)?;
        let keep: arrow_array::BooleanArray = hashes.iter().map(|hash| Some(!self.keys.contains(hash))).collect();
        if keep.true_count() == 0 {
            return Ok(None);
        }
        let filtered = keys.iter().map(|key| arrow_select::filter::filter(key, &keep));
        Ok(Some(filtered.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::{Int32Array, StringArray};
    use arrow_schema::Schema;
    use rowmill_mysql::TableName;

    use super::*;

    #[test]
    fn a_key_that_the_target_spells_in_another_way_was_written() {
        let collation: std::collections::HashMap<_, _> =
            [("collation".to_owned(), "utf8mb4_general_ci".to_owned())].into_iter().collect();
        let name = Field::new("name", DataType::Utf8, false).with_metadata(collation);
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, false), name]));
        let target =
            Target { table: TableName::new("mart", "out"), schema: schema.clone(), key: vec![1, 0], ordinality: None };
        let mut written = Written::new(&target).unwrap();
        let keys = |names: Vec<&str>, n: Vec<i32>| -> Vec<ArrayRef> {
            vec![Arc::new(StringArray::from(names)), Arc::new(Int32Array::from(n))]
        };
        written
            .note(&Write {
                target: 0,
                keys: keys(vec!["KOLN", "Bonn"], vec![1, 1]),
                fresh: vec![false; 2],
                offsets: vec![0, 1, 2],
                rows: RecordBatch::new_empty(schema),
            })
            .unwrap();
        assert!(written.others(&keys(vec!["Köln", "bonn "], vec![1, 1])).unwrap().is_none());
        let others = written.others(&keys(vec!["Köln", "Essen", "Bonn"], vec![2, 1, 1])).unwrap().unwrap();
        assert_eq!(others[0].as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["Köln", "Essen"]);
    }
}
