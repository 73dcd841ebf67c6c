//! What can go wrong with state on disk: what was found, what is needed, what to do, and whether
//! opening the store again later can help.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use rowmill_foreign::Parts;

/// What to do about a damaged state file. Nothing in it is guessed at or repaired by hand.
pub(crate) const REPLACE_STATE: &str =
    "remove the folder and import a savepoint (rowmill state FILE import), or start with --rebuild";

/// What to do about a damaged savepoint.
pub(crate) const REPLACE_SAVEPOINT: &str = "use another copy of the savepoint, or export it again";

/// An error of the state store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process, or another store of this one, has the folder.
    Locked {
        /// The state folder.
        folder: PathBuf,
    },

    /// Bytes on disk are not those that were written.
    Damaged {
        /// The file with the damage.
        file: PathBuf,
        /// Where in it, and what was found there.
        what: String,
        /// What to do.
        advice: &'static str,
    },

    /// The disk is full. What was being written is not there; all that was committed is.
    Full {
        /// The file that could not grow.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// The system refused something.
    Io {
        /// What was being done, as a word that fits before the file: `reading`.
        doing: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// The folder holds something that this store did not write.
    Foreign {
        /// The state folder.
        folder: PathBuf,
        /// The name of the first such file.
        name: String,
    },

    /// A folder that must be empty is not.
    NotEmpty {
        /// The folder.
        folder: PathBuf,
        /// The name of the first file in it.
        name: String,
    },

    /// Another version of this program wrote it.
    Version {
        /// The file.
        file: PathBuf,
        /// The format found.
        found: u32,
        /// The only format that is read.
        supported: u32,
    },

    /// The folder does not hold a whole savepoint.
    NotASavepoint {
        /// The folder.
        dir: PathBuf,
        /// What is missing.
        what: String,
    },

    /// There is no checkpoint to export.
    NoCheckpoint {
        /// The state folder.
        folder: PathBuf,
    },

    /// There is no earlier checkpoint to go back to.
    NoPrevious {
        /// The state folder.
        folder: PathBuf,
    },

    /// A record over what a page can hold.
    TooLarge {
        /// The table.
        table: String,
        /// Bytes of key or value.
        bytes: usize,
        /// The limit.
        max: usize,
    },

    /// An earlier error came in the middle of a commit, so what the file holds is only known again
    /// after it has been opened.
    Failed {
        /// The state file.
        file: PathBuf,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().fmt(f)
    }
}

impl Error {
    /// What it says; what the system said is its source.
    pub fn parts(&self) -> Parts {
        match self {
            Self::Locked { folder } => {
                Parts::new(format!("the state folder {} is in use by another process", folder.display()))
                    .fix("stop that process, or give this pipeline a state folder of its own")
            }
            Self::Damaged { file, what, advice } => {
                Parts::new(format!("{} is damaged: {what}", file.display())).fix(*advice)
            }
            Self::Full { file, .. } => {
                Parts::new(format!("no space left for {}", file.display())).fix("free some space, then start again")
            }
            Self::Io { doing, file, .. } => Parts::new(format!("{doing} {} failed", file.display())),
            Self::Foreign { folder, name } => {
                Parts::new(format!("the state folder {} holds {name}, which is no part of a state", folder.display()))
                    .fix("name another folder, or move that file away")
            }
            Self::NotEmpty { folder, name } => {
                Parts::new(format!("the folder {} is not empty (it holds {name})", folder.display()))
                    .fix("name an empty or a new folder")
            }
            Self::Version { file, found, supported } => {
                Parts::new(format!("{} was written by another version of rowmill", file.display()))
                    .found(format!("format {found}"))
                    .needed(format!("format {supported}"))
                    .fix("use the version of rowmill that wrote it, or make it anew: `rowmill run FILE --rebuild`")
            }
            Self::NotASavepoint { dir, what } => Parts::new(format!("{} is not a savepoint: {what}", dir.display()))
                .fix("name a folder that `rowmill state FILE export` wrote"),
            Self::NoCheckpoint { folder } => {
                Parts::new(format!("the state folder {} holds no checkpoint yet", folder.display()))
                    .fix("wait for the first one")
            }
            Self::NoPrevious { folder } => {
                Parts::new(format!("the state folder {} keeps no checkpoint before the newest", folder.display()))
                    .fix("import a savepoint, or start with --rebuild")
            }
            Self::TooLarge { table, bytes, max } => {
                Parts::new(format!("a record of table {table} takes {bytes} bytes, the most is {max}"))
            }
            Self::Failed { file } => {
                Parts::new(format!("an earlier error closed {}", file.display())).fix("open it again")
            }
        }
    }

    /// Whether opening the store again later may succeed without anything having been changed in
    /// the state: the disk got space, the other process ended.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Locked { .. } | Self::Full { .. } | Self::Failed { .. } => true,
            Self::Io { source, .. } => !matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::NotFound
                    | io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::Unsupported
            ),
            Self::Damaged { .. }
            | Self::Foreign { .. }
            | Self::NotEmpty { .. }
            | Self::Version { .. }
            | Self::NotASavepoint { .. }
            | Self::NoCheckpoint { .. }
            | Self::NoPrevious { .. }
            | Self::TooLarge { .. } => false,
        }
    }

    /// An error of the system, by what it means here.
    pub(crate) fn io(doing: &'static str, file: &Path, source: io::Error) -> Self {
        let file = file.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { file, source },
            _ => Self::Io { doing, file, source },
        }
    }

    /// Damage of the state file.
    pub(crate) fn damaged(file: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), what: what.into(), advice: REPLACE_STATE }
    }

    /// Damage of a record, found by its own checksum.
    pub(crate) fn record(file: &Path, table: &str, key: &[u8]) -> Self {
        Self::damaged(file, format!("the record with key {} of table {table} fails its checksum", shown(key)))
    }

    /// Damage of a file of a savepoint.
    pub(crate) fn savepoint(file: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), what: what.into(), advice: REPLACE_SAVEPOINT }
    }
}

/// A key in a message: hexadecimal, cut where it stops helping.
fn shown(key: &[u8]) -> String {
    /// Enough to find the key again in a listing of the table.
    const SHOWN_BYTES: usize = 32;
    let mut text: String = key.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
    if key.len() > SHOWN_BYTES {
        text.push('…');
    }
    text
}
