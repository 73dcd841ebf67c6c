//! Runs functions natively, through the same adapters and column code as the component.
//!
//! ```
//! use rowmill_sdk::{scalar, test::call};
//!
//! /// Price times quantity.
//! #[scalar]
//! fn total(price: f64, qty: i64) -> f64 {
//!     price * qty as f64
//! }
//!
//! let ran = call::<total>().arg([2.5, 4.0]).arg([Some(2i64), None]).run();
//! assert_eq!(ran.values::<f64>(), [Some(5.0), None]);
//!
//! let refused = call::<total>().arg(["x"]).arg([1i64]).bind_error();
//! assert_eq!(refused.to_string(), "argument 1: `price` takes float64, found utf8; to convert with loss, write { column: …, as: float64 }");
//! ```
//!
//! `call::<total>()` names the function like a type. Arguments are widened as the host does it
//! (integers to wider ones and, up to 32 bits, to float64; float32 to float64). Each run is
//! repeated in pieces, on a fresh binding, and panics when the results differ: a function must
//! give the same however the host cuts the rows.
//!
//! Aggregates have [`fold()`], which runs one over given rows, and [`aggregate()`], which checks on
//! random rows what the host relies on.
//!
//! The functions here panic on misuse; they are for tests only.
#![allow(clippy::missing_panics_doc)]

mod check;
mod fold;
mod generate;
mod laws;
mod outcome;
mod rows;
mod shrink;
mod widen;

pub use check::{Check, aggregate, aggregate_of};
pub use fold::{Fold, Folded, fold, fold_of};

use crate::bitmap::Bitmap;
use crate::cell::{Builder, Cell, Nullable};
use crate::column::View;
use crate::contract::{Argument, Batch, BindError, Column, DataType, Field, FlaggedRow, Output, RowFact};
use crate::function::{Bound, RowFunction};
use crate::param::Owned;

/// A call of the function `F` in the making.
pub fn call<F: RowFunction + Default + 'static>() -> Call {
    of(F::default())
}

/// A call of a function that is implemented by hand.
pub fn of(function: impl RowFunction + 'static) -> Call {
    Call {
        function: Box::new(function),
        args: Vec::new(),
        config: serde_json::Value::Object(serde_json::Map::new()),
        seeds: None,
        commit_times: None,
        changes: None,
    }
}

/// A function with its arguments and configuration.
pub struct Call {
    function: Box<dyn RowFunction>,
    args: Vec<(Argument, usize, Column)>,
    config: serde_json::Value,
    seeds: Option<Column>,
    commit_times: Option<Column>,
    changes: Option<Column>,
}

impl Call {
    /// The next argument: its values, `Option`s where NULL occurs.
    #[must_use]
    pub fn arg<N: Nullable>(self, values: impl IntoIterator<Item = N>) -> Self {
        let name = self.parameter_name();
        self.named(&name, values)
    }

    fn parameter_name(&self) -> String {
        let position = self.args.len();
        let parameters = self.function.info().parameters;
        parameters.get(position).map_or_else(|| format!("arg{position}"), |p| p.name.clone())
    }

    /// The next argument with a column name of its own.
    #[must_use]
    pub fn named<N: Nullable>(self, name: &str, values: impl IntoIterator<Item = N>) -> Self {
        let (rows, column) = column_of(values);
        let mut field = Field::new(name, N::Cell::data_type());
        field.nullable = N::NULLABLE;
        self.column(field, rows, column)
    }

    /// The next argument as a column of buffers, for types and facts of any kind.
    #[must_use]
    pub fn column(mut self, field: Field, rows: usize, column: Column) -> Self {
        let (field, column) = self.widen(field, rows, column);
        self.args.push((Argument { field, literal: None }, rows, column));
        self
    }

    /// The next argument as a literal.
    #[must_use]
    pub fn literal<N: Nullable>(mut self, value: N) -> Self {
        let (rows, column) = column_of([value]);
        let field = Field::new(self.parameter_name(), N::Cell::data_type());
        let (field, column) = self.widen(field, rows, column);
        let argument = Argument { field, literal: Some(column) };
        self.args.push((argument, rows, Column::default()));
        self
    }

