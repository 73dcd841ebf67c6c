//! Compiled components, kept on disk by content.
//!
//! Compiling costs about 0.7 s per megabyte of Wasm, loading the result a few milliseconds. The result is
//! machine code that is mapped and run, so the folder is as trusted as this program itself ([`folder`]),
//! and a file in it as unharmed as when it was written:
//!
//! - It ends with a SHA-256 over its name and all that comes before. That is compared before the file is
//!   mapped, through the descriptor that is then mapped. A disk that lost or flipped something, a copy of
//!   another entry, an empty or cut file: the component is compiled again, with a warning, and the entry
//!   replaced.
//! - It is written under a temporary name, synced, and renamed, and never changed afterwards.
//! - Its name holds the SHA-256 of the component and a hash of the engine's settings and version, so an old
//!   file is never taken for another engine's.
//! - Who compiles one has its [`turn`]: processes that start at the same moment compile it once.
//!
//! The digest is no signature: it guards against damage. Against people the folder's rights do.

mod folder;
mod turn;

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::artifact;

/// Bytes of a SHA-256, at the end of a file.
const DIGEST_BYTES: u64 = 32;

/// The largest file that is looked at; the largest component gives less than half of it.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// `O_NOFOLLOW` and `O_NONBLOCK` of Linux: a link or a pipe in the folder is none of ours.
const OPEN_FLAGS: i32 = 0o400_000 | 0o4000;

/// A folder that only this user can enter.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    engine: u64,
}

impl Cache {
    /// Opens or makes the folder; none if it can't be trusted, which is logged.
    pub(crate) fn open(folder: &Path, engine: &wasmtime::Engine) -> Option<Cache> {
        let folder = match folder::private(folder) {
            Ok(folder) => folder,
            Err(reason) => {
                let folder = folder.display();
                tracing::warn!(%folder, reason, "compile cache not used");
                return None;
            }
        };
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Some(Cache { folder, engine: hasher.finish() })
    }

    /// The `2` is the format; the first had no digest.
    fn name(&self, digest: &str) -> String {
        format!("{digest}-{:016x}.2.cwasm", self.engine)
    }

    /// The compiled component of this digest, if it is there and unharmed; a harmed one is logged.
    pub(crate) fn get(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        self.look(engine, digest).unwrap_or_else(|reason| {
            let path = self.folder.join(self.name(digest));
            let path = path.display();
            tracing::warn!(%path, reason, "compiled component not usable, compiling anew");
            None
        })
    }

    /// The same; an error says what is wrong with the one that is there.
    pub(crate) fn look(&self, engine: &wasmtime::Engine, digest: &str) -> Result<Option<Component>, String> {
        let name = self.name(digest);
        match verified(&self.folder.join(&name), &name) {
            Ok(file) => artifact::map(engine, &file).map(Some).map_err(|error| format!("{error:#}")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Keeps a compiled component; whether that went well. If not it will be compiled again.
    pub(crate) fn put(&self, digest: &str, compiled: &[u8]) -> bool {
        let written = self.write(digest, compiled);
        if let Err(error) = &written {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "compiled component not kept");
        }
        written.is_ok()
    }

    fn write(&self, digest: &str, compiled: &[u8]) -> io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = self.name(digest);
        let temporary = self.folder.join(format!(".{digest}-{}-{number}.tmp", std::process::id()));
        // Of a process that crashed and had the same number.
        let _ = fs::remove_file(&temporary);
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
            file.write_all(compiled)?;
            file.write_all(&Sha256::new_with_prefix(&name).chain_update(compiled).finalize())?;
            file.sync_all()?;
            let path = self.folder.join(&name);
            if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
                // Anything else is replaced by the rename.
                fs::remove_dir(&path)?;
            }
            fs::rename(&temporary, path)?;
            sync(&self.folder)
        })();
        if written.is_err() {
            // Best effort: a left-over has a name that nothing reads.
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

/// Makes a rename in the folder last.
#[expect(clippy::disallowed_methods, reason = "the folder is our own, and nothing is read of it")]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Opens an entry and compares its digest.
fn verified(path: &Path, name: &str) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).custom_flags(OPEN_FLAGS).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Err(io::Error::other("others can write it"));
    }
    let length = found.len();
    if !(DIGEST_BYTES..=FILE_BYTES_MAX).contains(&length) {
        return Err(io::Error::other(format!("it has {length} bytes")));
    }
    let mut hasher = Sha256::new_with_prefix(name);
    let mut left = length - DIGEST_BYTES;
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        file.read_exact(&mut buffer[..most])?;
        hasher.update(&buffer[..most]);
        left -= most as u64;
    }
    let mut digest = [0; DIGEST_BYTES as usize];
    file.read_exact(&mut digest)?;
    if digest != hasher.finalize()[..] {
        return Err(io::Error::other("it is damaged: its digest is another one"));
    }
    Ok(file)
}
