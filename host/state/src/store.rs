//! The store: records in tables, written between checkpoints, and checkpoints.

use std::fmt;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use redb::{ReadTransaction, ReadableDatabase, ReadableTableMetadata};

use crate::checkpoint::{self, Kept};
use crate::database::{Database, Durable};
use crate::folder::Folder;
use crate::guard::{Fault, guarded};
use crate::table::{self, apply};
use crate::{Checkpoint, Error, Key, Options, Value, Writes};

/// Keyed state in a folder, with checkpoints. The module docs of the crate say what it promises.
///
/// All calls block; all may be made from several threads. Reads never wait. Writes wait for each
/// other, so also for a commit that is running.
pub struct Store {
    /// What readers need, changed as a whole. Before `folder`: the file closes, then the lock goes.
    current: RwLock<Current>,
    /// Held by whoever changes something.
    writer: Mutex<Writer>,
    file: PathBuf,
    cache_bytes: usize,
    folder: Folder,
}

/// The database and what it keeps.
#[derive(Clone)]
struct Current {
    newest: Option<Newest>,
    previous: Option<Kept>,
    /// Last, so that it closes after the view of the newest checkpoint.
    database: Arc<Database>,
}

/// The newest checkpoint.
#[derive(Clone)]
struct Newest {
    kept: Kept,
    /// The tables as the checkpoint has them, whatever is written after it. Its pages are those
    /// that the pin keeps anyway.
    view: Arc<ReadTransaction>,
}

/// The right to change something.
#[derive(Default)]
struct Writer {
    /// A commit ended in the middle; what the file holds is known only after it is opened again.
    failed: bool,
}

impl Store {
    /// Opens the state in a folder, or begins an empty one; creates the folder, for its owner alone.
    ///
    /// Verifies the checksum of every page that a checkpoint needs, so the time it takes grows with
    /// the state. What was written after the newest checkpoint is forgotten.
    pub fn open(folder: &Path, options: Options) -> Result<Self, Error> {
        let folder = Folder::take(folder)?;
        let database = if folder.state().exists() {
            folder.discard_new()?;
            Database::open(&folder, options.cache_bytes)?
        } else {
            if let Some(name) = folder.foreign()? {
                return Err(Error::Foreign { folder: folder.path().to_owned(), name });
            }
            begin(&folder, options.cache_bytes)?
        };
        Self::start(folder, database, options.cache_bytes)
    }

    /// A store on an open database, at its newest checkpoint.
    pub(crate) fn start(folder: Folder, database: Database, cache_bytes: usize) -> Result<Self, Error> {
        let file = folder.state();
        let current = guarded(&file, "opening", || recover(database))?;
        Ok(Self { current: RwLock::new(current), writer: Mutex::default(), file, cache_bytes, folder })
    }

