//! Savepoints: a checkpoint moved to another folder is the same, and a flipped byte is found.

use std::fs;
use std::ops::Bound;
use std::path::Path;

use rowmill_state::{Error, Store, Writes, import, inspect};
use serde_json::json;

use crate::{contents, get, key, open, put};

fn filled(folder: &Path) -> Store {
    let store = open(folder);
    let entry = |at: u32| {
        let value = vec![u8::try_from(at % 251).unwrap(); (at % 400) as usize];
        (Box::from(at.to_be_bytes()), Some(value.into_boxed_slice()))
    };
    let groups = Writes { table: "groups".into(), entries: (0..2_000).map(entry).collect() };
    let large = "l".repeat(200_000);
    store.write(&[groups, put("a/b \"c\"", &[("", "empty key"), ("large", &large), ("none", "")])]).unwrap();
    store.commit(&[put("gone", &[("a", "1")])], b"{}").unwrap();
    let gone = Writes { table: "gone".into(), entries: vec![(key("a"), None)] };
    store.commit(&[gone], b"{\"position\": 1.50}\xff").unwrap();
    store
}

#[test]
fn an_imported_savepoint_is_the_checkpoint_that_was_exported() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name);
    let store = filled(&path("state"));
    let (checkpoint, held) = (store.checkpoint().unwrap(), contents(&store));
    // Neither is part of the newest checkpoint.
    store.write(&[put("groups", &[("later", "1")])]).unwrap();
    store.remove_range("groups", Bound::Unbounded, Bound::Included(&[0, 0, 1, 0])).unwrap();

    let header = json!({"pipeline": "orders", "rate": 0.1});
    let summary = store.export(&path("savepoint"), header.clone()).unwrap();
    assert_eq!((summary.tables, summary.entries), (2, 2_003));
    assert_eq!(inspect(&path("savepoint")).unwrap(), (header, checkpoint.clone(), summary));
    assert!(fs::read_dir(path("savepoint")).unwrap().all(|file| !file.unwrap().path().ends_with(".part")));

    assert_eq!(import(&path("savepoint"), &path("deep/other")).unwrap(), summary);
    let other = open(&path("deep/other"));
    assert_eq!((other.checkpoint(), other.previous()), (Some(checkpoint), None));
    assert_eq!(contents(&other), held);
    assert_eq!(other.commit(&[put("t", &[("a", "1")])], b"").unwrap().sequence, 3);
    assert_eq!(other.previous().unwrap().sequence, 2);
}

#[test]
fn an_export_shows_one_checkpoint_while_the_store_goes_on() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name);
    let store = filled(&path("state"));
    std::thread::scope(|scope| {
        let exports = scope.spawn(|| {
            for at in 0..6 {
                store.export(&path(&format!("savepoint {at}")), json!(null)).unwrap();
            }
        });
        let mut at = 0;
        while !exports.is_finished() {
            at += 1;
            let same = at.to_string();
            store.write(&[put("pairs", &[("a", &same)])]).unwrap();
            store.commit(&[put("pairs", &[("b", &same)])], same.as_bytes()).unwrap();
        }
    });
    for at in 0..6 {
        let (folder, savepoint) = (path(&format!("state {at}")), path(&format!("savepoint {at}")));
        import(&savepoint, &folder).unwrap();
        let store = open(&folder);
        let manifest = String::from_utf8_lossy(&store.checkpoint().unwrap().manifest).into_owned();
        let pair = [get(&store, "pairs", "a"), get(&store, "pairs", "b")];
        assert!(pair == [None, None] || pair == [Some(manifest.clone()), Some(manifest)], "{pair:?}");
    }
}

#[test]
fn what_is_in_the_way_is_named_and_kept() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name);
    let empty = open(&path("empty"));
    assert!(matches!(empty.export(&path("savepoint"), json!({})), Err(Error::NoCheckpoint { .. })));
    let store = filled(&path("state"));
    store.export(&path("savepoint"), json!({})).unwrap();

    let error = store.export(&path("savepoint"), json!({})).unwrap_err();
    assert!(matches!(&error, Error::NotEmpty { name, .. } if name == "checkpoint.blocks"), "{error}");
    assert!(matches!(import(&path("savepoint"), &path("state")), Err(Error::Locked { .. })));
    drop(store);
    assert!(matches!(import(&path("savepoint"), &path("state")), Err(Error::NotEmpty { .. })));
    open(&path("state"));
    fs::create_dir(path("music")).unwrap();
    fs::write(path("music/song.mp3"), "").unwrap();
    let error = import(&path("savepoint"), &path("music")).unwrap_err();
    assert!(matches!(&error, Error::NotEmpty { name, .. } if name == "song.mp3"), "{error}");
    for not_one in [path("music"), path("nowhere")] {
        assert!(matches!(inspect(&not_one), Err(Error::NotASavepoint { .. })));
        assert!(matches!(import(&not_one, &path("new")), Err(Error::NotASavepoint { .. })));
    }
    assert!(!path("new").exists());
}

