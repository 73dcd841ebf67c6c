//! The steps of one table without a source and a target: for benchmarks, no part of the interface.
//!
//! The state has no store, so all groups stay in memory.

use crate::error::Error;
use crate::worker::changes;
use rowmill_bind::{Databases, Environment, bind};
use rowmill_change::{ChangeBatch, Definition, Position};
use rowmill_observe::StepMeter;
use rowmill_operators::{Graph, Progress};
use rowmill_plan::Plan;

/// The steps of one table, bound.
pub struct Steps {
    graph: Graph,
}

impl Steps {
    /// Binds the plan to the table.
    pub async fn bind(plan: &Plan, table: &dyn Definition, environment: &Environment) -> Result<Steps, Error> {
        let databases = Databases { source: &table.name().schema, target: "target" };
        let bound = bind(plan, &[table], databases, environment).await.map_err(Error::Plan)?;
        Ok(Steps { graph: bound.graph })
    }

    /// Takes changes of the source into the first aggregate, as a running pipeline does.
    pub async fn absorb(&mut self, batch: &ChangeBatch, position: &Position) -> Result<(), Error> {
        self.graph.absorb(&changes(std::slice::from_ref(batch), position), Progress::Live).await?;
        Ok(())
    }

    /// Ends an epoch. Answers how many rows it has for the target.
    pub async fn close(&mut self, position: &Position) -> Result<usize, Error> {
        let written = self.graph.close(Progress::Live, position).await?;
        Ok(written.writes.iter().map(|write| write.rows.num_rows()).sum())
    }

    /// Only finds (or makes) the groups of rows in the first aggregate, which `absorb` does too.
    pub async fn look_up(&mut self, batch: &ChangeBatch) -> Result<(), Error> {
        match self.graph.aggregates_mut().next() {
            Some(aggregate) => Ok(aggregate.look_up(batch.rows.columns()).await?),
            None => Ok(()),
        }
    }

    /// What the components' calls have cost.
    #[must_use]
    pub fn meters(&self) -> Vec<StepMeter> {
        crate::meters::meters(&self.graph)
    }
}
