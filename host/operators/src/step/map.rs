//! `map`: replaces columns in place and appends new ones.
//!
//! All expressions of a step see the step's input, not each other's results.

use std::sync::Arc;

use arrow_array::BooleanArray;
use arrow_buffer::BooleanBuffer;

use super::filter::without;
use super::{BoundCall, CallContext, Failure, Frame};
use crate::error::Error;

/// Replaces columns in place and appends new ones.
pub struct Map {
    /// One for all expression texts together, one for each `udf`.
    pub parts: Vec<MapPart>,
    /// Number of columns after the step.
    pub width: usize,
}

/// One call, and where its results go.
pub struct MapPart {
    /// What computes them.
    pub call: BoundCall,
    /// Result i becomes column `columns[i]`.
    pub columns: Vec<usize>,
}

impl Map {
    /// The calls of all parts.
    pub fn calls(&self) -> impl Iterator<Item = &BoundCall> {
        self.parts.iter().map(|part| &part.call)
    }

    pub(crate) async fn run(
        &mut self,
        frame: Frame,
        context: &mut CallContext<'_>,
        failures: &mut Vec<Failure>,
    ) -> Result<Frame, Error> {
        let mut columns: Vec<_> = frame.columns.iter().cloned().map(Some).collect();
        columns.resize(self.width, None);
        let mut failed = Vec::new();
        for part in &mut self.parts {
            let output = part.call.run(&frame, context).await?;
            for (result, &column) in output.columns.into_iter().zip(&part.columns) {
                columns[column] = Some(result);
            }
            failed.extend(output.errors.iter().map(|error| error.row));
            part.call.report(&frame, output.errors, failures);
        }
        let columns = columns
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Error::internal("a map step was bound with a column that nothing computes"))?;
        let rows = frame.rows;
        let mapped = Frame { columns: columns.iter().map(Arc::clone).collect(), ..frame };
        if failed.is_empty() {
            return Ok(mapped);
        }
        let all = BooleanArray::new(BooleanBuffer::new_set(rows), None);
        Ok(mapped.retain(&without(&all, failed.into_iter()))?)
    }
}
