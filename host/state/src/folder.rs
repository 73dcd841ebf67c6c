//! The state folder: whose it is, and which files are in it.
//!
//! `state.redb` is the state; it appears under this name only once it is a whole, synced database.
//! `lock` is held locked for as long as a store has the folder. `state.redb.new` is a database in
//! the making, left behind only by a crash.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::Error;

const STATE: &str = "state.redb";
const STATE_NEW: &str = "state.redb.new";
const LOCK: &str = "lock";

/// A state folder that nobody else has.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The system releases the lock when this closes, also when the process is killed.
    lock: File,
}

impl Drop for Folder {
    /// A process that is being started has a copy of each open file until it runs its program, and with it would keep
    /// the lock for that long.
    fn drop(&mut self) {
        // Closing does the same a moment later.
        let _ = self.lock.unlock();
    }
}

impl Folder {
    /// Takes the folder for this process, creating it for its owner alone.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        let create = DirBuilder::new().recursive(true).mode(0o700).create(path);
        create.map_err(|error| Error::io("creating", path, error))?;
        let file = path.join(LOCK);
        loop {
            let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&file);
            let lock = opened.map_err(|error| Error::io("opening", &file, error))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::Locked { folder: path.to_owned() }),
                Err(TryLockError::Error(error)) => return Err(Error::io("locking", &file, error)),
            }
            // Between our open and our lock, another process may have removed the folder's files,
            // this one among them. A lock on a file without a name keeps nobody out.
            if is_still_at(&lock, &file) {
                return Ok(Self { path: path.to_owned(), lock });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The state's file.
    pub(crate) fn state(&self) -> PathBuf {
        self.path.join(STATE)
    }

    /// The name of a state that is being made.
    pub(crate) fn state_new(&self) -> PathBuf {
        self.path.join(STATE_NEW)
    }

    /// Removes what a crash left behind while a new state was being made.
    pub(crate) fn discard_new(&self) -> Result<(), Error> {
        remove_if_there(&self.state_new())
    }

    /// An empty file for a new state, in place of what a crash left behind.
    pub(crate) fn start_new(&self) -> Result<PathBuf, Error> {
        self.discard_new()?;
        let file = self.state_new();
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
        created.map_err(|error| Error::io("creating", &file, error))?;
        Ok(file)
    }

    /// Makes the new state the state. It is whole and synced; after this the folder has the one or
    /// the other, whatever happens.
    pub(crate) fn adopt_new(&self) -> Result<(), Error> {
        let file = self.state();
        fs::rename(self.state_new(), &file).map_err(|error| Error::io("renaming", &file, error))?;
        sync_folder(&self.path)
    }

    /// The first file in the folder that no store put there.
    pub(crate) fn foreign(&self) -> Result<Option<String>, Error> {
        let own = [STATE, STATE_NEW, LOCK].map(OsString::from);
        Ok(names(&self.path)?.into_iter().find(|name| !own.contains(name)).map(|name| shown(&name)))
    }

    /// Bytes that the folder's files take on disk. The file is longer: redb lets it grow in large
    /// steps, and a part that was never written takes no space.
    pub(crate) fn bytes(&self) -> Result<u64, Error> {
        let mut bytes = 0;
        for file in [self.state(), self.state_new()] {
            match fs::metadata(&file) {
                Ok(metadata) => bytes += metadata.blocks() * 512,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("reading", &file, error)),
            }
        }
        Ok(bytes)
    }

    /// Deletes the folder's files and the folder.
    fn remove(self) -> Result<(), Error> {
        for file in [self.state_new(), self.state(), self.path.join(LOCK)] {
            remove_if_there(&file)?;
        }
        fs::remove_dir(&self.path).map_err(|error| Error::io("removing", &self.path, error))
    }
}

/// Deletes the state in a folder, and the folder. Refused while a store has it, and when it holds
/// anything that is no part of a state. A folder that does not exist is fine.
pub fn remove(folder: &Path) -> Result<(), Error> {
    if !folder.exists() {
        return Ok(());
    }
    // Looked at before the lock is taken, because taking it puts a file into the folder.
    let names = names(folder)?;
    let taken = Folder::take(folder)?;
    match taken.foreign()? {
        Some(name) => {
            if !names.contains(&OsString::from(LOCK)) {
                remove_if_there(&folder.join(LOCK))?;
            }
            Err(Error::Foreign { folder: folder.to_owned(), name })
        }
        None => taken.remove(),
    }
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Result<Vec<OsString>, Error> {
    let read = || -> io::Result<Vec<OsString>> {
        let mut names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    };
    read().map_err(|error| Error::io("listing", folder, error))
}

/// A file's name in a message.
pub(crate) fn shown(name: &OsString) -> String {
    name.to_string_lossy().into_owned()
}

/// Makes renames in a folder last.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    #[allow(clippy::disallowed_methods, reason = "our own folder, which is not read")]
    let sync = File::open(folder).and_then(|folder| folder.sync_all());
    sync.map_err(|error| Error::io("syncing", folder, error))
}

fn remove_if_there(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("removing", file, error)),
        _ => Ok(()),
    }
}

fn is_still_at(lock: &File, path: &Path) -> bool {
    match (lock.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}
