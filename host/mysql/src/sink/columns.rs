//! The columns of a write as the target's columns take them.

use arrow_array::{Array as _, ArrayRef, RecordBatch};

use super::encode::{Cells, Rule};
use super::shape::ColumnShape;

/// The columns of one write, ready to be written row by row.
#[derive(Debug)]
pub(super) struct Columns {
    /// One per column of the target's schema, for its rows.
    pub(super) rows: Vec<Cells>,
    /// One per key column without ordinality, for its events.
    pub(super) keys: Vec<Cells>,
}

impl Columns {
    pub(super) fn new(
        rows: &RecordBatch,
        keys: &[ArrayRef],
        columns: &[ColumnShape],
        event_key: &[usize],
    ) -> Result<Columns, String> {
        if rows.num_columns() != columns.len() || keys.len() != event_key.len() {
            return Err(format!("{} columns arrived, {} are written", rows.num_columns(), columns.len()));
        }
        let named = |i: usize| move |e: String| format!("column {}: {e}", columns[i].name);
        let row = |(i, array): (usize, &ArrayRef)| columns[i].room.cells(array).map_err(named(i));
        let key = |(array, &i): (&ArrayRef, &usize)| {
            let rule = Rule::to_compare(array.data_type(), &columns[i].data);
            Cells::new(array, &columns[i].data, rule, false).map_err(named(i))
        };
        Ok(Columns {
            rows: rows.columns().iter().enumerate().map(row).collect::<Result<_, _>>()?,
            keys: keys.iter().zip(event_key).map(key).collect::<Result<_, _>>()?,
        })
    }
}
