//! What a component says about itself, as plain data for people and for the planner.

mod check;

use arrow_schema::Field;
use serde::Serialize;

pub(crate) use self::check::description;
use crate::bindings::types;
use crate::widen;

/// The catalog of a component.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// The component's own version.
    pub version: String,
    /// What it is for.
    pub docs: String,
    /// Its functions, in its own order.
    pub functions: Vec<FunctionInfo>,
}

/// What a function does with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// n rows in, n values out.
    Scalar,
    /// n rows in, n booleans out; NULL counts as false.
    Filter,
    /// One row in, any number of rows out.
    Table,
    /// Rows of a group in, one value out.
    Aggregate,
}

/// How often a parameter takes an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arity {
    /// Exactly once.
    One,
    /// At most once.
    Optional,
    /// Any number of times.
    Repeated,
}

/// One function of a catalog.
#[derive(Clone, Debug, Serialize)]
pub struct FunctionInfo {
    /// Its name in `#function`.
    pub name: String,
    /// What it does with rows.
    pub kind: Kind,
    /// What it is for.
    pub docs: String,
    /// Its arguments, in order.
    pub parameters: Vec<Parameter>,
    /// Its results, in words.
    pub results: String,
    /// The keys of its configuration.
    pub config: Vec<ConfigKey>,
}

/// One parameter of a function.
#[derive(Clone, Debug, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub docs: String,
    /// The types taken, by the contract's names, the preferred one first; empty: any.
    pub accepts: Vec<String>,
    /// How often it takes an argument.
    pub arity: Arity,
    /// The same as `accepts`, typed.
    #[serde(skip)]
    pub(crate) types: Vec<types::DataType>,
}

/// One key of a function's configuration.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigKey {
    /// The key.
    pub name: String,
    /// What it is for.
    pub docs: String,
    /// Whether it has to be there.
    pub required: bool,
    /// Its default as JSON text, if it has one.
    pub default: Option<String>,
}

impl Description {
    /// The function of this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&FunctionInfo> {
        self.functions.iter().find(|f| f.name == name)
    }
}

impl FunctionInfo {
    /// The parameter that takes argument `index` of `count`. Parameters before a repeated
    /// one take one argument each from the front, those after it from the back.
    #[must_use]
    pub fn parameter(&self, index: usize, count: usize) -> Option<&Parameter> {
        let Some(repeated) = self.parameters.iter().position(|p| p.arity == Arity::Repeated) else {
            return self.parameters.get(index);
        };
        let after = self.parameters.len() - repeated - 1;
        if index < repeated {
            self.parameters.get(index)
        } else if index + after >= count {
            self.parameters.get(index + self.parameters.len() - count)
        } else {
            self.parameters.get(repeated)
        }
    }
}

impl Parameter {
    /// Whether an argument of this field's type is taken, widened where necessary.
    #[must_use]
    pub fn takes(&self, field: &Field) -> bool {
        widen::widened(field, &self.types).is_ok()
    }
}
