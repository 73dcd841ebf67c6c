//! Where table functions put their rows.

use crate::bitmap::Bitmap;
use crate::cell::{Builder, Cell, Nullable};
use crate::contract::{Column, Field};
use crate::decimal::Decimal;
use crate::temporal::{Date, Datetime, Time, Timestamp};
use crate::wide_decimal::WideDecimal;
use std::borrow::Cow;

/// The result rows of a table function. `T` is the type of a row: a value, or a tuple of up to
/// eight; text is `String`, bytes are `Vec<u8>`, but [`push`](Self::push) takes `&str` and
/// `&[u8]` as well.
///
/// ```
/// use rowmill_sdk::{Rows, table};
///
/// /// The words of a text with their lengths.
/// #[table(results(word, chars))]
/// fn words(text: &str, out: &mut Rows<(String, u32)>) {
///     for word in text.split_whitespace() {
///         out.push((word, word.chars().count() as u32));
///     }
/// }
/// # use rowmill_sdk::test::call;
/// let ran = call::<words>().arg(["a bc", "", "d"]).run();
/// assert_eq!(ran.parents, [0, 0, 2]);
/// assert_eq!(ran.column::<String>("word"), [Some("a".into()), Some("bc".into()), Some("d".into())]);
/// ```
///
/// A function may also return its rows, as `impl Iterator<Item = …>`, `Vec<…>` or `Option<…>`:
///
/// ```
/// use rowmill_sdk::table;
///
/// /// The lines of a text.
/// #[table(results(line))]
/// fn lines(text: &str) -> impl Iterator<Item = &str> {
///     text.lines()
/// }
/// ```
pub struct Rows<T: Shape> {
    columns: T::Columns,
    parents: Vec<u8>,
    parent: u32,
    rows: usize,
}

impl<T: Shape> Rows<T> {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self { columns: T::columns(rows), parents: Vec::with_capacity(rows * 4), parent: 0, rows: 0 }
    }

    /// The rows that follow come from this input row.
    pub(crate) fn begin(&mut self, parent: u32) {
        self.parent = parent;
    }

    /// How many rows there are, of all input rows so far.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Keeps the first `rows` rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.rows = rows;
        self.parents.truncate(rows * 4);
        T::truncate(&mut self.columns, rows);
    }

    /// Adds a row that means nothing.
    pub(crate) fn push_default(&mut self) {
        T::push_default(&mut self.columns);
        self.rows += 1;
    }

    /// Parents and columns.
    pub(crate) fn finish(self) -> (Vec<u8>, Vec<Column>) {
        (self.parents, T::finish(self.columns))
    }

    /// Adds a row for the current input row.
    #[inline]
    pub fn push<R: Fits<T>>(&mut self, row: R) {
        row.push_row(&mut self.columns);
        self.parents.extend_from_slice(&self.parent.to_le_bytes());
        self.rows += 1;
    }
}

/// The type of a result row.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of result rows",
    label = "not a row type",
    note = "allowed: a value or a tuple of up to eight: bool, i8 to i64, u8 to u64, f32, f64, String, Vec<u8>, serde_json::Value, Decimal<P, S>, WideDecimal<P, S>, Date, Time, Datetime, Timestamp, and Option<_> of these"
)]
pub trait Shape {
    /// The columns in the making.
    #[doc(hidden)]
    type Columns;
    #[doc(hidden)]
    fn fields(names: &[&str]) -> Vec<Field>;
    #[doc(hidden)]
    fn columns(rows: usize) -> Self::Columns;
    #[doc(hidden)]
    fn push_default(columns: &mut Self::Columns);
    #[doc(hidden)]
    fn truncate(columns: &mut Self::Columns, rows: usize);
    #[doc(hidden)]
    fn finish(columns: Self::Columns) -> Vec<Column>;
}

/// A row that [`Rows<T>`] takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit the rows `{T}`",
    label = "not a row of that type",
    note = "`Rows<(String, i64)>` takes (&str, i64) or (String, i64); an `Option` only fits where the rows have an `Option`"
)]
pub trait Fits<T: Shape> {
    #[doc(hidden)]
    fn push_row(self, columns: &mut T::Columns);
}

/// One column in the making, with NULLs.
#[doc(hidden)]
pub struct Growing<B> {
    pub(crate) builder: B,
    pub(crate) valid: Bitmap,
}

impl<B: Builder> Growing<B> {
    #[inline]
    pub(crate) fn push<C: Cell<Builder = B>>(&mut self, value: Option<C>) {
        self.valid.push(value.is_some());
        match value {
            Some(value) => value.push_cell(&mut self.builder),
            None => self.builder.push_default(),
        }
    }

    pub(crate) fn finish(self) -> Column {
        self.builder.finish(Some(self.valid))
    }
}

impl<N: Single> Shape for N {
    type Columns = Growing<<N::Cell as Cell>::Builder>;

    fn fields(names: &[&str]) -> Vec<Field> {
        let mut field = Field::new(names.first().copied().unwrap_or_default(), N::Cell::data_type());
        field.nullable = N::NULLABLE;
        vec![field]
    }

