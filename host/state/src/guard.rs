//! redb behind a fence: its errors become ours, and its panics become errors.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::Error;

/// What a piece of work on the database can end with.
pub(crate) enum Fault {
    /// The library's own error.
    Redb(redb::Error),
    /// An error found here.
    Own(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

macro_rules! faults {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                Self::Redb(error.into())
            }
        }
    )*};
}

faults!(CommitError, DatabaseError, SavepointError, SetDurabilityError, StorageError, TableError, TransactionError);

/// Runs a piece of work on the database in `file`.
///
/// redb trusts a file that it has verified, and reads its pages without checking them again. A byte
/// that flips while the file is open can therefore make it panic on an offset out of bounds. That is
/// a fact about the file, not a bug of ours, so it is reported as damage. Going on after the panic is
/// sound: a write transaction it hit is poisoned and can't commit, and a read changes nothing.
pub(crate) fn guarded<T>(
    file: &Path,
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Fault>,
) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Fault::Own(error))) => Err(error),
        Ok(Err(Fault::Redb(error))) => Err(translated(file, doing, error)),
        Err(panic) => Err(Error::damaged(file, format!("{doing} it met impossible contents ({})", message(&*panic)))),
    }
}

fn translated(file: &Path, doing: &'static str, error: redb::Error) -> Error {
    match error {
        // redb reports a file that is none of its own, and one that ends early, as I/O errors.
        redb::Error::Io(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            Error::damaged(file, error.to_string())
        }
        redb::Error::Io(error) => Error::io(doing, file, error),
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
            Error::Locked { folder: file.parent().unwrap_or(file).to_owned() }
        }
        redb::Error::PreviousIo | redb::Error::DatabaseClosed | redb::Error::LockPoisoned(_) => {
            Error::Failed { file: file.to_owned() }
        }
        redb::Error::Corrupted(what) => Error::damaged(file, what),
        other => Error::damaged(file, other.to_string()),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
