//! What functions of the row form return: values, `Option`s and `Result`s of them.

use crate::bitmap::Bitmap;
use crate::column::{IntoColumn, Values};
use crate::contract::{Column, DataType};
use crate::decimal::Decimal;
use crate::error::RowError;
use crate::fixed::Fixed;
use crate::temporal::{Date, Datetime, Time, Timestamp};
use crate::wide_decimal::WideDecimal;
use crate::writer::{Bytes, JsonText, Text, Writer};
use std::borrow::Cow;
use std::marker::PhantomData;

/// A value that can be a result.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a result",
    label = "not a result type",
    note = "allowed: bool, i8 to i64, u8 to u64, f32, f64, Decimal<P, S>, WideDecimal<P, S>, Date, Time, Datetime, Timestamp, &str, String, Cow<str>, &[u8], Vec<u8>, serde_json::Value",
    note = "and Option<_> or Result<_, RowError> of these; or write to a parameter `out: &mut Text`, `&mut Bytes` or `&mut JsonText`"
)]
pub trait Cell {
    /// Collects values of this type.
    #[doc(hidden)]
    type Builder: Builder;
    /// The type of the result column.
    fn data_type() -> DataType;
    /// Appends the value.
    #[doc(hidden)]
    fn push_cell(self, to: &mut Self::Builder);
}

/// A column in the making.
#[doc(hidden)]
pub trait Builder {
    fn with_capacity(rows: usize) -> Self;
    /// Appends a value that is valid but means nothing.
    fn push_default(&mut self);
    fn truncate(&mut self, rows: usize);
    fn finish(self, validity: Option<Bitmap>) -> Column;
}

/// A result that can be NULL, or not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a result",
    label = "not a result type",
    note = "allowed: bool, i8 to i64, u8 to u64, f32, f64, Decimal<P, S>, WideDecimal<P, S>, Date, Time, Datetime, Timestamp, &str, String, Cow<str>, &[u8], Vec<u8>, serde_json::Value, or Option<_> of these"
)]
pub trait Nullable {
    /// The value when there is one.
    type Cell: Cell;
    /// Whether NULL can occur.
    const NULLABLE: bool;
    /// `None` = NULL.
    fn into_option(self) -> Option<Self::Cell>;
}

impl<T: Cell> Nullable for T {
    type Cell = T;
    const NULLABLE: bool = false;
    #[inline(always)]
    fn into_option(self) -> Option<T> {
        Some(self)
    }
}

impl<T: Cell> Nullable for Option<T> {
    type Cell = T;
    const NULLABLE: bool = true;
    #[inline(always)]
    fn into_option(self) -> Self {
        self
    }
}

/// What a function of the row form returns: `T`, `Option<T>`, or a `Result` of either whose
/// error turns into a [`RowError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a result",
    label = "not a result type",
    note = "allowed: bool, i8 to i64, u8 to u64, f32, f64, Decimal<P, S>, WideDecimal<P, S>, Date, Time, Datetime, Timestamp, &str, String, Cow<str>, &[u8], Vec<u8>, serde_json::Value",
    note = "and Option<_> or Result<_, RowError> of these; or write to a parameter `out: &mut Text`, `&mut Bytes` or `&mut JsonText`"
)]
pub trait Returned {
    /// The value when there is one.
    type Cell: Cell;
    /// Whether NULL can occur.
    const NULLABLE: bool;
    /// The value, `None` = NULL, or why there is none.
    fn into_cell(self) -> Result<Option<Self::Cell>, RowError>;
}

impl<N: Nullable> Returned for N {
    type Cell = N::Cell;
    const NULLABLE: bool = N::NULLABLE;
    #[inline(always)]
    fn into_cell(self) -> Result<Option<N::Cell>, RowError> {
        Ok(self.into_option())
    }
}

impl<N: Nullable, E: Into<RowError>> Returned for Result<N, E> {
    type Cell = N::Cell;
    const NULLABLE: bool = N::NULLABLE;
    #[inline(always)]
    fn into_cell(self) -> Result<Option<N::Cell>, RowError> {
        self.map(N::into_option).map_err(Into::into)
    }
}

/// What a function that writes its result returns: `()`, `Option<()>` (`None` = NULL), or a
/// `Result` of either whose error turns into a [`RowError`].
#[diagnostic::on_unimplemented(
    message = "a function that writes its result cannot return `{Self}`",
    label = "the result is what was written",
    note = "allowed: (), Option<()> (None = NULL), Result<(), RowError>, Result<Option<()>, RowError>"
)]
pub trait Written {
    /// Whether NULL can occur.
    const NULLABLE: bool;
    /// Whether there is a value, or why there is none.
    fn into_written(self) -> Result<bool, RowError>;
}

impl Written for () {
    const NULLABLE: bool = false;
    #[inline(always)]
    fn into_written(self) -> Result<bool, RowError> {
        Ok(true)
    }
}

impl Written for Option<()> {
    const NULLABLE: bool = true;
    #[inline(always)]
    fn into_written(self) -> Result<bool, RowError> {
        Ok(self.is_some())
    }
}

impl<W: Written, E: Into<RowError>> Written for Result<W, E> {
    const NULLABLE: bool = W::NULLABLE;
    #[inline(always)]
    fn into_written(self) -> Result<bool, RowError> {
        self.map_err(Into::into).and_then(W::into_written)
    }
}

/// Collects values of a fixed width.
#[doc(hidden)]
pub struct FixedBuilder<T> {
    bytes: Vec<u8>,
    values: PhantomData<T>,
}