    /// The newest checkpoint. None: nothing was committed yet, and the contents, if there are any,
    /// are a first fill that did not finish.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.current().newest.map(|newest| newest.kept.checkpoint)
    }

    /// The checkpoint before the newest, if it is kept.
    pub fn previous(&self) -> Option<Checkpoint> {
        self.current().previous.map(|kept| kept.checkpoint)
    }

    /// Goes back to the checkpoint before the newest, which is then the newest and the only one.
    pub fn restore_previous(&self) -> Result<Checkpoint, Error> {
        let mut writer = self.writer()?;
        let current = self.current();
        let Some(kept) = current.previous else {
            return Err(Error::NoPrevious { folder: self.folder.path().to_owned() });
        };
        let newest = self.guarded("restoring", || {
            writer.failed = true;
            checkpoint::restore(&current.database, &kept, None)?;
            let (pin, view) = checkpoint::pin(&current.database, kept.checkpoint.sequence, Some(kept.pin))?;
            Ok(Newest { kept: Kept { pin, ..kept }, view })
        })?;
        writer.failed = false;
        let checkpoint = newest.kept.checkpoint.clone();
        self.set_current(Current { newest: Some(newest), previous: None, database: current.database });
        Ok(checkpoint)
    }

    /// The values of keys, in the order of the keys; what was written last, committed or not.
    pub fn read(&self, table: &str, keys: &[Key]) -> Result<Vec<Option<Value>>, Error> {
        let database = self.current().database;
        self.guarded("reading", || table::read(&database.begin_read()?, &self.file, table, keys))
    }

    /// The records between two keys, in the order of the keys, at most `limit`.
    pub fn scan(
        &self,
        table: &str,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, Error> {
        let database = self.current().database;
        self.guarded("reading", || table::scan(&database.begin_read()?, &self.file, table, (from, to), limit))
    }

    /// The number of records of a table.
    pub fn count(&self, table: &str) -> Result<u64, Error> {
        let database = self.current().database;
        self.guarded("reading", || {
            let table = table::open(&database.begin_read()?, table)?;
            Ok(table.map_or(Ok(0), |table| table.len())?)
        })
    }

    /// The names of the tables that hold records, in order.
    pub fn tables(&self) -> Result<Vec<String>, Error> {
        let database = self.current().database;
        self.guarded("reading", || table::names(&database.begin_read()?))
    }

    /// Writes, visible to reads when it returns, and part of the next checkpoint. A crash before
    /// that, or closing the store, forgets it.
    pub fn write(&self, writes: &[Writes]) -> Result<(), Error> {
        self.change("writing", |transaction| apply(transaction, writes))
    }

    /// Removes the records between two keys, likewise; how many there were.
    pub fn remove_range(&self, table: &str, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<u64, Error> {
        self.change("writing", |transaction| table::remove_range(transaction, table, (from, to)))
    }

    fn change<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&redb::WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let mut writer = self.writer()?;
        let database = self.current().database;
        let value = self.guarded(doing, || {
            let transaction = database.begin(Durable::WithTheNext)?;
            let value = work(&transaction)?;
            writer.failed = true;
            transaction.commit()?;
            Ok(value)
        })?;
        writer.failed = false;
        Ok(value)
    }

    /// Makes a checkpoint of `writes`, of everything written since the checkpoint before, and of
    /// the caller's manifest: all of it or, after a crash, none. Durable when it returns. The last
    /// two checkpoints are kept.
    pub fn commit(&self, writes: &[Writes], manifest: &[u8]) -> Result<Checkpoint, Error> {
        let mut writer = self.writer()?;
        let Current { newest, previous, database } = self.current();
        let before = newest.map(|newest| newest.kept);
        let checkpoint = Checkpoint {
            sequence: before.as_ref().map_or(0, |kept| kept.checkpoint.sequence) + 1,
            manifest: manifest.to_vec(),
            written_at_ms: checkpoint::now_ms(),
        };
        let newest = self.guarded("committing", || {
            let transaction = database.begin(Durable::Yes)?;
            apply(&transaction, writes)?;
            checkpoint::record(&transaction, &checkpoint, before.as_ref())?;
            if let Some(old) = &previous {
                transaction.delete_persistent_savepoint(old.pin)?;
            }
            writer.failed = true;
            transaction.commit()?;
            let (pin, view) = checkpoint::pin(&database, checkpoint.sequence, None)?;
            Ok(Newest { kept: Kept { checkpoint: checkpoint.clone(), pin }, view })
        })?;
        writer.failed = false;
        self.set_current(Current { newest: Some(newest), previous: before, database });
        Ok(checkpoint)
    }

    /// Forgets everything, checkpoints too, and gives the space back.
    pub fn clear(&self) -> Result<(), Error> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // A new database takes the place of the old one, whose file loses its name and goes when
        // the last reader is done with it.
        let database = begin(&self.folder, self.cache_bytes)?;
        writer.failed = false;
        self.set_current(Current { newest: None, previous: None, database: Arc::new(database) });
        Ok(())
    }

    /// Bytes that the state takes on disk, the space it keeps for later included.
    pub fn bytes_on_disk(&self) -> Result<u64, Error> {
        self.folder.bytes()
    }

    /// The tables as the newest checkpoint has them.
    pub(crate) fn newest(&self) -> Result<(Checkpoint, Arc<ReadTransaction>), Error> {
        let newest = self.current().newest;
        let newest = newest.ok_or_else(|| Error::NoCheckpoint { folder: self.folder.path().to_owned() })?;
        Ok((newest.kept.checkpoint, newest.view))
    }

    pub(crate) fn guarded<T>(&self, doing: &'static str, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Error> {
        guarded(&self.file, doing, work)
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    // Neither lock is ever held across code that can panic half way through a change of what it
    // guards, so a poisoned one is as good as any.
    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_current(&self, current: Current) {
        let old = std::mem::replace(&mut *self.current.write().unwrap_or_else(PoisonError::into_inner), current);
        // Closing a database takes a while; nobody waits for it.
        drop(old);
    }

    fn writer(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.failed { Err(Error::Failed { file: self.file.clone() }) } else { Ok(writer) }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Begins an empty state in the folder.
fn begin(folder: &Folder, cache_bytes: usize) -> Result<Database, Error> {
    let database = Database::create(folder, cache_bytes)?;
    folder.adopt_new()?;
    Ok(database.renamed(folder.state()))
}

/// Brings a database that was opened to its newest checkpoint.
fn recover(database: Database) -> Result<Current, Fault> {
    let records = checkpoint::records(&database)?;
    let database = Arc::new(database);
    let Some((checkpoint, pin)) = records.newest else {
        return Ok(Current { newest: None, previous: None, database });
    };
    if let Some(pin) = pin {
        // Closing a database makes durable what was written after the checkpoint; take it out.
        let kept = Kept { checkpoint: checkpoint.clone(), pin };
        checkpoint::restore(&database, &kept, records.previous.as_ref())?;
    }
    let (pin, view) = checkpoint::pin(&database, checkpoint.sequence, pin)?;
    let newest = Newest { kept: Kept { checkpoint, pin }, view };
    Ok(Current { newest: Some(newest), previous: records.previous, database })
}
