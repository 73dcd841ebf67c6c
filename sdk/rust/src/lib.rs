//! Write rowmill UDFs in Rust: plain functions in, a Wasm component out.

#![deny(missing_docs)]

pub mod contract;
pub mod function;

mod export;

pub use contract::{
    Argument, Attribute, Batch, BindError, Column, DataType, DecimalType, Field, FlaggedRow,
    Output, Place, RowFact, Signature, Span,
};
pub use function::{Arity, Bound, ConfigKey, FunctionInfo, Kind, Parameter, RowFunction};
pub use rowmill_sdk_macros::{filter, scalar, table};

#[doc(hidden)]
pub use export::glue as __glue;

pub use serde;
pub use serde_json;
