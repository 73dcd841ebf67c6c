//! `filter`: keeps the rows for which a component says true.

use arrow_array::{Array, BooleanArray};
use arrow_buffer::BooleanBufferBuilder;

use super::{BoundCall, CallContext, Failure, Frame};
use crate::error::Error;

/// Keeps the rows for which a call says true.
pub struct Filter {
    /// Its result is one BOOLEAN.
    pub call: BoundCall,
}

impl Filter {
    pub(crate) async fn run(
        &mut self,
        frame: Frame,
        context: &mut CallContext<'_>,
        failures: &mut Vec<Failure>,
    ) -> Result<Frame, Error> {
        let output = self.call.run(&frame, context).await?;
        let verdict = output.columns.first().and_then(|column| column.as_any().downcast_ref::<BooleanArray>());
        let Some(verdict) = verdict else {
            return Err(Error::internal("a filter's result was not checked to be boolean when it was bound"));
        };
        let verdict = match output.errors.is_empty() {
            true => verdict.clone(),
            false => without(verdict, output.errors.iter().map(|error| error.row)),
        };
        self.call.report(&frame, output.errors, failures);
        Ok(frame.retain(&verdict)?)
    }
}

/// `verdict` with these rows cleared.
pub(super) fn without(verdict: &BooleanArray, rows: impl Iterator<Item = usize>) -> BooleanArray {
    let mut bits = BooleanBufferBuilder::new(verdict.len());
    bits.append_buffer(verdict.values());
    for row in rows {
        bits.set_bit(row, false);
    }
    BooleanArray::new(bits.finish(), verdict.nulls().cloned())
}
