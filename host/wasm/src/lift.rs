//! The contract's columns to Arrow arrays, nothing trusted.
//!
//! A result's buffers were copied once, out of the guest; here they become Arrow buffers
//! as they are. Before that everything that Arrow or a reader takes for granted is
//! checked. What is wrong falls into two classes:
//!
//! - *Shape*: lengths, offsets, bitmaps, parents. It says nothing about a row, so the
//!   whole answer is refused ([`lift`] returns an error).
//! - *A value*: text that is not UTF-8, a decimal beyond its precision, a date outside
//!   the years 0 to 9999, invalid JSON, a NULL where none is declared. It becomes a row
//!   error, and a neutral value takes its place, so that the array is valid and the other
//!   rows live on. In the columns of a state ([`lift_whole`]) no row is at fault but the
//!   function: there a value refuses the answer, too.

mod column;

use std::collections::BTreeMap;

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::Field;
use rowmill_foreign::is_control;

use crate::bindings::types::{ColumnResult, Output as Answer, RowError as Flagged};
use crate::lift::column::{lift_column, scalars};

/// A row that the function, or the host on its behalf, could not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The row of the input; of [`Aggregate::evaluate`](crate::Aggregate::evaluate) a position in the groups.
    pub row: usize,
    /// A short name of the kind of error; the host's own: `invalid-utf8`, `invalid-json`,
    /// `out-of-range`, `null-result`.
    pub code: String,
    /// What is wrong with it.
    pub message: String,
}

/// What a call gave.
#[derive(Clone, Debug)]
pub struct Output {
    /// For table functions the input row of each output row, never decreasing.
    pub parents: Option<UInt32Array>,
    /// The results, in the order of the signature.
    pub columns: Vec<ArrayRef>,
    /// Rows that erred, sorted by row, each at most once; for table functions `row` is
    /// the input row. The values in `columns` of such rows mean nothing.
    pub errors: Vec<RowError>,
}

/// A row error's parts are cut to this, escapes included: they are logged and stored with the row.
const CODE_BYTES: usize = 64;
const MESSAGE_BYTES: usize = 4096;
/// Ends what was cut.
const CUT: &str = "…";

/// Row errors by input row. The first one of a row stays.
struct Faults<'a> {
    rows: BTreeMap<usize, (String, String)>,
    parents: Option<&'a UInt32Array>,
    /// What the columns are, for messages.
    what: &'static str,
    /// Only the lowest row is kept: one fault is enough to refuse all.
    whole: bool,
    /// The row that erred last: the rows of one parent follow each other, and may be millions.
    last: Option<usize>,
}

impl<'a> Faults<'a> {
    fn new(parents: Option<&'a UInt32Array>, what: &'static str, whole: bool) -> Faults<'a> {
        Faults { rows: BTreeMap::new(), parents, what, whole, last: None }
    }

    fn add(&mut self, output_row: usize, code: &str, message: impl FnOnce() -> String) {
        let row = match self.parents {
            Some(parents) => parents.value(output_row) as usize,
            None => output_row,
        };
        if self.last == Some(row) {
            return;
        }
        self.last = Some(row);
        if self.whole {
            if self.rows.keys().next().is_some_and(|lowest| *lowest <= row) {
                return;
            }
            self.rows.clear();
        }
        self.rows.entry(row).or_insert_with(|| (code.to_owned(), clip(message(), MESSAGE_BYTES)));
    }

    /// Takes in what a guest flagged of `rows` rows.
    fn flag(&mut self, flagged: Vec<Flagged>, rows: usize) -> Result<(), String> {
        // Each row at most once; so much may be wrong about it that a row is named again.
        if flagged.len() > rows {
            return Err(format!("{} row errors of a batch of {rows} rows", flagged.len()));
        }
        for error in flagged {
            let row = error.row as usize;
            if row >= rows {
                return Err(format!("an error for row {row} of a batch of {rows} rows"));
            }
            let (code, message) = (clip(error.code, CODE_BYTES), clip(error.message, MESSAGE_BYTES));
            self.rows.entry(row).or_insert((code, message));
        }
        Ok(())
    }

    fn into_errors(self) -> Vec<RowError> {
        self.rows.into_iter().map(|(row, (code, message))| RowError { row, code, message }).collect()
    }
}

