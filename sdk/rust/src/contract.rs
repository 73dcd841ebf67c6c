//! The types of the WIT interface `rowmill:udf/types`, as Rust types.
//!
//! They are written by hand, not generated, so that they exist on every target: in a component
//! the generated bindings use these very types (no conversion per call), natively the tests do.
//! A mismatch with `wit/` does not compile for wasm32.
//!
//! Layout of a [`Column`]: Arrow's own buffers, little-endian, from row 0, unpadded. No alignment
//! is promised: a view must read unaligned where it has to (see [`crate::column`]).

mod state;

use std::fmt;

pub use state::{AggregateSignature, Migration, State, StateSchema};

/// Precision and scale of a decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecimalType {
    /// Total digits, 1 to 65. Up to 38 a value takes 16 bytes, above that 32.
    pub precision: u8,
    /// Digits after the point, 0 to 30 and at most `precision`.
    pub scale: u8,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// One bit a value.
    Boolean,
    /// 8-bit signed integer.
    Int8,
    /// 16-bit signed integer.
    Int16,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// 8-bit unsigned integer.
    Uint8,
    /// 16-bit unsigned integer.
    Uint16,
    /// 32-bit unsigned integer.
    Uint32,
    /// 64-bit unsigned integer.
    Uint64,
    /// IEEE 754 single precision.
    Float32,
    /// IEEE 754 double precision.
    Float64,
    /// Exact decimal: a two's complement integer of 16 or 32 bytes, divided by 10 to the scale.
    Decimal(DecimalType),
    /// UTF-8 text; has offsets.
    Utf8,
    /// Bytes; has offsets.
    Binary,
    /// A JSON document as UTF-8 text; has offsets.
    Json,
    /// Days since 1970-01-01, 4 bytes.
    Date,
    /// A signed duration in µs, 8 bytes (MySQL's TIME: up to ±838:59:59).
    Time,
    /// µs since 1970-01-01 00:00:00 on a calendar without time zone, 8 bytes.
    Datetime,
    /// µs since 1970-01-01 00:00:00 UTC, 8 bytes.
    Timestamp,
}

impl DataType {
    /// Bytes a value takes in `values`; `None` for bits (boolean) and for types with offsets.
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Boolean | Self::Utf8 | Self::Binary | Self::Json => None,
            Self::Int8 | Self::Uint8 => Some(1),
            Self::Int16 | Self::Uint16 => Some(2),
            Self::Int32 | Self::Uint32 | Self::Float32 | Self::Date => Some(4),
            Self::Int64 | Self::Uint64 | Self::Float64 | Self::Time | Self::Datetime | Self::Timestamp => Some(8),
            Self::Decimal(decimal) if decimal.precision > 38 => Some(32),
            Self::Decimal(_) => Some(16),
        }
    }

    /// Whether the column has offsets.
    pub const fn has_offsets(self) -> bool {
        matches!(self, Self::Utf8 | Self::Binary | Self::Json)
    }

    /// Whether a parameter that accepts `self` takes a column of type `offered` as it is;
    /// `decimal(0,0)` stands for any decimal.
    pub fn takes(self, offered: Self) -> bool {
        match (self, offered) {
            (Self::Decimal(DecimalType { precision: 0, .. }), Self::Decimal(_)) => true,
            _ => self == offered,
        }
    }
}

/// The WIT's name of the type, as in `int64` or `decimal(10,2)`.
impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Decimal(DecimalType { precision: 0, .. }) => "decimal",
            Self::Decimal(DecimalType { precision, scale }) => {
                return write!(f, "decimal({precision},{scale})");
            }
            Self::Utf8 => "utf8",
            Self::Binary => "binary",
            Self::Json => "json",
            Self::Date => "date",
            Self::Time => "time",
            Self::Datetime => "datetime",
            Self::Timestamp => "timestamp",
        })
    }
}

/// An open-ended fact about a field: `mysql-type` = `varchar(40)`, `collation`, `max-chars`, `fsp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name of the fact. Keys that the reader does not know are ignored.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Name, type and facts of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The column's name; for results, what a new column is called unless the pipeline says otherwise.
    pub name: String,
    /// The type of its values.
    pub data_type: DataType,
    /// Whether NULL can occur.
    pub nullable: bool,
    /// MySQL's facts.
    pub attributes: Vec<Attribute>,
}

impl Field {
    /// A nullable field without attributes.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Self { name: name.into(), data_type, nullable: true, attributes: Vec::new() }
    }

    /// The same field with one more attribute.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push(Attribute { key: key.into(), value: value.into() });
        self
    }

    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.key == key);
        found.map(|a| a.value.as_str())
    }
}

