//! One process at a time compiles a component; who comes second waits, and finds it compiled.
//!
//! A turn is a lock on a file beside the entry, which the system gives back when its holder ends, however it ends. It
//! keeps nobody from compiling who can't have it: it saves work, and an entry is whole with or without it. So whoever
//! had it removes the file first, and a third process that makes another one meanwhile does no harm.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Cache, OPEN_FLAGS};

/// Longer than all but the largest components take. Who has waited so long compiles, too: its holder may hang.
const WAIT_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The turn of this process. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    path: PathBuf,
    _file: File,
}

impl Cache {
    /// Waits for its turn to compile; none where none can be had. What another process made meanwhile has to be looked for
    /// again. Cancel-safe.
    pub(crate) async fn turn(&self, digest: &str) -> Option<Turn> {
        let path = self.folder.join(format!(".{}.lock", self.name(digest)));
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OPEN_FLAGS)
            .open(&path);
        let locked = match opened {
            Ok(file) => lock(file).await,
            Err(error) => Err(error.to_string()),
        };
        match locked {
            Ok(file) => Some(Turn { path, _file: file }),
            Err(reason) => {
                tracing::debug!(path = %path.display(), reason, "compiling without a turn");
                None
            }
        }
    }
}

async fn lock(file: File) -> Result<File, String> {
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if since.elapsed() < WAIT_MAX => tokio::time::sleep(LOOK_EVERY).await,
            Err(error) => return Err(error.to_string()),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
