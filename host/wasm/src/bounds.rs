//! How much a component may answer, beside the bytes that [`Limits`](crate::Limits) allow for one crossing
//! into the host.
//!
//! An answer costs the host more than its bytes: an empty record of a list has a few bytes in the guest,
//! and here vectors, texts and what is built from them. So there are two stages, both before anything
//! is made of an answer:
//!
//! 1. While it is copied out of the guest, each element of a list is charged by its size in the host.
//!    What describes a function is allowed far less than a batch of results ([`DESCRIBE_BYTES`],
//!    [`BIND_BYTES`]).
//! 2. Then it is counted against the numbers below. Checks are linear in the answer and stop at the
//!    first thing that is wrong.
//!
//! The numbers are far beyond what people write, and low enough that all of them at once are no load.

/// Bytes that `describe` may hand over: 256 functions with all the docs and parameters that they may have.
pub(crate) const DESCRIBE_BYTES: usize = 32 << 20;

/// Bytes that `bind` and `signature` may hand over: 4,096 fields with room for their attributes.
pub(crate) const BIND_BYTES: usize = 16 << 20;

/// Functions of a component.
pub(crate) const FUNCTIONS_MAX: usize = 256;
/// Characters of a function's name: those of an identifier in MySQL.
pub(crate) const FUNCTION_NAME_MAX: usize = 64;
/// Parameters of a function.
pub(crate) const PARAMETERS_MAX: usize = 256;
/// Types that a parameter lists; the contract has 18 beside the decimals.
pub(crate) const ACCEPTS_MAX: usize = 64;
/// Types that all parameters of a component list together: each becomes a text. 64 for each of 256 functions,
/// where the limits above would allow 256 times as many.
pub(crate) const ACCEPTS_SUM_MAX: usize = 16_384;
/// Configuration keys of a function.
pub(crate) const CONFIG_KEYS_MAX: usize = 256;
/// Bytes of the name of a parameter or configuration key, and of a component's version.
pub(crate) const NAME_BYTES_MAX: usize = 256;
/// Bytes of docs: of a component, and of a function with its results, parameters and keys together.
pub(crate) const DOCS_BYTES_MAX: usize = 64 << 10;

/// Fields of results or of a state: MySQL's columns of a table (4,096; InnoDB: 1,017).
pub(crate) const FIELDS_MAX: usize = 4096;
/// Attributes of a field. MySQL's facts about a column are eight.
pub(crate) const ATTRIBUTES_MAX: usize = 64;
/// Bytes of a field's attributes together: the labels of the largest ENUM that a server takes fit.
pub(crate) const ATTRIBUTE_BYTES_MAX: usize = 1 << 20;
/// Migrations of an aggregate: pairs of versions, one of which is its own.
pub(crate) const MIGRATIONS_MAX: usize = 256;

/// Counters of a function, over all its calls. Each is a series in the metrics.
pub(crate) const COUNTERS_MAX: usize = 64;

/// Checks a count; the error is the end of a sentence: "5000 results, needed at most 4096".
pub(crate) fn ensure_count(found: usize, max: usize, what: &str) -> Result<(), String> {
    if found > max { Err(format!("{found} {what}, needed at most {max}")) } else { Ok(()) }
}

/// Checks a size in the same way.
pub(crate) fn ensure_bytes(found: usize, max: usize, what: &str) -> Result<(), String> {
    if found > max { Err(format!("{what} of {found} bytes, needed at most {max}")) } else { Ok(()) }
}
