//! What runs in a component.

use std::path::PathBuf;

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::type_name;

/// What runs in a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// An expression for `std/sql`. Spans in it are relative to the call's own pointer.
    Expression(String),
    /// A function by name.
    Udf {
        /// Where the component is.
        component: ComponentRef,
        /// The function; `None`: the only one of the right kind.
        function: Option<String>,
        /// What it is called with, in order. At `<call>/args/<n>`.
        args: Vec<Arg>,
        /// A JSON object. At `<call>/config/<key>`.
        config: Value,
    },
}

/// Where a component is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentRef {
    /// A file. Relative paths have been resolved against the folder of the pipeline file.
    Path(PathBuf),
    /// A built-in component, by its name after `std/`.
    Std(String),
}

/// As in the file: `./fraud.wasm`, `std/text`.
impl std::fmt::Display for ComponentRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Std(name) => write!(f, "std/{name}"),
        }
    }
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arg {
    /// A column of the step's input.
    Column {
        /// Its name.
        name: String,
        /// Convert to this type first, though that may lose something.
        #[serde(default, with = "type_name::optional", skip_serializing_if = "Option::is_none")]
        cast: Option<DataType>,
    },
    /// A constant, known when the function is bound: null, a boolean, a number or a string.
    Literal(Value),
}
