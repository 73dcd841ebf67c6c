//! From accumulators to state columns and back.
//!
//! [`State`](macro@crate::State) derives [`Accumulator`] for a struct: each field is a column
//! ([`Stored`]), a field marked `#[rows]` a collection whose elements are the rows of the state
//! ([`StoredRows`]). Where both occur, a state has a head row for the former, whose columns of the
//! collection are NULL, and then a row per element, whose other columns are NULL.

use crate::contract::{Column, DataType, Field, State};
use std::ops::Range;

pub use super::stored::{Stored, StoredRows};

/// An accumulator that can leave the component as columns. Derive it:
/// [`#[derive(State)]`](macro@crate::State).
///
/// `Default` is the empty accumulator, that of no rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no state",
    label = "its columns are not known",
    note = "write `#[derive(Default, State)]` above `struct {Self}`"
)]
pub trait Accumulator: Default + 'static {
    /// Whether each state takes exactly one row.
    const SINGLE: bool;
    /// Columns in the making.
    type Builder;
    /// Opened columns.
    type View;

    /// The columns.
    fn fields() -> Vec<Field>;
    /// Begins columns for so many states.
    fn builder(states: usize) -> Self::Builder;
    /// Appends this state, and returns how many rows it takes.
    fn push(&self, to: &mut Self::Builder) -> u32;
    /// Ends the columns.
    fn finish(builder: Self::Builder) -> Vec<Column>;
    /// Opens columns of `rows` rows. An error says what does not fit.
    fn open(columns: Vec<Column>, rows: usize) -> Result<Self::View, String>;
    /// Reads the state that takes these rows.
    fn read(view: &Self::View, rows: Range<usize>) -> Result<Self, String>;
}

/// Writes states.
pub(crate) fn write<'s, S: Accumulator>(states: impl Iterator<Item = &'s S>, count: usize) -> State {
    let mut builder = S::builder(count);
    let counts: Vec<u32> = states.map(|state| state.push(&mut builder)).collect();
    let columns = S::finish(builder);
    // Bits do not tell how many they are, so that states of nothing else carry their row counts.
    let countable = || S::fields().iter().any(|field| field.data_type != DataType::Boolean);
    match S::SINGLE && countable() {
        true => State::single(columns),
        false => State::several(counts, columns),
    }
}

/// Reads the states of `groups` groups.
pub(crate) fn read<S: Accumulator>(states: State, groups: usize) -> Result<Vec<S>, String> {
    let counts = states.counts(groups)?;
    let rows = counts.iter().map(|count| *count as usize).sum();
    if states.columns.len() != S::fields().len() {
        let found = states.columns.len();
        return Err(format!("found a state of {found} columns, needed {}", S::fields().len()));
    }
    let view = S::open(states.columns, rows)?;
    let mut start = 0;
    let one = |count| {
        let rows = start..start + count as usize;
        start = rows.end;
        if S::SINGLE && count != 1 {
            return Err(format!("found a state of {count} rows, needed one"));
        }
        S::read(&view, rows)
    };
    counts.into_iter().map(one).collect()
}

/// How many states there are, which `migrate` is not told.
pub(crate) fn count(states: &State, fields: &[Field]) -> Result<usize, String> {
    if let Some(rows) = &states.rows {
        return Ok(rows.len() / 4);
    }
    let of_column = |(column, field): (&Column, &Field)| match (&column.offsets, field.data_type.width()) {
        (Some(offsets), _) => (offsets.len() / 4).checked_sub(1),
        (None, Some(width)) => Some(column.values.len() / width),
        (None, None) => None,
    };
    let found = states.columns.iter().zip(fields).find_map(of_column);
    found.ok_or_else(|| "states of booleans only do not tell how many they are".to_owned())
}
