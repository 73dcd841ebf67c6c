//! The types of the WIT interface `rowmill:udf/types`, as Rust types.
//!
//! They are written by hand, not generated, so that they exist on every target: in a component
//! the generated bindings use these very types (no conversion per call), natively the tests do.
//! A mismatch with `wit/` does not compile for wasm32.
//!
//! Layout of a [`Column`]: Arrow's own buffers, little-endian, from row 0, unpadded. No alignment
//! is promised: a view must read unaligned where it has to (see [`crate::column`]).

use std::fmt;

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

/// The columns of a state that leaves the component.
///
/// Two schemas are the same when version, fields and the fields' attributes are equal. So
/// configuration that shapes the state (a precision, a number of buckets) goes into an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateSchema {
    /// The component's own number for this layout.
    pub version: u32,
    /// The state's columns.
    pub fields: Vec<Field>,
}

impl StateSchema {
    /// A layout with its number.
    pub fn new(version: u32, fields: Vec<Field>) -> Self {
        Self { version, fields }
    }
}

/// The states of a list of groups, as columns of their schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Per group a `u32`, how many rows its state takes, 0 included; the groups' rows follow each
    /// other in the list's order. `None`: one row each.
    pub rows: Option<Vec<u8>>,
    /// The columns of the schema, with as many rows as all groups together.
    pub columns: Vec<Column>,
}

impl State {
    /// States of one row per group.
    pub fn single(columns: Vec<Column>) -> Self {
        Self { rows: None, columns }
    }

    /// States of any number of rows per group, `counts` in the order of the groups.
    pub fn several(counts: impl IntoIterator<Item = u32>, columns: Vec<Column>) -> Self {
        let counts = counts.into_iter();
        let mut rows = Vec::with_capacity(counts.size_hint().0 * 4);
        counts.for_each(|count| rows.extend_from_slice(&count.to_le_bytes()));
        Self { rows: Some(rows), columns }
    }

    /// How many rows the state of each of `groups` groups takes. An error says what does not fit.
    pub fn counts(&self, groups: usize) -> Result<Vec<u32>, String> {
        let Some(rows) = &self.rows else { return Ok(vec![1; groups]) };
        if rows.len() != groups * 4 {
            return Err(format!("row counts of {} bytes do not fit the states of {groups} groups", rows.len()));
        }
        Ok(rows.as_chunks::<4>().0.iter().map(|count| u32::from_le_bytes(*count)).collect())
    }
}

/// A step between two versions of the state that an aggregate can migrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The version of the states given.
    pub source: u32,
    /// The version of the states returned.
    pub target: u32,
}

/// What a bound aggregate reads, returns and keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AggregateSignature {
    /// What it reads and returns; results have one row per group.
    pub call: Signature,
    /// The layout of the states that `snapshot` gives and `merge` takes.
    pub state: StateSchema,
    /// The migrations that `migrate` can do; each has `state.version` on one side.
    pub migrations: Vec<Migration>,
    /// Whether rows can be taken out again. Without it only sources that never change or delete
    /// rows can feed the aggregate.
    pub retract: bool,
    /// Whether a state can be merged into a group that is not empty. Without it `merge` is only a
    /// restore.
    pub merge: bool,
}

impl AggregateSignature {
    /// A signature without migrations that can neither retract nor merge.
    pub fn new(call: Signature, state: StateSchema) -> Self {
        Self { call, state, migrations: Vec::new(), retract: false, merge: false }
    }

    /// The same, and rows can be taken out again.
    #[must_use]
    pub fn with_retract(mut self) -> Self {
        self.retract = true;
        self
    }

    /// The same, and states can be merged.
    #[must_use]
    pub fn with_merge(mut self) -> Self {
        self.merge = true;
        self
    }

    /// The same, and states of another version can be taken over, in both directions.
    #[must_use]
    pub fn with_migration(mut self, other: u32) -> Self {
        let own = self.state.version;
        self.migrations.push(Migration { source: other, target: own });
        self.migrations.push(Migration { source: own, target: other });
        self
    }
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
