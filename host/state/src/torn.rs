//! Tests of the argument in the crate's docs on a disk that loses whatever was not synced.
//!
//! The store runs over a disk that keeps a log of all that is asked of it. A crash is any point of
//! the log: what came before the last sync is there; of what came after it each write is there or
//! not, and the last one may be there in part.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use crate::database::Database;
use crate::folder::Folder;
use crate::{Error, Store, Writes};

#[derive(Clone, Debug)]
enum Asked {
    Write(usize, Vec<u8>),
    Length(usize),
    Sync,
}

#[derive(Debug, Default)]
struct Inner {
    image: Vec<u8>,
    log: Vec<Asked>,
    /// How many more writes fit.
    room: Option<usize>,
}

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Inner>>);

impl Disk {
    fn with(image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Inner { image, ..Inner::default() })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    fn asked(&self) -> usize {
        self.inner().log.len()
    }

    fn ask(&self, asked: Asked) -> io::Result<()> {
        let mut inner = self.inner();
        if let Some(room) = &mut inner.room {
            *room = room.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        }
        perform(&mut inner.image, &asked);
        inner.log.push(asked);
        Ok(())
    }
}

fn perform(image: &mut Vec<u8>, asked: &Asked) {
    match asked {
        Asked::Write(offset, bytes) => {
            let end = offset + bytes.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[*offset..end].copy_from_slice(bytes);
        }
        Asked::Length(bytes) => image.resize(*bytes, 0),
        Asked::Sync => {}
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inner().image.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).unwrap();
        let inner = self.inner();
        let bytes = inner.image.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.ask(Asked::Length(usize::try_from(bytes).unwrap()))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.ask(Asked::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.ask(Asked::Write(usize::try_from(offset).unwrap(), data.to_vec()))
    }
}

