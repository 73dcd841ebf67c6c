//! What a rebuild leaves of the rows that a target already held.
//!
//! A rebuild writes every row that the source gives, over whatever is there, and notes the keys. Then it reads
//! the keys of the whole target: rows whose keys were not written are *extra*. They are deleted where they
//! can only be the pipeline's own: in a table that it created, unless the file says that there may be others'
//! (`existing: keep`). Elsewhere they are counted, and deleted if the user asks for it. Nothing is guessed from
//! what rows look like.
//!
//! # Why no row is taken for extra that was written
//!
//! Two keys are the same if the target's unique key takes them for the same, since that is how a write finds
//! its row. So where the key is a hash that the sink adds, hashes are compared, and else texts by the collation of
//! the target's column. Where that is none whose rule is known here, they are compared by their characters, trailing
//! spaces aside if the collation pads: a write gives the row that it finds the spelling that it brings. Numbers and dates are compared in the plan's type, in which they
//! were written; a value that the plan's type does not express was not.
//!
//! # Why it may stop anywhere
//!
//! Until the last epoch of a rebuild the progress has no position and says that a rebuild is under way. A start
//! that finds it so takes a new snapshot, writes every row and compares again. What was deleted by then is
//! written again if the source has it. A snapshot that goes on after its connection was lost may have read keys
//! that are gone by now; the changes that follow delete them.
//!
//! The keys of both sides are in temporary files when they are many (`partitions`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, Field};
use rowmill_bind::BoundTarget;
use rowmill_change::{Existing, KEY_HASH, Key, Removal, Standing, TargetTable, Write};
use rowmill_mysql::sink::{KeyHasher, Sink, SinkOptions};
use rowmill_mysql::snapshot::{KeyScan, ScannedRows};
use rowmill_mysql::{Conn, TableDef};
use xxhash_rust::xxh3::xxh3_128;

use super::partitions::Partitions;
use super::worker::Worker;
use crate::error::Error;
use rowmill_bind::same_name;
use rowmill_operators::aggregate::keys::{self, Keys};
use rowmill_plan::Collate;

/// A collation that compares characters, trailing spaces aside.
const BY_CHARACTERS: &str = "utf8mb4_bin";
/// One that compares them, trailing spaces included.
const BY_ALL_CHARACTERS: &str = "utf8mb4_0900_bin";

/// The keys that a rebuild has written to one target.
struct Written {
    /// The target as it is.
    definition: TableDef,
    /// Its columns that are the key's, and those of the plan's rows.
    columns: Vec<usize>,
    key: Vec<usize>,
    /// Where the sink hashes the key, its columns stand for the key's.
    hasher: Option<(KeyHasher, Vec<usize>)>,
    /// The types in which keys are written.
    types: Vec<DataType>,
    compared: Keys,
    keys: Partitions,
}

impl Written {
    async fn new(conn: &mut Conn, target: &TargetTable) -> Result<Self, Error> {
        let definition = rowmill_mysql::table::read_definition(conn, &target.table).await?;
        let definition =
            definition.ok_or_else(|| rowmill_mysql::Error::TableMissing { table: target.table.clone() })?;
        Self::of(target, definition)
    }

    fn of(target: &TargetTable, definition: TableDef) -> Result<Self, Error> {
        let found = definition.schema();
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        let hasher = KeyHasher::of(target, &definition)?;
        let mut key = target.key.clone();
        if hasher.is_some() {
            key.retain(|&column| Some(column) == target.ordinality);
            let hash = definition.columns.iter().position(|column| same_name(&column.name, KEY_HASH));
            columns.extend(hash);
            fields.push(Field::new(KEY_HASH, DataType::Binary, false));
        }
        for &key in &key {
            let field = target.schema.field(key);
            let column = found.fields().iter().position(|column| same_name(column.name(), field.name()));
            let column = column.ok_or_else(|| Error::internal(format!("the target has no column {}", field.name())))?;
            fields.push(compared_as(field, found.field(column)));
            columns.push(column);
        }
        let compared = Keys::new(&fields.iter().collect::<Vec<_>>(), Collate::Column);
        let compared = compared.map_err(|(_, message)| Error::internal(format!("the target's key: {message}")))?;
        Ok(Self {
            types: fields.iter().map(|field| field.data_type().clone()).collect(),
            key,
            hasher: hasher.map(|hasher| (hasher, target.event_key())),
            columns,
            compared,
            definition,
            keys: Partitions::new(),
        })
    }

