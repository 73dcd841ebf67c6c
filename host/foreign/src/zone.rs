//! The time zone of columns that hold instants.

/// The time zone of an Arrow column whose values are instants: a TIMESTAMP's.
///
/// It is an offset because Arrow's kernels resolve it: to cast to it, to print and to parse. A name, `UTC`
/// too, they look up in a time zone database, which is not built in, and fail on the first row.
pub const UTC: &str = "+00:00";
