//! The folder: whose it is, and what is in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rowmill_state::{Error, Options, Store, remove};

use crate::{open, put};

#[test]
fn a_new_folder_is_for_its_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("deep/state");
    drop(open(&folder));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("state.redb"))), (0o700, 0o600));
}

#[test]
fn a_folder_has_one_store_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let error = Store::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(&error, Error::Locked { folder: named } if named == folder.path()), "{error}");
    assert!(error.is_transient());
    assert!(matches!(remove(folder.path()), Err(Error::Locked { .. })));
    drop(store);
    open(folder.path());
}

#[test]
fn another_process_is_kept_out() {
    const NAMED: &str = "ROWMILL_STATE_LOCKED";
    if let Some(folder) = std::env::var_os(NAMED) {
        let error = Store::open(folder.as_ref(), Options::default()).unwrap_err();
        assert!(matches!(error, Error::Locked { .. }), "{error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path());
    let mut other = Command::new(std::env::current_exe().unwrap());
    other.args(["--exact", "folder::another_process_is_kept_out"]).env(NAMED, folder.path());
    let output = other.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_removed_folder_is_gone_and_foreign_files_are_never_deleted() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    remove(&folder).unwrap();
    open(&folder).commit(&[put("t", &[("a", "1")])], b"").unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    let error = remove(&folder).unwrap_err();
    assert!(matches!(&error, Error::Foreign { name, .. } if name == "notes.txt"), "{error}");
    assert_eq!(open(&folder).count("t").unwrap(), 1);
    fs::remove_file(folder.join("notes.txt")).unwrap();
    remove(&folder).unwrap();
    assert!(!folder.exists());
}

#[test]
fn a_folder_of_something_else_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    for _ in 0..2 {
        let error = Store::open(folder.path(), Options::default()).unwrap_err();
        assert!(matches!(&error, Error::Foreign { name, .. } if name == "thesis.tex"), "{error}");
        assert!(matches!(remove(folder.path()), Err(Error::Foreign { .. })));
    }
    assert!(!folder.path().join("state.redb").exists());
}

#[test]
fn a_state_half_made_by_a_crash_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("state.redb.new"), "half").unwrap();
    open(folder.path()).commit(&[put("t", &[("a", "1")])], b"").unwrap();
    fs::write(folder.path().join("state.redb.new"), "half of a clear").unwrap();
    let store = open(folder.path());
    assert_eq!(store.count("t").unwrap(), 1);
    assert!(!folder.path().join("state.redb.new").exists());
}

#[test]
fn errors_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("state.redb"), "not a database, but longer than the header of one".repeat(999))
        .unwrap();
    let error = Store::open(folder.path(), Options::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("state.redb is damaged") && text.contains("--rebuild"), "{text}");
    assert!(!error.is_transient());
}

#[test]
fn an_empty_file_is_damage_and_not_a_new_state() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    fs::write(folder.path().join("state.redb"), "").unwrap();
    let error = Store::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}