#[test]
fn every_flipped_byte_of_a_savepoint_is_found_and_named() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name);
    filled(&path("state")).export(&path("savepoint"), json!({"pipeline": "orders"})).unwrap();
    let mut flips = 0;
    for entry in fs::read_dir(path("savepoint")).unwrap() {
        let file = entry.unwrap().path();
        let whole = fs::read(&file).unwrap();
        // All of the headers, then samples at a distance that meets every field of a block.
        for at in (0..whole.len().min(128)).chain((128..whole.len()).step_by(1_021)).chain([whole.len() - 1]) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&file, damaged).unwrap();
            let error = import(&path("savepoint"), &path("target")).unwrap_err();
            let named = match &error {
                Error::Damaged { file: named, .. } => named.clone(),
                other => panic!("byte {at} of {}: {other}", file.display()),
            };
            // The manifest and its checksum accuse each other; any other file is named itself.
            let is_manifest = file.file_stem().is_some_and(|stem| stem == "manifest");
            assert_eq!(named.file_stem(), file.file_stem());
            assert!(is_manifest || named == file, "byte {at}: {error}");
            assert!(!path("target/state.redb").exists() && !path("target/state.redb.new").exists());
            flips += 1;
        }
        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        assert!(matches!(import(&path("savepoint"), &path("target")), Err(Error::Damaged { .. })));
        fs::write(&file, [&whole, [0].as_slice()].concat()).unwrap();
        assert!(matches!(import(&path("savepoint"), &path("target")), Err(Error::Damaged { .. })));
        fs::write(&file, &whole).unwrap();
    }
    assert!(flips > 500, "{flips} bytes were flipped");
    import(&path("savepoint"), &path("target")).unwrap();
}

#[test]
fn damage_is_named_by_block_and_byte_and_blocks_can_not_be_exchanged() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name);
    let store = open(&path("state"));
    let entry = |at: u32| (Box::from(at.to_be_bytes()), Some(Box::from([7_u8; 1_000])));
    store.commit(&[Writes { table: "t".into(), entries: (0..300).map(entry).collect() }], b"").unwrap();
    store.export(&path("savepoint"), json!({})).unwrap();
    let file = path("savepoint/table-0001.blocks");
    let mut bytes = fs::read(&file).unwrap();
    // A header of 8 + 4 + 4 + 7 + 8 bytes, then blocks of 65 records, all of one length.
    let block = 16 + 65 * (4 + 4 + 4 + 1_000);
    let (first, second) = (31, 31 + block);
    let (one, two) = bytes[first..second + block].split_at_mut(block);
    one.swap_with_slice(two);
    fs::write(&file, &bytes).unwrap();
    let error = import(&path("savepoint"), &path("target")).unwrap_err().to_string();
    assert!(error.contains("table-0001.blocks is damaged: block 1 at byte 31: its checksum"), "{error}");

    let (one, two) = bytes[first..second + block].split_at_mut(block);
    one.swap_with_slice(two);
    bytes[second + 100] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let error = import(&path("savepoint"), &path("target")).unwrap_err().to_string();
    assert!(error.contains(&format!("block 2 at byte {second}")) && error.contains("another copy"), "{error}");
}

#[test]
fn a_later_version_is_refused_by_its_number() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name);
    filled(&path("state")).export(&path("savepoint"), json!({})).unwrap();
    let manifest = path("savepoint/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap().replace("\"version\": 1", "\"version\": 2");
    fs::write(&manifest, &text).unwrap();
    fs::write(path("savepoint/manifest.xxh3"), format!("{:016x}\n", xxhash_rust::xxh3::xxh3_64(text.as_bytes())))
        .unwrap();
    let error = inspect(&path("savepoint")).unwrap_err();
    assert!(matches!(error, Error::Version { found: 2, supported: 1, .. }), "{error}");
}

#[test]
fn only_regular_files_are_a_savepoint() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name);
    filled(&path("state")).export(&path("savepoint"), json!(null)).unwrap();
    let files: Vec<_> = fs::read_dir(path("savepoint")).unwrap().map(|entry| entry.unwrap().path()).collect();
    for file in files {
        let whole = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        let error = import(&path("savepoint"), &path("target")).unwrap_err().to_string();
        assert!(error.contains("a device, not a regular file"), "{}: {error}", file.display());
        fs::remove_file(&file).unwrap();
        fs::write(&file, whole).unwrap();
    }
    import(&path("savepoint"), &path("target")).unwrap();
}
