//! Write rowmill UDFs in Rust: plain functions in, a Wasm component out.

#![deny(missing_docs)]

pub mod bitmap;
pub mod column;
pub mod contract;
pub mod function;
pub mod kernel;
#[cfg(not(target_family = "wasm"))]
pub mod template;
#[cfg(not(target_family = "wasm"))]
pub mod test;

#[doc(hidden)]
#[allow(missing_docs)]
pub mod adapter;

mod bools;
mod calendar;
mod cell;
mod config;
mod decimal;
mod error;
mod export;
mod fixed;
mod host;
mod param;
mod rows;
mod temporal;
mod texts;
mod wide;
mod writer;

pub use adapter::{ColumnsReturned, Flagged};
pub use cell::{Cell, Nullable, Returned, Written};
pub use config::Config;
pub use contract::{
    Argument, Attribute, Batch, BindError, Column, DataType, DecimalType, Field, FlaggedRow,
    Output, Place, RowFact, Signature, Span,
};
pub use decimal::{AnyDecimal, Decimal, ParseDecimalError, WideDecimal};
pub use error::RowError;
pub use fixed::Fixed;
pub use function::{Arity, Bound, ConfigKey, FunctionInfo, Kind, Parameter, RowFunction};
pub use host::{Level, count, log};
pub use param::{AnyDecimals, Change, Json, Owned, Value};
pub use rows::{Fits, Rows, Shape};
pub use rowmill_sdk_macros::{config, filter, scalar, table};
pub use temporal::{Date, Datetime, ParseTemporalError, Time, Timestamp};
pub use wide::I256;
pub use writer::{Bytes, JsonText, Text};

#[doc(hidden)]
pub use export::glue as __glue;

pub use serde;
pub use serde_json;
