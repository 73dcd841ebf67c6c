//! What a function of a component is: the traits that the attributes implement.
//!
//! [`scalar`](crate::scalar), [`filter`](crate::filter) and [`table`](crate::table) turn a plain
//! function into a [`RowFunction`]. A function whose arguments and results depend on its
//! configuration (an expression text, a list of rules) implements it by hand:
//!
//! ```
//! use rowmill_sdk::{Argument, Batch, BindError, Bound, Column, DataType, Field, FunctionInfo,
//!     Kind, Output, RowFunction, Signature};
//!
//! /// Returns the named column as it is.
//! struct Pick;
//!
//! impl RowFunction for Pick {
//!     fn info(&self) -> FunctionInfo {
//!         FunctionInfo::new("pick", Kind::Scalar, "the column named by `column`")
//!     }
//!     fn bind(&self, args: &[Argument], config: serde_json::Value) -> Result<Box<dyn Bound>, BindError> {
//!         let name = config["column"].as_str()
//!             .ok_or_else(|| BindError::config("column", "needed: the name of a column"))?;
//!         let position = args.iter().position(|arg| arg.field.name == name)
//!             .ok_or_else(|| BindError::config("column", format!("there is no column `{name}`")))?;
//!         Ok(Box::new(Picked { position: position as u32, field: args[position].field.clone() }))
//!     }
//! }
//!
//! struct Picked { position: u32, field: Field }
//!
//! impl Bound for Picked {
//!     fn signature(&self) -> Signature {
//!         Signature { reads: vec![self.position], facts: vec![], results: vec![self.field.clone()] }
//!     }
//!     fn run(&mut self, batch: Batch) -> Result<Output, String> {
//!         Ok(Output { columns: batch.columns, ..Output::default() })
//!     }
//! }
//!
//! rowmill_sdk::export!(Pick);
//! # fn main() {}
//! ```
//!
//! `export!` takes such types beside functions with attributes; a type must be a unit struct or
//! have no fields. Buffers arrive and leave as owned `Vec<u8>`, so that `arrow_buffer::Buffer::from`
//! takes them over without a copy (check the alignment first: none is promised).

use crate::contract::{Argument, Batch, BindError, DataType, Output, Signature};

/// What a function does with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One result row per row.
    Scalar,
    /// A scalar with one boolean result that says which rows stay; NULL counts as false.
    Filter,
    /// Any number of result rows per row.
    Table,
    /// One result row per group of rows; see [`mod@crate::aggregate`].
    Aggregate,
}

/// How often a parameter occurs in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Exactly once.
    One,
    /// Once or not at all; only the last parameters can be left out.
    Optional,
    /// Any number of times; only the last parameter.
    Repeated,
}

/// One parameter, for people and for the host's widening casts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it means.
    pub docs: String,
    /// Accepted types in order of preference; empty = any type, `decimal(0,0)` = any decimal.
    /// The host widens an argument to the first type that it converts to without loss.
    pub accepts: Vec<DataType>,
    /// How often it occurs.
    pub arity: Arity,
}

/// One configuration key, for people. `bind` has the last word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigKey {
    /// The key.
    pub name: String,
    /// What it means.
    pub docs: String,
    /// Whether the function refuses to bind without it.
    pub required: bool,
    /// The default as JSON text, where there is one.
    pub default_json: Option<String>,
}

/// A function's entry in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    /// The name that pipeline files use.
    pub name: String,
    /// What it does with rows.
    pub kind: Kind,
    /// What it does, in Markdown.
    pub docs: String,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// Its results in words, such as `float64` or `tag: utf8`.
    pub results: String,
    /// Its configuration keys.
    pub config: Vec<ConfigKey>,
}

impl FunctionInfo {
    /// An entry without parameters, results and configuration; set those fields afterwards.
    pub fn new(name: impl Into<String>, kind: Kind, docs: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind,
            docs: docs.into(),
            parameters: Vec::new(),
            results: String::new(),
            config: Vec::new(),
        }
    }
}

/// A scalar, filter or table function.
///
/// Functions are pure: results follow from the rows, the arguments and the configuration alone,
/// however the rows are cut into batches and on whichever instance they run.
pub trait RowFunction: Sync {
    /// The entry in the catalog.
    fn info(&self) -> FunctionInfo;

    /// Prepares the function for these arguments and this configuration, a JSON object whose keys
    /// keep the order of the pipeline file.
    fn bind(&self, args: &[Argument], config: serde_json::Value) -> Result<Box<dyn Bound>, BindError>;
}

/// A function bound to arguments and configuration.
pub trait Bound {
    /// What it reads and returns; the same at each call.
    fn signature(&self) -> Signature;

    /// Runs the function on a batch. State may be kept for speed (buffers, caches), never so that
    /// it changes a result. An error refuses the whole batch; to refuse rows, use
    /// [`Output::errors`].
    fn run(&mut self, batch: Batch) -> Result<Output, String>;
}
