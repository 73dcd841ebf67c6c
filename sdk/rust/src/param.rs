//! What functions of the row form take.

use crate::bitmap::Bitmap;
use crate::column::{Blobs, Bools, JsonTexts, Texts, Values, View, open_validity};
use crate::contract::{Column, DataType, DecimalType};
use crate::decimal::{AnyDecimal, Decimal};
use crate::fixed::Fixed;
use crate::temporal::{Date, Datetime, Time, Timestamp};
use crate::wide_decimal::WideDecimal;

/// The type of a parameter. `Option<T>` sees NULLs; with any other type a NULL argument makes
/// the result NULL (in a filter false, in a table function no rows) and the function does not run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter",
    label = "not a parameter type",
    note = "allowed: bool, i8 to i64, u8 to u64, f32, f64, &str, &[u8], Json, Decimal<P, S>, WideDecimal<P, S>, AnyDecimal, Date, Time, Datetime, Timestamp, and Option<_> of these",
    note = "other parameters need an attribute: #[config], #[literal], #[seed], #[commit_time], #[change]"
)]
pub trait Value {
    /// The column that it is read from.
    type View: View;
    /// The value with a borrowed content.
    type Item<'a>;
    /// The value in a row.
    fn read_value(view: &Self::View, row: usize) -> Self::Item<'_>;
}

impl Value for bool {
    type View = Bools;
    type Item<'a> = Self;
    #[inline(always)]
    fn read_value(view: &Bools, row: usize) -> Self {
        view.value(row)
    }
}

impl Value for str {
    type View = Texts;
    type Item<'a> = &'a Self;
    #[inline(always)]
    fn read_value(view: &Texts, row: usize) -> &Self {
        view.value(row)
    }
}

impl Value for [u8] {
    type View = Blobs;
    type Item<'a> = &'a Self;
    #[inline(always)]
    fn read_value(view: &Blobs, row: usize) -> &Self {
        view.value(row)
    }
}

/// A JSON document as a parameter: its text, and how to parse it.
///
/// ```
/// use rowmill_sdk::{Json, RowError, scalar};
///
/// /// The city of an address.
/// #[scalar]
/// fn city(address: Json) -> Result<Option<String>, RowError> {
///     #[derive(serde::Deserialize)]
///     struct Address { city: Option<String> }
///     Ok(address.parse::<Address>()?.city)
/// }
/// # use rowmill_sdk::test::call;
/// # let ran = call::<city>().arg([serde_json::json!({"city": "Rome"})]).run();
/// # assert_eq!(ran.values::<String>(), [Some("Rome".to_owned())]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Json<'a>(pub &'a str);

impl<'a> Json<'a> {
    /// The document's text.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The document as a Rust value; a mismatch is a row error with the code `json`.
    pub fn parse<T: serde::Deserialize<'a>>(self) -> Result<T, crate::RowError> {
        serde_json::from_str(self.0)
            .map_err(|e| crate::RowError::new("json", format!("the JSON document does not fit: {e}")))
    }
}

impl Value for Json<'_> {
    type View = JsonTexts;
    type Item<'a> = Json<'a>;
    #[inline(always)]
    fn read_value(view: &JsonTexts, row: usize) -> Json<'_> {
        Json(view.0.value(row))
    }
}

/// Implements [`Value`] for types of a fixed width.
macro_rules! fixed_values {
    ($($type:ident $(<$(const $param:ident),*>)?),* $(,)?) => { $(
        impl $(<$(const $param: u8),*>)? Value for $type $(<$($param),*>)? {
            type View = Values<Self>;
            type Item<'a> = Self;
            #[inline(always)]
            fn read_value(view: &Values<Self>, row: usize) -> Self {
                view.value(row)
            }
        }
    )* };
}

fixed_values! {
    i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, Date, Time, Datetime, Timestamp,
    Decimal<const P, const S>, WideDecimal<const P, const S>,
}

impl Value for AnyDecimal {
    type View = AnyDecimals;
    type Item<'a> = Self;
    #[inline(always)]
    fn read_value(view: &AnyDecimals, row: usize) -> Self {
        view.value(row)
    }
}

