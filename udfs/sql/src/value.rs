//! Values of a batch: an array, or one value for all rows; and typed looks into them, so that a function over rows
//! reads `a.get(i)` whether its argument was a column or a literal.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, Datum, PrimitiveArray, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

/// An array of as many values as the batch has rows, or of one value that stands for all.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) array: ArrayRef,
    pub(crate) scalar: bool,
}

impl Datum for Value {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array.as_ref(), self.scalar)
    }
}

impl Value {
    pub(crate) fn array(array: ArrayRef) -> Self {
        Self { array, scalar: false }
    }

    pub(crate) fn scalar(array: ArrayRef) -> Self {
        Self { array, scalar: true }
    }

    fn nulls(&self, rows: usize) -> Option<NullBuffer> {
        match self.scalar {
            true if self.array.is_null(0) => Some(NullBuffer::new_null(rows)),
            true => None,
            false => self.array.nulls().cloned(),
        }
    }

    pub(crate) fn numbers<T: ArrowPrimitiveType>(&self) -> Numbers<'_, T> {
        let array = self.array.as_primitive::<T>();
        Numbers { values: array.values(), nulls: array.nulls(), step: usize::from(!self.scalar) }
    }

    pub(crate) fn texts(&self) -> Texts<'_> {
        Texts { array: self.array.as_string(), step: usize::from(!self.scalar) }
    }

    pub(crate) fn bytes(&self) -> Bytes<'_> {
        let step = usize::from(!self.scalar);
        match self.array.as_binary_opt::<i32>() {
            Some(array) => Bytes::Binary(array, step),
            None => Bytes::Text(self.array.as_string(), step),
        }
    }

    pub(crate) fn bits(&self) -> Bits<'_> {
        Bits { array: self.array.as_boolean(), step: usize::from(!self.scalar) }
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.array.is_null(if self.scalar { 0 } else { row })
    }
}

/// NULL where any of the arguments is.
pub(crate) fn any_null(args: &[&Value], rows: usize) -> Option<NullBuffer> {
    args.iter().fold(None, |nulls, arg| NullBuffer::union(nulls.as_ref(), arg.nulls(rows).as_ref()))
}

#[derive(Clone, Copy)]
pub(crate) struct Numbers<'a, T: ArrowPrimitiveType> {
    pub(crate) values: &'a [T::Native],
    nulls: Option<&'a NullBuffer>,
    step: usize,
}

impl<T: ArrowPrimitiveType> Numbers<'_, T> {
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<T::Native> {
        let at = row * self.step;
        match self.nulls {
            Some(nulls) if nulls.is_null(at) => None,
            _ => Some(self.values[at]),
        }
    }

    /// The value whether NULL or not.
    #[inline]
    pub(crate) fn raw(&self, row: usize) -> T::Native {
        self.values[row * self.step]
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    array: &'a StringArray,
    step: usize,
}

impl<'a> Texts<'a> {
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        let at = row * self.step;
        self.array.is_valid(at).then(|| self.array.value(at))
    }
}

/// The bytes of texts and of binary strings alike.
#[derive(Clone, Copy)]
pub(crate) enum Bytes<'a> {
    Text(&'a StringArray, usize),
    Binary(&'a BinaryArray, usize),
}

impl<'a> Bytes<'a> {
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Bytes::Text(array, step) => array.is_valid(row * step).then(|| array.value(row * step).as_bytes()),
            Bytes::Binary(array, step) => array.is_valid(row * step).then(|| array.value(row * step)),
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Bits<'a> {
    array: &'a BooleanArray,
    step: usize,
}

impl Bits<'_> {
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<bool> {
        let at = row * self.step;
        self.array.is_valid(at).then(|| self.array.value(at))
    }
}

/// A column of numbers, one row after the other.
pub(crate) fn make_numbers<T: ArrowPrimitiveType>(
    rows: usize,
    mut value: impl FnMut(usize) -> Option<T::Native>,
) -> ArrayRef {
    Arc::new((0..rows).map(&mut value).collect::<PrimitiveArray<T>>())
}

pub(crate) fn make_bits(rows: usize, mut value: impl FnMut(usize) -> Option<bool>) -> ArrayRef {
    Arc::new((0..rows).map(&mut value).collect::<BooleanArray>())
}

/// A column of texts: `write` appends the row's text and says whether there is one.
pub(crate) fn make_texts(rows: usize, mut write: impl FnMut(usize, &mut String) -> Option<()>) -> ArrayRef {
    let mut values = String::new();
    let mut offsets = Vec::with_capacity(rows + 1);
    let mut valid = Vec::with_capacity(rows);
    offsets.push(0i32);
    for row in 0..rows {
        let start = values.len();
        let written = write(row, &mut values).is_some();
        if !written {
            values.truncate(start);
        }
        valid.push(written);
        offsets.push(values.len() as i32);
    }
    let nulls = if valid.contains(&false) { Some(NullBuffer::from(valid)) } else { None };
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Arc::new(StringArray::new(offsets, Buffer::from(values.into_bytes()), nulls))
}

/// Like `make_texts` for binary strings.
pub(crate) fn make_bytes(rows: usize, mut write: impl FnMut(usize, &mut Vec<u8>) -> Option<()>) -> ArrayRef {
    let mut values = Vec::new();
    let mut offsets = vec![0i32];
    let mut valid = Vec::with_capacity(rows);
    for row in 0..rows {
        let start = values.len();
        let written = write(row, &mut values).is_some();
        if !written {
            values.truncate(start);
        }
        valid.push(written);
        offsets.push(values.len() as i32);
    }
    Arc::new(BinaryArray::new(
        OffsetBuffer::new(ScalarBuffer::from(offsets)),
        Buffer::from(values),
        Some(NullBuffer::from(valid)),
    ))
}

/// A row whose expression has no value; MySQL would end the statement with this error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The row of the batch, from 0.
    pub row: usize,
    /// SQLSTATE.
    pub code: &'static str,
    /// What was found and needed.
    pub message: String,
}

/// The batch that is being computed: how many rows, and which of them failed so far.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    pub(crate) errors: Vec<RowError>,
}

impl Rows {
    pub(crate) fn new(count: usize) -> Self {
        Self { count, errors: Vec::new() }
    }

    /// A number that its type can't hold.
    pub(crate) fn out_of_range(&mut self, row: usize, what: &str, needed: &str) {
        let message = format!("{what} is out of range of {needed}");
        self.errors.push(RowError { row, code: "22003", message });
    }

    /// Takes back the errors since `mark` of rows that did not need the value.
    pub(crate) fn keep_errors(&mut self, mark: usize, needed: impl Fn(usize) -> bool) {
        let mut at = 0;
        self.errors.retain(|error| {
            at += 1;
            at <= mark || needed(error.row)
        });
    }
}

/// A broken promise between binding and evaluation; refuses the call, blames this component.
#[derive(Debug)]
pub struct Failure(pub String);

impl From<arrow_schema::ArrowError> for Failure {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Failure(format!("a kernel refused its input: {error}"))
    }
}
