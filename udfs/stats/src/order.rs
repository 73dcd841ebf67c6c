//! How the values of a column are ordered, as integers and as byte strings that order by themselves.
//!
//! Values up to eight bytes become a [`Word`], decimals up to 38 digits a [`Quad`], both larger where
//! the value is; everything else becomes bytes that compare as the values do. So sets of values need
//! no comparison but that of integers and bytes, and three forms are all there is to compile.
//!
//! A text that has a collation is its collation's key, a terminator, and the text itself: texts that
//! the collation calls equal are ordered by their bytes, so that which of them comes first does not
//! depend on which came first.
//!
//! Floating-point numbers are ordered by IEEE 754's total order with one NaN above all: -0 is below 0.

use std::borrow::Cow;

use rowmill_collation::{Collation, Rule};
use rowmill_sdk::{BindError, DataType, Field};

use crate::columns::{Reader, Writer};

/// The order of a column's values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) data_type: DataType,
    /// Of texts.
    rule: Rule,
}

/// Which form the values take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// [`Word`]
    Word,
    /// [`Quad`]
    Quad,
    /// Bytes
    Bytes,
}

/// A value of up to eight bytes.
pub(crate) type Word = u64;
/// A decimal of 16 bytes.
pub(crate) type Quad = u128;

const SIGN: u64 = 1 << 63;

impl Order {
    /// The order of a column, or that its collation is not known.
    pub(crate) fn of(function: &str, position: usize, field: &Field) -> Result<Self, BindError> {
        let rule = match (field.data_type, field.attribute("collation")) {
            (DataType::Utf8, Some(name)) => Collation::named(name).rule().map_err(|error| {
                let hint = "write COLLATE utf8mb4_bin after the column in a map step, or CAST(… AS BINARY)";
                BindError::argument(position, format!("{function} orders texts: {error}; {hint}"))
            })?,
            _ => Rule::BYTES,
        };
        Ok(Self { data_type: field.data_type, rule })
    }

    /// The order of a column's values by their bytes.
    pub(crate) fn by_bytes(data_type: DataType) -> Self {
        Self { data_type, rule: Rule::BYTES }
    }

    pub(crate) fn form(self) -> Form {
        match self.data_type {
            DataType::Utf8 | DataType::Binary | DataType::Json => Form::Bytes,
            DataType::Decimal(decimal) if decimal.precision > 38 => Form::Bytes,
            DataType::Decimal(_) => Form::Quad,
            _ => Form::Word,
        }
    }

    /// A value of up to eight bytes.
    pub(crate) fn word(self, column: &Reader, row: usize) -> Word {
        let signed = |value: i64| value.cast_unsigned() ^ SIGN;
        match self.data_type {
            DataType::Boolean => u64::from(column.bool(row)),
            DataType::Int8 => signed(i8::from_le_bytes(column.array(row)).into()),
            DataType::Int16 => signed(i16::from_le_bytes(column.array(row)).into()),
            DataType::Int32 | DataType::Date => signed(i32::from_le_bytes(column.array(row)).into()),
            DataType::Uint8 | DataType::Uint16 | DataType::Uint32 | DataType::Uint64 => {
                u64::from_le_bytes(column.array(row))
            }
            DataType::Float32 => float(f32::from_le_bytes(column.array(row)).into()),
            DataType::Float64 => float(f64::from_le_bytes(column.array(row))),
            _ => signed(column.i64(row)),
        }
    }

    /// The same for values that are equal: -0 becomes 0.
    pub(crate) fn equal_word(self, column: &Reader, row: usize) -> Word {
        let word = self.word(column, row);
        let float = matches!(self.data_type, DataType::Float32 | DataType::Float64);
        if float && word == !SIGN { SIGN } else { word }
    }

    /// The bytes of the value that [`Self::word`] gave.
    fn word_bytes(self, word: Word) -> [u8; 8] {
        match self.data_type {
            DataType::Boolean | DataType::Uint8 | DataType::Uint16 | DataType::Uint32 | DataType::Uint64 => {
                word.to_le_bytes()
            }
            DataType::Float32 => u64::from((unfloat(word) as f32).to_bits()).to_le_bytes(),
            DataType::Float64 => unfloat(word).to_le_bytes(),
            _ => (word ^ SIGN).to_le_bytes(),
        }
    }

