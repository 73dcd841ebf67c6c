//! `ttl`: groups that nothing has changed for long are forgotten, so that keys without end need no
//! state without end.
//!
//! Time is the source's: the newest commit time that has come with the changes so far, so that it never
//! goes back. Whether a group is over is decided when its next row comes: it then begins anew, and the row
//! in the target, which stays until then, shows only what has come since, or goes if nothing has. A row that
//! is taken out of a group that is over has nothing to be taken out of; it is counted and left out. So the
//! results do not depend on when the memory and the disk are swept, which is done here: all that is in
//! memory, and of the disk a part with each checkpoint.
//!
//! What was forgotten can't be taken out of another aggregate; so only the last one has a time to live.

use std::collections::HashMap;

use rowmill_state::Key;

use super::record::Record;
use super::table::STORED;
use super::{Aggregate, Rows};
use crate::error::Error;

/// Sweeps until all of the disk has been looked at: with a checkpoint every ten seconds a quarter of an hour.
const SWEEPS: u64 = 100;
/// Records looked at in one sweep at least.
const RECORDS: u64 = 8_192;

/// Groups' time to live.
pub(super) struct Expiry {
    /// µs.
    ttl: i64,
    /// The newest commit time seen; part of the state.
    pub(super) now: i64,
    /// The last key of the disk that was looked at.
    after: Option<Key>,
}

impl Expiry {
    pub(crate) fn new(ttl: i64) -> Self {
        Self { ttl, now: i64::MIN, after: None }
    }

    /// Whether a group that changed last at `changed` is over at `now`.
    pub(super) fn is_over(&self, changed: i64, now: i64) -> bool {
        now.saturating_sub(changed) > self.ttl
    }
}

/// Rows that go in one after the other between two beginnings of their groups.
#[derive(Default)]
pub(super) struct Life {
    /// Groups that are over before.
    pub(super) over: Vec<u32>,
    pub(super) rows: Vec<u32>,
}

impl Aggregate {
    /// Parts rows by the lives of their groups: of each group the rows before it begins anew, then those
    /// up to the next time. A group that became empty begins anew, too, since rows of an earlier life may
    /// have been taken out of it.
    pub(super) fn lives(&mut self, rows: &Rows, commit_time: &[i64]) -> Vec<Life> {
        let Some(expiry) = &mut self.expiry else { return Vec::new() };
        let table = &mut self.groups.entries.table;
        let mut lives = vec![Life::default()];
        let mut groups: HashMap<u32, (i64, usize)> = HashMap::new();
        for (row, &slot) in rows.slots.iter().enumerate() {
            expiry.now = expiry.now.max(commit_time[rows.origins[row] as usize]);
            let entry = table.slot(slot);
            let (count, life) = groups.entry(slot).or_insert((entry.count, 0));
            // A group that has never been there has no time.
            let is_used = *count == 0 && entry.time != 0 && !rows.is_out[row];
            if *count > 0 && expiry.is_over(entry.time, expiry.now) || is_used {
                *count = 0;
                *life += 1;
                if lives.len() == *life {
                    lives.push(Life::default());
                }
                lives[*life].over.push(slot);
            }
            if rows.is_out[row] && *count == 0 {
                self.expired += 1;
                if let (None, Some(spelled)) = (&entry.shown, &rows.spelled) {
                    table.show(slot, spelled.row(row).data());
                }
                continue;
            }
            *count += if rows.is_out[row] { -1 } else { 1 };
            lives[*life].rows.push(row as u32);
            table.slot_mut(slot).time = expiry.now;
        }
        lives
    }

    /// The newest commit time seen, of a step with a time to live.
    pub(super) fn newest_commit(&self) -> Option<i64> {
        self.expiry.as_ref().map(|expiry| expiry.now).filter(|now| *now > i64::MIN)
    }

    /// Frees groups that are over. Between two epochs, while no checkpoint is under way.
    pub async fn sweep(&mut self) -> Result<(), Error> {
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
        self.free(&over).await
    }
}
