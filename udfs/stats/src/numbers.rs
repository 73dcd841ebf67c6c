//! Columns of numbers as the functions read them.

use rowmill_sdk::bitmap::Bitmap;
use rowmill_sdk::column::{Values, View};
use rowmill_sdk::{Batch, Column, DataType, Fixed, FlaggedRow, RowError};

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

    /// The same rows but those that `refuse` has an error for, which is pushed.
    pub(crate) fn refuse(self, errors: &mut Vec<FlaggedRow>, refuse: impl Fn(T) -> Option<RowError>) -> Self {
        let mut valid = self.0.validity().cloned().unwrap_or_else(|| Bitmap::all(self.0.rows(), true));
        for row in 0..self.0.rows() {
            if valid.get(row)
                && let Some(error) = refuse(self.0.value(row))
            {
                valid.set(row, false);
                let (code, message) = (error.code.into_owned(), error.message.into_owned());
                // A batch counts its rows in 32 bits.
                errors.push(FlaggedRow { row: row as u32, code, message });
            }
        }
        Self(self.0.with_validity((!valid.is_full()).then_some(valid)))
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