    /// Notes the rows of a write.
    fn note(&mut self, write: &Write) -> Result<(), Error> {
        let taken = |columns: &[usize]| -> Vec<ArrayRef> {
            columns.iter().map(|&column| Arc::clone(write.rows.column(column))).collect()
        };
        let mut keys = taken(&self.key);
        if let Some((hasher, hashed)) = &self.hasher {
            keys.insert(0, hasher.hashes(&taken(hashed))?);
        }
        for key in &self.compared.encode(&keys)? {
            self.keys.add(key.data(), xxh3_128(key.data()), &[]).map_err(scratch)?;
        }
        Ok(())
    }

    /// Notes rows that the target has. `names`: how to name each for its removal.
    fn found(&self, found: &mut Partitions, rows: &[ArrayRef], names: &[Key]) -> Result<(), Error> {
        let mut expressed = vec![true; names.len()];
        let mut keys = Vec::with_capacity(rows.len());
        for (column, to) in rows.iter().zip(&self.types) {
            let cast = cast(column, to)?;
            if let Some(same) = survives(column, &cast)? {
                expressed.iter_mut().zip(same.iter()).for_each(|(all, same)| *all &= same == Some(true));
            }
            keys.push(cast);
        }
        let keys = self.compared.encode(&keys)?;
        for ((key, name), expressed) in keys.iter().zip(names).zip(expressed) {
            let name = serde_json::to_vec(name).map_err(|error| Error::internal(format!("a key's name: {error}")))?;
            // One that was not written is known by its own name, which no written key has.
            let key = if expressed { key.data() } else { &name };
            found.add(key, xxh3_128(key), &name).map_err(scratch)?;
        }
        Ok(())
    }

    /// Columns of the target that are no business of the plan's.
    fn unwritten(&self, target: &TargetTable) -> Vec<&str> {
        let written =
            |name: &str| name == KEY_HASH || target.schema.fields().iter().any(|field| same_name(field.name(), name));
        let columns = self.definition.columns.iter().filter(|column| column.generated.is_none());
        columns.map(|column| column.name.as_str()).filter(|name| !written(name)).collect()
    }
}

/// A key column as its values are compared: in the plan's type, by the rule of the target's column.
fn compared_as(plan: &Field, target: &Field) -> Field {
    let field = Field::new(plan.name(), plan.data_type().clone(), true);
    let Some(collation) = target.metadata().get("collation").filter(|_| *plan.data_type() == DataType::Utf8) else {
        return field;
    };
    let by =
        |collation: &str| field.clone().with_metadata(HashMap::from([("collation".to_owned(), collation.to_owned())]));
    let own = by(collation);
    let pads = !collation.contains("_0900_") && !collation.contains("_nopad_");
    match keys::rule(&own, Collate::Column).is_ok() {
        true => own,
        false => by(if pads { BY_CHARACTERS } else { BY_ALL_CHARACTERS }),
    }
}

fn cast(column: &ArrayRef, to: &DataType) -> Result<ArrayRef, Error> {
    Ok(if column.data_type() == to { Arc::clone(column) } else { arrow_cast::cast(column, to)? })
}

/// Which values of `column` are the same after they were `cast`; `None`: all. Floating-point numbers aren't looked
/// at: a DOUBLE that was written as FLOAT is another number.
fn survives(column: &ArrayRef, cast_column: &ArrayRef) -> Result<Option<BooleanArray>, Error> {
    if column.data_type() == cast_column.data_type() || cast_column.data_type().is_floating() {
        return Ok(None);
    }
    let back = cast(cast_column, column.data_type())?;
    let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())])?;
    let before = converter.convert_columns(std::slice::from_ref(column))?;
    let after = converter.convert_columns(&[back])?;
    Ok(Some((0..column.len()).map(|row| Some(before.row(row) == after.row(row))).collect()))
}

