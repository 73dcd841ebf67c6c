//! Compiled components on disk.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rowmill_wasm::{Engine, EngineOptions};

use crate::guests::wasm;

fn with_cache(cache: &Path) -> Engine {
    Engine::new(EngineOptions { cache: Some(cache.to_owned()), ..EngineOptions::default() }).expect("an engine")
}

/// Loads a guest through the cache and runs something of it.
async fn load(cache: &Path, name: &str) {
    let component = with_cache(cache).load(name, &wasm(name)).await.expect("loads");
    let description = component.describe().await.expect("runs");
    assert!(!description.functions.is_empty());
    assert_eq!(description.function("mul").is_some(), name == "honest");
}

/// What was compiled; a lock that nobody holds any more is none of it.
fn entries(cache: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(cache).expect("made").flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_none_or(|extension| extension != "lock")).collect()
}

#[tokio::test]
async fn compiled_components_are_kept_in_a_private_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("compiled");
    for _ in 0..2 {
        let component = with_cache(&cache).load("honest", &wasm("honest")).await.expect("loads");
        component.describe().await.expect("runs");
        let files = entries(&cache);
        assert_eq!(files.len(), 1);
        let name = files[0].file_name().and_then(|name| name.to_str()).expect("plain name");
        assert!(name.starts_with(component.digest()) && name.ends_with(".2.cwasm"), "{name}");
        let mode = fs::metadata(&files[0]).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// What is in use is not looked for on disk.
#[tokio::test]
async fn a_component_is_there_once_while_it_is_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("compiled");
    let engine = with_cache(&cache);
    let first = engine.load("first", &wasm("honest")).await.expect("loads");
    fs::remove_file(entries(&cache).remove(0)).expect("removed");
    let second = engine.load("second", &wasm("honest")).await.expect("loads");
    assert!(entries(&cache).is_empty(), "compiled although the other one is in use");
    assert_eq!((first.name(), second.name()), ("first", "second"));
    drop(first);
    let third = engine.load("third", &wasm("honest")).await.expect("loads");
    assert!(entries(&cache).is_empty(), "compiled although the second one is in use");
    for component in [second, third] {
        assert!(component.describe().await.expect("runs").function("mul").is_some());
    }
    // Nobody has it any more.
    engine.load("fourth", &wasm("honest")).await.expect("loads");
    assert_eq!(entries(&cache).len(), 1);
}

/// Pipelines that start at the same moment: one compiles, the others find what it made.
#[tokio::test]
async fn a_component_that_is_being_compiled_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("compiled");
    load(&cache, "honest").await;
    let entry = entries(&cache).remove(0);
    let made = folder.path().join("made");
    fs::rename(&entry, &made).expect("moved");
    let inode = fs::metadata(&made).expect("there").ino();

    let name = format!(".{}.lock", entry.file_name().and_then(|name| name.to_str()).expect("plain name"));
    let lock = cache.join(name);
    let other = File::create(&lock).expect("made");
    other.lock().expect("locked");
    let mut loading = std::pin::pin!(load(&cache, "honest"));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut loading).await;
    assert!(early.is_err(), "it was not waited for");
    fs::rename(&made, &entry).expect("moved back");
    drop(other);
    loading.await;
    assert_eq!(fs::metadata(&entry).expect("there").ino(), inode, "compiled again");
    assert_eq!(entries(&cache), std::slice::from_ref(&entry));

    // One that ended before it had made it.
    fs::remove_file(&entry).expect("removed");
    let other = File::create(&lock).expect("made");
    other.lock().expect("locked");
    let mut loading = std::pin::pin!(load(&cache, "honest"));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut loading).await;
    assert!(early.is_err(), "it was not waited for");
    drop(other);
    loading.await;
    assert_eq!(entries(&cache), [entry]);
    assert!(!lock.exists(), "a lock is left");
}

/// A damaged entry is compiled anew, and replaced by what it was.
#[tokio::test]
async fn damaged_entries_are_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("compiled");
    load(&cache, "honest").await;
    let entry = entries(&cache).remove(0);
    let whole = fs::read(&entry).expect("kept");
    load(&cache, "bench").await;
    let other = entries(&cache).into_iter().find(|path| *path != entry).expect("kept");

    let mut damaged: Vec<(String, Vec<u8>)> = (0..16)
        .map(|i| {
            let at = whole.len() / 16 * i + i;
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (i % 8);
            (format!("a bit of byte {at}"), bytes)
        })
        .collect();
    let last = whole.len() - 1;
    damaged.extend([
        ("the last bit".to_owned(), [&whole[..last], &[whole[last] ^ 1]].concat()),
        ("empty".to_owned(), Vec::new()),
        ("shorter than a digest".to_owned(), whole[..31].to_vec()),
        ("cut in half".to_owned(), whole[..whole.len() / 2].to_vec()),
        ("without its end".to_owned(), whole[..last].to_vec()),
        ("longer".to_owned(), [&whole[..], &[0]].concat()),
        ("no machine code".to_owned(), b"no machine code at all, but more than a digest".to_vec()),
        ("zeros".to_owned(), vec![0; whole.len()]),
        ("another component's".to_owned(), fs::read(&other).expect("kept")),
    ]);
    assert_eq!(damaged.len(), 25);
    for (how, bytes) in damaged {
        // Replaced, not changed in place: the old file is mapped.
        fs::remove_file(&entry).expect("there");
        fs::write(&entry, bytes).expect("written");
        load(&cache, "honest").await;
        assert!(fs::read(&entry).expect("kept") == whole, "{how}: not replaced by the same");
    }
}

#[tokio::test]
async fn an_entry_that_is_no_file_of_ours_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("compiled");
    load(&cache, "honest").await;
    let entry = entries(&cache).remove(0);
    let whole = fs::read(&entry).expect("kept");
    let aside = folder.path().join("aside");
    let make: [(&str, &dyn Fn()); 4] = [
        ("a link", &|| {
            fs::write(&aside, &whole).expect("written");
            symlink(&aside, &entry).expect("made");
        }),
        ("a device", &|| symlink("/dev/zero", &entry).expect("made")),
        ("a folder", &|| fs::create_dir(&entry).expect("made")),
        ("a file that others can write", &|| {
            fs::write(&entry, &whole).expect("written");
            fs::set_permissions(&entry, fs::Permissions::from_mode(0o666)).expect("opened");
        }),
    ];
    for (what, make) in make {
        fs::remove_file(&entry).expect("there");
        make();
        load(&cache, "honest").await;
        let found = fs::symlink_metadata(&entry).expect("kept");
        assert!(found.is_file() && found.permissions().mode() & 0o777 == 0o600, "{what}: {found:?}");
    }
}

#[tokio::test]
async fn a_folder_that_others_can_enter_or_replace_is_not_used() {
    for (above, own) in [(0o755, 0o755), (0o777, 0o700)] {
        let top = tempfile::tempdir().expect("a folder");
        let cache = top.path().join("above").join("cache");
        fs::create_dir_all(&cache).expect("made");
        for (folder, mode) in [(cache.parent().expect("above"), above), (&cache, own)] {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("opened");
        }
        load(&cache, "honest").await;
        assert_eq!(entries(&cache).len(), 0);
    }
}
