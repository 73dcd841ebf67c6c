//! Values that the target can't hold are failures of the step that made them.
//!
//! NaN, a date after 9999, a text longer than its column: the server would refuse the whole statement,
//! and one row would stop the pipeline whatever `on_error` says. So the columns that steps made are
//! looked at before their rows are handed to the sink. A row with such a value fails as if its step had
//! flagged it: it is left out, and what the key held before is deleted. `verify` looks with the same
//! eyes, so it expects no such row either.
//!
//! A column that no step made is the source's, or an aggregate's result. Leaving its row out
//! would make the target differ from what the plan says without anybody having said so; there the
//! encoder of the sink stops the pipeline, naming table, column and key.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_array::BooleanArray;
use arrow_buffer::BooleanBuffer;
use rowmill_change::{Holds, TableName};

use crate::error::Error;
use crate::step::{Failure, Frame, Operator, Step};

/// The code of such a failure.
const CODE: &str = "not-storable";

/// What made a column.
#[derive(Clone)]
struct Maker {
    /// Index of the step.
    step: usize,
    /// `std/sql#map`.
    function: String,
}

/// The columns of a target that steps made, and what they hold.
pub(crate) struct Made {
    table: TableName,
    holds: Arc<dyn Holds>,
    columns: Vec<(usize, Maker)>,
}

impl Made {
    /// `inputs`: how many columns the first of the steps gets.
    pub(crate) fn new(table: TableName, holds: Arc<dyn Holds>, inputs: usize, steps: &[Step]) -> Self {
        let columns = makers(inputs, steps).into_iter().enumerate();
        Self { table, holds, columns: columns.filter_map(|(column, maker)| Some((column, maker?))).collect() }
    }

    /// The failures by step, in the order of the steps; a row fails once.
    pub(crate) fn failures(&self, frame: &Frame) -> Result<BTreeMap<usize, Vec<Failure>>, Error> {
        let mut failures = BTreeMap::<usize, Vec<Failure>>::new();
        for (column, maker) in &self.columns {
            for refused in self.holds.unholdable(*column, &frame.columns[*column])? {
                let name = self.holds.name(*column).unwrap_or_default();
                failures.entry(maker.step).or_default().push(Failure {
                    origin: frame.origin(refused.row),
                    code: CODE.to_owned(),
                    message: format!("the value for column {name} of table {} {}", self.table, refused.reason),
                    function: maker.function.clone(),
                });
            }
        }
        let mut seen = HashSet::new();
        for failures in failures.values_mut() {
            failures.sort_by_key(|failure| failure.origin);
            failures.retain(|failure| seen.insert(failure.origin));
        }
        Ok(failures)
    }
}

/// The rows of a frame whose source row is none of these.
pub(crate) fn without(frame: Frame, origins: &HashSet<u32>) -> Result<Frame, Error> {
    let keep: BooleanBuffer = (0..frame.rows).map(|row| !origins.contains(&frame.origin(row))).collect();
    Ok(frame.retain(&BooleanArray::new(keep, None))?)
}

/// Who made each column that the last step leaves; `None`: nobody since the first one's input.
fn makers(inputs: usize, steps: &[Step]) -> Vec<Option<Maker>> {
    let mut makers: Vec<Option<Maker>> = vec![None; inputs];
    for (index, step) in steps.iter().enumerate() {
        let maker = |function: &str| Some(Maker { step: index, function: function.to_owned() });
        match &step.operator {
            Operator::Filter(_) => {}
            Operator::Map(map) => {
                makers.resize(map.width, None);
                for part in &map.parts {
                    part.columns.iter().for_each(|&column| makers[column] = maker(&part.call.name));
                }
            }
            Operator::Transform(transform) => {
                // Its results and the ordinality.
                makers.resize(step.output.fields().len(), maker(&transform.call.name));
            }
            Operator::Project(project) => {
                makers = project.columns.iter().map(|&column| makers[column].clone()).collect();
            }
        }
    }
    makers
}
