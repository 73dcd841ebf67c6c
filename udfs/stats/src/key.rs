//! Columns as keys of sets: integers where they are small, bytes where they are not.

use std::borrow::Borrow;

use rowmill_sdk::Batch;
use rowmill_sdk::bitmap::Bitmap;

use crate::columns::{Reader, Writer};
use crate::groups::Rows;
use crate::numbers::only;
use crate::order::Order;
pub(crate) use crate::order::{Quad, Word};

/// A value that a set holds, as [`Order`] makes it of a column.
pub(crate) trait Key: Ord + Clone + Borrow<Self::Part> + 'static {
    /// What it is found by.
    type Part: ?Sized + Ord;
    /// The keys of a batch.
    type Column;

    /// An owned key.
    fn own(part: &Self::Part) -> Self;
    /// The keys of all rows; of NULL rows whatever.
    fn column(order: Order, column: &Reader, rows: usize) -> Self::Column;
    /// The key of a row.
    fn at(column: &Self::Column, row: usize) -> &Self::Part;
    /// Calls `f` with the key of one row.
    fn with<R>(order: Order, column: &Reader, row: usize, f: impl FnOnce(&Self::Part) -> R) -> R;
    /// Appends the value to a column.
    fn write(part: &Self::Part, order: Order, out: &mut Writer);
    /// Whether the column's order calls the two equal.
    fn same(order: Order, a: &Self::Part, b: &Self::Part) -> bool;
}

macro_rules! integer_key {
    ($type:ty, $read:ident, $write:ident) => {
        impl Key for $type {
            type Part = $type;
            type Column = Vec<$type>;

            fn own(part: &$type) -> Self {
                *part
            }
            fn column(order: Order, column: &Reader, rows: usize) -> Vec<$type> {
                (0..rows).map(|row| order.$read(column, row)).collect()
            }
            #[inline(always)]
            fn at(column: &Vec<$type>, row: usize) -> &$type {
                &column[row]
            }
            fn with<R>(order: Order, column: &Reader, row: usize, f: impl FnOnce(&$type) -> R) -> R {
                f(&order.$read(column, row))
            }
            fn write(part: &$type, order: Order, out: &mut Writer) {
                order.$write(*part, out);
            }
            fn same(_: Order, a: &$type, b: &$type) -> bool {
                a == b
            }
        }
    };
}

integer_key!(Word, word, write_word);
integer_key!(Quad, quad, write_quad);

/// Keys on end, and where each ends.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Ends {
    /// The keys that `append` makes for each row.
    pub(crate) fn collect(rows: usize, mut append: impl FnMut(usize, &mut Vec<u8>)) -> Self {
        let mut keys = Self { bytes: Vec::new(), ends: Vec::with_capacity(rows) };
        for row in 0..rows {
            append(row, &mut keys.bytes);
            keys.ends.push(keys.bytes.len());
        }
        keys
    }

    #[inline]
    pub(crate) fn at(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[row]]
    }
}

impl Key for Box<[u8]> {
    type Part = [u8];
    type Column = Ends;

    fn own(part: &[u8]) -> Self {
        part.into()
    }
    fn column(order: Order, column: &Reader, rows: usize) -> Ends {
        Ends::collect(rows, |row, out| {
            if !column.is_null(row) {
                order.append(column, row, out);
            }
        })
    }
    fn at(column: &Ends, row: usize) -> &[u8] {
        column.at(row)
    }
    fn with<R>(order: Order, column: &Reader, row: usize, f: impl FnOnce(&[u8]) -> R) -> R {
        let mut key = Vec::new();
        order.append(column, row, &mut key);
        f(&key)
    }
    fn write(part: &[u8], order: Order, out: &mut Writer) {
        order.write(part, out);
    }
    fn same(order: Order, a: &[u8], b: &[u8]) -> bool {
        order.class(a) == order.class(b)
    }
}

/// A column as keys.
pub(crate) struct Keys<K: Key> {
    keys: K::Column,
    validity: Option<Bitmap>,
}

impl<K: Key> Keys<K> {
    /// The only column of a batch.
    pub(crate) fn open(batch: Batch, order: Order) -> Result<Self, String> {
        let rows = batch.rows as usize;
        let column = Reader::open(only(batch)?, order.data_type, rows)?;
        Ok(Self { keys: K::column(order, &column, rows), validity: column.validity(rows) })
    }
}

impl<K: Key> Rows for Keys<K> {
    type Value<'a> = &'a K::Part;

    fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }

    #[inline(always)]
    fn value(&self, row: usize) -> &K::Part {
        K::at(&self.keys, row)
    }
}
