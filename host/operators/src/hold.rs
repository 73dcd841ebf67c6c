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
use rowmill_plan::OnError;

use crate::error::Error;
use crate::step::{Aligned, Failure, Frame, Operator, Step};
use crate::stream::{Branch, Outlet};

/// The code of such a failure.
const CODE: &str = "not-storable";

/// A step, as far as its failures concern it.
pub(crate) struct Culprit {
    pub(crate) id: String,
    pub(crate) on_error: OnError,
    /// How many steps come before it.
    place: usize,
}

/// What a step made and the target can't hold.
type Unheld = (Arc<Culprit>, Vec<Failure>);

/// What made a column.
#[derive(Clone)]
struct Maker {
    step: Arc<Culprit>,
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
    /// Tells the writers of a target in a tree what it holds. `inputs`: how many columns the first of the steps gets.
    pub(crate) fn attach(tree: &mut Branch, target: usize, held: (&TableName, &Arc<dyn Holds>), inputs: usize) {
        attach(tree, target, held, vec![None; inputs], 0);
    }

    fn new((table, holds): (&TableName, &Arc<dyn Holds>), makers: &[Option<Maker>]) -> Self {
        let columns = makers.iter().cloned().enumerate();
        let columns = columns.filter_map(|(column, maker)| Some((column, maker?))).collect();
        Self { table: table.clone(), holds: Arc::clone(holds), columns }
    }

    /// The failures by step, in the order of the steps; a row fails once.
    pub(crate) fn failures(&self, frame: &Frame) -> Result<Vec<Unheld>, Error> {
        let mut failures = BTreeMap::<usize, Unheld>::new();
        for (column, maker) in &self.columns {
            for refused in self.holds.unholdable(*column, &frame.columns[*column])? {
                let name = self.holds.name(*column).unwrap_or_default();
                let step = failures.entry(maker.step.place).or_insert_with(|| (Arc::clone(&maker.step), Vec::new()));
                step.1.push(Failure {
                    origin: frame.origin(refused.row),
                    code: CODE.to_owned(),
                    message: format!("the value for column {name} of table {} {}", self.table, refused.reason),
                    function: maker.function.clone(),
                });
            }
        }
        let mut seen = HashSet::new();
        for (_, failures) in failures.values_mut() {
            failures.sort_by_key(|failure| failure.origin);
            failures.retain(|failure| seen.insert(failure.origin));
        }
        Ok(failures.into_values().collect())
    }
}

/// The rows of a frame whose source row is none of these.
pub(crate) fn without(frame: Frame, origins: &HashSet<u32>) -> Result<Frame, Error> {
    let keep: BooleanBuffer = (0..frame.rows).map(|row| !origins.contains(&frame.origin(row))).collect();
    Ok(frame.retain(&BooleanArray::new(keep, None))?)
}

/// `makers`: who made each column that the branch gets; nobody since the stream's input is `None`.
fn attach(
    branch: &mut Branch,
    target: usize,
    held: (&TableName, &Arc<dyn Holds>),
    makers: Vec<Option<Maker>>,
    steps: usize,
) {
    let places = steps..;
    let makers = branch.steps.iter().zip(places).fold(makers, |makers, (step, place)| after(step, place, makers));
    let steps = steps + branch.steps.len();
    for outlet in &mut branch.outlets {
        match outlet {
            Outlet::Branch(branch) => attach(branch, target, held, makers.clone(), steps),
            Outlet::Write(writer) if writer.target == target => writer.hold(Made::new(held, &makers)),
            Outlet::Write(_) | Outlet::Aggregate(_) => {}
        }
    }
}

/// Who made each column that a step leaves.
fn after(step: &Step, place: usize, mut makers: Vec<Option<Maker>>) -> Vec<Option<Maker>> {
    let culprit = Arc::new(Culprit { id: step.id.clone(), on_error: step.on_error, place });
    let maker = |function: &str| Some(Maker { step: Arc::clone(&culprit), function: function.to_owned() });
    match &step.operator {
        Operator::Filter(_) => {}
        Operator::Map(map) => {
            makers.resize(map.width, None);
            for part in &map.parts {
                part.columns.iter().for_each(|&column| makers[column] = maker(&part.call.name));
            }
        }
        // Its results and the ordinality.
        Operator::Transform(transform) => makers.resize(step.output.fields().len(), maker(&transform.call.name)),
        Operator::Project(project) => {
            makers = project.columns.iter().map(|&column| makers[column].clone()).collect();
        }
        Operator::Align(align) => {
            let column = |column: &Aligned| match column {
                Aligned::Column(column) => makers[*column].clone(),
                Aligned::Tag(_) => None,
            };
            makers = align.columns.iter().map(column).collect();
        }
    }
    makers
}
