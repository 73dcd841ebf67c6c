//! The store from outside: against a model, through crashes, damage and moves.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests read what they wrote")]

mod checkpoint;
mod crash;
mod damage;
mod folder;
mod model;
mod savepoint;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use rowmill_state::{Key, Options, Store, Value, Writes};

/// All that a store holds.
type Contents = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

fn open(folder: &Path) -> Store {
    Store::open(folder, Options::default()).unwrap()
}

/// Everything in the store, read through `scan`, and checked against `tables` and `count`.
fn contents(store: &Store) -> Contents {
    try_contents(store).unwrap()
}

fn try_contents(store: &Store) -> Result<Contents, rowmill_state::Error> {
    let mut contents = Contents::new();
    for table in store.tables()? {
        let records = store.scan(&table, Bound::Unbounded, Bound::Unbounded, usize::MAX)?;
        assert!(records.is_sorted_by(|a, b| a.0 < b.0), "keys in order, each once");
        assert_eq!(records.len() as u64, store.count(&table)?);
        contents.insert(table, records.into_iter().map(|(key, value)| (key.into_vec(), value.into_vec())).collect());
    }
    Ok(contents)
}

fn key(text: &str) -> Key {
    text.as_bytes().into()
}

fn put(table: &str, records: &[(&str, &str)]) -> Writes {
    let entries = records.iter().map(|(name, value)| (key(name), Some(Value::from(value.as_bytes())))).collect();
    Writes { table: table.into(), entries }
}

fn get(store: &Store, table: &str, name: &str) -> Option<String> {
    let value = store.read(table, &[key(name)]).unwrap().remove(0)?;
    Some(String::from_utf8(value.into_vec()).unwrap())
}

/// What a crash leaves behind: the files as they are now, in another folder.
fn crashed_copy(folder: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir_all(to).unwrap();
    std::fs::copy(folder.join("state.redb"), to.join("state.redb")).unwrap();
    to.to_owned()
}
