//! `ttl`: groups that nothing has changed for long are forgotten, so that keys without end need no
//! state without end.
//!
//! Time is the source's: commit times, as they come with the changes. Whether a group is over is decided
//! when its next row comes (in `absorb`): it then begins anew, and the row in the target, which stays until
//! then, shows only what has come since. A row that is taken out of a group that is over has nothing to
//! be taken out of; it is counted and left out. So the results do not depend on when the memory and the
//! disk are swept, which is done here: all that is in memory, and of the disk a part with each checkpoint.

use rowmill_state::Key;

use super::Aggregate;
use super::record::Record;
use super::table::STORED;
use crate::error::Error;

/// Sweeps until all of the disk has been looked at: with a checkpoint every ten seconds a quarter of an hour.
const SWEEPS: u64 = 100;
/// Records looked at in one sweep at least.
const RECORDS: u64 = 8_192;

/// Groups' time to live.
pub(super) struct Expiry {
    /// µs.
    ttl: i64,
    /// The newest commit time seen.
    pub(super) now: i64,
    /// The last key of the disk that was looked at.
    after: Option<Key>,
}

impl Expiry {
    pub(super) fn new(ttl: i64) -> Self {
        Self { ttl, now: i64::MIN, after: None }
    }

    /// Whether a group that changed last at `changed` is over at `now`.
    pub(super) fn is_over(&self, changed: i64, now: i64) -> bool {
        now.saturating_sub(changed) > self.ttl
    }
}

impl Aggregate {
    /// Frees groups that are over. Between two epochs, while no checkpoint is under way.
    pub(crate) async fn sweep(&mut self) -> Result<(), Error> {
        let Some(expiry) = &mut self.expiry else { return Ok(()) };
        let now = expiry.now;
        let (state, name) = (self.groups.state.clone(), self.groups.entries.name.clone());
        let mut found = Vec::new();
        if self.groups.entries.is_on_disk() {
            let most = RECORDS.max(self.groups.total / SWEEPS);
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            found = state.scan(&name, expiry.after.clone(), None, most).await?;
            // At the end of the disk the next sweep begins anew.
            expiry.after = found.last().map(|(key, _)| key.clone()).filter(|_| found.len() == most);
        }
        let table = &mut self.groups.entries.table;
        let mut over: Vec<u32> = table.live().filter(|&slot| expiry.is_over(table.slot(slot).time, now)).collect();
        for (key, value) in found {
            let is_over = expiry.is_over(Record::read(&value)?.time, now);
            if is_over && table.find(&key).is_none() && !table.is_gone(&key) {
                let slot = table.insert(&key);
                table.slot_mut(slot).flags |= STORED;
                over.push(slot);
            }
        }
        self.free(&over, false).await
    }
}