    fn columns(rows: usize) -> Self::Columns {
        Growing { builder: Builder::with_capacity(rows), valid: Bitmap::all(0, true) }
    }

    fn push_default(columns: &mut Self::Columns) {
        columns.builder.push_default();
        columns.valid.push(true);
    }

    fn truncate(columns: &mut Self::Columns, rows: usize) {
        columns.builder.truncate(rows);
        columns.valid.truncate(rows);
    }

    fn finish(columns: Self::Columns) -> Vec<Column> {
        vec![columns.finish()]
    }
}

/// A value that can be a column of rows: the owning types, so that no lifetime is needed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of result rows",
    label = "not a row type",
    note = "allowed: a value or a tuple of up to eight: bool, i8 to i64, u8 to u64, f32, f64, String, Vec<u8>, serde_json::Value, Decimal<P, S>, WideDecimal<P, S>, Date, Time, Datetime, Timestamp, and Option<_> of these"
)]
#[doc(hidden)]
pub trait Single: Nullable {}
impl<T: Single + Cell> Single for Option<T> {}

/// Implements [`Single`] and [`Fits`]: `type: what can be pushed`.
macro_rules! singles {
    (@single {$($generics:tt)*} $type:ty) => {
        impl<$($generics)*> Single for $type {}
    };
    (@fits {$($generics:tt)*} $type:ty: $pushed:ty) => {
        impl<$($generics)*> Fits<$type> for $pushed {
            #[inline]
            fn push_row(self, columns: &mut <$type as Shape>::Columns) {
                columns.push(Some(self));
            }
        }
        impl<$($generics)*> Fits<Option<$type>> for $pushed {
            #[inline]
            fn push_row(self, columns: &mut <$type as Shape>::Columns) {
                columns.push(Some(self));
            }
        }
        impl<$($generics)*> Fits<Option<$type>> for Option<$pushed> {
            #[inline]
            fn push_row(self, columns: &mut <$type as Shape>::Columns) {
                columns.push(self);
            }
        }
    };
    ($($generics:tt $type:ty: $($pushed:ty),+;)*) => { $(
        singles!(@single $generics $type);
        $(singles!(@fits $generics $type: $pushed);)+
    )* };
}

singles! {
    {} bool: bool;
    {} i8: i8;
    {} i16: i16;
    {} i32: i32;
    {} i64: i64;
    {} u8: u8;
    {} u16: u16;
    {} u32: u32;
    {} u64: u64;
    {} f32: f32;
    {} f64: f64;
    {} Date: Date;
    {} Time: Time;
    {} Datetime: Datetime;
    {} Timestamp: Timestamp;
    {} String: String, &str, Cow<'_, str>;
    {} Vec<u8>: Vec<u8>, &[u8], Cow<'_, [u8]>;
    {} serde_json::Value: serde_json::Value;
    {const P: u8, const S: u8} Decimal<P, S>: Decimal<P, S>;
    {const P: u8, const S: u8} WideDecimal<P, S>: WideDecimal<P, S>;
}

/// Implements rows of several columns.
macro_rules! tuples {
    ($(($($shape:ident $row:ident $index:tt),+);)*) => { $(
        impl<$($shape: Shape),+> Shape for ($($shape,)+) {
            type Columns = ($($shape::Columns,)+);

            fn fields(names: &[&str]) -> Vec<Field> {
                let mut fields = Vec::new();
                $(fields.extend($shape::fields(names.get($index..).unwrap_or_default()));)+
                fields
            }

            fn columns(rows: usize) -> Self::Columns {
                ($($shape::columns(rows),)+)
            }

            fn push_default(columns: &mut Self::Columns) {
                $($shape::push_default(&mut columns.$index);)+
            }

            fn truncate(columns: &mut Self::Columns, rows: usize) {
                $($shape::truncate(&mut columns.$index, rows);)+
            }

            fn finish(columns: Self::Columns) -> Vec<Column> {
                let mut all = Vec::new();
                $(all.extend($shape::finish(columns.$index));)+
                all
            }
        }

        impl<$($shape: Shape, $row: Fits<$shape>),+> Fits<($($shape,)+)> for ($($row,)+) {
            #[inline]
            fn push_row(self, columns: &mut ($($shape::Columns,)+)) {
                $(self.$index.push_row(&mut columns.$index);)+
            }
        }
    )* };
}

tuples! {
    (A RA 0);
    (A RA 0, B RB 1);
    (A RA 0, B RB 1, C RC 2);
    (A RA 0, B RB 1, C RC 2, D RD 3);
    (A RA 0, B RB 1, C RC 2, D RD 3, E RE 4);
    (A RA 0, B RB 1, C RC 2, D RD 3, E RE 4, F RF 5);
    (A RA 0, B RB 1, C RC 2, D RD 3, E RE 4, F RF 5, G RG 6);
    (A RA 0, B RB 1, C RC 2, D RD 3, E RE 4, F RF 5, G RG 6, H RH 7);
}