/// Checks an answer to `rows` input rows and makes arrays of it; the error says what is
/// wrong with its shape.
pub(crate) fn lift(answer: Answer, rows: usize, fields: &[Field], table: bool) -> Result<Output, String> {
    let parents = match (table, answer.parents) {
        (true, Some(parents)) => Some(lift_parents(parents, rows)?),
        (false, None) => None,
        (true, None) => return Err("no parents, which a table function always gives".to_owned()),
        (false, Some(_)) => {
            return Err("parents, which only a table function gives".to_owned());
        }
    };
    let mut faults = Faults::new(parents.as_ref(), "result", false);
    faults.flag(answer.errors, rows)?;
    let rows_out = parents.as_ref().map_or(rows, Array::len);
    let columns = lift_columns(fields, answer.columns, rows_out, &mut faults)?;
    let errors = faults.into_errors();
    Ok(Output { parents, columns, errors })
}

/// Checks the row errors of a call that gives nothing else.
pub(crate) fn lift_errors(flagged: Vec<Flagged>, rows: usize) -> Result<Vec<RowError>, String> {
    let mut faults = Faults::new(None, "", false);
    faults.flag(flagged, rows)?;
    Ok(faults.into_errors())
}

/// Checks columns of which each value has to be right; `what` they are is for messages.
pub(crate) fn lift_whole(
    fields: &[Field],
    columns: Vec<ColumnResult>,
    rows: usize,
    what: &'static str,
) -> Result<Vec<ArrayRef>, String> {
    let mut faults = Faults::new(None, what, true);
    let columns = lift_columns(fields, columns, rows, &mut faults)?;
    match faults.rows.into_iter().next() {
        Some((row, (_, message))) => Err(format!("{message}, in row {row}")),
        None => Ok(columns),
    }
}

/// A column for each field.
fn lift_columns(
    fields: &[Field],
    columns: Vec<ColumnResult>,
    rows: usize,
    faults: &mut Faults<'_>,
) -> Result<Vec<ArrayRef>, String> {
    let what = faults.what;
    if columns.len() != fields.len() {
        return Err(format!("{} {what} columns, its signature declares {}", columns.len(), fields.len()));
    }
    let lift = |(field, column): (&Field, _)| {
        lift_column(field, column, rows, faults).map_err(|e| format!("{what} {}: {e}", field.name()))
    };
    fields.iter().zip(columns).map(lift).collect()
}

/// The text with its controls escaped, so on one line, and at most so many bytes with its escapes.
fn clip(text: String, bytes: usize) -> String {
    if text.len() <= bytes && !text.contains(is_control) {
        return text;
    }
    let mut shown = String::with_capacity(bytes);
    // Whole characters that leave room for the mark.
    let mut kept = 0;
    for c in text.chars() {
        if is_control(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        if shown.len() > bytes {
            shown.truncate(kept);
            shown.push_str(CUT);
            return shown;
        }
        if shown.len() + CUT.len() <= bytes {
            kept = shown.len();
        }
    }
    shown
}

fn lift_parents(bytes: Vec<u8>, rows: usize) -> Result<UInt32Array, String> {
    let parents = lift_numbers(bytes, "parents")?;
    if let Some(at) = parents.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(format!("parents that decrease at output row {}", at + 1));
    }
    if let Some(last) = parents.last().filter(|last| **last as usize >= rows) {
        return Err(format!("parent {last} in a batch of {rows} rows"));
    }
    Ok(UInt32Array::new(parents, None))
}

/// Counts or positions, a uint32 each.
pub(crate) fn lift_numbers(bytes: Vec<u8>, what: &str) -> Result<ScalarBuffer<u32>, String> {
    if !bytes.len().is_multiple_of(4) {
        return Err(format!("{what} of {} bytes, needed 4 each", bytes.len()));
    }
    let count = bytes.len() / 4;
    Ok(scalars(bytes, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_error_says_is_bounded_with_its_escapes() {
        assert_eq!(clip("a b".to_owned(), 3), "a b");
        assert_eq!(clip("a\nb".to_owned(), 64), "a\\nb");
        assert_eq!(clip("abcdef".to_owned(), 5), "ab…");
        assert_eq!(clip("äöüß".to_owned(), 7), "äö…");
        for text in ["\u{1b}", "\u{202e}", "\u{e0001}", "\0", "ü", "x"] {
            let shown = clip(text.repeat(5000), MESSAGE_BYTES);
            assert!(shown.len() <= MESSAGE_BYTES && shown.len() > MESSAGE_BYTES - 16, "{text:?}: {}", shown.len());
            assert!(shown.ends_with(CUT) && !shown.contains(is_control), "{text:?}");
        }
    }
}
