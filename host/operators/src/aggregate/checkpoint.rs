//! An aggregate's part of a checkpoint: its state at a barrier, handed over bit by bit.

use rowmill_state::Writes;
use serde::{Deserialize, Serialize};

use super::state::State;
use super::window::{Time, Watermark};
use super::{Aggregate, session};
use crate::error::Error;

/// What a manifest says of an aggregate beside its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregateState {
    /// Of a windowed aggregate.
    pub(crate) watermark: Option<Watermark>,
    /// Windows up to here have been closed.
    closed: Option<Time>,
    /// Of an aggregate with a time to live: the newest commit time, µs.
    #[serde(default)]
    newest_commit: Option<i64>,
}

/// What capturing has come to.
pub struct Captured {
    pub writes: Vec<Writes>,
    /// Nothing is left to capture.
    pub complete: bool,
}

impl Aggregate {
    /// Uses this store, and begins with what it has.
    pub async fn attach(&mut self, store: State, state: Option<&AggregateState>) -> Result<(), Error> {
        self.groups.attach(store.clone()).await?;
        if let Some(outsiders) = &mut self.outsiders {
            outsiders.open(&store).await?;
        }
        if let (Some(windowing), Some(state)) = (&mut self.windowing, state) {
            windowing.watermark = state.watermark.unwrap_or_default();
            windowing.closed = state.closed.unwrap_or(Time::MIN);
        }
        if let (Some(expiry), Some(newest)) = (&mut self.expiry, state.and_then(|state| state.newest_commit)) {
            expiry.now = newest;
        }
        Ok(())
    }

    /// For the manifest.
    pub fn state(&self) -> AggregateState {
        let windowing = self.windowing.as_ref();
        AggregateState {
            watermark: windowing.map(|w| w.watermark),
            closed: windowing.map(|w| w.closed),
            newest_commit: self.newest_commit(),
        }
    }

    /// A barrier, between two epochs. Answers what has to be removed from the store.
    pub fn begin_checkpoint(&mut self) -> Vec<Writes> {
        let mut removals = Vec::new();
        self.groups.entries.table.begin_checkpoint();
        let groups = self.groups.entries.removals();
        removals.extend(self.groups.ends.as_ref().map(|ends| session::index(ends, &groups)));
        removals.push(groups);
        for pairs in self.groups.calls.iter_mut().filter_map(|call| call.distinct.as_mut()) {
            pairs.entries.table.begin_checkpoint();
            removals.push(pairs.entries.removals());
        }
        if let Some(outsiders) = &mut self.outsiders {
            outsiders.entries.table.begin_checkpoint();
            removals.push(outsiders.entries.removals());
        }
        removals.retain(|writes| !writes.entries.is_empty());
        removals
    }

    /// Captures up to about `most` entries as they were at the barrier.
    pub async fn capture(&mut self, most: usize) -> Result<Captured, Error> {
        let slots = self.groups.entries.table.take_pending(most);
        let records = self.groups.save(&slots).await?;
        self.captured.extend(records);
        let mut room = most.saturating_sub(slots.len());
        let mut complete = !self.groups.entries.table.has_pending();
        for pairs in self.groups.calls.iter_mut().filter_map(|call| call.distinct.as_mut()) {
            let slots = pairs.entries.table.take_pending(room);
            room -= slots.len();
            self.captured.extend(pairs.save(&slots));
            complete &= !pairs.entries.table.has_pending();
        }
        if let Some(outsiders) = &mut self.outsiders {
            let slots = outsiders.entries.table.take_pending(room);
            self.captured.extend(outsiders.save(&slots));
            complete &= !outsiders.entries.table.has_pending();
        }
        Ok(Captured { writes: std::mem::take(&mut self.captured), complete })
    }

    /// The checkpoint is in the store.
    pub fn end_checkpoint(&mut self) {
        self.groups.entries.table.end_checkpoint();
        for pairs in self.groups.calls.iter_mut().filter_map(|call| call.distinct.as_mut()) {
            pairs.entries.table.end_checkpoint();
        }
        if let Some(outsiders) = &mut self.outsiders {
            outsiders.entries.table.end_checkpoint();
        }
    }
}
