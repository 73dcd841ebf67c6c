//! The host's widening casts, as far as tests need them: nothing is lost, or nothing is done.

use crate::contract::{Column, DataType, Field};
use crate::function::Parameter;

/// An argument in the first accepted type that takes it without loss, otherwise as it is.
pub(super) fn argument(
    parameter: Option<&Parameter>,
    mut field: Field,
    rows: usize,
    column: Column,
) -> (Field, Column) {
    let accepts = parameter.map(|parameter| parameter.accepts.as_slice()).unwrap_or_default();
    if accepts.is_empty() || accepts.iter().any(|accepted| accepted.takes(field.data_type)) {
        return (field, column);
    }
    for accepted in accepts {
        if let Some(values) = widened(&column.values, field.data_type, *accepted, rows) {
            field.data_type = *accepted;
            return (field, Column { values, ..column });
        }
    }
    (field, column)
}

/// Values in a wider type; `None` where that could lose.
pub(super) fn widened(values: &[u8], from: DataType, to: DataType, rows: usize) -> Option<Vec<u8>> {
    use DataType as T;
    let width = from.width()?;
    let integer = |row: usize| -> Option<i128> {
        let bytes = &values[row * width..][..width];
        let mut wide = [0; 16];
        let negative = bytes[width - 1] & 0x80 != 0;
        let signed = matches!(from, T::Int8 | T::Int16 | T::Int32 | T::Int64);
        if signed && negative {
            wide = [0xff; 16];
        }
        wide[..width].copy_from_slice(bytes);
        (signed || matches!(from, T::Uint8 | T::Uint16 | T::Uint32 | T::Uint64)).then(|| i128::from_le_bytes(wide))
    };
    // Bits of magnitude and whether negatives occur, for source and target.
    let range = |data_type| match data_type {
        T::Int8 => Some((7, true)),
        T::Int16 => Some((15, true)),
        T::Int32 => Some((31, true)),
        T::Int64 => Some((63, true)),
        T::Uint8 => Some((8, false)),
        T::Uint16 => Some((16, false)),
        T::Uint32 => Some((32, false)),
        T::Uint64 => Some((64, false)),
        _ => None,
    };
    match (range(from), to) {
        (Some((bits, _)), T::Float64) if bits <= 32 => (0..rows)
            .map(|row| Some((integer(row)? as f64).to_le_bytes()))
            .collect::<Option<Vec<_>>>()
            .map(|v| v.concat()),
        (Some((bits, signed)), _) => {
            let (target_bits, target_signed) = range(to)?;
            let target_width = to.width()?;
            (bits <= target_bits && (target_signed || !signed)).then_some(())?;
            let mut wide = Vec::with_capacity(rows * target_width);
            for row in 0..rows {
                wide.extend_from_slice(&integer(row)?.to_le_bytes()[..target_width]);
            }
            Some(wide)
        }
        (None, T::Float64) if from == T::Float32 => {
            let floats = values.as_chunks::<4>().0.iter();
            Some(floats.flat_map(|v| f64::from(f32::from_le_bytes(*v)).to_le_bytes()).collect())
        }
        (None, T::Decimal(target)) => {
            let T::Decimal(source) = from else { return None };
            let whole = |d: crate::DecimalType| d.precision.saturating_sub(d.scale);
            let fits = target.precision <= 38
                && source.precision <= 38
                && target.scale >= source.scale
                && whole(target) >= whole(source);
            fits.then(|| {
                let factor = 10i128.pow(u32::from(target.scale - source.scale));
                let decimals = values.as_chunks::<16>().0.iter();
                decimals.flat_map(|v| (i128::from_le_bytes(*v) * factor).to_le_bytes()).collect()
            })
        }
        _ => None,
    }
}