    /// Adds a fact to the last argument, such as `collation`.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: &str) -> Self {
        let (argument, ..) = self.args.last_mut().expect("an argument comes before its attributes");
        argument.field = argument.field.clone().with(key, value);
        self
    }

    /// The configuration, a JSON object.
    #[must_use]
    pub fn config(mut self, config: serde_json::Value) -> Self {
        self.config = config;
        self
    }

    /// The rows' seeds; otherwise 0, 1, 2, …
    #[must_use]
    pub fn seeds(mut self, seeds: impl IntoIterator<Item = u64>) -> Self {
        self.seeds = Some(column_of(seeds).1);
        self
    }

    /// The rows' commit times; otherwise 1970-01-01.
    #[must_use]
    pub fn commit_times(mut self, times: impl IntoIterator<Item = crate::Timestamp>) -> Self {
        self.commit_times = Some(column_of(times).1);
        self
    }

    /// The rows' change kinds (0 insert, 1 update-before, 2 update-after, 3 delete); otherwise 0.
    #[must_use]
    pub fn changes(mut self, changes: impl IntoIterator<Item = u8>) -> Self {
        self.changes = Some(column_of(changes).1);
        self
    }

    /// Widens an argument to the first accepted type that takes it without loss.
    fn widen(&self, field: Field, rows: usize, column: Column) -> (Field, Column) {
        let parameters = self.function.info().parameters;
        widen::argument(parameters.get(self.args.len()), field, rows, column)
    }

    /// Binds the function.
    pub fn bind(&self) -> Result<Box<dyn Bound>, BindError> {
        let args: Vec<Argument> = self.args.iter().map(|(argument, ..)| argument.clone()).collect();
        self.function.bind(&args, self.config.clone())
    }

    /// The error with which the function refuses to bind.
    pub fn bind_error(&self) -> BindError {
        match self.bind() {
            Ok(_) => panic!("the function was bound, although an error was expected"),
            Err(error) => error,
        }
    }

    /// Runs the function on all rows, whole and in pieces.
    pub fn run(&self) -> Ran {
        let mut bound = self.bind().unwrap_or_else(|error| panic!("{error}"));
        let signature = bound.signature();
        let columns: Vec<(DataType, &Column)> = signature
            .reads
            .iter()
            .map(|read| {
                let (argument, _, column) = &self.args[*read as usize];
                assert!(argument.literal.is_none(), "the signature reads the literal {read}");
                (argument.field.data_type, column)
            })
            .collect();
        let mut lengths = self.args.iter().filter(|(arg, ..)| arg.literal.is_none()).map(|(_, rows, _)| *rows);
        let rows = lengths.next().unwrap_or(1);
        assert!(lengths.all(|other| other == rows), "arguments of different lengths");
        let facts: Vec<(DataType, Column)> = signature.facts.iter().map(|fact| self.fact(*fact, rows)).collect();
        let columns: Vec<(DataType, &Column)> =
            columns.into_iter().chain(facts.iter().map(|(data_type, column)| (*data_type, column))).collect();
        let batch = |from: usize, to: usize| Batch {
            rows: (to - from) as u32,
            columns: columns.iter().map(|(data_type, column)| slice(column, *data_type, from, to)).collect(),
        };
        let whole = bound.run(batch(0, rows)).unwrap_or_else(|error| panic!("the batch was refused: {error}"));
        let ran = Ran::new(whole, signature.results, rows);
        let piece = match rows {
            0..=64 => 1,
            _ => rows / 3 + 1,
        };
        let mut bound = self.bind().unwrap_or_else(|error| panic!("{error}"));
        for from in (0..rows).step_by(piece) {
            let to = (from + piece).min(rows);
            let output = bound.run(batch(from, to)).unwrap_or_else(|error| panic!("a piece was refused: {error}"));
            ran.ensure_same(from, to, &Ran::new(output, ran.fields.clone(), to - from));
        }
        ran
    }

    fn fact(&self, fact: RowFact, rows: usize) -> (DataType, Column) {
        let (data_type, given) = match fact {
            RowFact::ChangeKind => (DataType::Uint8, &self.changes),
            RowFact::CommitTime => (DataType::Timestamp, &self.commit_times),
            RowFact::Seed => (DataType::Uint64, &self.seeds),
        };
        let column = given.clone().unwrap_or_else(|| match fact {
            RowFact::Seed => column_of(0..rows as u64).1,
            _ => Column { values: vec![0; rows * data_type.width().unwrap_or(1)], ..Column::default() },
        });
        (data_type, column)
    }
}

/// What a run returned.
#[derive(Debug)]
pub struct Ran {
    /// The result fields.
    pub fields: Vec<Field>,
    /// The result columns.
    pub columns: Vec<Column>,
    /// Of table functions: per result row, the row that it came from.
    pub parents: Vec<u32>,
    /// The refused rows.
    pub errors: Vec<FlaggedRow>,
    /// Result rows.
    rows: usize,
    /// Whether there are parents, however many.
    table: bool,
}

impl Ran {
    fn new(output: Output, fields: Vec<Field>, rows: usize) -> Self {
        assert_eq!(output.columns.len(), fields.len(), "results and result fields differ in number");
        let parents: Vec<u32> = output.parents.as_ref().map_or_else(Vec::new, |bytes| {
            bytes.as_chunks::<4>().0.iter().map(|parent| u32::from_le_bytes(*parent)).collect()
        });
        assert!(parents.is_sorted(), "parents must not decrease");
        let errors_rise = output.errors.is_sorted_by(|a, b| a.row < b.row);
        assert!(errors_rise, "refused rows must rise");
        let rows = output.parents.as_ref().map_or(rows, |_| parents.len());
        let table = output.parents.is_some();
        Self { fields, columns: output.columns, parents, errors: output.errors, rows, table }
    }