/// The scratch files are ours; what they lack is room.
fn scratch(error: std::io::Error) -> Error {
    let folder = std::env::temp_dir();
    Error::Rebuild { message: format!("no room for the keys of the target in {}: {error}", folder.display()) }
}

/// How the rows are found that a rebuild meets.
pub(super) struct Leftovers {
    /// Where they are.
    sink: SinkOptions,
    /// They are deleted in every target.
    delete_extra: bool,
}

impl Leftovers {
    /// Those of the rebuild that the progress says is under way.
    pub(super) fn of(sink: SinkOptions, standing: &Standing) -> Self {
        Self { sink, delete_extra: standing.delete_extra }
    }
}

/// What is noted of each target while every row is written; nothing where nothing was there before.
#[derive(Default)]
pub(super) struct Notes(Vec<Option<Written>>);

impl Notes {
    /// Of those targets that are written now.
    pub(super) async fn of(worker: &mut Worker, is_written: impl Fn(&BoundTarget) -> bool) -> Result<Self, Error> {
        let Some(leftovers) = &worker.leftovers else { return Ok(Self::default()) };
        let targets = worker.bound.targets.iter();
        let targets: Vec<_> = targets.map(|target| is_written(target).then(|| target.table.clone())).collect();
        let mut conn = leftovers.sink.endpoint.connect().await?;
        let mut notes = Vec::with_capacity(targets.len());
        for target in targets {
            notes.push(match target {
                Some(target) => Some(Written::new(&mut conn, &target).await?),
                None => None,
            });
        }
        Ok(Self(notes))
    }

    /// Notes the rows of writes.
    pub(super) fn note(&mut self, writes: &[Write]) -> Result<(), Error> {
        for write in writes {
            if let Some(Some(written)) = self.0.get_mut(write.target) {
                written.note(write)?;
            }
        }
        Ok(())
    }
}

