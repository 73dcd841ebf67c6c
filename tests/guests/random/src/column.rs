//! Columns as they cross: right ones of every type, and how to make values and shapes wrong.

use crate::rng::Rng;

/// The types of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the contract says what they are")]
pub enum Type {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float32,
    Float64,
    Decimal { precision: u8, scale: u8 },
    Utf8,
    Binary,
    Json,
    Date,
    Time,
    Datetime,
    Timestamp,
}

/// A field of a signature.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: Type,
    /// Whether NULL is declared.
    pub nullable: bool,
    /// Facts about it.
    pub attributes: Vec<(String, String)>,
}

/// Buffers.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// A bit for each row.
    pub validity: Option<Vec<u8>>,
    /// Of texts.
    pub offsets: Option<Vec<u8>>,
    /// The values.
    pub values: Vec<u8>,
}

impl Type {
    /// One of them; decimals are right.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        use Type::*;
        let simple = [
            Boolean, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Float32, Float64, Utf8, Binary, Json,
            Date, Time, Datetime, Timestamp,
        ];
        if rng.one_in(6) {
            let precision = 1 + rng.below(65) as u8;
            return Decimal { precision, scale: rng.below(usize::from(precision.min(30)) + 1) as u8 };
        }
        *rng.pick(&simple)
    }

    /// Bytes of a value; none: a bit, or as many as it likes.
    pub fn width(self) -> Option<usize> {
        Some(match self {
            Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float32 | Self::Date => 4,
            Self::Int64 | Self::Uint64 | Self::Float64 | Self::Time | Self::Datetime | Self::Timestamp => 8,
            Self::Decimal { precision, .. } => 16 << usize::from(precision > 38),
            Self::Boolean | Self::Utf8 | Self::Binary | Self::Json => return None,
        })
    }

    pub(crate) fn is_variable(self) -> bool {
        matches!(self, Self::Utf8 | Self::Binary | Self::Json)
    }

    /// A right value.
    fn value(self, rng: &mut Rng) -> Vec<u8> {
        let within = |rng: &mut Rng, end: i64| (rng.next() % end.unsigned_abs()).cast_signed();
        match self {
            Self::Utf8 => (*rng.pick(&["", "a", "äöü", "🎉", "it's", "\u{1b}[31m", "\n"])).as_bytes().to_vec(),
            Self::Json => (*rng.pick(&["null", "1", "{}", "[1, \"x\"]"])).as_bytes().to_vec(),
            Self::Binary => rng.next().to_le_bytes()[..rng.below(9)].to_vec(),
            Self::Boolean => vec![u8::from(rng.one_in(2))],
            Self::Date => (within(rng, 2_932_896) as i32).to_le_bytes().to_vec(),
            Self::Time => within(rng, 3_020_399_000_000).to_le_bytes().to_vec(),
            Self::Datetime | Self::Timestamp => within(rng, 253_402_300_799_000_000).to_le_bytes().to_vec(),
            Self::Decimal { precision, .. } => {
                let end = 10_i64.pow(u32::from(precision.min(18)));
                let value = within(rng, end) * if rng.one_in(2) { 1 } else { -1 };
                let sign = if value < 0 { 0xff } else { 0 };
                let mut bytes = value.to_le_bytes().to_vec();
                bytes.resize(16 << usize::from(precision > 38), sign);
                bytes
            }
            _ => rng.next().to_le_bytes()[..self.width().unwrap_or(8)].to_vec(),
        }
    }

    /// A wrong value of the same length, where there is one.
    fn wrong_value(self, old: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 | Self::Json if !old.is_empty() => Some(vec![0xff; old.len()]),
            Self::Date => Some(i32::MAX.to_le_bytes().to_vec()),
            Self::Time | Self::Datetime | Self::Timestamp => Some(i64::MIN.to_le_bytes().to_vec()),
            Self::Decimal { precision, .. } => {
                let mut bytes = vec![0xff; 16 << usize::from(precision > 38)];
                *bytes.last_mut()? = 0x7f;
                Some(bytes)
            }
            _ => None,
        }
    }
}

