//! Write rowmill UDFs in Rust: plain functions in, a Wasm component out.
//!
//! ```
//! use rowmill_sdk::{RowError, Text, config, export, filter, scalar};
//!
//! /// Price times quantity; a missing quantity counts as one.
//! #[scalar]
//! fn total(price: f64, qty: Option<i64>) -> f64 {
//!     price * qty.unwrap_or(1) as f64
//! }
//!
//! /// What can be set in the pipeline file.
//! #[config]
//! struct Cfg {
//!     /// The longest name, in characters.
//!     #[default(40u32)]
//!     longest: u32,
//! }
//!
//! /// The name, trimmed; a longer one is refused.
//! #[scalar]
//! fn clean(#[config] c: &Cfg, name: &str, out: &mut Text) -> Result<(), RowError> {
//!     let name = name.trim();
//!     if name.chars().count() > c.longest as usize {
//!         return Err(RowError::new("too-long", format!("found {name:?}, needed {} characters", c.longest)));
//!     }
//!     out.push_str(name);
//!     Ok(())
//! }
//!
//! /// Keeps what costs something.
//! #[filter]
//! fn not_free(price: f64) -> bool {
//!     price > 0.0
//! }
//!
//! export!(total, clean, not_free);
//!
//! // The functions stay callable, and a test runs them over columns as the component does.
//! assert_eq!(total(2.5, None), 2.5);
//! let ran = rowmill_sdk::test::call::<total>().arg([Some(2.5), None]).arg([Some(2i64), None]).run();
//! assert_eq!(ran.values::<f64>(), [Some(5.0), None]);
//! ```
//!
//! `crate-type = ["cdylib", "rlib"]` and `cargo build --release --target wasm32-wasip2` make the
//! component; the pipeline file names a function as `./file.wasm#total`.
//!
//! # Kinds
//!
//! | attribute | function | result |
//! |---|---|---|
//! | [`scalar`](macro@scalar) | one result per row | a value, or written to [`Text`], [`Bytes`], [`JsonText`] |
//! | [`filter`](macro@filter) | says which rows stay | `bool`; NULL counts as false |
//! | [`table`](macro@table) | any number of rows per row | pushed to [`Rows`], or an iterator |
//! | [`aggregate`](macro@aggregate) | an accumulator with methods: rows come and go | a value per group of rows; see [`mod@aggregate`] |
//!
//! # Parameters and results
//!
//! | MySQL | Rust | as a column |
//! |---|---|---|
//! | TINYINT … BIGINT | `i8` … `i64`, `u8` … `u64` | [`I64s`](column::I64s) and so on |
//! | FLOAT, DOUBLE | `f32`, `f64` | [`F64s`](column::F64s) |
//! | DECIMAL(p,s) | [`Decimal<P, S>`], [`WideDecimal<P, S>`], parameters also [`AnyDecimal`] | [`Decimals`](column::Decimals) |
//! | CHAR, VARCHAR, TEXT, ENUM, SET | `&str`; results also `String`, `Cow<str>` | [`Texts`](column::Texts) |
//! | BINARY, BLOB | `&[u8]`; results also `Vec<u8>` | [`Blobs`](column::Blobs) |
//! | JSON | [`Json`]; results [`serde_json::Value`] | [`JsonTexts`](column::JsonTexts) |
//! | DATE, TIME, DATETIME, TIMESTAMP | [`Date`], [`Time`], [`Datetime`], [`Timestamp`] | [`Dates`](column::Dates) and so on |
//! | a comparison's result | `bool` | [`Bools`](column::Bools) |
//!
//! The host widens arguments where nothing is lost (an INT to `i64` or `f64`, a narrow decimal to
//! a wide one). A loss must be written in the pipeline file: `{ column: price, as: float64 }`.
//!
//! **NULL.** A parameter that is no `Option` means: NULL in, NULL out; the function does not run.
//! An `Option` sees the NULL. A result `Option` is NULL when `None`.
//!
//! **Errors.** `Err(RowError)` refuses the row; the pipeline's `on_error` decides what becomes of
//! it. A panic ends the instance: its message is in the host's error, and the host finds the row
//! that causes it, but it costs a new instance. Integer overflow panics in tests and wraps in
//! components: use `checked_mul` and its like.
//!
//! **Other parameters.** `#[config] c: &Cfg` is the step's configuration ([`macro@config`]);
//! `#[literal] n: i64` a literal argument, known at bind time; `#[optional] x: Option<f64>` an
//! argument that can be left out; `#[seed] seed: u64`, `#[commit_time] at: Timestamp` and
//! `#[change] kind: Change` are facts about the row. A doc comment on a parameter goes into the
//! catalog.
//!
//! # Whole columns
//!
//! `#[scalar(columns)]` hands over the columns themselves; [`kernel`] has loops over them that run
//! up to twice as fast as the row form for functions of a few instructions.
//!
//! # Purity
//!
//! Results must follow from the row, the arguments and the configuration alone. There is no file,
//! network, clock or randomness to be had; a replay gives the same bytes. [`mod@test`] checks that the
//! cut of the batches does not matter, and for aggregates that taking rows out, merging, leaving
//! and coming back do not either.
//!
//! # By hand
//!
//! A function whose parameters depend on its configuration implements [`RowFunction`]; see
//! [`function`]. An aggregate implements [`AggregateFunction`]; see [`mod@aggregate`].

