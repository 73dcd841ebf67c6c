//! Steps: what happens to a batch of after-images between source and sink.
//!
//! A step sees a `Frame`: columns of equal length, and for each row the source row that it came
//! from. Filters drop rows of it, maps replace or append columns, a transform expands rows, a
//! projection moves columns. No step knows about changes, keys or positions; `stream` does.

mod align;
mod call;
mod facts;
mod filter;
mod map;
mod project;
mod search;
mod transform;

use arrow_array::{Array as _, ArrayRef, BooleanArray};
use arrow_schema::{ArrowError, SchemaRef};

pub use align::{Align, Aligned};
pub use call::{BoundCall, CallContext, Used};
pub use facts::RowFacts;
pub use filter::Filter;
pub use map::{Map, MapPart};
pub use project::Project;
pub use search::{CPU_MAX, Overseer, ROWS_MAX, Search};
pub use transform::{ORDINALITY, Transform};

use crate::error::Error;
use rowmill_plan::OnError;

/// Rows between two steps.
#[derive(Clone, Default)]
pub(crate) struct Frame {
    /// All of `rows` length.
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) rows: usize,
    /// Row of the stream's input that each row came from, ascending; `None`: row i from row i.
    pub(crate) origin: Option<Vec<u32>>,
}

impl Frame {
    /// The stream's input row behind row `row`.
    pub(crate) fn origin(&self, row: usize) -> u32 {
        match &self.origin {
            Some(origin) => origin[row],
            None => row as u32,
        }
    }

    /// Keeps the rows whose bit is set. NULL counts as not set.
    pub(crate) fn retain(self, keep: &BooleanArray) -> Result<Frame, ArrowError> {
        let selected = keep.true_count();
        if selected == self.rows {
            return Ok(self);
        }
        let filter = arrow_select::filter::FilterBuilder::new(keep).optimize().build();
        let columns = self.columns.iter().map(|column| filter.filter(column)).collect::<Result<_, _>>()?;
        let kept = (0..self.rows).filter(|&row| keep.is_valid(row) && keep.value(row));
        let origin = kept.map(|row| self.origin(row)).collect();
        Ok(Frame { columns, rows: selected, origin: Some(origin) })
    }
}

/// How many failing rows of a batch, or groups of an epoch, get a log line of their own.
pub(crate) const FAILURES_LOGGED: usize = 10;

/// A row that a component flagged, or failed on.
pub(crate) struct Failure {
    /// Row of the stream's input.
    pub(crate) origin: u32,
    pub(crate) code: String,
    pub(crate) message: String,
    /// `std/sql#filter`.
    pub(crate) function: String,
}

/// A step bound to its input schema.
pub struct Step {
    /// Its name in the file, or one by its place.
    pub id: String,
    /// What becomes of a row that fails.
    pub on_error: OnError,
    /// The columns after it.
    pub output: SchemaRef,
    /// What it does.
    pub operator: Operator,
}

/// What a step does.
pub enum Operator {
    /// Drops rows.
    Filter(Filter),
    /// Replaces and appends columns.
    Map(Map),
    /// Makes any number of rows of each.
    Transform(Transform),
    /// Moves, drops and renames columns.
    Project(Project),
    /// Brings a branch of a union to the columns that all have.
    Align(Align),
}

impl Step {
    /// Runs the step. Failed rows are appended to `failures` and are not in the answer.
    pub(crate) async fn run(
        &mut self,
        frame: Frame,
        context: &mut CallContext<'_>,
        failures: &mut Vec<Failure>,
    ) -> Result<Frame, Error> {
        if frame.rows == 0 {
            return Ok(Frame {
                columns: self.output.fields().iter().map(|f| arrow_array::new_empty_array(f.data_type())).collect(),
                rows: 0,
                origin: Some(Vec::new()),
            });
        }
        match &mut self.operator {
            Operator::Filter(filter) => filter.run(frame, context, failures).await,
            Operator::Map(map) => map.run(frame, context, failures).await,
            Operator::Transform(transform) => transform.run(frame, context, failures).await,
            Operator::Project(project) => Ok(project.run(frame)),
            Operator::Align(align) => align.run(frame, &self.output),
        }
    }

    /// The calls of components, for meters.
    pub fn calls(&self) -> Vec<&BoundCall> {
        match &self.operator {
            Operator::Filter(filter) => vec![&filter.call],
            Operator::Map(map) => map.calls().collect(),
            Operator::Transform(transform) => vec![&transform.call],
            Operator::Project(_) | Operator::Align(_) => Vec::new(),
        }
    }
}