    /// Appends the value that [`Self::word`] gave.
    pub(crate) fn write_word(self, word: Word, out: &mut Writer) {
        match self.data_type {
            DataType::Boolean => out.push_bool(word != 0),
            other => out.push(&self.word_bytes(word)[..other.width().unwrap_or(8)]),
        }
    }

    /// A decimal of 16 bytes.
    pub(crate) fn quad(self, column: &Reader, row: usize) -> Quad {
        u128::from_le_bytes(column.array(row)) ^ 1 << 127
    }

    /// Appends the value that [`Self::quad`] gave.
    pub(crate) fn write_quad(self, quad: Quad, out: &mut Writer) {
        out.push(&(quad ^ 1 << 127).to_le_bytes());
    }

    /// Appends the value's bytes, the last part of a key.
    pub(crate) fn append(self, column: &Reader, row: usize, out: &mut Vec<u8>) {
        match self.form() {
            Form::Word => out.extend_from_slice(&self.word(column, row).to_be_bytes()),
            Form::Quad => out.extend_from_slice(&self.quad(column, row).to_be_bytes()),
            Form::Bytes if matches!(self.data_type, DataType::Decimal(_)) => {
                let start = out.len();
                out.extend(column.bytes(row).iter().rev());
                out[start] ^= 0x80;
            }
            Form::Bytes => {
                let value = column.bytes(row);
                if !self.rule.is_bytes() {
                    self.append_part(value, out);
                }
                out.extend_from_slice(value);
            }
        }
    }

    /// Appends bytes that order as the value does and of which none begin another: the first part
    /// of a key. Values that compare equal have the same.
    pub(crate) fn append_first(self, column: &Reader, row: usize, out: &mut Vec<u8>) {
        match (self.form(), self.data_type) {
            (Form::Bytes, DataType::Utf8 | DataType::Binary | DataType::Json) => {
                self.append_part(column.bytes(row), out);
            }
            (Form::Word, _) => out.extend_from_slice(&self.equal_word(column, row).to_be_bytes()),
            _ => self.append(column, row, out),
        }
    }

    /// The key of a text or of bytes, with a zero byte as 0x00 0xFF, and 0x00 0x00 at the end.
    fn append_part(self, value: &[u8], out: &mut Vec<u8>) {
        let mut key = Vec::new();
        let key = match std::str::from_utf8(value) {
            Ok(text) if !self.rule.is_bytes() => {
                self.rule.key(text, &mut key);
                &key
            }
            _ => value,
        };
        for byte in key {
            out.push(*byte);
            if *byte == 0 {
                out.push(0xff);
            }
        }
        out.extend_from_slice(&[0, 0]);
    }

    /// The bytes of the value whose key [`Self::append`] gave, as a column has them; a boolean is one.
    pub(crate) fn raw(self, key: &[u8]) -> Cow<'_, [u8]> {
        match self.form() {
            Form::Word => {
                let bytes = self.word_bytes(key.first_chunk().map_or(0, |word| u64::from_be_bytes(*word)));
                Cow::Owned(bytes[..self.data_type.width().unwrap_or(1)].to_vec())
            }
            Form::Quad => {
                let quad = key.first_chunk().map_or(0, |quad| u128::from_be_bytes(*quad));
                Cow::Owned((quad ^ 1 << 127).to_le_bytes().to_vec())
            }
            Form::Bytes if matches!(self.data_type, DataType::Decimal(_)) => {
                let mut bytes = vec![0; 32];
                bytes.iter_mut().zip(key.iter().rev()).for_each(|(byte, key)| *byte = *key);
                bytes[31] ^= 0x80;
                Cow::Owned(bytes)
            }
            Form::Bytes if self.rule.is_bytes() => Cow::Borrowed(key),
            Form::Bytes => Cow::Borrowed(after_part(key)),
        }
    }

    /// Appends the value whose key [`Self::append`] gave.
    pub(crate) fn write(self, key: &[u8], out: &mut Writer) {
        let raw = self.raw(key);
        match self.data_type {
            DataType::Boolean => out.push_bool(*raw != [0]),
            _ => out.push(&raw),
        }
    }

    /// The part of a key that [`Self::append`] gave which is the same for values that the order calls
    /// equal.
    pub(crate) fn class(self, key: &[u8]) -> &[u8] {
        match self.data_type {
            DataType::Utf8 if !self.rule.is_bytes() => &key[..key.len() - after_part(key).len()],
            _ => key,
        }
    }

    /// How many bytes the part takes that [`Self::append_first`] gave at the start of a key.
    pub(crate) fn first_length(self, key: &[u8]) -> usize {
        match (self.form(), self.data_type) {
            (Form::Word, _) => 8,
            (Form::Quad, _) => 16,
            (Form::Bytes, DataType::Decimal(_)) => 32,
            (Form::Bytes, _) => key.len() - after_part(key).len(),
        }
    }
}

