//! Typed columns: a [`Column`]'s bytes seen as values.
//!
//! They are what functions of the column form take and return, and what the row form reads.
//! [`Values`] holds types of a fixed width, [`Bools`] bits, [`Texts`] and [`Blobs`] values of any
//! length. [`crate::kernel`] has the loops over them.
//!
//! Reading is unaligned everywhere, because the contract promises no alignment; on the targets
//! that matter (Wasm, x86, ARM) that costs nothing.

use crate::bitmap::Bitmap;
use crate::contract::{Column, DataType};
use crate::fixed::Fixed;
use std::marker::PhantomData;

pub use crate::bools::Bools;
pub use crate::texts::{Blobs, JsonTexts, Texts};

/// A typed column that a batch column can be opened as.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a column type",
    label = "not a column type",
    note = "allowed as `&…`: Bools, I8s to I64s, U8s to U64s, F32s, F64s, Decimals<P, S>, WideDecimals<P, S>, Texts, JsonTexts, Blobs, Dates, Times, Datetimes, Timestamps"
)]
pub trait View: Sized + 'static {
    /// The accepted types, in order of preference.
    fn accepts() -> Vec<DataType>;

    /// Opens a column of `rows` rows. `data_type` is one of the accepted types. An error says
    /// which buffer is wrong; the host never sends such a column.
    fn open(column: Column, rows: usize, data_type: DataType) -> Result<Self, String>;

    /// Which rows have a value; `None` = all.
    fn validity(&self) -> Option<&Bitmap>;

    /// The length of all texts together: a hint at how much a result needs.
    #[doc(hidden)]
    fn text_len(&self) -> usize {
        0
    }
}

/// A typed column that a function can return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a result column",
    label = "not a column type",
    note = "allowed: Bools, I8s to I64s, U8s to U64s, F32s, F64s, Decimals<P, S>, WideDecimals<P, S>, Texts, JsonTexts, Blobs, Dates, Times, Datetimes, Timestamps"
)]
pub trait IntoColumn {
    /// The type of the result.
    fn data_type() -> DataType;
    /// How many rows there are.
    fn rows(&self) -> usize;
    /// The buffers.
    fn into_column(self) -> Column;
}

/// Checks and takes over a validity buffer. A bitmap without a NULL is dropped.
pub(crate) fn open_validity(bytes: Option<Vec<u8>>, rows: usize) -> Result<Option<Bitmap>, String> {
    let Some(bytes) = bytes else { return Ok(None) };
    let length = bytes.len();
    let bitmap = Bitmap::from_bytes(bytes, rows)
        .ok_or_else(|| format!("a validity bitmap of {length} bytes does not fit {rows} rows"))?;
    Ok((!bitmap.is_full()).then_some(bitmap))
}

/// The buffer of a validity, left out when all rows are valid.
pub(crate) fn close_validity(validity: Option<Bitmap>) -> Option<Vec<u8>> {
    validity.filter(|bits| !bits.is_full()).map(Bitmap::into_bytes)
}

/// A column of values of a fixed width; see the aliases [`F64s`], [`I64s`] and so on.
///
/// Invariant: `bytes` holds exactly `rows * T::WIDTH` bytes, and a validity has `rows` bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values<T> {
    bytes: Vec<u8>,
    rows: usize,
    validity: Option<Bitmap>,
    values: PhantomData<T>,
}

impl<T: Fixed> Values<T> {
    /// A column from its values, none of them NULL.
    pub fn from_values(values: impl IntoIterator<Item = T>) -> Self {
        let values = values.into_iter();
        let mut bytes = Vec::with_capacity(values.size_hint().0 * T::WIDTH);
        let mut rows = 0;
        for value in values {
            value.append(&mut bytes);
            rows += 1;
        }
        Self { bytes, rows, validity: None, values: PhantomData }
    }

    /// A column over a buffer, which holds `rows` values.
    pub(crate) fn from_parts(bytes: Vec<u8>, rows: usize, validity: Option<Bitmap>) -> Self {
        debug_assert_eq!(bytes.len(), rows * T::WIDTH);
        Self { bytes, rows, validity, values: PhantomData }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The value in a row; of a NULL row, whatever lies there.
    ///
    /// # Panics
    /// Past the last row.
    #[inline(always)]
    pub fn value(&self, row: usize) -> T {
        T::read_at(&self.bytes, row)
    }

    /// The value in a row, `None` for NULL.
    ///
    /// # Panics
    /// Past the last row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T> {
        let value = self.value(row);
        self.validity.as_ref().is_none_or(|bits| bits.get(row)).then_some(value)
    }

