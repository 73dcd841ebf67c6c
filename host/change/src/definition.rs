//! What binding needs to know of a table. The catalog of a source knows more.

use arrow_schema::SchemaRef;

use crate::TableName;

/// A table as a source defines it.
pub trait Definition: Sync {
    /// Its name.
    fn name(&self) -> &TableName;

    /// The columns of its rows, with their facts as metadata.
    fn schema(&self) -> SchemaRef;

    /// The columns by which the source tells its rows apart, in key order; none if nothing does.
    fn row_key(&self) -> Option<Vec<usize>>;

    /// Every set of columns of which no two rows have the same values. Columns that can be NULL make none.
    fn unique_keys(&self) -> Vec<Vec<usize>>;
}
