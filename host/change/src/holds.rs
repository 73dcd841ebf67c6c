//! Which values the columns of a target hold, for those who can still do something about a row.

use std::ops::RangeInclusive;

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;

/// A value that its column does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unholdable {
    /// The row of the array.
    pub row: usize,
    /// Why, as the end of a sentence that begins with the value: "is NaN, which MySQL cannot store".
    pub reason: String,
}

/// Which values the columns of one target hold.
pub trait Holds: Send + Sync {
    /// The values of `array` that column `column` of the target's schema does not hold, in order. The array has the
    /// type of that column's field; another one is an error.
    fn unholdable(&self, column: usize, array: &ArrayRef) -> Result<Vec<Unholdable>, ArrowError>;

    /// The first and the last microsecond that a column holds, if it is one of dates with times.
    fn times(&self, column: usize) -> Option<RangeInclusive<i64>>;

    /// The name of a column in the target.
    fn name(&self, column: usize) -> Option<&str>;
}
