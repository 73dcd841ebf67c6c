//! What a pipeline with aggregates does between two events: checkpoints, room in memory, idle time.

use std::time::{Duration, Instant};

use super::{CAPTURE_PAUSE, POSITION_INTERVAL, Worker};
use crate::checkpoint::PIECE;
use crate::epoch::Close;
use crate::error::Error;
use crate::status::AggregateStatus;
use rowmill_bind::BoundTable;

impl Worker {
    /// Goes on with the running checkpoint, and makes room in memory when there is none.
    pub(super) async fn keep_state(&mut self) -> Result<(), Error> {
        let Some(checkpointer) = &mut self.checkpointer else { return Ok(()) };
        checkpointer.advance(&mut self.prepared.tables, self.now.epochs, PIECE).await?;
        if !self.prepared.tables.iter().any(|table| table.flow.is_full()) {
            return Ok(());
        }
        // What a checkpoint has yet to write must not be overtaken.
        if checkpointer.is_busy() {
            self.held = true;
            return Ok(());
        }
        for table in &mut self.prepared.tables {
            table.flow.make_room().await?;
        }
        Ok(())
    }

    /// Event time goes on where the source has nothing to say: a barrier, stored with its position.
    pub(super) async fn let_time_pass(&mut self) -> Result<(), Error> {
        let Some(idle) = self.idle().filter(|_| self.filling.is_dry() && self.filling.at_boundary()) else {
            return Ok(());
        };
        let passed = self.changed_at.elapsed();
        if passed < idle || self.held || !self.committer.is_idle() {
            return Ok(());
        }
        self.changed_at = Instant::now();
        for aggregate in self.prepared.tables.iter_mut().flat_map(|table| table.flow.aggregates_mut()) {
            aggregate.let_time_pass(passed);
        }
        // Nothing is read until a checkpoint holds the advance, so that no replay passes over it.
        self.held = true;
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.finish(&mut self.prepared.tables, u64::MAX).await?;
        }
        self.start_commit(Close::Whole).await
    }

    /// After how long without changes event time goes on.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.prepared.tables.iter().flat_map(|table| table.flow.aggregates()).filter_map(|a| a.idle()).min()
    }

    pub(super) fn idle_pause(&self) -> Option<Duration> {
        self.idle().map(|idle| idle.saturating_sub(self.changed_at.elapsed()).max(CAPTURE_PAUSE).min(POSITION_INTERVAL))
    }

    /// The aggregates as they are.
    pub(super) fn aggregates(&self) -> Vec<AggregateStatus> {
        let status = |table: &BoundTable| {
            let name = table.source.to_string();
            table.flow.aggregates().map(move |aggregate| aggregate.status(&name)).collect::<Vec<_>>()
        };
        self.prepared.tables.iter().flat_map(status).collect()
    }
}
