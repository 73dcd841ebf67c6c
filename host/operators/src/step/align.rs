//! A branch of a union is brought to the columns that all branches have.
//!
//! Columns are found by their names when the union is bound; here they only move, are widened to the type that holds
//! the values of every branch, and get the tags that say which branch a row is of.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use arrow_schema::SchemaRef;

use super::Frame;
use crate::error::Error;

/// How the columns of a union come about in one of its branches.
pub struct Align {
    /// For each column of the union.
    pub columns: Vec<Aligned>,
}

/// Where a column of a union comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aligned {
    /// A column of the branch; its type is widened if the union's is wider.
    Column(usize),
    /// The same text in every row.
    Tag(String),
}

impl Align {
    pub(crate) fn run(&self, frame: Frame, output: &SchemaRef) -> Result<Frame, Error> {
        let column = |(column, field): (&Aligned, &arrow_schema::FieldRef)| match column {
            Aligned::Column(column) if frame.columns[*column].data_type() == field.data_type() => {
                Ok(Arc::clone(&frame.columns[*column]))
            }
            Aligned::Column(column) => Ok(arrow_cast::cast(&frame.columns[*column], field.data_type())?),
            Aligned::Tag(tag) => Ok(Arc::new(StringArray::from(vec![tag.as_str(); frame.rows])) as ArrayRef),
        };
        let columns = self.columns.iter().zip(output.fields()).map(column).collect::<Result<_, Error>>()?;
        Ok(Frame { columns, ..frame })
    }
}
