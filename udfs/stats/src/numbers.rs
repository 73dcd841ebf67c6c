//! Columns of numbers as the functions read them.

use rowmill_sdk::bitmap::Bitmap;
use rowmill_sdk::column::{Values, View};
use rowmill_sdk::{Batch, Column, DataType, Fixed};

use crate::groups::Rows;

/// A column of values of one width.
pub(crate) struct Numbers<T>(Values<T>);

impl<T: Fixed> Numbers<T> {
    /// The only column of a batch. Booleans are opened as `u8`.
    pub(crate) fn open(batch: Batch, data_type: DataType) -> Result<Self, String> {
        let rows = batch.rows as usize;
        let mut column = only(batch)?;
        if data_type == DataType::Boolean {
            let bits = Bitmap::from_bytes(column.values, rows).ok_or("a boolean column does not fit its rows")?;
            column = Column { values: (0..rows).map(|row| u8::from(bits.get(row))).collect(), ..column };
        }
        Values::open(column, rows, T::DATA_TYPE).map(Self)
    }
}

impl<T: Fixed> Rows for Numbers<T> {
    type Value<'a> = T;

    fn validity(&self) -> Option<&Bitmap> {
        self.0.validity()
    }

    #[inline(always)]
    fn value(&self, row: usize) -> T {
        self.0.value(row)
    }

    #[inline(always)]
    fn block(&self, block: usize) -> [T; 8] {
        // One check of the length for all eight.
        let bytes = &self.0.as_bytes()[block * 8 * T::WIDTH..][..8 * T::WIDTH];
        std::array::from_fn(|row| T::read_at(bytes, row))
    }
}

/// The column of a batch that has one.
pub(crate) fn only(batch: Batch) -> Result<Column, String> {
    let found = batch.columns.len();
    let mut columns = batch.columns.into_iter();
    match (columns.next(), columns.next()) {
        (Some(column), None) => Ok(column),
        _ => Err(format!("the batch has {found} columns; needed 1")),
    }
}
