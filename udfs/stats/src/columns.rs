//! Columns of any type: read by row, written one value after the other.
//!
//! For results and states, where a value is touched once per group. Rows are read through the
//! SDK's typed columns.

use rowmill_sdk::bitmap::Bitmap;
use rowmill_sdk::{Column, DataType};

/// A column in the making.
#[derive(Debug)]
pub(crate) struct Writer {
    data_type: DataType,
    validity: Bitmap,
    offsets: Vec<u8>,
    values: Vec<u8>,
    bits: Bitmap,
}

impl Writer {
    pub(crate) fn new(data_type: DataType) -> Self {
        let offsets = if data_type.has_offsets() { vec![0; 4] } else { Vec::new() };
        let none = Bitmap::all(0, true);
        Self { data_type, validity: none.clone(), offsets, values: Vec::new(), bits: none }
    }

    /// Appends a value as the column has it: as many bytes as the type takes, or any number.
    pub(crate) fn push(&mut self, value: &[u8]) {
        debug_assert!(self.data_type.width().is_none_or(|width| width == value.len()), "{}", self.data_type);
        self.values.extend_from_slice(value);
        self.end(true);
    }

    /// Appends a value of any length that `write` appends to the column's bytes.
    pub(crate) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.values);
        self.end(true);
    }

    pub(crate) fn push_bool(&mut self, value: bool) {
        self.bits.push(value);
        self.validity.push(true);
    }

    pub(crate) fn push_i64(&mut self, value: i64) {
        self.push(&value.to_le_bytes());
    }

    /// Appends NULL, laid out as any value is.
    pub(crate) fn push_null(&mut self) {
        match self.data_type {
            DataType::Boolean => self.bits.push(false),
            // Ignored, but never a document that is none.
            DataType::Json => self.values.extend_from_slice(b"null"),
            other => self.values.resize(self.values.len() + other.width().unwrap_or(0), 0),
        }
        self.end(false);
    }

    fn end(&mut self, valid: bool) {
        self.validity.push(valid);
        if self.data_type.has_offsets() {
            // A column beyond 2 GiB is refused by the host, long before one beyond 4.
            self.offsets.extend_from_slice(&(self.values.len() as u32).to_le_bytes());
        }
    }

    pub(crate) fn finish(self) -> Column {
        Column {
            validity: (!self.validity.is_full()).then(|| self.validity.into_bytes()),
            offsets: self.data_type.has_offsets().then_some(self.offsets),
            values: if self.data_type == DataType::Boolean { self.bits.into_bytes() } else { self.values },
        }
    }
}

/// A column to read.
#[derive(Debug)]
pub(crate) struct Reader {
    column: Column,
    width: usize,
}

impl Reader {
    /// Checks that the buffers are those of a column with `rows` rows.
    pub(crate) fn open(column: Column, data_type: DataType, rows: usize) -> Result<Self, String> {
        let width = data_type.width().unwrap_or(0);
        let values = match (&column.offsets, data_type) {
            (Some(offsets), _) if data_type.has_offsets() && offsets.len() == (rows + 1) * 4 => column.values.len(),
            (None, DataType::Boolean) => rows.div_ceil(8),
            (None, _) if !data_type.has_offsets() => rows * width,
            _ => return Err(format!("the offsets of a {data_type} column do not fit {rows} rows")),
        };
        let validity = column.validity.as_ref().is_none_or(|bits| bits.len() == rows.div_ceil(8));
        if column.values.len() != values || !validity {
            return Err(format!("a {data_type} column does not fit {rows} rows"));
        }
        Ok(Self { column, width })
    }

    /// Which rows have a value; `None` = all.
    pub(crate) fn validity(&self, rows: usize) -> Option<Bitmap> {
        let bitmap = Bitmap::from_bytes(self.column.validity.clone()?, rows)?;
        (!bitmap.is_full()).then_some(bitmap)
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.column.validity.as_ref().is_some_and(|bits| bits.get(row / 8).is_none_or(|b| b >> (row % 8) & 1 == 0))
    }

    /// The bytes of a value; of a boolean, none.
    #[inline]
    pub(crate) fn bytes(&self, row: usize) -> &[u8] {
        let range = match &self.column.offsets {
            Some(offsets) => {
                let offset = |row: usize| {
                    let bytes = offsets.as_chunks::<4>().0.get(row);
                    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
                };
                offset(row)..offset(row + 1)
            }
            None => row * self.width..(row + 1) * self.width,
        };
        self.column.values.get(range).unwrap_or_default()
    }

    pub(crate) fn bool(&self, row: usize) -> bool {
        self.column.values.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }

    /// The value as an integer of `N` bytes.
    #[inline]
    pub(crate) fn array<const N: usize>(&self, row: usize) -> [u8; N] {
        let mut array = [0; N];
        let bytes = self.bytes(row);
        let length = bytes.len().min(N);
        array[..length].copy_from_slice(&bytes[..length]);
        array
    }

    pub(crate) fn i64(&self, row: usize) -> i64 {
        i64::from_le_bytes(self.array(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut texts = Writer::new(DataType::Utf8);
        texts.push(b"one");
        texts.push_null();
        texts.push_with(|out| out.extend_from_slice(b"three"));
        let texts = Reader::open(texts.finish(), DataType::Utf8, 3).unwrap();
        assert_eq!((texts.bytes(0), texts.is_null(1), texts.bytes(2)), (&b"one"[..], true, &b"three"[..]));
        let mut bits = Writer::new(DataType::Boolean);
        [true, false, true].iter().for_each(|bit| bits.push_bool(*bit));
        bits.push_null();
        let bits = Reader::open(bits.finish(), DataType::Boolean, 4).unwrap();
        assert_eq!((bits.bool(0), bits.bool(1), bits.bool(2), bits.is_null(3)), (true, false, true, true));
        let mut numbers = Writer::new(DataType::Int64);
        numbers.push_i64(-4);
        assert!(Reader::open(numbers.finish(), DataType::Int64, 2).is_err());
    }
}
