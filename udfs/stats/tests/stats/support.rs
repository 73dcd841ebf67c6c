//! Rows of any type, columns of them, and a small generator.

pub(crate) mod show;

use rowmill_sdk::bitmap::Bitmap;
use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{
    AggregateFunction, Argument, Batch, BoundAggregate, Column, DataType, DecimalType, Field, FlaggedRow,
};

/// The values of a row, one for each argument: their bytes, or NULL. A boolean is one byte.
pub(crate) type Row = Vec<Option<Vec<u8>>>;

/// Pseudorandom numbers (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit as u64) as usize
    }

    /// One of these.
    pub(crate) fn one_of<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }

    /// In another order.
    pub(crate) fn shuffle<T>(&mut self, values: &mut [T]) {
        (1..values.len()).for_each(|i| values.swap(i, self.below(i + 1)));
    }

    /// A value of the type: extremes, few that occur often, and any.
    pub(crate) fn value(&mut self, data_type: DataType) -> Vec<u8> {
        let integer = |random: &mut Self, low: i128, high: i128| match random.below(8) {
            0 => low,
            1 => high,
            2..=5 => (random.below(8) as i128 - 3).clamp(low, high),
            _ => {
                let any = u128::from(random.bits()) << 64 | u128::from(random.bits());
                (any.cast_signed() % high).clamp(low, high)
            }
        };
        let of = |value: i128, width: usize| value.to_le_bytes()[..width].to_vec();
        match data_type {
            DataType::Boolean => vec![self.below(2) as u8],
            DataType::Int8 => of(integer(self, -128, 127), 1),
            DataType::Int16 => of(integer(self, i16::MIN.into(), i16::MAX.into()), 2),
            DataType::Int32 => of(integer(self, i32::MIN.into(), i32::MAX.into()), 4),
            DataType::Int64 => of(integer(self, i64::MIN.into(), i64::MAX.into()), 8),
            DataType::Uint8 => of(integer(self, 0, 255), 1),
            DataType::Uint16 => of(integer(self, 0, u16::MAX.into()), 2),
            DataType::Uint32 => of(integer(self, 0, u32::MAX.into()), 4),
            DataType::Uint64 => of(integer(self, 0, u64::MAX.into()), 8),
            DataType::Float32 => (f64::from_le_bytes(self.double()) as f32).to_le_bytes().to_vec(),
            DataType::Float64 => self.double().to_vec(),
            DataType::Decimal(DecimalType { precision, .. }) => {
                let limit = 10i128.pow(u32::from(precision.min(38))) - 1;
                let value = integer(self, -limit, limit);
                if precision > 38 {
                    [value.to_le_bytes(), (value >> 127).to_le_bytes()].concat()
                } else {
                    of(value, 16)
                }
            }
            DataType::Date => of(integer(self, -719_528, 2_932_896), 4),
            DataType::Time => of(integer(self, -3_020_399_000_000, 3_020_399_000_000), 8),
            DataType::Datetime | DataType::Timestamp => of(integer(self, 0, 253_402_300_799_000_000), 8),
            DataType::Utf8 | DataType::Binary => self.text(),
            DataType::Json => self.one_of(&["1", "null", "{\"a\": [1, 2]}", "\"x\"", "[]"]).as_bytes().to_vec(),
        }
    }

    fn double(&mut self) -> [u8; 8] {
        let value = match self.below(8) {
            0 => *self.one_of(&[0.0, -0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 0.1]),
            1 => f64::from_bits(self.bits() & !(1 << 62)),
            _ => (self.below(2001) as f64 - 1000.0) / 100.0,
        };
        if value.is_finite() { value } else { 1.0 }.to_le_bytes()
    }

    fn text(&mut self) -> Vec<u8> {
        let letters = ["a", "A", "á", "b", "B", "ß", "\0", " ", "x", "日"];
        (0..self.below(4)).flat_map(|_| self.one_of(&letters).bytes().collect::<Vec<_>>()).collect()
    }

    /// A row of the fields, of which those that can be NULL sometimes are.
    pub(crate) fn row(&mut self, fields: &[Field]) -> Row {
        fields.iter().map(|f| (!f.nullable || self.below(6) > 0).then(|| self.value(f.data_type))).collect()
    }
}

