//! Columns of texts and bytes: offsets into one buffer.
//!
//! # Why the texts are UTF-8
//!
//! The host sends valid UTF-8 and rising offsets on character boundaries (`wit/`, record
//! `column`). Natively, where a test may build any column, [`Texts::open`] checks that; in a
//! component it relies on the host, because the check costs a tenth of a typical text function,
//! and a host that broke the contract could only harm the component's own memory.

use crate::bitmap::Bitmap;
use crate::column::{Bools, IntoColumn, View, close_validity, open_validity};
use crate::contract::{Column, DataType};
use crate::writer::{Bytes, Text, Writer};

/// A column of byte strings.
///
/// Invariant: `offsets` holds `rows + 1` little-endian `i32`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blobs {
    offsets: Vec<u8>,
    bytes: Vec<u8>,
    rows: usize,
    validity: Option<Bitmap>,
}

impl Blobs {
    pub(crate) fn from_parts(offsets: Vec<u8>, bytes: Vec<u8>, validity: Option<Bitmap>) -> Self {
        let rows = (offsets.len() / 4).saturating_sub(1);
        Self { offsets, bytes, rows, validity }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    #[inline(always)]
    fn offset(&self, row: usize) -> usize {
        let mut offset = [0; 4];
        offset.copy_from_slice(&self.offsets[row * 4..][..4]);
        u32::from_le_bytes(offset) as usize
    }

    /// The bytes in a row; empty for NULL rows (as a rule).
    ///
    /// # Panics
    /// Past the last row.
    #[inline(always)]
    pub fn value(&self, row: usize) -> &[u8] {
        self.bytes.get(self.offset(row)..self.offset(row + 1)).unwrap_or_default()
    }

    /// The bytes in a row, `None` for NULL.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let valid = self.validity.as_ref().is_none_or(|bits| bits.get(row));
        valid.then(|| self.value(row))
    }

    /// All rows, `None` for NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> + '_ {
        (0..self.rows).map(|row| self.get(row))
    }

    /// The length of all values together.
    pub fn total_len(&self) -> usize {
        self.bytes.len()
    }

    /// Which rows have a value; `None` = all.
    pub fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }

    /// Which rows have a value, as a column.
    pub fn is_not_null(&self) -> Bools {
        Bools::valid_rows(self.rows, self.validity.as_ref())
    }

    fn open_parts(column: Column, rows: usize) -> Result<Self, String> {
        let offsets = column.offsets.ok_or("a column of texts or bytes has no offsets")?;
        if offsets.len() != (rows + 1) * 4 {
            return Err(format!("{} bytes of offsets do not fit {rows} rows", offsets.len()));
        }
        let validity = open_validity(column.validity, rows)?;
        Ok(Self { offsets, bytes: column.values, rows, validity })
    }
}

/// A column of what `push` writes for each row that has a value.
fn written<W: Writer, T>(rows: impl IntoIterator<Item = Option<T>>, push: impl Fn(&mut W, T)) -> W::Column {
    let (mut out, mut validity) = (W::with_capacity(0, 0), Bitmap::all(0, true));
    for row in rows {
        validity.push(row.is_some());
        if let Some(row) = row {
            push(&mut out, row);
        }
        out.end_row();
    }
    out.finish((!validity.is_full()).then_some(validity))
}

impl<T: AsRef<[u8]>> FromIterator<Option<T>> for Blobs {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(rows: I) -> Self {
        written(rows, |out: &mut Bytes, row: T| out.push(row.as_ref()))
    }
}

impl View for Blobs {
    fn accepts() -> Vec<DataType> {
        vec![DataType::Binary, DataType::Utf8, DataType::Json]
    }

    fn open(column: Column, rows: usize, _: DataType) -> Result<Self, String> {
        Self::open_parts(column, rows)
    }

    #[inline]
    fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }

    fn text_len(&self) -> usize {
        self.total_len()
    }
}

impl IntoColumn for Blobs {
    fn data_type() -> DataType {
        DataType::Binary
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn into_column(self) -> Column {
        Column { validity: close_validity(self.validity), offsets: Some(self.offsets), values: self.bytes }
    }
}

/// A column of texts.
///
/// Invariant: every value of `blobs` is UTF-8 (see the module).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    blobs: Blobs,
}

impl Texts {
    /// Every value must be UTF-8.
    pub(crate) fn from_blobs(blobs: Blobs) -> Self {
        Self { blobs }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.blobs.rows
    }

    /// The text in a row; empty for NULL rows (as a rule).
    ///
    /// # Panics
    /// Past the last row.
    #[inline(always)]
    pub fn value(&self, row: usize) -> &str {
        // SAFETY: by the invariant of `Texts` every value is UTF-8.
        #[allow(unsafe_code)]
        unsafe {
            std::str::from_utf8_unchecked(self.blobs.value(row))
        }
    }

    /// The text in a row, `None` for NULL.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&str> {
        let valid = self.validity().is_none_or(|bits| bits.get(row));
        valid.then(|| self.value(row))
    }

    /// All rows, `None` for NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> + '_ {
        (0..self.rows()).map(|row| self.get(row))
    }

    /// The length of all values together, in bytes.
    pub fn total_len(&self) -> usize {
        self.blobs.total_len()
    }

    /// Which rows have a value; `None` = all.
    pub fn validity(&self) -> Option<&Bitmap> {
        self.blobs.validity()
    }

    /// Which rows have a value, as a column.
    pub fn is_not_null(&self) -> Bools {
        self.blobs.is_not_null()
    }
}

/// ```
/// use rowmill_sdk::column::Texts;
///
/// let texts: Texts = [Some("a"), None].into_iter().collect();
/// assert_eq!(texts.iter().collect::<Vec<_>>(), [Some("a"), None]);
/// ```
impl<T: AsRef<str>> FromIterator<Option<T>> for Texts {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(rows: I) -> Self {
        written(rows, |out: &mut Text, row: T| out.push_str(row.as_ref()))
    }
}

impl View for Texts {
    fn accepts() -> Vec<DataType> {
        vec![DataType::Utf8, DataType::Json]
    }

    fn open(column: Column, rows: usize, _: DataType) -> Result<Self, String> {
        let blobs = Blobs::open_parts(column, rows)?;
        if !cfg!(target_family = "wasm") {
            for row in 0..rows {
                if std::str::from_utf8(blobs.value(row)).is_err() {
                    return Err(format!("the text in row {row} is not UTF-8"));
                }
            }
        }
        Ok(Self { blobs })
    }

    #[inline]
    fn validity(&self) -> Option<&Bitmap> {
        self.blobs.validity.as_ref()
    }

    fn text_len(&self) -> usize {
        self.total_len()
    }
}

impl IntoColumn for Texts {
    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn rows(&self) -> usize {
        self.blobs.rows
    }

    fn into_column(self) -> Column {
        self.blobs.into_column()
    }
}

/// A column of JSON documents, as texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonTexts(pub Texts);

impl View for JsonTexts {
    fn accepts() -> Vec<DataType> {
        vec![DataType::Json]
    }

    fn open(column: Column, rows: usize, data_type: DataType) -> Result<Self, String> {
        Texts::open(column, rows, data_type).map(Self)
    }

    #[inline]
    fn validity(&self) -> Option<&Bitmap> {
        self.0.validity()
    }
}

impl IntoColumn for JsonTexts {
    fn data_type() -> DataType {
        DataType::Json
    }

    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn into_column(self) -> Column {
        self.0.into_column()
    }
}
