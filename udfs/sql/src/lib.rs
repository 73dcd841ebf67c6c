//! The built-in component `std/sql`: expressions in MySQL's language over the columns of a row.
//!
//! `filter` keeps the rows for which the text under `where` is true; `map` computes one result per configuration key.
//! A text is parsed (`parse`), bound to the offered columns, which decides every type and finds every mistake with
//! its place in the text (`bind`), and evaluated over Arrow arrays (`eval`, `functions`). Only the columns that
//! the texts name are read. Literals stay single values; what consists of literals alone is computed at binding.
//!
//! # What follows MySQL
//!
//! Precedence; three-valued logic with short circuits (an error in a branch or side that a row doesn't need is no
//! error); integer arithmetic in BIGINT and BIGINT UNSIGNED, exact decimals with MySQL's precision and scale, each
//! quotient rounded; division by zero is NULL; texts as numbers by their prefix; dates as texts (`convert::read`) and
//! numbers; literals of bytes as numbers among numbers; what two sides are compared as (`bind::compare`, `bind::sets`);
//! comparison by collation (see `collation` for its extent); CAST, which never fails but gives 0, NULL or
//! the nearest value. Sessions are those of rowmill: UTC, strict, `utf8mb4`; `||` is OR.
//!
//! # Errors of rows
//!
//! Code 22003: a number out of range (integer and decimal arithmetic, doubles that are not finite). Nothing else.
//!
//! # What differs from MySQL
//!
//! - A literal beside a TIME column must be a time; MySQL compares texts if it is none.
//! - A YEAR is an integer. Beside a date, or beside a constant that is no year of four digits, it is refused; and so is a
//!   number with an odd fraction beside a date, BETWEEN of a date with a number and another date as bounds, and a literal
//!   of bytes beside a column whose character set says what other letters they are.
//! - A number and a literal of bytes as results of one CASE or IF, and the bits of binary strings, are refused.
//! - IN, BETWEEN and CASE compare integers of both signs, and quoted ones above 9223372036854775807, by their values; MySQL
//!   takes -1 for 18446744073709551615 in some of these.
//! - A moment that its offset moves out of the years 0 to 9999 is NULL, and so is one with an offset before 1901.
//! - NOW, RAND, UUID, USER and the like are refused: functions are pure. For the same reason a TIME is never made a
//!   date.
//! - `DATE_ADD` of a text gives a DATE or DATETIME, not a text; a text that is no literal counts as DATETIME(6).
//! - A predicate's result is a boolean (shown as 0 and 1), bare columns keep their types, other integers are BIGINT.
//! - ENUM and SET are texts by their labels everywhere, also in arithmetic.
//! - The result type of mixed arguments (CASE, COALESCE, …) is wide enough for all, but may have more digits than
//!   MySQL's.
//! - CAST to FLOAT rounds to single precision but stays a double. No CAST to JSON or YEAR, no JSON functions, no REGEXP,
//!   no MD5 and SHA, no compound interval units such as DAY_HOUR.
//! - Zero dates (`0000-00-00`, `2024-00-10`) are NULL.
//!
//! Where MariaDB differs from MySQL is in `varies`.
#![allow(clippy::mod_module_files, reason = "file names are in the bytes, whose digest plans are known by")]
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
mod varies;

pub use component::{Filter, Map};
pub use error::{BindError, Span};
pub use program::{Computed, Program, Varies};
pub use value::{Failure, RowError};
pub use varies::Kind;

rowmill_sdk::export!(Filter, Map);