/// What a crash after `end` things were asked of the disk leaves, if it began as `image`.
fn after_crash(mut image: Vec<u8>, log: &[Asked], end: usize, random: &mut Random) -> Vec<u8> {
    let synced = log[..end].iter().rposition(|asked| matches!(asked, Asked::Sync)).unwrap_or(0);
    // All, none, or any of them.
    let kept_of_8 = [8, 0, 4, 7, 1][random.below(5)];
    for (at, asked) in log[..end].iter().enumerate() {
        if at >= synced && random.below(8) >= kept_of_8 {
            continue;
        }
        match asked {
            Asked::Write(offset, bytes) if at >= synced && at + 1 == end => {
                let sectors = bytes.len().div_ceil(512);
                let torn = bytes[..(random.below(sectors + 1) * 512).min(bytes.len())].to_vec();
                perform(&mut image, &Asked::Write(*offset, torn));
            }
            asked => perform(&mut image, asked),
        }
    }
    image
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

fn open(disk: &Disk, folder: &tempfile::TempDir) -> Result<Store, Error> {
    let folder = Folder::take(folder.path())?;
    let database = Database::over(&folder, disk.clone())?;
    Store::start(folder, database, 1 << 20)
}

fn contents(store: &Store) -> Contents {
    let records = store.scan("t", Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap();
    records.into_iter().map(|(key, value)| (key.into_vec(), value.into_vec())).collect()
}

/// Some records, some of them removed; 300 bytes each, so that a few hundred fill many pages.
fn writes(random: &mut Random) -> [Writes; 1] {
    let mut entry = || {
        let key = u16::try_from(random.below(700)).unwrap().to_be_bytes();
        let value = (random.below(4) > 0).then(|| vec![u8::try_from(random.below(256)).unwrap(); 300].into());
        (key.into(), value)
    };
    [Writes { table: "t".into(), entries: (0..40).map(|_| entry()).collect() }]
}

/// Runs a store for some checkpoints, closes it half way, and returns its log, what each checkpoint
/// holds, and how much had been asked of the disk when each was announced.
fn record(folder: &tempfile::TempDir, random: &mut Random) -> (Vec<Asked>, Vec<Contents>, Vec<usize>) {
    let disk = Disk::default();
    let mut store = open(&disk, folder).unwrap();
    let (mut known, mut announced) = (vec![Contents::new()], vec![disk.asked()]);
    for sequence in 1..=7 {
        for _ in 0..random.below(4) {
            store.write(&writes(random)).unwrap();
        }
        let checkpoint = store.commit(&writes(random), sequence.to_string().as_bytes()).unwrap();
        assert_eq!(checkpoint.sequence, sequence);
        known.push(contents(&store));
        announced.push(disk.asked());
        if sequence == 4 {
            store.write(&writes(random)).unwrap();
            drop(store);
            store = open(&disk, folder).unwrap();
        }
    }
    store.write(&writes(random)).unwrap();
    drop(store);
    let log = disk.inner().log.clone();
    (log, known, announced)
}

#[test]
fn after_any_crash_the_newest_checkpoint_is_whole_and_so_is_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(11);
    let (mut crashes, mut ahead) = (0, 0);
    for _ in 0..3 {
        let (log, known, announced) = record(&folder, &mut random);
        for end in announced[0]..=log.len() {
            // Every point at which little is in flight, and some of those in the middle of much.
            let syncs_near = log[end.saturating_sub(2)..log.len().min(end + 2)].iter();
            if syncs_near.filter(|asked| matches!(asked, Asked::Sync)).count() == 0 && random.below(6) > 0 {
                continue;
            }
            crashes += 1;
            let least = announced.iter().rposition(|asked| *asked <= end).unwrap();
            let disk = Disk::with(after_crash(Vec::new(), &log, end, &mut random));
            let before = disk.inner().image.clone();
            let found = ensure_whole(&disk, &folder, &known, least);
            ahead += usize::from(found > least);

            // Opening after a crash may itself be cut short, anywhere.
            let recovery = disk.inner().log.clone();
            let end = random.below(recovery.len() + 1);
            let disk = Disk::with(after_crash(before, &recovery, end, &mut random));
            ensure_whole(&disk, &folder, &known, found);
        }
    }
    assert!(crashes > 300 && ahead > 10, "{crashes} crashes, {ahead} with a checkpoint not yet announced");
}

/// Opens, compares with what is known, goes back one and compares again; the newest that is there.
fn ensure_whole(disk: &Disk, folder: &tempfile::TempDir, known: &[Contents], least: usize) -> usize {
    let store = open(disk, folder).unwrap();
    let opened = disk.asked();
    let found = store.checkpoint().map_or(0, |checkpoint| usize::try_from(checkpoint.sequence).unwrap());
    assert!(found == least || found == least + 1, "{found} was found, {least} was announced");
    if found > 0 {
        assert_eq!(contents(&store), known[found], "contents of {found}");
    }
    assert_eq!(store.previous().map_or(0, |checkpoint| checkpoint.sequence), found.saturating_sub(1) as u64);
    if found > 1 {
        store.restore_previous().unwrap();
        assert_eq!(contents(&store), known[found - 1], "contents of the one before {found}");
    }
    drop(store);
    // The caller crashes the opening, not what came after it.
    disk.inner().log.truncate(opened);
    found
}

#[test]
fn a_full_disk_stops_the_store_and_loses_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(5);
    let mut stopped = 0;
    for room in 0..120 {
        let disk = Disk::default();
        let store = open(&disk, &folder).unwrap();
        store.commit(&writes(&mut random), b"1").unwrap();
        store.commit(&writes(&mut random), b"2").unwrap();
        let held = contents(&store);
        disk.inner().room = Some(room);
        let outcome = store.write(&writes(&mut random)).and_then(|()| store.commit(&writes(&mut random), b"3"));
        let now = outcome.is_ok().then(|| contents(&store));
        if let Err(error) = outcome {
            assert!(matches!(error, Error::Full { .. }) && error.is_transient(), "{error:?}");
            let again = store.commit(&[], b"4").unwrap_err();
            assert!(matches!(again, Error::Failed { .. } | Error::Full { .. }) && again.is_transient(), "{again:?}");
            stopped += 1;
        }
        drop(store);

        disk.inner().room = None;
        let store = open(&disk, &folder).unwrap();
        match (store.checkpoint().unwrap().sequence, now) {
            (2, None) => assert_eq!(contents(&store), held),
            (3, Some(now)) => assert_eq!(contents(&store), now),
            // The commit was through, and only its second half met the full disk.
            (3, None) => {}
            other => panic!("after {room} writes: {other:?}"),
        }
        store.commit(&writes(&mut random), b"5").unwrap();
    }
    assert!(stopped > 10, "the disk was full {stopped} times");
}
