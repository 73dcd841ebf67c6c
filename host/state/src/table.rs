//! Records of a table, in and out of a transaction.

use std::ops::Bound;
use std::path::Path;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTableMetadata, TableDefinition, TableHandle, WriteTransaction};

use crate::guard::Fault;
use crate::record::{SUM_BYTES, Seal};
use crate::{Error, Key, Value, Writes};

/// Before the name of every table of data, so that none can be one of the store's own.
const PREFIX: &str = "data/";

/// The most that a key may take. redb would take more, but compares keys whole on every level.
const KEY_BYTES_MAX: usize = 1 << 20;

/// The most that a value may take: redb stores at most 3 GiB; a gigabyte is room enough.
const VALUE_BYTES_MAX: usize = 1 << 30;

/// Two ends of a range of keys.
pub(crate) type Range<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

type Bytes = &'static [u8];

fn stored_name(table: &str) -> String {
    [PREFIX, table].concat()
}

/// A table's records, if it has ever had any.
pub(crate) fn open(transaction: &ReadTransaction, table: &str) -> Result<Option<ReadOnlyTable<Bytes, Bytes>>, Fault> {
    match transaction.open_table(TableDefinition::<Bytes, Bytes>::new(&stored_name(table))) {
        Ok(table) => Ok(Some(table)),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The names of the tables with records, in order.
pub(crate) fn names(transaction: &ReadTransaction) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for handle in transaction.list_tables()? {
        let Some(name) = handle.name().strip_prefix(PREFIX) else { continue };
        if open(transaction, name)?.map_or(Ok(0), |table| table.len())? > 0 {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The values of keys, in the order given.
pub(crate) fn read(
    transaction: &ReadTransaction,
    file: &Path,
    name: &str,
    keys: &[Key],
) -> Result<Vec<Option<Value>>, Fault> {
    let mut values = vec![None; keys.len()];
    let Some(table) = open(transaction, name)? else { return Ok(values) };
    let seal = Seal::new(name);
    // In the order of the keys, neighbours share their path through the tree.
    for at in sorted(keys.len(), |at| &keys[at]) {
        let key = &keys[at];
        if let Some(stored) = table.get(&**key)? {
            let value = seal.open(key, stored.value()).ok_or_else(|| Error::record(file, name, key))?;
            values[at] = Some(value.into());
        }
    }
    Ok(values)
}

/// The first records of a range.
pub(crate) fn scan(
    transaction: &ReadTransaction,
    file: &Path,
    name: &str,
    range: Range<'_>,
    limit: usize,
) -> Result<Vec<(Key, Value)>, Fault> {
    let mut records = Vec::new();
    if limit == 0 || is_empty(range) {
        return Ok(records);
    }
    for_each(transaction, file, name, range, |key, value| {
        records.push((key.into(), value.into()));
        Ok(records.len() < limit)
    })?;
    Ok(records)
}

/// Hands on the records of a range, in the order of the keys, while `visit` says so.
pub(crate) fn for_each(
    transaction: &ReadTransaction,
    file: &Path,
    name: &str,
    range: Range<'_>,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool, Error>,
) -> Result<(), Fault> {
    let Some(table) = open(transaction, name)? else { return Ok(()) };
    let seal = Seal::new(name);
    for record in table.range::<&[u8]>(range)? {
        let (key, stored) = record?;
        let value = seal.open(key.value(), stored.value()).ok_or_else(|| Error::record(file, name, key.value()))?;
        if !visit(key.value(), value)? {
            break;
        }
    }
    Ok(())
}

/// Writes records, the later of two with the same key last.
pub(crate) fn apply(transaction: &WriteTransaction, writes: &[Writes]) -> Result<(), Fault> {
    let mut stored = Vec::new();
    for Writes { table: name, entries } in writes {
        let seal = Seal::new(name);
        let mut table = transaction.open_table(TableDefinition::<Bytes, Bytes>::new(&stored_name(name)))?;
        // In the order of the keys each page is changed once; the sort is stable.
        for at in sorted(entries.len(), |at| &entries[at].0) {
            let (key, value) = &entries[at];
            ensure_fits(name, key, value.as_deref())?;
            match value {
                Some(value) => {
                    seal.close(key, value, &mut stored);
                    table.insert(&**key, stored.as_slice())?;
                }
                None => {
                    table.remove(&**key)?;
                }
            }
        }
    }
    Ok(())
}

/// Removes the records of a range; how many there were.
pub(crate) fn remove_range(transaction: &WriteTransaction, name: &str, range: Range<'_>) -> Result<u64, Fault> {
    let mut removed = 0;
    if !is_empty(range) {
        let mut table = transaction.open_table(TableDefinition::<Bytes, Bytes>::new(&stored_name(name)))?;
        table.retain_in::<&[u8], _>(range, |_, _| {
            removed += 1;
            false
        })?;
    }
    Ok(removed)
}

/// The places 0…count in the order of their keys.
fn sorted<'a>(count: usize, key: impl Fn(usize) -> &'a Key) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    if !places.is_sorted_by_key(|&at| key(at)) {
        places.sort_by_key(|&at| key(at));
    }
    places
}

/// Whether no key can be in the range. redb asserts that the ends are in order.
fn is_empty((from, to): Range<'_>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
        _ => false,
    }
}

fn ensure_fits(table: &str, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
    let too_large = |bytes, max| Err(Error::TooLarge { table: table.to_owned(), bytes, max });
    match value {
        _ if key.len() > KEY_BYTES_MAX => too_large(key.len(), KEY_BYTES_MAX),
        Some(value) if value.len() > VALUE_BYTES_MAX - SUM_BYTES => too_large(value.len(), VALUE_BYTES_MAX - SUM_BYTES),
        _ => Ok(()),
    }
}