impl Worker {
    /// Reconciles all targets of which something was noted. False if the pipeline is told to stop.
    pub(super) async fn reconcile_all(&mut self, notes: Notes) -> Result<bool, Error> {
        for (target, written) in notes.0.into_iter().enumerate() {
            if let Some(written) = written
                && !(self.flush().await? && self.reconcile(target, written).await?)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Deletes the target's rows whose keys were not written, or counts them where they may be others'. False if the
    /// pipeline is told to stop.
    async fn reconcile(&mut self, number: usize, written: Written) -> Result<bool, Error> {
        // What is being committed is not extra.
        if !self.wait_idle().await? {
            return Ok(false);
        }
        self.publish();
        let Some(Leftovers { sink, delete_extra }) = &self.leftovers else {
            return Err(Error::internal("rows were noted without a rebuild"));
        };
        let (sink, delete_extra) = (sink.clone(), *delete_extra);
        let target = self.bound.targets[number].table.clone();
        let mut conn = sink.endpoint.connect().await?;
        let created = Sink::created(&mut conn, &sink, &target.table).await?;
        let deletes = delete_extra || (created && target.options.existing == Existing::Refuse);
        let unwritten = written.unwritten(&target);
        if created && !unwritten.is_empty() {
            tracing::warn!(table = %target.table, columns = unwritten.join(", "),
                "columns that the steps don't write keep what they hold");
        }
        let mut scan = KeyScan::new(&written.definition, &written.columns)?;
        let mut found = Partitions::new();
        while let Some(ScannedRows { rows, keys }) = scan.next(&mut conn, self.plan.batch.rows).await? {
            written.found(&mut found, rows.columns(), &keys)?;
            if *self.stop.borrow() {
                return Ok(false);
            }
        }
        let Some(extra) = self.remove_extra(number, written.keys, found, deletes.then(|| scan.key_names())).await?
        else {
            return Ok(false);
        };
        match (extra, deletes) {
            (0, _) => {}
            (_, true) => {
                tracing::info!(table = %target.table, rows = extra, "deleted rows that the source does not give")
            }
            (_, false) => {
                self.extras_left = true;
                let why = if created { "existing is keep" } else { "this pipeline did not create the table" };
                tracing::warn!(table = %target.table, rows = extra, why,
                    "left rows that the source does not give; `rowmill run FILE --rebuild --delete-extra` deletes them");
            }
        }
        Ok(true)
    }

    /// Counts the rows that were found and not written, and removes them by these columns if there are any. `None` if the
    /// pipeline is told to stop.
    async fn remove_extra(
        &mut self,
        target: usize,
        written: Partitions,
        found: Partitions,
        columns: Option<Vec<String>>,
    ) -> Result<Option<u64>, Error> {
        let mut extra: u64 = 0;
        let removal = Removal { target, columns: columns.clone().unwrap_or_default(), rows: Vec::new() };
        for (known, found) in written.parts().zip(found.parts()) {
            let known = known.map_err(scratch)?.map(|record| record.map(|record| record.hash));
            let known: HashSet<u128> = known.collect::<Result<_, _>>().map_err(scratch)?;
            let mut rows = Vec::new();
            for record in found.map_err(scratch)? {
                let record = record.map_err(scratch)?;
                if known.contains(&record.hash) {
                    continue;
                }
                extra += 1;
                if columns.is_some() {
                    let name = serde_json::from_slice(&record.note);
                    rows.push(name.map_err(|error| Error::internal(format!("a key's name: {error}")))?);
                }
                if rows.len() >= self.plan.epoch.rows {
                    self.filling.remove(Removal { rows: std::mem::take(&mut rows), ..removal.clone() });
                    if !self.flush_if_full().await? {
                        return Ok(None);
                    }
                }
            }
            if !rows.is_empty() {
                self.filling.remove(Removal { rows, ..removal.clone() });
                if !self.flush_if_full().await? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(extra))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray};

    use super::*;

    fn collated(collation: &str) -> Field {
        let facts = HashMap::from([("collation".to_owned(), collation.to_owned())]);
        Field::new("name", DataType::Utf8, false).with_metadata(facts)
    }

    #[test]
    fn texts_are_compared_as_the_targets_column_does() {
        let same = |target: &str, one: &str, other: &str| {
            let field = compared_as(&collated("utf8mb4_0900_ai_ci"), &collated(target));
            let keys = Keys::new(&[&field], Collate::Column).unwrap();
            let texts: ArrayRef = Arc::new(StringArray::from(vec![one, other]));
            let rows = keys.encode(&[texts]).unwrap();
            rows.row(0) == rows.row(1)
        };
        assert!(same("utf8mb4_general_ci", "KOLN", "Köln ") && !same("utf8mb4_general_ci", "KOLN", "Kiel"));
        // Two rows, although the plan takes them for one key.
        assert!(!same("utf8mb4_bin", "KOLN", "koln") && !same("utf8mb4_0900_bin", "a", "a "));
        // Not known here: by characters, trailing spaces aside.
        assert!(!same("latin1_german1_ci", "KOLN", "koln") && same("latin1_german1_ci", "koln", "koln "));
        for collation in ["utf8mb4_ja_0900_as_cs", "utf8mb4_0900_as_ci", "latin1_swedish_nopad_ci"] {
            assert!(!same(collation, "koln", "koln ") && same(collation, "koln", "koln"), "{collation}");
        }
    }

    #[test]
    fn a_value_that_the_plans_type_does_not_express_was_not_written() {
        let survivors = |column: ArrayRef, to: DataType| -> Option<Vec<bool>> {
            let cast = cast(&column, &to).unwrap();
            survives(&column, &cast).unwrap().map(|same| same.iter().map(|same| same.unwrap()).collect())
        };
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7, -7, 5_000_000_000]));
        assert_eq!(survivors(numbers, DataType::Int32), Some(vec![true, true, false]));
        let decimals = Decimal128Array::from(vec![1_500_000, 1_500_001]).with_precision_and_scale(20, 6).unwrap();
        assert_eq!(survivors(Arc::new(decimals), DataType::Decimal128(6, 2)), Some(vec![true, false]));
        assert_eq!(survivors(Arc::new(Float64Array::from(vec![1.1])), DataType::Float32), None);
        assert_eq!(survivors(Arc::new(Int32Array::from(vec![1])), DataType::Int32), None);
    }
}