/// One column of a batch: Arrow's buffers as owned bytes.
///
/// Which buffers there are, and how long each is, follows from the type (known since `bind`) and
/// the row count of the batch. What the host sends is valid; what it gets, it checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// One bit per row, 1 = has a value, least significant bit first; bits past the last row are
    /// 0. `None`: no NULLs.
    pub validity: Option<Vec<u8>>,
    /// Types with offsets only: rows + 1 `i32`, the first 0.
    pub offsets: Option<Vec<u8>>,
    /// The values; bits for booleans, all texts on end for types with offsets.
    pub values: Vec<u8>,
}

/// Rows for one `run`: the columns that the binding reads, then its row facts, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// How many rows every column has.
    pub rows: u32,
    /// The columns.
    pub columns: Vec<Column>,
}

/// One argument as offered to `bind`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Name, type and facts.
    pub field: Field,
    /// The value of a literal, a column of one row. Literals are never read by batches.
    pub literal: Option<Column>,
}

/// A fact about each row that a binding can ask for; the host appends it as a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFact {
    /// `uint8`: 0 insert, 1 update-before, 2 update-after, 3 delete.
    ChangeKind,
    /// `timestamp`: when the source committed the row.
    CommitTime,
    /// `uint64`: a hash of pipeline, step and row key, the only randomness there is.
    Seed,
}

/// What a binding reads and returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Positions of the offered arguments that each batch must carry, in this order. No literals.
    pub reads: Vec<u32>,
    /// Row facts, appended after the columns of `reads`, in this order.
    pub facts: Vec<RowFact>,
    /// The result columns.
    pub results: Vec<Field>,
}

/// A piece of the text that a configuration key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The configuration key.
    pub key: String,
    /// First byte of the piece in the key's value.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

/// What a bind error is about; the host shows that line of the pipeline file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The call as a whole.
    Call,
    /// The argument at this position.
    Argument(u32),
    /// This configuration key.
    Config(String),
    /// A piece of the text of a configuration key.
    Text(Span),
}

/// Why a function cannot be bound. Says what was found and what is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindError {
    /// What it is about.
    pub place: Place,
    /// A short lower-case sentence.
    pub message: String,
}

impl BindError {
    /// An error about the call as a whole.
    pub fn call(message: impl Into<String>) -> Self {
        Self::at(Place::Call, message)
    }

    /// An error about the argument at `position`.
    pub fn argument(position: usize, message: impl Into<String>) -> Self {
        Self::at(Place::Argument(u32::try_from(position).unwrap_or(u32::MAX)), message)
    }

    /// An error about a configuration key.
    pub fn config(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::at(Place::Config(key.into()), message)
    }

    /// An error about the bytes `span` of the text that `key` holds.
    pub fn text(key: impl Into<String>, span: std::ops::Range<usize>, message: impl Into<String>) -> Self {
        let clamp = |n| u32::try_from(n).unwrap_or(u32::MAX);
        let span = Span { key: key.into(), start: clamp(span.start), end: clamp(span.end) };
        Self::at(Place::Text(span), message)
    }

    fn at(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Call => write!(f, "{}", self.message),
            Place::Argument(position) => write!(f, "argument {}: {}", position + 1, self.message),
            Place::Config(key) => write!(f, "config `{key}`: {}", self.message),
            Place::Text(Span { key, start, end }) => {
                write!(f, "config `{key}`, bytes {start}..{end}: {}", self.message)
            }
        }
    }
}

impl std::error::Error for BindError {}

/// One row that a function refuses. The other rows of the batch are not affected; whatever the
/// function wrote as this row's result is ignored. Must follow from the row and the binding alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlaggedRow {
    /// The input row.
    pub row: u32,
    /// A short machine-readable code, such as `invalid-email`.
    pub code: String,
    /// A short lower-case sentence that says what was found and what is needed.
    pub message: String,
}

/// What `run` returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Table functions only, and always there: per output row the input row it came from (`u32`),
    /// never decreasing.
    pub parents: Option<Vec<u8>>,
    /// The result columns: as many rows as the input, for table functions as many as `parents`.
    pub columns: Vec<Column>,
    /// The refused rows, by rising row.
    pub errors: Vec<FlaggedRow>,
}

/// These types under the names that the generated bindings ask for.
#[doc(hidden)]
pub mod wit {
    pub use super::FlaggedRow as RowError;
    pub use super::{
        Argument, Attribute, Batch, BindError, Column, DataType, DecimalType, Field, Output, Place, RowFact, Signature,
        Span,
    };
    /// A buffer.
    pub type Bytes = Vec<u8>;
}