/// A column of decimals of any scale, up to 38 digits; integers count as decimals of scale 0.
#[derive(Clone, Debug)]
pub struct AnyDecimals {
    values: Vec<u8>,
    width: usize,
    scale: u8,
    signed: bool,
    validity: Option<Bitmap>,
}

impl AnyDecimals {
    /// The value in a row; of a NULL row, whatever lies there.
    ///
    /// # Panics
    /// Past the last row.
    #[inline]
    pub fn value(&self, row: usize) -> AnyDecimal {
        let bytes = &self.values[row * self.width..][..self.width];
        let unscaled = match (self.width, self.signed) {
            (8, true) => i128::from(i64::read(bytes)),
            (8, false) => i128::from(u64::read(bytes)),
            _ => i128::read(bytes),
        };
        AnyDecimal::new(unscaled, self.scale)
    }

    /// Digits after the point, for all rows.
    pub fn scale(&self) -> u8 {
        self.scale
    }
}

impl View for AnyDecimals {
    fn accepts() -> Vec<DataType> {
        let any = DecimalType { precision: 0, scale: 0 };
        vec![DataType::Decimal(any), DataType::Int64, DataType::Uint64]
    }

    fn open(column: Column, rows: usize, data_type: DataType) -> Result<Self, String> {
        let (width, scale, signed) = match data_type {
            DataType::Decimal(decimal) if decimal.precision <= 38 => (16, decimal.scale, true),
            DataType::Int64 => (8, 0, true),
            DataType::Uint64 => (8, 0, false),
            other => return Err(format!("AnyDecimal holds up to 38 digits, found {other}")),
        };
        if column.values.len() != rows * width {
            let found = column.values.len();
            return Err(format!("a {data_type} column of {found} bytes does not hold {rows} rows"));
        }
        let validity = open_validity(column.validity, rows)?;
        Ok(Self { values: column.values, width, scale, signed, validity })
    }

    #[inline]
    fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }
}

/// A value that a literal argument or a test can be read as: what owns its content.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a literal",
    label = "not a literal type",
    note = "allowed: bool, i8 to i64, u8 to u64, f32, f64, String, Vec<u8>, Decimal<P, S>, AnyDecimal, Date, Time, Datetime, Timestamp, serde_json::Value, and Option<_> of these"
)]
pub trait Owned: Sized {
    /// The column that it is read from.
    #[doc(hidden)]
    type View: View;
    /// The value in a row.
    #[doc(hidden)]
    fn read_owned(view: &Self::View, row: usize) -> Self;
}

/// Implements [`Owned`] for types that are their own parameter type.
macro_rules! owned_values {
    ($($type:ident $(<$(const $param:ident),*>)?),* $(,)?) => { $(
        impl $(<$(const $param: u8),*>)? Owned for $type $(<$($param),*>)? {
            type View = <Self as Value>::View;
            fn read_owned(view: &Self::View, row: usize) -> Self {
                <Self as Value>::read_value(view, row)
            }
        }
    )* };
}

owned_values! {
    bool, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, Date, Time, Datetime, Timestamp,
    Decimal<const P, const S>, WideDecimal<const P, const S>, AnyDecimal,
}

impl Owned for String {
    type View = Texts;
    fn read_owned(view: &Texts, row: usize) -> Self {
        view.value(row).to_owned()
    }
}

impl Owned for Vec<u8> {
    type View = Blobs;
    fn read_owned(view: &Blobs, row: usize) -> Self {
        view.value(row).to_owned()
    }
}

impl Owned for serde_json::Value {
    type View = JsonTexts;
    fn read_owned(view: &JsonTexts, row: usize) -> Self {
        serde_json::from_str(view.0.value(row)).unwrap_or_default()
    }
}

/// How the source changed the row, as a `#[change]` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The row is new.
    Insert,
    /// The row as it was before an update.
    UpdateBefore,
    /// The row as an update left it.
    UpdateAfter,
    /// The row was deleted.
    Delete,
}

impl From<u8> for Change {
    fn from(code: u8) -> Self {
        match code {
            1 => Self::UpdateBefore,
            2 => Self::UpdateAfter,
            3 => Self::Delete,
            _ => Self::Insert,
        }
    }
}
