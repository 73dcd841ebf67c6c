//! What the fields of a state can be.

use crate::bitmap::Bitmap;
use crate::cell::{Builder, Cell};
use crate::column::{Blobs, View};
use crate::contract::{Column, DataType, Field};
use crate::decimal::Decimal;
use crate::param::Owned;
use crate::rows::Growing;
use crate::temporal::{Date, Datetime, Time, Timestamp};
use crate::wide_decimal::WideDecimal;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

/// Columns on their way in.
pub type Columns = std::vec::IntoIter<Column>;

/// A field of a state: a value, a tuple of values, or a struct that derives
/// [`State`](macro@crate::State) and has no `#[rows]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a column of a state",
    label = "not a type of a state's field",
    note = "allowed: bool, i8 to i64, u8 to u64, i128, u128, f32, f64, String, Vec<u8>, serde_json::Value, Decimal<P, S>, WideDecimal<P, S>, Date, Time, Datetime, Timestamp, Option<_> of these, tuples of these, structs that derive State",
    note = "a collection of several rows needs `#[rows]` above the field"
)]
pub trait Stored: Sized {
    /// Columns in the making.
    type Builder;
    /// Opened columns.
    type View;

    /// The columns; `name` is the field's.
    fn fields(name: &str) -> Vec<Field>;
    /// Begins columns for so many rows.
    fn builder(rows: usize) -> Self::Builder;
    /// Appends this value.
    fn push(&self, to: &mut Self::Builder);
    /// Appends a row without a value.
    fn push_none(to: &mut Self::Builder);
    /// Ends the columns.
    fn finish(builder: Self::Builder, columns: &mut Vec<Column>);
    /// Opens the next columns. An error says what does not fit.
    fn open(columns: &mut Columns, rows: usize) -> Result<Self::View, String>;
    /// Reads the value in a row.
    fn read(view: &Self::View, row: usize) -> Self;
}

fn growing<B: Builder>(rows: usize) -> Growing<B> {
    Growing { builder: B::with_capacity(rows), valid: Bitmap::all(0, true) }
}

fn open<V: View>(columns: &mut Columns, rows: usize, data_type: DataType) -> Result<V, String> {
    V::open(columns.next().ok_or("a state has too few columns")?, rows, data_type)
}

/// Implements [`Stored`] for a type and its `Option`: `type as cell: how it is borrowed`.
macro_rules! stored {
    ($({$($generics:tt)*} $type:ty as $cell:ty: $borrow:expr;)*) => { $(
        impl<$($generics)*> Stored for $type {
            type Builder = Growing<<Self as Cell>::Builder>;
            type View = <Self as Owned>::View;

            fn fields(name: &str) -> Vec<Field> {
                vec![Field { nullable: false, ..Field::new(name, <Self as Cell>::data_type()) }]
            }
            fn builder(rows: usize) -> Self::Builder {
                growing(rows)
            }
            #[inline]
            fn push(&self, to: &mut Self::Builder) {
                let borrow: fn(&Self) -> $cell = $borrow;
                to.push(Some(borrow(self)));
            }
            fn push_none(to: &mut Self::Builder) {
                to.push(None::<$cell>);
            }
            fn finish(builder: Self::Builder, columns: &mut Vec<Column>) {
                columns.push(builder.finish());
            }
            fn open(columns: &mut Columns, rows: usize) -> Result<Self::View, String> {
                open(columns, rows, <Self as Cell>::data_type())
            }
            #[inline]
            fn read(view: &Self::View, row: usize) -> Self {
                Self::read_owned(view, row)
            }
        }

        impl<$($generics)*> Stored for Option<$type> {
            type Builder = <$type as Stored>::Builder;
            type View = <$type as Stored>::View;

            fn fields(name: &str) -> Vec<Field> {
                vec![Field::new(name, <$type as Cell>::data_type())]
            }
            fn builder(rows: usize) -> Self::Builder {
                growing(rows)
            }
            #[inline]
            fn push(&self, to: &mut Self::Builder) {
                match self {
                    Some(value) => Stored::push(value, to),
                    None => Self::push_none(to),
                }
            }
            fn push_none(to: &mut Self::Builder) {
                <$type as Stored>::push_none(to);
            }
            fn finish(builder: Self::Builder, columns: &mut Vec<Column>) {
                columns.push(builder.finish());
            }
            fn open(columns: &mut Columns, rows: usize) -> Result<Self::View, String> {
                <$type as Stored>::open(columns, rows)
            }
            #[inline]
            fn read(view: &Self::View, row: usize) -> Self {
                let valid = view.validity().is_none_or(|bits| bits.get(row));
                valid.then(|| <$type as Stored>::read(view, row))
            }
        }
    )* };
}