    /// The values of the only result, `None` for NULL; of a refused row, whatever lies there.
    pub fn values<T: Owned>(&self) -> Vec<Option<T>> {
        assert_eq!(self.columns.len(), 1, "there are several results: use `column`");
        self.read(0)
    }

    /// The values of a result by name, `None` for NULL.
    pub fn column<T: Owned>(&self, name: &str) -> Vec<Option<T>> {
        let found = self.fields.iter().position(|field| field.name == name);
        self.read(found.unwrap_or_else(|| panic!("there is no result `{name}`: {:?}", self.fields)))
    }

    fn read<T: Owned>(&self, position: usize) -> Vec<Option<T>> {
        let data_type = self.fields[position].data_type;
        let accepted = T::View::accepts().iter().any(|accepted| accepted.takes(data_type));
        assert!(accepted, "the result is {data_type}, not of the type asked for");
        let view = T::View::open(self.columns[position].clone(), self.rows, data_type)
            .unwrap_or_else(|error| panic!("{error}"));
        let valid = |row| view.validity().is_none_or(|bits| bits.get(row));
        (0..self.rows).map(|row| valid(row).then(|| T::read_owned(&view, row))).collect()
    }

    /// The codes of the refused rows.
    pub fn error_codes(&self) -> Vec<(u32, &str)> {
        self.errors.iter().map(|error| (error.row, error.code.as_str())).collect()
    }

    /// Panics unless `piece` is what `self` says about the input rows `from..to`.
    fn ensure_same(&self, from: usize, to: usize, piece: &Self) {
        let inside = |row: &u32| (from..to).contains(&(*row as usize));
        let (start, end) = match self.table {
            true => (
                self.parents.partition_point(|parent| (*parent as usize) < from),
                self.parents.partition_point(|parent| (*parent as usize) < to),
            ),
            false => (from, to),
        };
        for ((field, whole), part) in self.fields.iter().zip(&self.columns).zip(&piece.columns) {
            let expected = slice(whole, field.data_type, start, end);
            let found = slice(part, field.data_type, 0, piece.rows);
            assert_eq!(found, expected, "rows {from}..{to} alone give another result");
        }
        if self.table {
            let found = piece.parents.iter().map(|parent| parent + from as u32);
            let expected = self.parents[start..end].iter().copied();
            assert!(found.eq(expected), "rows {from}..{to} alone give other parents");
        }
        let expected: Vec<&FlaggedRow> = self.errors.iter().filter(|error| inside(&error.row)).collect();
        let found: Vec<FlaggedRow> =
            piece.errors.iter().map(|error| FlaggedRow { row: error.row + from as u32, ..error.clone() }).collect();
        assert!(found.iter().eq(expected), "rows {from}..{to} alone give other errors");
    }
}

/// A column from values.
fn column_of<N: Nullable>(values: impl IntoIterator<Item = N>) -> (usize, Column) {
    let mut builder = <N::Cell as Cell>::Builder::with_capacity(0);
    let mut valid = Bitmap::all(0, true);
    for value in values {
        let value = value.into_option();
        valid.push(value.is_some());
        match value {
            Some(value) => value.push_cell(&mut builder),
            None => builder.push_default(),
        }
    }
    (valid.rows(), builder.finish(Some(valid)))
}

/// The rows `from..to` of a column.
fn slice(column: &Column, data_type: DataType, from: usize, to: usize) -> Column {
    let rows = to - from;
    let bits = |bytes: &[u8]| {
        let all = Bitmap::from_bytes(bytes[..to.div_ceil(8)].to_vec(), to);
        let all = all.expect("the column has that many rows");
        Bitmap::from_fn(rows, |row| all.get(from + row))
    };
    let validity = column.validity.as_deref().map(bits).filter(|bits| !bits.is_full());
    let (offsets, values) = match (data_type.width(), &column.offsets) {
        (_, Some(offsets)) => {
            let read = |row: usize| i32::from_le_bytes(*offsets[row * 4..].first_chunk().expect("an offset per row"));
            let (start, end) = (read(from), read(to));
            let moved = (from..=to).flat_map(|row| (read(row) - start).to_le_bytes()).collect();
            (Some(moved), column.values[start as usize..end as usize].to_vec())
        }
        (Some(width), None) => (None, column.values[from * width..to * width].to_vec()),
        (None, None) => (None, bits(&column.values).into_bytes()),
    };
    Column { validity: validity.map(Bitmap::into_bytes), offsets, values }
}