impl<T: Fixed> Builder for FixedBuilder<T> {
    fn with_capacity(rows: usize) -> Self {
        Self { bytes: Vec::with_capacity(rows * T::WIDTH), values: PhantomData }
    }
    #[inline]
    fn push_default(&mut self) {
        T::default().append(&mut self.bytes);
    }
    fn truncate(&mut self, rows: usize) {
        self.bytes.truncate(rows * T::WIDTH);
    }
    fn finish(self, validity: Option<Bitmap>) -> Column {
        let rows = self.bytes.len() / T::WIDTH;
        Values::<T>::from_parts(self.bytes, rows, validity).into_column()
    }
}

/// Collects booleans, a byte of eight at a time.
#[doc(hidden)]
pub struct BoolBuilder {
    /// The whole bytes.
    bytes: Vec<u8>,
    /// The bits of the rows after them.
    byte: u8,
    rows: usize,
}

impl BoolBuilder {
    #[inline(always)]
    fn push(&mut self, bit: bool) {
        self.byte |= u8::from(bit) << (self.rows % 8);
        self.rows += 1;
        if self.rows.is_multiple_of(8) {
            self.bytes.push(self.byte);
            self.byte = 0;
        }
    }
}

impl Builder for BoolBuilder {
    fn with_capacity(rows: usize) -> Self {
        Self { bytes: Vec::with_capacity(rows.div_ceil(8)), byte: 0, rows: 0 }
    }
    #[inline]
    fn push_default(&mut self) {
        self.push(false);
    }
    fn truncate(&mut self, rows: usize) {
        if rows < self.rows {
            let partial = self.bytes.get(rows / 8).copied().unwrap_or(self.byte);
            self.bytes.truncate(rows / 8);
            self.byte = partial & ((1 << (rows % 8)) - 1);
            self.rows = rows;
        }
    }
    fn finish(mut self, validity: Option<Bitmap>) -> Column {
        if !self.rows.is_multiple_of(8) {
            self.bytes.push(self.byte);
        }
        Column { validity: crate::column::close_validity(validity), offsets: None, values: self.bytes }
    }
}

impl<W: Writer> Builder for W {
    fn with_capacity(rows: usize) -> Self {
        W::with_capacity(rows, rows * 8)
    }
    fn push_default(&mut self) {
        self.end_default();
    }
    fn truncate(&mut self, rows: usize) {
        Writer::truncate(self, rows);
    }
    fn finish(self, validity: Option<Bitmap>) -> Column {
        Writer::finish(self, validity).into_column()
    }
}

impl Cell for bool {
    type Builder = BoolBuilder;
    fn data_type() -> DataType {
        DataType::Boolean
    }
    #[inline(always)]
    fn push_cell(self, to: &mut BoolBuilder) {
        to.push(self);
    }
}

/// Implements [`Cell`] for types of a fixed width.
macro_rules! fixed_cells {
    ($($type:ident $(<$(const $param:ident),*>)?),* $(,)?) => { $(
        impl $(<$(const $param: u8),*>)? Cell for $type $(<$($param),*>)? {
            type Builder = FixedBuilder<Self>;
            fn data_type() -> DataType {
                <Self as Fixed>::DATA_TYPE
            }
            #[inline(always)]
            fn push_cell(self, to: &mut FixedBuilder<Self>) {
                self.append(&mut to.bytes);
            }
        }
    )* };
}

fixed_cells! {
    i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, Date, Time, Datetime, Timestamp,
    Decimal<const P, const S>, WideDecimal<const P, const S>,
}

/// Implements [`Cell`] for types that are written as text or bytes.
macro_rules! written_cells {
    ($($type:ty, $writer:ident, $push:ident, $data_type:ident;)*) => { $(
        impl Cell for $type {
            type Builder = $writer;
            fn data_type() -> DataType {
                DataType::$data_type
            }
            #[inline]
            fn push_cell(self, to: &mut $writer) {
                to.$push(self.as_ref());
                Writer::end_row(to);
            }
        }
    )* };
}

written_cells! {
    &str, Text, push_str, Utf8;
    String, Text, push_str, Utf8;
    Cow<'_, str>, Text, push_str, Utf8;
    &[u8], Bytes, push, Binary;
    Vec<u8>, Bytes, push, Binary;
    Cow<'_, [u8]>, Bytes, push, Binary;
}

impl Cell for serde_json::Value {
    type Builder = JsonText;
    fn data_type() -> DataType {
        DataType::Json
    }
    fn push_cell(self, to: &mut JsonText) {
        use std::fmt::Write;
        struct Target<'t>(&'t mut JsonText);
        impl Write for Target<'_> {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0.push_json(text);
                Ok(())
            }
        }
        // Writing into memory cannot fail.
        let _ = write!(Target(to), "{self}");
        Writer::end_row(to);
    }
}

#[cfg(test)]
mod tests {
    use super::{BoolBuilder, Builder};

    #[test]
    fn booleans_are_truncated_at_any_row() {
        for (rows, kept) in [(0, 0), (7, 3), (8, 8), (16, 9), (20, 17), (20, 16), (9, 8), (20, 3)] {
            let mut builder = BoolBuilder::with_capacity(0);
            (0..rows).for_each(|_| builder.push(true));
            builder.truncate(kept);
            builder.push(false);
            builder.push(true);
            let bits = crate::bitmap::Bitmap::from_fn(kept + 2, |row| row != kept);
            assert_eq!(builder.finish(None).values, bits.into_bytes(), "{rows} {kept}");
        }
    }
}
