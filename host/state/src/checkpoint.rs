//! Checkpoints inside the database: the records that name them, and the pins that keep them.
//!
//! A *pin* is a persistent savepoint of redb: a kept copy of the root of the tables, which keeps
//! every page below it. The records live in a table of their own, in the same tree as the data, so
//! going back to a pin also goes back to the records as they were then.
//!
//! The table `meta` holds: `format`; `newest` and `previous`, the checkpoints; `newest pin` and
//! `previous pin`, each a sequence number and the number of the pin. All with the checksums of
//! ordinary records.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use redb::{ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction};

use crate::database::{Database, Durable};
use crate::guard::Fault;
use crate::record::Seal;
use crate::{Checkpoint, Error};

/// The format of the records in the file. Another number is refused by name.
pub(crate) const FORMAT: u32 = 1;

/// The table with the records. Tables of data have a prefix, so this is not one of them.
const META_NAME: &str = "meta";
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new(META_NAME);

const FORMAT_KEY: &str = "format";
const NEWEST: &str = "newest";
const PREVIOUS: &str = "previous";
const NEWEST_PIN: &str = "newest pin";
const PREVIOUS_PIN: &str = "previous pin";

/// A checkpoint that the database keeps.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) checkpoint: Checkpoint,
    /// The number of its pin.
    pub(crate) pin: u64,
}

/// What the records of an opened database say.
pub(crate) struct Records {
    /// The newest checkpoint; its pin is missing only after a crash between the two halves of a
    /// commit, and then the tables are exactly this checkpoint.
    pub(crate) newest: Option<(Checkpoint, Option<u64>)>,
    pub(crate) previous: Option<Kept>,
}

/// Milliseconds since 1970, now.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Writes the records of a database without checkpoints.
pub(crate) fn initialize(transaction: &WriteTransaction) -> Result<(), Fault> {
    put(transaction, FORMAT_KEY, &FORMAT.to_le_bytes())
}

/// Reads the records, and refuses a database that this program did not write.
pub(crate) fn records(database: &Database) -> Result<Records, Fault> {
    let transaction = database.begin_read()?;
    let damaged = |what: &str| Fault::from(Error::damaged(database.file(), what));
    let table = match transaction.open_table(META) {
        Ok(table) => table,
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Err(damaged("it is a database, but not one of a rowmill state")),
    };
    let get = |key: &'static str| -> Result<Option<Vec<u8>>, Fault> {
        let Some(stored) = table.get(key)? else { return Ok(None) };
        let value = Seal::new(META_NAME).open(key.as_bytes(), stored.value());
        let value = value.ok_or_else(|| Error::record(database.file(), META_NAME, key.as_bytes()))?;
        Ok(Some(value.to_vec()))
    };
    let format = get(FORMAT_KEY)?.and_then(|format| format.try_into().ok());
    let found = u32::from_le_bytes(format.ok_or_else(|| damaged("it does not say its format"))?);
    if found != FORMAT {
        return Err(Error::Version { file: database.file().to_owned(), found, supported: FORMAT }.into());
    }
    let checkpoint = |key| match get(key)? {
        Some(record) => decode(&record).map(Some).ok_or_else(|| damaged("the record of a checkpoint is cut short")),
        None => Ok(None),
    };
    let pin = |key| match get(key)? {
        Some(record) => decode_pin(&record).map(Some).ok_or_else(|| damaged("the record of a pin is cut short")),
        None => Ok(None),
    };
    // A pin counts only for the checkpoint it names: right after a commit's first half the records
    // of the checkpoint before are still there.
    let of = |pin: Option<(u64, u64)>, sequence| pin.filter(|(named, _)| *named == sequence).map(|(_, pin)| pin);

    let Some(newest) = checkpoint(NEWEST)? else { return Ok(Records { newest: None, previous: None }) };
    let newest_pin = of(pin(NEWEST_PIN)?, newest.sequence);
    let previous = match (checkpoint(PREVIOUS)?, pin(PREVIOUS_PIN)?) {
        (Some(checkpoint), named) => of(named, checkpoint.sequence).map(|pin| Kept { checkpoint, pin }),
        (None, _) => None,
    };
    Ok(Records { newest: Some((newest, newest_pin)), previous })
}

/// Within the transaction that commits it: writes the records of a new checkpoint.
pub(crate) fn record(
    transaction: &WriteTransaction,
    checkpoint: &Checkpoint,
    before: Option<&Kept>,
) -> Result<(), Fault> {
    put(transaction, NEWEST, &encode(checkpoint))?;
    remove(transaction, NEWEST_PIN)?;
    record_previous(transaction, before)
}

fn record_previous(transaction: &WriteTransaction, previous: Option<&Kept>) -> Result<(), Fault> {
    match previous {
        Some(kept) => {
            put(transaction, PREVIOUS, &encode(&kept.checkpoint))?;
            put(transaction, PREVIOUS_PIN, &encode_pin(kept.checkpoint.sequence, kept.pin))
        }
        None => {
            remove(transaction, PREVIOUS)?;
            remove(transaction, PREVIOUS_PIN)
        }
    }
}