    /// All rows, `None` for NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<T>> + '_ {
        (0..self.rows).map(|row| self.get(row))
    }

    /// The values' bytes, little-endian, at any alignment.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Which rows have a value; `None` = all.
    pub fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }

    /// The same values with other NULLs; `validity` has a bit for each row.
    ///
    /// # Panics
    /// When the bitmap has another number of rows.
    #[must_use]
    pub fn with_validity(mut self, validity: Option<Bitmap>) -> Self {
        let rows = validity.as_ref().map_or(self.rows, Bitmap::rows);
        assert_eq!(rows, self.rows, "a validity needs one bit per row");
        self.validity = validity;
        self
    }

    /// Which rows have a value, as a column.
    pub fn is_not_null(&self) -> Bools {
        Bools::valid_rows(self.rows, self.validity.as_ref())
    }

    /// Which rows are NULL, as a column.
    pub fn is_null(&self) -> Bools {
        !self.is_not_null()
    }
}

impl<T: Fixed> FromIterator<Option<T>> for Values<T> {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(rows: I) -> Self {
        let mut validity = Bitmap::all(0, true);
        let mut column = Self::from_values(rows.into_iter().map(|value| {
            validity.push(value.is_some());
            value.unwrap_or_default()
        }));
        column.validity = (!validity.is_full()).then_some(validity);
        column
    }
}

impl<T: Fixed> View for Values<T> {
    fn accepts() -> Vec<DataType> {
        vec![T::DATA_TYPE]
    }

    fn open(column: Column, rows: usize, _: DataType) -> Result<Self, String> {
        if column.values.len() != rows * T::WIDTH {
            return Err(format!(
                "a {} column of {} bytes does not hold {rows} rows",
                T::DATA_TYPE,
                column.values.len()
            ));
        }
        let validity = open_validity(column.validity, rows)?;
        Ok(Self { bytes: column.values, rows, validity, values: PhantomData })
    }

    #[inline]
    fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }
}

impl<T: Fixed> IntoColumn for Values<T> {
    fn data_type() -> DataType {
        T::DATA_TYPE
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn into_column(self) -> Column {
        Column { validity: close_validity(self.validity), offsets: None, values: self.bytes }
    }
}

/// Declares the aliases of [`Values`].
macro_rules! aliases {
    ($($alias:ident = $type:ty;)*) => { $(
        #[doc = concat!("A column of `", stringify!($type), "`.")]
        pub type $alias = Values<$type>;
    )* };
}

aliases! {
    I8s = i8;
    I16s = i16;
    I32s = i32;
    I64s = i64;
    U8s = u8;
    U16s = u16;
    U32s = u32;
    U64s = u64;
    F32s = f32;
    F64s = f64;
    Dates = crate::Date;
    Times = crate::Time;
    Datetimes = crate::Datetime;
    Timestamps = crate::Timestamp;
}

/// A column of `Decimal<P, S>`.
pub type Decimals<const P: u8, const S: u8> = Values<crate::Decimal<P, S>>;
/// A column of `WideDecimal<P, S>`.
pub type WideDecimals<const P: u8, const S: u8> = Values<crate::WideDecimal<P, S>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_of_wrong_lengths_are_refused() {
        let short = Column { values: vec![0; 15], ..Column::default() };
        assert!(F64s::open(short, 2, DataType::Float64).is_err());
        let bits = Column { values: vec![0; 16], validity: Some(vec![1, 1]), ..Column::default() };
        assert!(F64s::open(bits, 2, DataType::Float64).is_err());
    }

    #[test]
    fn nulls_survive_the_way_out_and_back() {
        let column: I64s = [Some(1), None, Some(-3)].into_iter().collect();
        let back = I64s::open(column.clone().into_column(), 3, DataType::Int64).unwrap();
        assert_eq!(back.iter().collect::<Vec<_>>(), [Some(1), None, Some(-3)]);
        assert_eq!(back, column);
        assert_eq!(I64s::from_values([1]).into_column().validity, None);
    }
}
