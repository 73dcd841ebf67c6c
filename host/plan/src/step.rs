//! What happens to rows, one step after the other.

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregate;
use crate::call::Call;
use crate::limits::{Limits, OnError};
use crate::problem::child;

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the pipeline; `<kind>-<n>` where nobody chose one.
    pub id: String,
    /// What it does.
    #[serde(flatten)]
    pub kind: StepKind,
    /// What a failing row does.
    pub on_error: OnError,
    /// What its components may use.
    pub limits: Limits,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// Keeps the rows for which the call says true.
    Filter(Call),
    /// Replaces columns in place and appends new ones, in this order.
    Map(Vec<(String, Call)>),
    /// Appends the columns of a table function and `ordinality`, one row per output row.
    Transform(Call),
    /// Keeps these columns, in this order.
    Select(Vec<String>),
    /// Removes these columns.
    Drop(Vec<String>),
    /// Gives columns (first) another name (second).
    Rename(Vec<(String, String)>),
    /// One row per group.
    Aggregate(Aggregate),
}

impl StepKind {
    /// The word in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Filter(_) => "filter",
            Self::Map(_) => "map",
            Self::Transform(_) => "transform",
            Self::Select(_) => "select",
            Self::Drop(_) => "drop",
            Self::Rename(_) => "rename",
            Self::Aggregate(_) => "aggregate",
        }
    }

    /// The calls of components, each with its JSON pointer. `pointer`: of the step's kind.
    pub fn calls(&self, pointer: String) -> Vec<(String, &Call)> {
        match self {
            Self::Filter(call) | Self::Transform(call) => vec![(pointer, call)],
            Self::Map(columns) => columns.iter().map(|(column, call)| (child(&pointer, column), call)).collect(),
            Self::Select(_) | Self::Drop(_) | Self::Rename(_) => Vec::new(),
            Self::Aggregate(aggregate) => {
                let values = child(&pointer, "values");
                let calls = aggregate.values.iter().flat_map(|(name, value)| {
                    let at = child(&values, name);
                    let filter = value.filter.as_ref().map(|filter| (child(&at, "where"), filter));
                    [(at, &value.call)].into_iter().chain(filter)
                });
                calls.collect()
            }
        }
    }
}