/// The second half of a commit: pins the tables as they are, durably, in place of `replaced`.
///
/// Also returns a view of the pinned tables. It is taken before the pin, so that it reads what the
/// durable commit wrote; taken after it, it could read a root that is not durable yet, and pages
/// freed by later writes would wait for the view to end.
pub(crate) fn pin(
    database: &Database,
    sequence: u64,
    replaced: Option<u64>,
) -> Result<(u64, Arc<ReadTransaction>), Fault> {
    let view = database.begin_read()?;
    let transaction = database.begin(Durable::Yes)?;
    // First, while the transaction has touched no table: a pin is of what was committed before it.
    let pin = transaction.persistent_savepoint()?;
    if let Some(replaced) = replaced {
        transaction.delete_persistent_savepoint(replaced)?;
    }
    put(&transaction, NEWEST_PIN, &encode_pin(sequence, pin))?;
    transaction.commit()?;
    Ok((pin, Arc::new(view)))
}

/// Goes back to a kept checkpoint, durably. The pins and the records of later ones go.
pub(crate) fn restore(database: &Database, to: &Kept, previous: Option<&Kept>) -> Result<(), Fault> {
    let mut transaction = database.begin(Durable::Yes)?;
    let savepoint = match transaction.get_persistent_savepoint(to.pin) {
        Ok(savepoint) => savepoint,
        Err(redb::SavepointError::Storage(error)) => return Err(error.into()),
        Err(_) => {
            let what = format!("the pin of checkpoint {} is gone", to.checkpoint.sequence);
            return Err(Error::damaged(database.file(), what).into());
        }
    };
    transaction.restore_savepoint(&savepoint)?;
    put(&transaction, NEWEST_PIN, &encode_pin(to.checkpoint.sequence, to.pin))?;
    record_previous(&transaction, previous)?;
    transaction.commit()?;
    Ok(())
}

fn put(transaction: &WriteTransaction, key: &str, value: &[u8]) -> Result<(), Fault> {
    let mut stored = Vec::new();
    Seal::new(META_NAME).close(key.as_bytes(), value, &mut stored);
    transaction.open_table(META)?.insert(key, stored.as_slice())?;
    Ok(())
}

fn remove(transaction: &WriteTransaction, key: &str) -> Result<(), Fault> {
    transaction.open_table(META)?.remove(key)?;
    Ok(())
}

/// A checkpoint as bytes, here and in savepoints: sequence, time, manifest.
pub(crate) fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut record = Vec::with_capacity(16 + checkpoint.manifest.len());
    record.extend_from_slice(&checkpoint.sequence.to_le_bytes());
    record.extend_from_slice(&checkpoint.written_at_ms.to_le_bytes());
    record.extend_from_slice(&checkpoint.manifest);
    record
}

pub(crate) fn decode(record: &[u8]) -> Option<Checkpoint> {
    let (sequence, rest) = record.split_first_chunk()?;
    let (written_at_ms, manifest) = rest.split_first_chunk()?;
    Some(Checkpoint {
        sequence: u64::from_le_bytes(*sequence),
        manifest: manifest.to_vec(),
        written_at_ms: u64::from_le_bytes(*written_at_ms),
    })
}

fn encode_pin(sequence: u64, pin: u64) -> Vec<u8> {
    [sequence.to_le_bytes(), pin.to_le_bytes()].concat()
}

fn decode_pin(record: &[u8]) -> Option<(u64, u64)> {
    let (sequence, pin) = record.split_first_chunk()?;
    Some((u64::from_le_bytes(*sequence), u64::from_le_bytes(pin.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store};

    /// Opens a state after something was done to its database behind the store's back.
    fn opened_after(change: impl FnOnce(&WriteTransaction)) -> Error {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path(), Options::default()).unwrap());
        let database = redb::Database::open(folder.path().join("state.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        change(&transaction);
        transaction.commit().unwrap();
        drop(database);
        Store::open(folder.path(), Options::default()).unwrap_err()
    }

    #[test]
    fn another_format_is_refused_by_its_number() {
        let error = opened_after(|transaction| put(transaction, FORMAT_KEY, &2_u32.to_le_bytes()).ok().unwrap());
        assert!(matches!(error, Error::Version { found: 2, supported: 1, .. }), "{error}");
    }

    #[test]
    fn a_database_of_something_else_is_no_state() {
        let error = opened_after(|transaction| assert!(transaction.delete_table(META).unwrap()));
        assert!(matches!(&error, Error::Damaged { what, .. } if what.contains("rowmill")), "{error}");
        let error = opened_after(|transaction| {
            transaction.open_table(META).unwrap().insert(FORMAT_KEY, [7; 12].as_slice()).unwrap();
        });
        assert!(matches!(&error, Error::Damaged { what, .. } if what.contains("checksum")), "{error}");
    }

    #[test]
    fn a_checkpoint_that_lost_its_pin_is_damage_and_not_a_guess() {
        let error = opened_after(|transaction| {
            let checkpoint = Checkpoint { sequence: 3, manifest: Vec::new(), written_at_ms: 0 };
            record(transaction, &checkpoint, None).ok().unwrap();
            put(transaction, NEWEST_PIN, &encode_pin(3, 77)).ok().unwrap();
        });
        assert!(matches!(&error, Error::Damaged { what, .. } if what.contains("pin of checkpoint 3")), "{error}");
    }
}
