//! Table maps: the types of a table's columns as its rows have them.

use crate::column::{Bad, Bytes, WireType};
use crate::table::{ColumnData, TableDef};

/// The schema and the table that a table map is of.
pub(crate) fn names(body: &[u8]) -> Option<(&str, &str)> {
    let mut input = Bytes::new(body);
    input.take(8).ok()?;
    let schema = input.prefixed(1).ok()?;
    input.u8().ok()?;
    let table = input.prefixed(1).ok()?;
    Some((std::str::from_utf8(schema).ok()?, std::str::from_utf8(table).ok()?))
}

/// A table map, borrowed from its event.
#[derive(Debug)]
pub(crate) struct TableMap<'a> {
    types: &'a [u8],
    meta: &'a [u8],
    optional: &'a [u8],
}

impl<'a> TableMap<'a> {
    /// Reads an event's body.
    pub(crate) fn parse(body: &'a [u8]) -> Result<TableMap<'a>, Bad> {
        let mut input = Bytes::new(body);
        // Number, flags, schema, 0, table, 0: the caller has found the table by them.
        input.take(8)?;
        for _ in 0..2 {
            input.prefixed(1)?;
            input.u8()?;
        }
        let columns = input.lenenc_len()?;
        let types = input.take(columns)?;
        let meta = input.lenenc_len()?;
        let meta = input.take(meta)?;
        input.take(columns.div_ceil(8))?;
        Ok(TableMap { types, meta, optional: input.rest })
    }

    /// The wire types of a stored definition's columns, or in words why this map is not of that
    /// definition.
    pub(crate) fn bind(&self, def: &TableDef) -> Result<Vec<WireType>, String> {
        if self.types.len() != def.columns.len() {
            return Err(format!(
                "rows now have {} columns, the stored definition has {}",
                self.types.len(),
                def.columns.len()
            ));
        }
        let mut meta = Bytes::new(self.meta);
        let mut wires = Vec::with_capacity(def.columns.len());
        let mut signs = self.unsigned_bits();
        for (column, &code) in def.columns.iter().zip(self.types) {
            let meta = read_meta(code, &mut meta).map_err(|e| format!("table map {e}"))?;
            let wire = WireType::bind(column, code, meta).ok_or_else(|| {
                format!(
                    "column '{}' is {} in the stored definition, rows now have type code {code} ({}, {})",
                    column.name, column.mysql_type, meta[0], meta[1]
                )
            })?;
            // The sign bits are one per numeric column, of all numeric types in MySQL's sense.
            if matches!(code, 1..=5 | 8 | 9 | 13 | 246) {
                let now = signs.as_mut().and_then(Iterator::next);
                if let (Some(now), ColumnData::Integer { unsigned, .. }) = (now, &column.data)
                    && now != *unsigned
                {
                    let sign = if now { "UNSIGNED" } else { "signed" };
                    return Err(format!("column '{}' is {} and is now {sign}", column.name, column.mysql_type));
                }
            }
            wires.push(wire);
        }
        Ok(wires)
    }

    /// MySQL's optional metadata says which numeric columns are unsigned.
    fn unsigned_bits(&self) -> Option<impl Iterator<Item = bool> + 'a> {
        let mut input = Bytes::new(self.optional);
        while !input.is_empty() {
            let kind = input.u8().ok()?;
            let length = input.lenenc_len().ok()?;
            let value = input.take(length).ok()?;
            if kind == 1 {
                return Some(value.iter().flat_map(|b| (0..8).map(move |i| b >> (7 - i) & 1 == 1)));
            }
        }
        None
    }
}

/// A column's metadata: none, one or two bytes, by type.
fn read_meta(code: u8, input: &mut Bytes<'_>) -> Result<[u8; 2], Bad> {
    match code {
        // float, double, timestamp2, datetime2, time2, vector, json, blobs, geometry, and
        // MariaDB's compressed blob
        4 | 5 | 17 | 18 | 19 | 242 | 245 | 249..=252 | 255 | 140 => Ok([input.u8()?, 0]),
        // varchar, bit, newdecimal, enum, set, var_string, string, and MariaDB's compressed varchar
        15 | 16 | 246 | 247 | 248 | 253 | 254 | 141 => input.array(),
        _ => Ok([0, 0]),
    }
}
