//! The steps of one table without a source and a target: for benchmarks, no part of the interface.
//!
//! The state has no store, so all groups stay in memory.

use crate::error::Error;
use crate::status::StepMeter;
use rowmill_bind::{BoundTable, Environment, bind};
use rowmill_change::{ChangeBatch, Definition, Position};
use rowmill_operators::Changes;
use rowmill_operators::Progress;
use rowmill_plan::Plan;

/// The steps of one table, bound.
pub struct Steps {
    table: BoundTable,
}

impl Steps {
    /// Binds the plan to the table.
    pub async fn bind(plan: &Plan, table: &dyn Definition, environment: &Environment) -> Result<Steps, Error> {
        let bound = bind(plan, &[table], "target", environment).await.map_err(Error::Plan)?;
        let table = bound.tables.into_iter().next().ok_or_else(|| Error::internal("one table was bound to none"))?;
        Ok(Steps { table })
    }

    /// Takes changes of the source into the first aggregate, as a running pipeline does.
    pub async fn absorb(&mut self, batch: &ChangeBatch, position: &Position) -> Result<(), Error> {
        let ChangeBatch { rows, ops, commit_time, .. } = batch;
        let changes = Changes { rows, ops, commit_time, position };
        self.table.flow.absorb(&changes, Progress::Live).await?;
        Ok(())
    }

    /// Ends an epoch. Answers how many rows it has for the target.
    pub async fn close(&mut self, position: &Position) -> Result<usize, Error> {
        let events = self.table.flow.close(Progress::Live, position, 0).await?;
        Ok(events.map_or(0, |events| events.write.rows.num_rows()))
    }

    /// Only finds (or makes) the groups of rows in the first aggregate, which `absorb` does too.
    pub async fn look_up(&mut self, batch: &ChangeBatch) -> Result<(), Error> {
        match self.table.flow.aggregates_mut().next() {
            Some(aggregate) => Ok(aggregate.look_up(batch.rows.columns()).await?),
            None => Ok(()),
        }
    }

    /// What the components' calls have cost.
    #[must_use]
    pub fn meters(&self) -> Vec<StepMeter> {
        crate::meters::meters(std::slice::from_ref(&self.table))
    }
}