#![deny(missing_docs)]

pub mod aggregate;
pub mod bitmap;
pub mod column;
pub mod contract;
pub mod function;
pub mod kernel;
#[cfg(not(target_family = "wasm"))]
pub mod test;

#[doc(hidden)]
#[allow(missing_docs)]
pub mod adapter;

mod bools;
mod calendar;
mod cell;
mod compare;
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
mod wide_decimal;
mod writer;

pub use adapter::{ColumnsReturned, Flagged};
pub use aggregate::{Accumulator, Accumulators, AggregateFunction, BoundAggregate, Stored, StoredRows};
pub use cell::{Cell, Nullable, Returned, Written};
pub use config::Config;
pub use contract::{
    AggregateSignature, Argument, Attribute, Batch, BindError, Column, DataType, DecimalType, Field, FlaggedRow,
    Migration, Output, Place, RowFact, Signature, Span, State, StateSchema,
};
pub use decimal::{AnyDecimal, Decimal, ParseDecimalError};
pub use error::RowError;
pub use fixed::Fixed;
pub use function::{Arity, Bound, ConfigKey, FunctionInfo, Kind, Parameter, RowFunction};
pub use host::{Level, count, log};
pub use param::{AnyDecimals, Change, Json, Owned, Value};
/// Makes the fields of a struct the columns of a state. See [`mod@aggregate`].
pub use rowmill_sdk_macros::State;
/// Makes an aggregate of the methods of an accumulator. See [`mod@aggregate`].
pub use rowmill_sdk_macros::aggregate;
/// Above a struct: makes it the type of a `#[config]` parameter.
///
/// Keys that are no fields are errors in the pipeline file. `#[default(…)]` gives a field's
/// default (converted with `From`); an `Option` may be left out; any other field is required. Doc
/// comments and defaults go into the catalog. Fields are read with serde; its attributes work, and
/// the types of fields can derive `rowmill_sdk::serde::Deserialize`.
///
/// ```
/// /// Limits.
/// #[rowmill_sdk::config]
/// #[derive(Debug)]
/// struct Cfg {
///     /// The share from which a row counts, 0 to 1.
///     threshold: f64,
///     /// A label for the log.
///     #[default("fraud")]
///     label: String,
/// }
/// # use rowmill_sdk::Config;
/// assert!(Cfg::keys()[0].required);
/// assert_eq!(Cfg::keys()[1].default_json.as_deref(), Some("\"fraud\""));
/// ```
pub use rowmill_sdk_macros::config;
/// Makes a filter of a function: it says for each row whether it stays.
///
/// Returns `bool`, `Option<bool>` (`None` = false) or a `Result` of either with [`RowError`].
/// `#[filter(columns)]` is the column form and returns [`Bools`](column::Bools). Options: `columns`,
/// `name = "…"`. See the crate for parameters.
pub use rowmill_sdk_macros::filter;
/// Makes a scalar function of a function: one result for each row.
///
/// Returns the value, an `Option` (`None` = NULL), or a `Result` of either with [`RowError`]; or
/// writes it to a parameter `&mut Text`, `&mut Bytes` or `&mut JsonText`. Options: `columns` for
/// the column form ([`kernel`]), `name = "…"` for another name in pipeline files, `like =
/// parameter` when the result keeps the facts of an argument (longest length, collation). See the
/// crate for parameters.
pub use rowmill_sdk_macros::scalar;
/// Makes a table function of a function: any number of result rows for each row.
///
/// Pushes to a parameter [`&mut Rows<_>`](Rows), or returns `impl Iterator<Item = _>`, `Vec<_>`,
/// `Option<_>` or a `Result` of these. `results(a, b)` names the result columns. A row with a NULL
/// argument that is no `Option` has no result rows; a refused row neither.
pub use rowmill_sdk_macros::table;
pub use rows::{Fits, Rows, Shape};
pub use temporal::{Date, Datetime, ParseTemporalError, Time, Timestamp};
pub use wide::I256;
pub use wide_decimal::WideDecimal;
pub use writer::{Bytes, JsonText, Text};

#[doc(hidden)]
pub use export::glue as __glue;

pub use serde;
pub use serde_json;
