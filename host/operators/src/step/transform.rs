//! `transform`: a table function, one output row per row that it returns.
//!
//! The input's columns are repeated, the function's columns and `ordinality` (1…n per *source*
//! row) appended. A row that fails leaves no output rows, as if it had been filtered out.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, UInt32Array};
use arrow_buffer::BooleanBuffer;

use super::filter::without;
use super::{BoundCall, CallContext, Failure, Frame};
use crate::error::Error;

/// The column that a transform appends last: 1…n within the rows of one source row.
pub const ORDINALITY: &str = "ordinality";

/// Makes any number of rows of each: a table function.
pub struct Transform {
    /// What makes them.
    pub call: BoundCall,
}

impl Transform {
    pub(crate) async fn run(
        &mut self,
        frame: Frame,
        context: &mut CallContext<'_>,
        failures: &mut Vec<Failure>,
    ) -> Result<Frame, Error> {
        let output = self.call.run(&frame, context).await?;
        let parents =
            output.parents.ok_or_else(|| Error::internal("a table function's answer was accepted without parents"))?;
        let mut columns = Vec::with_capacity(frame.columns.len() + output.columns.len() + 1);
        for column in &frame.columns {
            columns.push(arrow_select::take::take(column, &parents, None)?);
        }
        columns.extend(output.columns);
        let origin: Vec<u32> = parents.values().iter().map(|&parent| frame.origin(parent as usize)).collect();
        columns.push(ordinality(&origin));

        let failed: Vec<usize> = output.errors.iter().map(|error| error.row).collect();
        self.call.report(&frame, output.errors, failures);
        let expanded = Frame { rows: origin.len(), columns, origin: Some(origin) };
        if failed.is_empty() {
            return Ok(expanded);
        }
        let all = BooleanArray::new(BooleanBuffer::new_set(expanded.rows), None);
        // Errors come sorted by row.
        let has_failed = |parent: u32| failed.binary_search(&(parent as usize)).is_ok();
        let dropped = parents.values().iter().enumerate().filter(|(_, parent)| has_failed(**parent));
        Ok(expanded.retain(&without(&all, dropped.map(|(row, _)| row)))?)
    }
}

fn ordinality(origin: &[u32]) -> ArrayRef {
    let mut numbers = Vec::with_capacity(origin.len());
    let mut last = None;
    let mut number = 0;
    for &row in origin {
        number = if last == Some(row) { number + 1 } else { 1 };
        last = Some(row);
        numbers.push(number);
    }
    Arc::new(UInt32Array::from(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinality_counts_within_each_source_row() {
        let numbers = ordinality(&[0, 0, 2, 3, 3, 3]);
        assert_eq!(numbers.as_ref(), &UInt32Array::from(vec![1, 2, 1, 1, 2, 3]) as &dyn arrow_array::Array);
    }
}
