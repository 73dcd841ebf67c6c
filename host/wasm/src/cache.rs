//! Compiled components, kept on disk by content.
//!
//! Compiling costs about 0.7 s per megabyte of Wasm, loading the result under a
//! millisecond. The result is machine code that is mapped and run, so the folder is as
//! trusted as this program itself:
//!
//! - it is used only if it belongs to this user and nobody else can enter or write it
//!   (0700); otherwise it stays unused, with a warning;
//! - a file is written under a temporary name, synced, and renamed, and never changed
//!   afterwards, so whatever has a final name is complete, also after a crash;
//! - the name holds the SHA-256 of the component and a hash of the engine's settings and
//!   version, so an old file is never taken for another engine's.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::component::Component;

/// A folder that only this user can enter.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    engine: u64,
}

impl Cache {
    /// Opens or makes the folder; none if it can't be trusted, which is logged.
    pub(crate) fn open(folder: &Path, engine: &wasmtime::Engine) -> Option<Cache> {
        if let Err(reason) = ensure_private(folder) {
            let folder = folder.display();
            tracing::warn!(%folder, reason, "compile cache not used");
            return None;
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Some(Cache { folder: folder.to_owned(), engine: hasher.finish() })
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}-{:016x}.cwasm", self.engine))
    }

    /// The compiled component of this digest, if it is there and readable.
    #[allow(unsafe_code)]
    pub(crate) fn get(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        let path = self.path(digest);
        if !path.exists() {
            return None;
        }
        // SAFETY: the file must hold what this engine's compiler wrote, and stay so while
        // it is mapped. Only this user can write in the folder (checked in `open`), only
        // `put` writes there, under this name only whole compiler output for this
        // component and engine, and it never changes a file that has a final name.
        match unsafe { Component::deserialize_file(engine, &path) } {
            Ok(component) => Some(component),
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "compiled component not usable, compiling anew");
                None
            }
        }
    }

    /// Keeps a compiled component. Failing to is no error: it will be compiled again.
    pub(crate) fn put(&self, digest: &str, compiled: &[u8]) {
        if let Err(error) = self.write(digest, compiled) {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "compiled component not kept");
        }
    }

    fn write(&self, digest: &str, compiled: &[u8]) -> std::io::Result<()> {
        // Unique in this process by the counter, among processes by the id.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!(".{digest}-{}-{number}.tmp", std::process::id()));
        let written = (|| {
            let mut file = fs::File::create(&temporary)?;
            file.write_all(compiled)?;
            file.sync_all()?;
            fs::rename(&temporary, self.path(digest))?;
            fs::File::open(&self.folder)?.sync_all()
        })();
        if written.is_err() {
            // Best effort: a left-over has a name that nothing reads.
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

/// Makes the folder if it is missing; an error says why it is not private.
fn ensure_private(folder: &Path) -> Result<(), String> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| format!("cannot be created: {e}"))?;
    let found = fs::metadata(folder).map_err(|e| format!("cannot be read: {e}"))?;
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own {
        return Err(format!("belongs to user {}, needed {own}", found.uid()));
    }
    let mode = found.mode() & 0o777;
    if mode != 0o700 {
        return Err(format!("has mode {mode:o}, needed 700 (chmod 700)"));
    }
    Ok(())
}
