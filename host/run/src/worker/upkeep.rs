//! What aggregates need between two events: checkpoints, room in memory, time that passes.

use std::time::Duration;

use super::{Storing, Worker};
use crate::checkpoint::Checkpointer;
use crate::decide::StateFacts;
use crate::epoch::Close;
use crate::error::Error;
use crate::progress;
use rowmill_change::Position;
use rowmill_observe::{AggregateStatus, CheckpointStatus};

/// What had its turn since the last wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tended {
    captured: bool,
    made_room: bool,
}

impl Worker {
    /// What the aggregates need; `None` without any.
    pub(crate) fn state_facts(&self) -> Option<StateFacts> {
        let checkpointer = self.checkpointer.as_ref()?;
        Some(StateFacts {
            checkpointing: checkpointer.is_busy(),
            pieces_left: checkpointer.can_capture(),
            captured: self.tended.captured,
            no_room: self.bound.graph.is_full(),
            made_room: self.tended.made_room,
            time_passed: self.time_passed,
            idle: self.bound.graph.aggregates().filter_map(|a| a.idle()).min(),
            quiet: self.clock.since(self.changed_at),
        })
    }

    /// Begins a checkpoint at the epoch that was just handed over, if it is time for one.
    pub(super) async fn begin_checkpoint_if_due(&mut self) -> Result<(), Error> {
        let Some(checkpointer) = &mut self.checkpointer else { return Ok(()) };
        let wanted = self.time_passed || self.commands.want_checkpoint();
        if checkpointer.is_due() || wanted && !checkpointer.is_busy() {
            for aggregate in self.bound.graph.aggregates_mut() {
                aggregate.sweep().await?;
            }
            let covered_by = self.reporter.now.epochs + 1;
            checkpointer.begin(&mut self.bound.graph, self.handed.clone(), covered_by, false);
            self.commands.checkpoint_begins();
        }
        Ok(())
    }

    /// Goes on with the running checkpoint by one piece.
    pub(crate) async fn capture(&mut self) -> Result<(), Error> {
        self.tended.captured = true;
        let Some(checkpointer) = &mut self.checkpointer else { return Ok(()) };
        checkpointer.advance(&mut self.bound.graph, self.reporter.now.epochs).await
    }

    /// Lets groups leave the memory.
    pub(crate) async fn make_room(&mut self) -> Result<(), Error> {
        self.tended.made_room = true;
        Ok(self.bound.graph.make_room().await?)
    }

    /// Something was waited for.
    pub(crate) fn waited(&mut self) {
        self.tended = Tended::default();
    }

    /// The running checkpoint is in the store.
    pub(crate) fn checkpointed(&mut self) {
        self.time_passed = false;
        self.answer_checkpoint();
        self.bound.graph.aggregates_mut().for_each(|a| a.end_checkpoint());
    }

    /// Whoever asked for the checkpoint that is in the store now hears so.
    fn answer_checkpoint(&mut self) {
        if let Some(taken) = self.last_checkpoint() {
            self.commands.checkpoint_ends(&taken);
        }
    }

    /// The newest checkpoint of this run.
    pub(super) fn last_checkpoint(&self) -> Option<CheckpointStatus> {
        let taken = self.checkpointer.as_ref()?.last.as_ref()?;
        Some(CheckpointStatus { position: taken.position.to_string(), at: taken.at, took: taken.took })
    }

    /// Event time goes on where the source has nothing to say: a barrier, stored with its position.
    pub(crate) async fn let_time_pass(
        &mut self,
        passed: Duration,
        converge: &mut Option<Position>,
    ) -> Result<(), Error> {
        self.changed_at = self.clock.now();
        for aggregate in self.bound.graph.aggregates_mut() {
            aggregate.let_time_pass(passed);
        }
        // Nothing is read until a checkpoint holds the advance, so that no replay passes over it.
        self.time_passed = true;
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.finish(&mut self.bound.graph, u64::MAX).await?;
        }
        self.answer_checkpoint();
        self.start_commit(Close::Whole, Storing::Reached { converge }).await
    }

    /// Takes a checkpoint of where the pipeline ends, if nothing is open: the next start reads nothing again.
    pub(crate) async fn checkpoint_the_end(&mut self) -> Result<(), Error> {
        let Some(checkpointer) = self.checkpointer.as_mut().filter(|_| self.committer.is_idle()) else { return Ok(()) };
        checkpointer.finish(&mut self.bound.graph, u64::MAX).await?;
        if checkpointer.last.as_ref().is_none_or(|last| last.position != self.handed) && self.filling.is_clean() {
            checkpointer.take(&mut self.bound.graph, self.handed.clone(), false).await?;
        }
        // Only one of where the pipeline ends is what was asked for.
        if checkpointer.last.as_ref().is_some_and(|last| last.position == self.handed) {
            self.commands.checkpoint_begins();
        }
        self.answer_checkpoint();
        Ok(())
    }

    /// Waits for the checkpoint that is being committed, if any.
    pub(crate) async fn checkpoint_committed(checkpointer: &mut Option<Checkpointer>) -> Result<(), Error> {
        match checkpointer {
            Some(checkpointer) => checkpointer.committed().await,
            None => std::future::pending().await,
        }
    }

    /// The aggregates as they are.
    pub(crate) fn aggregates(&self) -> Vec<AggregateStatus> {
        self.bound.graph.nodes().iter().map(|node| node.aggregate.status(&node.relation)).collect()
    }

    /// What the target keeps of the aggregates with a position; `None` without any.
    pub(super) fn aggregates_to_store(&self) -> Result<Option<String>, Error> {
        if self.checkpointer.is_none() {
            return Ok(None);
        }
        let kept = self.bound.graph.nodes().iter().map(|node| node.aggregate.progress(&node.relation));
        progress::write(kept.collect(), &self.aggregates()).map(Some)
    }
}
