//! The built-in component std/sql.
mod bind;
mod collation;
mod columns;
mod component;
mod convert;
mod error;
mod eval;
mod expr;
mod functions;
mod parse;
mod program;
mod types;
mod value;

pub use component::{filter, map};
pub use error::{BindError, Span};
pub use program::{Computed, Program};
pub use value::{Failure, RowError};

rowmill_sdk::export!(filter, map);
