//! What this machine last saw of the target, in a small file: so that a target that was restored
//! to an older state is noticed.
//!
//! It decides nothing. Rows and position come back together from a backup, so going on from the
//! stored position is exact; but whoever restored the target by mistake should hear of it. A missing
//! or unreadable file says nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rowmill_change::Standing;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// The file is written at most this often, and at the end of a run.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    incarnation: String,
    commits: u64,
    position: String,
}

pub(crate) struct LastSeen {
    file: Option<PathBuf>,
    incarnation: String,
    written: Option<Instant>,
    clock: Clock,
}

/// A position and two short texts fit many times over.
const SEEN_BYTES_MAX: u64 = 1 << 20;

impl LastSeen {
    /// Where a pipeline's file lies, if there is a folder for it.
    pub(crate) fn file(root: Option<&Path>, pipeline: &str) -> Option<PathBuf> {
        root.map(|root| root.join(pipeline).join("last-seen.json"))
    }

    /// Compares the claimed progress with what was last seen, and says so if it is older.
    pub(crate) fn open(file: Option<PathBuf>, progress: &Standing, clock: Clock) -> Self {
        let seen = file.as_ref().and_then(|file| rowmill_foreign::read(file, SEEN_BYTES_MAX).ok());
        if let Some(seen) = seen.and_then(|bytes| serde_json::from_slice::<Seen>(&bytes).ok())
            && seen.incarnation == progress.incarnation
            && seen.commits > progress.commits
        {
            tracing::warn!(
                commits_found = progress.commits,
                commits_seen = seen.commits,
                position_seen = seen.position,
                "the target is in an older state than this machine last saw: it was restored or failed over; \
                 going on from its own position, which brings back what is missing"
            );
        }
        Self { file, incarnation: progress.incarnation.clone(), written: None, clock }
    }

    /// Notes a commit.
    pub(crate) fn note(&mut self, commits: u64, position: &str) {
        if self.written.is_none_or(|written| self.clock.since(written) >= INTERVAL) {
            self.write(commits, position);
        }
    }

    /// Notes the last commit of a run.
    pub(crate) fn write(&mut self, commits: u64, position: &str) {
        self.written = Some(self.clock.now());
        let Some(file) = &self.file else { return };
        let seen = Seen { incarnation: self.incarnation.clone(), commits, position: position.to_owned() };
        let result = || -> std::io::Result<()> {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let new = file.with_extension("new");
            std::fs::write(&new, serde_json::to_vec(&seen)?)?;
            std::fs::rename(new, file)
        };
        if let Err(error) = result() {
            tracing::debug!(file = %file.display(), %error, "what was last seen of the target can't be noted");
        }
    }
}
