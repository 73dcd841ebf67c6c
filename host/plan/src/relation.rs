//! Relations: named rows, made of a table, of other relations, or of several of these.
//!
//! Relations refer to each other by name and stand in the order in which they are defined; one can only be made from
//! those before it, so there is no circle. A plan without views has one relation that stands for one per table.

use serde::{Deserialize, Serialize};

use crate::problem::child;
use crate::sink::TABLE;
use crate::step::{Step, StepKind};

/// Named rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Unique in the plan. [`TABLE`]: the table's, of a relation for each table.
    pub name: String,
    /// What it is made from.
    pub from: Upstream,
    /// What happens to the rows, in order; may be empty.
    pub steps: Vec<Step>,
}

/// What a relation is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upstream {
    /// Each table of the source by itself: the relation stands for one per table.
    EachTable,
    /// A relation, or a table of the source.
    One(String),
    /// All rows of several.
    Union {
        /// Relations, tables, or globs of tables.
        branches: Vec<String>,
        /// The column that says which branch a row is of. [`TABLE_TAG`], also where there is none: which table.
        tag: Option<String>,
    },
}

/// The column of a union of tables that says which table a row is of: `db.table`.
pub const TABLE_TAG: &str = "_table";

impl Relation {
    /// One for each table of the source.
    pub fn each_table(steps: Vec<Step>) -> Self {
        Self { name: TABLE.to_owned(), from: Upstream::EachTable, steps }
    }

    /// Where it stands in the file; empty at its top.
    pub fn pointer(&self) -> String {
        match self.from {
            Upstream::EachTable => String::new(),
            _ => child("/views", &self.name),
        }
    }

    /// `/steps/3/filter`, below the relation; `key` may also be `id`, `on_error`, `limits`.
    pub fn step_pointer(&self, index: usize, key: &str) -> String {
        child(&child(&child(&self.pointer(), "steps"), index), key)
    }

    /// Whether one of the steps is an aggregate.
    pub fn has_aggregate(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.kind, StepKind::Aggregate(_)))
    }
}

impl Upstream {
    /// What it names, each with the place below the relation.
    pub fn names(&self) -> Vec<(&str, String)> {
        match self {
            Self::EachTable => Vec::new(),
            Self::One(name) => vec![(name, "/from".to_owned())],
            // A glob is written alone.
            Self::Union { branches, tag: None } if branches.len() == 1 => {
                vec![(&branches[0], "/from".to_owned())]
            }
            Self::Union { branches, .. } => {
                let names = branches.iter().enumerate();
                names.map(|(index, name)| (name.as_str(), child("/from", index))).collect()
            }
        }
    }
}

/// Whether a name stands for all tables that it matches.
pub fn is_glob(name: &str) -> bool {
    name.contains(['*', '?'])
}