impl Column {
    /// A right column.
    pub(crate) fn right(rng: &mut Rng, field: &Field, rows: usize) -> Self {
        let of = field.data_type;
        let mut column = Self::default();
        let mut offsets = vec![0_i32];
        let mut bits = vec![0_u8; rows.div_ceil(8)];
        for row in 0..rows {
            let value = of.value(rng);
            if of == Type::Boolean {
                bits[row / 8] |= value[0] << (row % 8);
            } else {
                column.values.extend_from_slice(&value);
                offsets.push(i32::try_from(column.values.len()).unwrap_or(i32::MAX));
            }
        }
        if of == Type::Boolean {
            column.values = bits;
        }
        if of.is_variable() {
            column.offsets = Some(offsets.into_iter().flat_map(i32::to_le_bytes).collect());
        }
        if field.nullable && rng.one_in(2) {
            let mut validity = ones(rows);
            (0..rows)
                .filter(|_| rng.one_in(3))
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|row| clear(&mut validity, row));
            column.validity = Some(validity);
        }
        column
    }

    /// Makes the value of a row wrong; false if its type has no wrong values there.
    pub(crate) fn spoil(&mut self, field: &Field, row: usize, rows: usize) -> bool {
        if self.is_null(row) {
            return false;
        }
        if let Some(range) = self.range(field.data_type, row)
            && let Some(wrong) = field.data_type.wrong_value(&self.values[range.clone()])
        {
            self.values[range].copy_from_slice(&wrong);
            return true;
        }
        if field.nullable {
            return false;
        }
        clear(self.validity.get_or_insert_with(|| ones(rows)), row);
        true
    }

    /// Makes the shape wrong.
    pub(crate) fn bend(&mut self, rng: &mut Rng, of: Type, rows: usize) {
        match rng.below(8) {
            0 => self.validity = Some(vec![0xff; rows.div_ceil(8) + 1 + rng.below(3)]),
            1 if !rows.is_multiple_of(8) => {
                let mut validity = ones(rows);
                if let Some(last) = validity.last_mut() {
                    *last |= 0x80;
                }
                self.validity = Some(validity);
            }
            2 if of.is_variable() => self.offsets = None,
            2 => self.offsets = Some(vec![0; (rows + 1) * 4]),
            3..=6 if of.is_variable() => {
                let offsets = self.offsets.get_or_insert_default();
                match rng.below(4) {
                    0 => drop(offsets.pop()),
                    1 => offsets.extend_from_slice(&[0; 4]),
                    2 => offsets[..4].copy_from_slice(&1_i32.to_le_bytes()),
                    _ => {
                        let end = offsets.len() - 4;
                        offsets[end..].copy_from_slice(&i32::MIN.to_le_bytes());
                    }
                }
            }
            3 if !self.values.is_empty() => drop(self.values.pop()),
            4 => self.values.clear(),
            _ => self.values.extend_from_slice(&vec![0; 1 + rng.below(100_000)]),
        }
        // Of no rows an empty buffer would be right.
        if rows == 0 && self.values.is_empty() {
            self.values.push(0);
        }
    }

    /// Whether a row is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        self.validity.as_ref().is_some_and(|bits| bits[row / 8] >> (row % 8) & 1 == 0)
    }

    fn range(&self, of: Type, row: usize) -> Option<std::ops::Range<usize>> {
        match (&self.offsets, of.width()) {
            (Some(offsets), _) => {
                let at = |row: usize| {
                    let bytes = offsets[row * 4..row * 4 + 4].try_into().unwrap_or_default();
                    usize::try_from(i32::from_le_bytes(bytes)).unwrap_or(0)
                };
                Some(at(row)..at(row + 1))
            }
            (None, Some(width)) => Some(row * width..(row + 1) * width),
            (None, None) => None,
        }
    }

    /// The bytes of a value of a right column; a boolean as one byte. None: NULL.
    pub fn value(&self, of: Type, row: usize) -> Option<Vec<u8>> {
        if self.is_null(row) {
            return None;
        }
        Some(match self.range(of, row) {
            Some(range) => self.values[range].to_vec(),
            None => vec![self.values[row / 8] >> (row % 8) & 1],
        })
    }
}

fn ones(rows: usize) -> Vec<u8> {
    let mut bits = vec![0xff; rows.div_ceil(8)];
    if let (Some(last), spare @ 1..) = (bits.last_mut(), rows % 8) {
        *last = 0xff >> (8 - spare);
    }
    bits
}

fn clear(bits: &mut [u8], row: usize) {
    bits[row / 8] &= !(1 << (row % 8));
}
