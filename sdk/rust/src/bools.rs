//! Columns of booleans, with SQL's three-valued logic.

use crate::bitmap::{Bitmap, both};
use crate::column::{IntoColumn, View, close_validity, open_validity};
use crate::contract::{Column, DataType};
use std::ops::{BitAnd, BitOr, Not};

/// A column of booleans. `&`, `|` and `!` follow SQL: `false AND NULL` is false, `true OR NULL`
/// is true, other combinations with NULL are NULL.
///
/// ```
/// use rowmill_sdk::column::Bools;
///
/// let yes_no_null: Bools = [Some(true), Some(false), None].into_iter().collect();
/// let nulls: Bools = [None; 3].into_iter().collect();
/// assert_eq!((&yes_no_null & &nulls).iter().collect::<Vec<_>>(), [None, Some(false), None]);
/// assert_eq!((&yes_no_null | &nulls).iter().collect::<Vec<_>>(), [Some(true), None, None]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bools {
    values: Bitmap,
    validity: Option<Bitmap>,
}

impl Bools {
    /// A column over bits; `validity`, if there is one, has as many.
    ///
    /// # Panics
    /// When the two differ in length.
    pub fn new(values: Bitmap, validity: Option<Bitmap>) -> Self {
        let rows = validity.as_ref().map_or(values.rows(), Bitmap::rows);
        assert_eq!(rows, values.rows(), "a validity needs one bit per row");
        Self { values, validity }
    }

    /// Which rows are valid.
    pub(crate) fn valid_rows(rows: usize, validity: Option<&Bitmap>) -> Self {
        Self { values: validity.cloned().unwrap_or_else(|| Bitmap::all(rows, true)), validity: None }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.values.rows()
    }

    /// The value in a row; of a NULL row, whatever lies there.
    #[inline]
    pub fn value(&self, row: usize) -> bool {
        self.values.get(row)
    }

    /// The value in a row, `None` for NULL.
    #[inline]
    pub fn get(&self, row: usize) -> Option<bool> {
        self.validity.as_ref().is_none_or(|bits| bits.get(row)).then(|| self.value(row))
    }

    /// All rows, `None` for NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<bool>> + '_ {
        (0..self.rows()).map(|row| self.get(row))
    }

    /// Which rows have a value; `None` = all.
    pub fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }

    /// Rows that are true, and not NULL.
    fn yes(&self) -> Bitmap {
        match &self.validity {
            None => self.values.clone(),
            Some(valid) => self.values.and(valid),
        }
    }

    /// Rows that are false, and not NULL.
    fn no(&self) -> Bitmap {
        match &self.validity {
            None => self.values.not(),
            Some(valid) => valid.zip(&self.values, |valid, value| valid & !value),
        }
    }
}

impl FromIterator<Option<bool>> for Bools {
    fn from_iter<I: IntoIterator<Item = Option<bool>>>(rows: I) -> Self {
        let (mut values, mut validity) = (Bitmap::all(0, true), Bitmap::all(0, true));
        for row in rows {
            values.push(row.unwrap_or(false));
            validity.push(row.is_some());
        }
        Self { values, validity: (!validity.is_full()).then_some(validity) }
    }
}

impl BitAnd for &Bools {
    type Output = Bools;
    fn bitand(self, other: Self) -> Bools {
        if self.validity.is_none() && other.validity.is_none() {
            return Bools { values: self.values.and(&other.values), validity: None };
        }
        let (yes, no) = (self.yes().and(&other.yes()), self.no().or(&other.no()));
        let validity = Some(yes.or(&no));
        Bools { values: yes, validity }
    }
}

impl BitOr for &Bools {
    type Output = Bools;
    fn bitor(self, other: Self) -> Bools {
        !(&!self & &!other)
    }
}

impl Not for &Bools {
    type Output = Bools;
    fn not(self) -> Bools {
        Bools { values: self.values.not(), validity: self.validity.clone() }
    }
}

impl BitAnd for Bools {
    type Output = Bools;
    fn bitand(self, other: Self) -> Bools {
        &self & &other
    }
}

impl BitOr for Bools {
    type Output = Bools;
    fn bitor(self, other: Self) -> Bools {
        &self | &other
    }
}

impl Not for Bools {
    type Output = Bools;
    fn not(self) -> Bools {
        !&self
    }
}

impl View for Bools {
    fn accepts() -> Vec<DataType> {
        vec![DataType::Boolean]
    }

    fn open(column: Column, rows: usize, _: DataType) -> Result<Self, String> {
        let length = column.values.len();
        let values = Bitmap::from_bytes(column.values, rows)
            .ok_or_else(|| format!("a boolean column of {length} bytes does not hold {rows} rows"))?;
        Ok(Self { values, validity: open_validity(column.validity, rows)? })
    }

    #[inline]
    fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }
}

impl IntoColumn for Bools {
    fn data_type() -> DataType {
        DataType::Boolean
    }

    fn rows(&self) -> usize {
        self.values.rows()
    }

    fn into_column(self) -> Column {
        Column { validity: close_validity(self.validity), offsets: None, values: self.values.into_bytes() }
    }
}

/// The rows valid in both columns.
pub(crate) fn both_valid(left: &impl View, right: &impl View) -> Option<Bitmap> {
    both(left.validity(), right.validity())
}
