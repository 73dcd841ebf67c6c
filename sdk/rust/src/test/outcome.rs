//! Results and states as plain values, which compare however their buffers are laid out.

use super::slice;
use crate::contract::{Column, DataType, Field, Output, State};
use std::fmt;

/// One value: its bytes, `None` for NULL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    data_type: DataTypeOrd,
    bytes: Option<Vec<u8>>,
}

/// The type, only to print the value.
#[derive(Clone, Copy)]
struct DataTypeOrd(DataType);

impl PartialEq for DataTypeOrd {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for DataTypeOrd {}
impl PartialOrd for DataTypeOrd {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for DataTypeOrd {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(bytes) = &self.bytes else { return f.write_str("NULL") };
        let signed = || {
            let mut wide = [if bytes.last().is_some_and(|last| *last >= 0x80) { 0xff } else { 0 }; 16];
            wide[..bytes.len().min(16)].copy_from_slice(&bytes[..bytes.len().min(16)]);
            i128::from_le_bytes(wide)
        };
        let unsigned = || bytes.iter().rev().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        match self.data_type.0 {
            DataType::Boolean => write!(f, "{}", bytes == &[1]),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => write!(f, "{}", signed()),
            DataType::Uint8 | DataType::Uint16 | DataType::Uint32 | DataType::Uint64 => write!(f, "{}", unsigned()),
            DataType::Float32 => write!(f, "{:?}", f32::from_bits(unsigned() as u32)),
            DataType::Float64 => write!(f, "{:?}", f64::from_bits(unsigned())),
            DataType::Decimal(d) if d.precision <= 38 => {
                write!(f, "{}", crate::AnyDecimal::new(signed(), d.scale))
            }
            DataType::Utf8 | DataType::Json => write!(f, "{:?}", String::from_utf8_lossy(bytes)),
            DataType::Date => write!(f, "{}", crate::Date(signed() as i32)),
            DataType::Time => write!(f, "{}", crate::Time(signed() as i64)),
            DataType::Datetime => write!(f, "{}", crate::Datetime(signed() as i64)),
            DataType::Timestamp => write!(f, "{}", crate::Timestamp(signed() as i64)),
            DataType::Decimal(_) | DataType::Binary => write!(f, "{bytes:?}"),
        }
    }
}

/// The value in a row of a column.
pub(super) fn cell(column: &Column, data_type: DataType, row: usize) -> Cell {
    let one = slice(column, data_type, row, row + 1);
    Cell { data_type: DataTypeOrd(data_type), bytes: one.validity.is_none().then_some(one.values) }
}

fn row(columns: &[Column], fields: &[Field], row: usize) -> Vec<Cell> {
    columns.iter().zip(fields).map(|(column, field)| cell(column, field.data_type, row)).collect()
}

/// The result of a group.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Values(Vec<Cell>),
    Refused(String),
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values(cells) => f.debug_list().entries(cells).finish(),
            Self::Refused(code) => write!(f, "the error `{code}`"),
        }
    }
}

/// The results of `groups` groups; an error says how the output is laid out wrongly.
pub(super) fn outcomes(output: &Output, fields: &[Field], groups: usize) -> Result<Vec<Outcome>, String> {
    if output.parents.is_some() {
        return Err("results of an aggregate have no parents".to_owned());
    }
    ensure(&output.columns, fields, groups)?;
    if !output.errors.is_sorted_by(|a, b| a.row < b.row) {
        return Err("the errors of `evaluate` must rise by row".to_owned());
    }
    let one = |group: usize| match output.errors.iter().find(|error| error.row as usize == group) {
        Some(error) => Outcome::Refused(error.code.clone()),
        None => Outcome::Values(row(&output.columns, fields, group)),
    };
    Ok((0..groups).map(one).collect())
}

/// The states of `groups` groups: per group its rows.
pub(super) fn states(state: &State, fields: &[Field], groups: usize) -> Result<Vec<Vec<Vec<Cell>>>, String> {
    let counts = state.counts(groups)?;
    let rows = counts.iter().sum::<u32>() as usize;
    ensure(&state.columns, fields, rows)?;
    let mut start = 0;
    let of_group = |count: &u32| {
        let range = start..start + *count as usize;
        start = range.end;
        range.map(|number| row(&state.columns, fields, number)).collect()
    };
    Ok(counts.iter().map(of_group).collect())
}

/// Refuses columns that do not have these fields and rows.
fn ensure(columns: &[Column], fields: &[Field], rows: usize) -> Result<(), String> {
    if columns.len() != fields.len() {
        return Err(format!("found {} columns, needed {}", columns.len(), fields.len()));
    }
    for (column, field) in columns.iter().zip(fields) {
        let name = &field.name;
        let found = match (&column.offsets, field.data_type.width()) {
            (Some(offsets), None) if field.data_type.has_offsets() => (offsets.len() / 4).wrapping_sub(1) == rows,
            (None, Some(width)) => column.values.len() == rows * width,
            (None, None) => !field.data_type.has_offsets() && column.values.len() == rows.div_ceil(8),
            _ => false,
        };
        if !found || column.validity.as_ref().is_some_and(|bits| bits.len() != rows.div_ceil(8)) {
            return Err(format!("the buffers of column `{name}` do not hold {rows} rows"));
        }
        let null = |row| cell(column, field.data_type, row).bytes.is_none();
        if !field.nullable && (0..rows).any(null) {
            return Err(format!("column `{name}` holds NULL, although its field says that it cannot"));
        }
    }
    Ok(())
}
