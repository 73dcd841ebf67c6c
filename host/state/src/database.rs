//! The database file: made whole before it gets its name, and verified before it is trusted.

use std::fmt;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Builder, Durability, WriteTransaction};

use crate::folder::Folder;
use crate::guard::{Fault, guarded};
use crate::{Error, checkpoint};

/// Whether a transaction outlives a crash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Synced when it commits.
    Yes,
    /// Only together with the next durable one.
    WithTheNext,
}

/// An open database.
pub(crate) struct Database {
    /// There until it is dropped.
    inner: Option<redb::Database>,
    file: PathBuf,
}

impl Database {
    /// Makes an empty database under the folder's name for new ones.
    pub(crate) fn create(folder: &Folder, cache_bytes: usize) -> Result<Self, Error> {
        let file = folder.start_new()?;
        guarded(&file, "creating", || {
            let database = Self { inner: Some(builder(cache_bytes).create(&file)?), file: file.clone() };
            let transaction = database.begin(Durable::Yes)?;
            checkpoint::initialize(&transaction)?;
            transaction.commit()?;
            Ok(database)
        })
    }

    /// Opens the folder's database, after every page that a checkpoint needs has been verified.
    pub(crate) fn open(folder: &Folder, cache_bytes: usize) -> Result<Self, Error> {
        let file = folder.state();
        let inner = guarded(&file, "verifying", || Ok(builder(cache_bytes).open(&file)?))?;
        Ok(Self { inner: Some(inner), file })
    }

    /// A database over something other than a file, new if that is empty.
    #[cfg(test)]
    pub(crate) fn over(folder: &Folder, backend: impl redb::StorageBackend) -> Result<Self, Error> {
        let file = folder.state();
        guarded(&file, "opening", || {
            let is_new = backend.len().map_err(|error| Error::io("reading", &file, error))? == 0;
            let inner = builder(1 << 20).create_with_backend(backend)?;
            let database = Self { inner: Some(inner), file: file.clone() };
            if is_new {
                let transaction = database.begin(Durable::Yes)?;
                checkpoint::initialize(&transaction)?;
                transaction.commit()?;
            }
            Ok(database)
        })
    }

    /// The same database, after its file got another name.
    pub(crate) fn renamed(mut self, file: PathBuf) -> Self {
        self.file = file;
        self
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Begins a write transaction.
    ///
    /// Durable ones commit in two phases: first the pages are synced, then the byte that makes them
    /// current. With one phase, redb can't tell a torn commit from pages damaged later and would
    /// answer damage by quietly going back one commit. This way it is reported.
    pub(crate) fn begin(&self, durable: Durable) -> Result<WriteTransaction, Fault> {
        let mut transaction = self.begin_write()?;
        match durable {
            Durable::Yes => transaction.set_two_phase_commit(true),
            Durable::WithTheNext => transaction.set_durability(Durability::None)?,
        }
        Ok(transaction)
    }
}

impl Deref for Database {
    type Target = redb::Database;

    fn deref(&self) -> &redb::Database {
        self.inner.as_ref().expect("the database is there until it is dropped")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Closing takes redb's inner locks, which a caught panic may have left poisoned. A close
        // that did not happen is a crash, and those are provided for.
        let inner = self.inner.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(inner)));
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("file", &self.file).finish_non_exhaustive()
    }
}

fn builder(cache_bytes: usize) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes).set_check_integrity_on_open(true);
    builder
}