stored! {
    {} bool as bool: |value| *value;
    {} i8 as i8: |value| *value;
    {} i16 as i16: |value| *value;
    {} i32 as i32: |value| *value;
    {} i64 as i64: |value| *value;
    {} u8 as u8: |value| *value;
    {} u16 as u16: |value| *value;
    {} u32 as u32: |value| *value;
    {} u64 as u64: |value| *value;
    {} f32 as f32: |value| *value;
    {} f64 as f64: |value| *value;
    {} Date as Date: |value| *value;
    {} Time as Time: |value| *value;
    {} Datetime as Datetime: |value| *value;
    {} Timestamp as Timestamp: |value| *value;
    {const P: u8, const S: u8} Decimal<P, S> as Self: |value| *value;
    {const P: u8, const S: u8} WideDecimal<P, S> as Self: |value| *value;
    {} String as &str: |value| value;
    {} Vec<u8> as &[u8]: |value| value;
    {} serde_json::Value as Self: Clone::clone;
}

/// Implements [`Stored`] for integers that no column type holds: 16 bytes, little-endian.
macro_rules! stored_bytes {
    ($($type:ty),*) => { $(
        impl Stored for $type {
            type Builder = <Vec<u8> as Stored>::Builder;
            type View = Blobs;

            fn fields(name: &str) -> Vec<Field> {
                <Vec<u8> as Stored>::fields(name)
            }
            fn builder(rows: usize) -> Self::Builder {
                growing(rows)
            }
            #[inline]
            fn push(&self, to: &mut Self::Builder) {
                to.push(Some(self.to_le_bytes().as_slice()));
            }
            fn push_none(to: &mut Self::Builder) {
                to.push(None::<&[u8]>);
            }
            fn finish(builder: Self::Builder, columns: &mut Vec<Column>) {
                columns.push(builder.finish());
            }
            fn open(columns: &mut Columns, rows: usize) -> Result<Blobs, String> {
                open(columns, rows, DataType::Binary)
            }
            #[inline]
            fn read(view: &Blobs, row: usize) -> Self {
                let bytes = view.value(row);
                bytes.first_chunk().map_or_else(Self::default, |bytes| Self::from_le_bytes(*bytes))
            }
        }
    )* };
}
stored_bytes!(i128, u128);

/// Implements [`Stored`] for tuples: the columns are named after the position.
macro_rules! stored_tuples {
    ($(($($part:ident $index:tt),+);)*) => { $(
        impl<$($part: Stored),+> Stored for ($($part,)+) {
            type Builder = ($($part::Builder,)+);
            type View = ($($part::View,)+);

            fn fields(name: &str) -> Vec<Field> {
                let mut fields = Vec::new();
                $(fields.extend($part::fields(&format!("{name}_{}", $index)));)+
                fields
            }
            fn builder(rows: usize) -> Self::Builder {
                ($($part::builder(rows),)+)
            }
            #[inline]
            fn push(&self, to: &mut Self::Builder) {
                $(self.$index.push(&mut to.$index);)+
            }
            fn push_none(to: &mut Self::Builder) {
                $($part::push_none(&mut to.$index);)+
            }
            fn finish(builder: Self::Builder, columns: &mut Vec<Column>) {
                $($part::finish(builder.$index, columns);)+
            }
            fn open(columns: &mut Columns, rows: usize) -> Result<Self::View, String> {
                Ok(($($part::open(columns, rows)?,)+))
            }
            #[inline]
            fn read(view: &Self::View, row: usize) -> Self {
                ($($part::read(&view.$index, row),)+)
            }
        }
    )* };
}
stored_tuples! {
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
}

