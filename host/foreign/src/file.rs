//! Files opened with care: regular ones only, and no more of them than asked for.
//!
//! A path from a pipeline file or a command line may name a device that never ends, a pipe that
//! never begins, or a file that grows while it is read. So the kind is asked of the open file (a path
//! can be swapped between a look and an open), a pipe is opened without waiting for its other end, and
//! one byte more than allowed is the most that is ever read.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// `O_NONBLOCK` of Linux: opening a pipe whose other end nobody holds returns at once. It has no
/// meaning for regular files.
const O_NONBLOCK: i32 = 0o4000;

/// Why a file was not read.
#[derive(Debug)]
pub enum FileError {
    /// The system's own refusal.
    Io(std::io::Error),
    /// A folder, a device, a pipe, a socket.
    NotRegular {
        /// What it is: "a folder".
        found: &'static str,
    },
    /// It has more bytes than are read.
    TooLarge {
        /// Bytes found; at least this many, if it grew while being read.
        size: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// Text was wanted, and it is none.
    NotUtf8 {
        /// Bytes before the first that is no UTF-8.
        valid: usize,
    },
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FileError::Io(error) => error.fmt(f),
            FileError::NotRegular { found } => write!(f, "{found}, not a regular file"),
            FileError::TooLarge { size, max } => write!(f, "{size} bytes, at most {max} are read"),
            FileError::NotUtf8 { valid } => write!(f, "bytes that are not UTF-8 after byte {valid}"),
        }
    }
}

// Without a cause: what the system said is the text already.
impl std::error::Error for FileError {}

impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> FileError {
        FileError::Io(error)
    }
}

/// Reads a regular file of at most `max` bytes.
///
/// # Errors
///
/// Anything but a regular file, and one that is larger, before (or without) reading it.
pub fn read(path: &Path, max: u64) -> Result<Vec<u8>, FileError> {
    let (file, size) = open(path)?;
    if size > max {
        return Err(FileError::TooLarge { size, max });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    let size = bytes.len() as u64;
    if size > max { Err(FileError::TooLarge { size, max }) } else { Ok(bytes) }
}

/// Reads a regular file of at most `max` bytes of UTF-8.
///
/// # Errors
///
/// Those of [`read`], and bytes that are no UTF-8.
pub fn read_text(path: &Path, max: u64) -> Result<String, FileError> {
    String::from_utf8(read(path, max)?).map_err(|e| FileError::NotUtf8 { valid: e.utf8_error().valid_up_to() })
}

/// Opens a regular file for reading in pieces; with its size now.
///
/// # Errors
///
/// Anything but a regular file.
pub fn open(path: &Path) -> Result<(File, u64), FileError> {
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    let found = match () {
        () if kind.is_file() => return Ok((file, metadata.len())),
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_char_device() || kind.is_block_device() => "a device",
        () => "something else",
    };
    Err(FileError::NotRegular { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        for (path, words) in [(Path::new("/dev/zero"), "a device"), (folder.path(), "a folder")] {
            assert!(read(path, 10).unwrap_err().to_string().contains(words));
        }
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(read(&pipe, 10).unwrap_err().to_string().contains("a pipe"));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        assert!(read(&link, 10).unwrap_err().to_string().contains("a device"));
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(matches!(read(&path, 4), Err(FileError::TooLarge { size: 5, max: 4 })));
        std::fs::write(&path, b"ab\xff").unwrap();
        assert!(matches!(read_text(&path, 5), Err(FileError::NotUtf8 { valid: 2 })));
        // Files of /proc say that they are empty.
        assert!(matches!(read(Path::new("/proc/self/status"), 4), Err(FileError::TooLarge { size: 5, max: 4 })));
    }
}