/// What follows the terminated part at the start of a key.
fn after_part(key: &[u8]) -> &[u8] {
    let mut rest = key;
    loop {
        match rest {
            [0, 0, after @ ..] => return after,
            [0, _, after @ ..] | [_, after @ ..] => rest = after,
            [] => return rest,
        }
    }
}

fn float(value: f64) -> Word {
    let bits = if value.is_nan() { f64::NAN } else { value }.to_bits() & if value.is_nan() { !SIGN } else { u64::MAX };
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn unfloat(word: Word) -> f64 {
    f64::from_bits(if word & SIGN == 0 { !word } else { word ^ SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(order: Order, value: &[u8]) -> Vec<u8> {
        let mut column = Writer::new(order.data_type);
        column.push(value);
        let column = Reader::open(column.finish(), order.data_type, 1).unwrap();
        let mut key = Vec::new();
        order.append(&column, 0, &mut key);
        let mut back = Writer::new(order.data_type);
        order.write(&key, &mut back);
        assert_eq!(Reader::open(back.finish(), order.data_type, 1).unwrap().bytes(0), value, "{}", order.data_type);
        let mut first = Vec::new();
        order.append_first(&column, 0, &mut first);
        let length = first.len();
        first.extend_from_slice(&[0, 1, 2]);
        assert_eq!(order.first_length(&first), length);
        key
    }

    fn ensure_rising(data_type: DataType, values: &[Vec<u8>]) {
        let keys: Vec<_> = values.iter().map(|value| key(Order::by_bytes(data_type), value)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{data_type}: {keys:?}");
    }

    #[test]
    fn keys_rise_with_the_values_and_give_them_back() {
        let floats = [f64::NEG_INFINITY, -1e300, -1.0, -5e-324, -0.0, 0.0, 5e-324, 1.0, f64::INFINITY, f64::NAN];
        ensure_rising(DataType::Float64, &floats.map(|value| value.to_le_bytes().to_vec()));
        ensure_rising(DataType::Float32, &floats.map(|value| (value as f32).to_le_bytes().to_vec())[4..6]);
        let numbers = [i64::MIN, -1, 0, 1, i64::MAX];
        ensure_rising(DataType::Int64, &numbers.map(|value| value.to_le_bytes().to_vec()));
        ensure_rising(DataType::Datetime, &numbers.map(|value| value.to_le_bytes().to_vec()));
        ensure_rising(DataType::Date, &[-5i32, 0, 7].map(|value| value.to_le_bytes().to_vec()));
        ensure_rising(DataType::Int8, &[-5i8, 0, 7].map(|value| value.to_le_bytes().to_vec()));
        ensure_rising(DataType::Uint64, &[0, 1, u64::MAX].map(|value| value.to_le_bytes().to_vec()));
        ensure_rising(DataType::Uint16, &[0, 1, u16::MAX].map(|value| value.to_le_bytes().to_vec()));
        let decimal = |precision| DataType::Decimal(rowmill_sdk::DecimalType { precision, scale: 2 });
        let unscaled = [-(10i128.pow(37)), -1, 0, 1, 10i128.pow(37)];
        ensure_rising(decimal(38), &unscaled.map(|value| value.to_le_bytes().to_vec()));
        let wide = |value: i128| [value.to_le_bytes(), (value >> 127).to_le_bytes()].concat();
        ensure_rising(decimal(65), &unscaled.map(wide));
        ensure_rising(DataType::Utf8, &["", "\0", "\0\0", "\0a", "a", "a\0", "ab", "é"].map(|text| text.into()));
    }

    #[test]
    fn equal_texts_are_ordered_by_their_bytes_behind_the_collation() {
        let field = Field::new("name", DataType::Utf8).with("collation", "utf8mb4_0900_ai_ci");
        let order = Order::of("min", 0, &field).unwrap();
        let keys = ["", "A", "A\0", "a", "á", "AB", "b"].map(|text| key(order, text.as_bytes()));
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        let error = Order::of("min", 2, &Field::new("name", DataType::Utf8).with("collation", "koi8r_general_ci"));
        assert!(error.unwrap_err().message.contains("COLLATE utf8mb4_bin"));
    }
}
