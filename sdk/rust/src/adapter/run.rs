//! The loops of the row form.

use crate::bitmap::{Bitmap, both};
use crate::cell::{Builder, Cell, Returned, Written};
use crate::column::{IntoColumn, View};
use crate::contract::{FlaggedRow, Output};
use crate::error::RowError;
use crate::param::Value;
use crate::rows::{Rows, Shape};
use crate::writer::Writer;

/// The value of a parameter in a row.
#[inline(always)]
pub fn get<T: Value + ?Sized>(view: &T::View, row: usize) -> T::Item<'_> {
    T::read_value(view, row)
}

/// The value of a parameter in a row, `None` for NULL.
#[inline(always)]
pub fn get_option<T: Value + ?Sized>(view: &T::View, row: usize) -> Option<T::Item<'_>> {
    let valid = view.validity().is_none_or(|bits| bits.get(row));
    valid.then(|| T::read_value(view, row))
}

/// The rows in which none of the columns is NULL; `None` = all.
pub fn valid<const N: usize>(columns: [Option<&Bitmap>; N]) -> Option<Bitmap> {
    let mut valid: Option<Bitmap> = None;
    for bits in columns.into_iter().flatten() {
        valid = both(valid.as_ref(), Some(bits));
    }
    valid
}

/// Which rows have a value, and which err.
struct Outcome {
    rows: usize,
    validity: Option<Bitmap>,
    errors: Vec<FlaggedRow>,
}

impl Outcome {
    #[inline]
    fn null(&mut self, row: usize) {
        let rows = self.rows;
        self.validity.get_or_insert_with(|| Bitmap::all(rows, true)).set(row, false);
    }

    #[cold]
    fn flag(&mut self, row: usize, error: RowError) {
        self.errors.push(flagged(row, error));
    }
}

#[cold]
pub(super) fn flagged(row: usize, error: RowError) -> FlaggedRow {
    FlaggedRow { row: row as u32, code: error.code.into_owned(), message: error.message.into_owned() }
}

/// Runs a function that returns its value on each row where `validity` is set.
#[inline(always)]
pub fn scalar<R: Returned>(rows: usize, validity: Option<Bitmap>, mut f: impl FnMut(usize) -> R) -> Output {
    let mut values = <R::Cell as Cell>::Builder::with_capacity(rows);
    let mut outcome = Outcome { rows, validity: None, errors: Vec::new() };
    let mut one = |row, values: &mut <R::Cell as Cell>::Builder, outcome: &mut Outcome| match f(row).into_cell() {
        Ok(Some(value)) => value.push_cell(values),
        Ok(None) => {
            values.push_default();
            outcome.null(row);
        }
        Err(error) => {
            values.push_default();
            outcome.flag(row, error);
        }
    };
    match validity {
        None => {
            // Eight rows per turn, where the function is small enough for the compiler to unroll.
            let blocks = rows / 8 * 8;
            for block in (0..blocks).step_by(8) {
                for row in 0..8 {
                    one(block + row, &mut values, &mut outcome);
                }
            }
            (blocks..rows).for_each(|row| one(row, &mut values, &mut outcome));
        }
        Some(valid) => {
            outcome.validity = Some(valid.clone());
            for row in 0..rows {
                if valid.get(row) {
                    one(row, &mut values, &mut outcome);
                } else {
                    values.push_default();
                }
            }
        }
    }
    Output { parents: None, columns: vec![values.finish(outcome.validity)], errors: outcome.errors }
}

/// Runs a function that writes its value on each row where `validity` is set. `bytes` is a guess
/// at the size of all values.
#[inline(always)]
pub fn written<W: Writer, D: Written>(
    rows: usize,
    validity: Option<Bitmap>,
    bytes: usize,
    mut f: impl FnMut(usize, &mut W) -> D,
) -> Output {
    let mut out = W::with_capacity(rows, bytes);
    let mut outcome = Outcome { rows, validity: validity.clone(), errors: Vec::new() };
    for row in 0..rows {
        if !validity.as_ref().is_none_or(|bits| bits.get(row)) {
            out.end_default();
            continue;
        }
        match f(row, &mut out).into_written() {
            Ok(true) => out.end_row(),
            Ok(false) => {
                out.end_default();
                outcome.null(row);
            }
            Err(error) => {
                out.end_default();
                outcome.flag(row, error);
            }
        }
    }
    Output { parents: None, columns: vec![out.finish(outcome.validity).into_column()], errors: outcome.errors }
}

/// Runs a table function on each row where `validity` is set.
#[inline(always)]
pub fn table<T: Shape, D: Written>(
    rows: usize,
    validity: Option<Bitmap>,
    mut f: impl FnMut(usize, &mut Rows<T>) -> D,
) -> Output {
    let mut out = Rows::<T>::with_capacity(rows);
    let mut errors = Vec::new();
    for row in 0..rows {
        if !validity.as_ref().is_none_or(|bits| bits.get(row)) {
            continue;
        }
        let before = out.len();
        out.begin(row as u32);
        match f(row, &mut out).into_written() {
            Ok(true) => {}
            Ok(false) => out.truncate(before),
            Err(error) => {
                out.truncate(before);
                errors.push(flagged(row, error));
            }
        }
    }
    let (parents, columns) = out.finish();
    Output { parents: Some(parents), columns, errors }
}

/// A result column of the column form with the rows that it refuses.
#[derive(Clone, Debug)]
pub struct Flagged<C> {
    /// The column; what it holds for refused rows is ignored.
    pub column: C,
    /// The refused rows, by rising row.
    pub errors: Vec<(usize, RowError)>,
}

/// What a function of the column form returns: a column, a [`Flagged`] column, or a `Result` of
/// either whose error refuses the batch.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of the column form",
    label = "not a result column",
    note = "allowed: Bools, I8s to I64s, U8s to U64s, F32s, F64s, Decimals<P, S>, Texts, JsonTexts, Blobs, Dates, Times, Datetimes, Timestamps, Flagged<_> or Result<_, String> of these"
)]
pub trait ColumnsReturned {
    /// The column.
    type Column: IntoColumn;
    /// The column and its refused rows.
    fn into_flagged(self) -> Result<Flagged<Self::Column>, String>;
}

impl<C: IntoColumn> ColumnsReturned for C {
    type Column = C;
    fn into_flagged(self) -> Result<Flagged<C>, String> {
        Ok(Flagged { column: self, errors: Vec::new() })
    }
}

impl<C: IntoColumn> ColumnsReturned for Flagged<C> {
    type Column = C;
    fn into_flagged(self) -> Result<Self, String> {
        Ok(self)
    }
}

impl<R: ColumnsReturned> ColumnsReturned for Result<R, String> {
    type Column = R::Column;
    fn into_flagged(self) -> Result<Flagged<R::Column>, String> {
        self.and_then(R::into_flagged)
    }
}

/// The output of a function of the column form.
#[inline]
pub fn columns<R: ColumnsReturned>(rows: usize, returned: R) -> Result<Output, String> {
    let Flagged { column, errors } = returned.into_flagged()?;
    let found = column.rows();
    if found != rows {
        return Err(format!("the function returned {found} rows for {rows}"));
    }
    Ok(Output {
        parents: None,
        columns: vec![column.into_column()],
        errors: errors.into_iter().map(|(row, error)| flagged(row, error)).collect(),
    })
}