/// A column of values.
pub(crate) fn column<'a>(data_type: DataType, values: impl Iterator<Item = Option<&'a [u8]>> + Clone) -> Column {
    let validity: Vec<bool> = values.clone().map(|value| value.is_some()).collect();
    let bits = |bits: &[bool]| Bitmap::from_fn(bits.len(), |row| bits[row]).into_bytes();
    let mut bytes = Vec::new();
    let mut offsets = vec![0; 4];
    for value in values.clone() {
        let value = value.map_or_else(|| vec![0xee; data_type.width().unwrap_or(0)], <[u8]>::to_vec);
        bytes.extend(value);
        offsets.extend((bytes.len() as u32).to_le_bytes());
    }
    if data_type == DataType::Boolean {
        bytes = bits(&values.map(|value| value.is_some_and(|value| value[0] == 1)).collect::<Vec<_>>());
    }
    Column {
        validity: validity.contains(&false).then(|| bits(&validity)),
        offsets: data_type.has_offsets().then_some(offsets),
        values: bytes,
    }
}

/// The values of a column.
pub(crate) fn values(column: &Column, data_type: DataType, rows: usize) -> Vec<Option<Vec<u8>>> {
    let bit = |bytes: &[u8], row: usize| bytes[row / 8] >> (row % 8) & 1 == 1;
    let offset = |row: usize| {
        let bytes = column.offsets.as_ref().unwrap();
        u32::from_le_bytes(bytes[row * 4..][..4].try_into().unwrap()) as usize
    };
    let value = |row: usize| match data_type.width() {
        Some(width) => column.values[row * width..][..width].to_vec(),
        None if data_type == DataType::Boolean => vec![u8::from(bit(&column.values, row))],
        None => column.values[offset(row)..offset(row + 1)].to_vec(),
    };
    let valid = |row| column.validity.as_ref().is_none_or(|bits| bit(bits, row));
    (0..rows).map(|row| valid(row).then(|| value(row))).collect()
}

/// A function with the fields of its arguments and its configuration.
#[derive(Clone)]
pub(crate) struct Call {
    /// The function.
    pub(crate) function: &'static dyn AggregateFunction,
    /// Its arguments.
    pub(crate) fields: Vec<Field>,
    /// Its configuration.
    pub(crate) config: Json,
}

/// A change of one row: to which group, taken out, the row.
pub(crate) type Change = (u32, bool, Row);

impl Call {
    /// Binds the function.
    pub(crate) fn bind(&self) -> Box<dyn BoundAggregate> {
        let args: Vec<_> = self.fields.iter().map(|field| Argument { field: field.clone(), literal: None }).collect();
        self.function.bind(&args, self.config.clone()).unwrap_or_else(|error| panic!("{}: {error}", self.name()))
    }

    /// Function and argument types, for messages.
    pub(crate) fn name(&self) -> String {
        let types: Vec<_> = self.fields.iter().map(|field| field.data_type.to_string()).collect();
        format!("{}({}) {}", self.function.info().name, types.join(", "), self.config)
    }

    /// Sends changes as one batch.
    pub(crate) fn update(&self, bound: &mut dyn BoundAggregate, changes: &[Change]) -> Vec<FlaggedRow> {
        let groups: Vec<u32> = changes.iter().map(|change| change.0).collect();
        let count = groups.iter().max().map_or(0, |max| max + 1);
        let reads = bound.signature().call.reads;
        let columns = reads
            .iter()
            .map(|read| {
                let rows = changes.iter().map(|change| change.2[*read as usize].as_deref());
                column(self.fields[*read as usize].data_type, rows)
            })
            .collect();
        let out = Bitmap::from_fn(changes.len(), |row| changes[row].1);
        let retract = (out.count() > 0).then_some(&out);
        bound.update(count, &groups, retract, Batch { rows: changes.len() as u32, columns }).unwrap()
    }

    /// The result of rows that are taken in, as bytes, or the code of its error.
    pub(crate) fn result(&self, rows: &[Row]) -> Result<Option<Vec<u8>>, String> {
        let mut bound = self.bind();
        let changes: Vec<Change> = rows.iter().map(|row| (0, false, row.clone())).collect();
        self.update(bound.as_mut(), &changes);
        let output = bound.evaluate(&[0]).unwrap();
        match output.errors.first() {
            Some(error) => Err(error.code.clone()),
            None => {
                let data_type = bound.signature().call.results[0].data_type;
                Ok(values(&output.columns[0], data_type, 1).remove(0))
            }
        }
    }
}