/// The field of a state that is marked `#[rows]`: a collection with a row per element.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the rows of a state",
    label = "not a collection of rows",
    note = "allowed: Vec<T>, VecDeque<T>, BTreeSet<T>, BTreeMap<K, V> of types that a field can have",
    note = "a HashMap or HashSet has no order, so that equal states would differ in their bytes"
)]
pub trait StoredRows: Default {
    /// Columns in the making.
    type Builder;
    /// Opened columns.
    type View;

    /// The columns; `name` is the field's.
    fn fields(name: &str) -> Vec<Field>;
    /// Begins columns.
    fn builder() -> Self::Builder;
    /// Appends a row per element, and returns how many they are.
    fn push(&self, to: &mut Self::Builder) -> usize;
    /// Appends a row without an element.
    fn push_none(to: &mut Self::Builder);
    /// Ends the columns.
    fn finish(builder: Self::Builder, columns: &mut Vec<Column>);
    /// Opens the next columns. An error says what does not fit.
    fn open(columns: &mut Columns, rows: usize) -> Result<Self::View, String>;
    /// Reads the elements in these rows.
    fn read(view: &Self::View, rows: Range<usize>) -> Self;
}

/// Implements [`StoredRows`] for collections of single elements.
macro_rules! stored_rows {
    ($($collection:ident: $($bound:ident),*;)*) => { $(
        impl<T: Stored $(+ $bound)*> StoredRows for $collection<T> {
            type Builder = T::Builder;
            type View = T::View;

            fn fields(name: &str) -> Vec<Field> {
                T::fields(name)
            }
            fn builder() -> T::Builder {
                T::builder(0)
            }
            fn push(&self, to: &mut T::Builder) -> usize {
                self.iter().for_each(|element| element.push(to));
                self.len()
            }
            fn push_none(to: &mut T::Builder) {
                T::push_none(to);
            }
            fn finish(builder: T::Builder, columns: &mut Vec<Column>) {
                T::finish(builder, columns);
            }
            fn open(columns: &mut Columns, rows: usize) -> Result<T::View, String> {
                T::open(columns, rows)
            }
            fn read(view: &T::View, rows: Range<usize>) -> Self {
                rows.map(|row| T::read(view, row)).collect()
            }
        }
    )* };
}
stored_rows! {
    Vec: ;
    VecDeque: ;
    BTreeSet: Ord;
}

impl<K: Stored + Ord, V: Stored> StoredRows for BTreeMap<K, V> {
    type Builder = (K::Builder, V::Builder);
    type View = (K::View, V::View);

    fn fields(name: &str) -> Vec<Field> {
        <(K, V)>::fields(name)
    }
    fn builder() -> Self::Builder {
        <(K, V)>::builder(0)
    }
    fn push(&self, to: &mut Self::Builder) -> usize {
        for (key, value) in self {
            key.push(&mut to.0);
            value.push(&mut to.1);
        }
        self.len()
    }
    fn push_none(to: &mut Self::Builder) {
        <(K, V)>::push_none(to);
    }
    fn finish(builder: Self::Builder, columns: &mut Vec<Column>) {
        <(K, V)>::finish(builder, columns);
    }
    fn open(columns: &mut Columns, rows: usize) -> Result<Self::View, String> {
        <(K, V)>::open(columns, rows)
    }
    fn read(view: &Self::View, rows: Range<usize>) -> Self {
        rows.map(|row| <(K, V)>::read(view, row)).collect()
    }
}
