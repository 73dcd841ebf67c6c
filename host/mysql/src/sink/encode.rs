//! Arrow columns as the text that the server reads: fields of `LOAD DATA`, or SQL literals.
//!
//! Both forms are exact. Decimals are written digit by digit. Floats are written as the shortest
//! text that reads back as the same DOUBLE; a FLOAT is widened first, because the server reads a
//! DOUBLE and then narrows it, and because a FLOAT column is compared as a DOUBLE. Binary values
//! go as hexadecimal digits. What the target's column could not take, or only by bending it (a
//! fraction beyond its precision, bytes shorter than BINARY(n)), is refused here (`rule`): the server
//! would stop the whole statement, or bend the value without a word.

mod cell;
mod characters;
mod digits;
mod json;
mod number;
mod rule;
mod time;

use rowmill_change::KEY_HASH_BYTES;
use sha2::{Digest, Sha256};

pub(super) use cell::Cells;
pub(super) use rule::Limits;
pub(super) use rule::Rule;

use super::compact::At;
use crate::escape::Style;

/// A value that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unwritable {
    /// Index of the column.
    pub(super) column: usize,
    /// The row.
    pub(super) at: At,
    /// What is wrong.
    pub(super) message: String,
}

/// Writes the cells of one row, separated.
pub(super) fn write_row(
    cells: &[Cells],
    at: At,
    style: Style,
    separator: u8,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    for (column, cell) in cells.iter().enumerate() {
        if column > 0 {
            out.push(separator);
        }
        cell.write(at.index as usize, style, out).map_err(|message| Unwritable { column, at, message })?;
    }
    Ok(())
}

/// The value of the hidden key column.
pub(super) fn key_hash<'a>(
    key: impl Iterator<Item = &'a Cells>,
    at: At,
    scratch: &mut Vec<u8>,
) -> Result<[u8; KEY_HASH_BYTES], Unwritable> {
    scratch.clear();
    for (column, cell) in key.enumerate() {
        // Fields are escaped, so a tab never stands inside one: no two keys give the same bytes.
        cell.write(at.index as usize, Style::Load, scratch).map_err(|message| Unwritable { column, at, message })?;
        scratch.push(b'\t');
    }
    let mut hash = [0; KEY_HASH_BYTES];
    hash.copy_from_slice(&Sha256::digest(scratch.as_slice())[..KEY_HASH_BYTES]);
    Ok(hash)
}

/// The same as hexadecimal digits.
pub(super) fn write_hash<'a>(
    key: impl Iterator<Item = &'a Cells>,
    at: At,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    number::hex(&key_hash(key, at, scratch)?, out);
    Ok(())
}

/// A key for messages: `(7, 'x')`, cut when long.
pub(super) fn describe_key(keys: &[Cells], index: usize) -> String {
    /// Enough to find the row; longer keys are cut so that they don't bury the message.
    const MAX: usize = 200;
    let mut out = vec![b'('];
    let at = At { write: 0, index: index as u32 };
    if write_row(keys, at, Style::Literal, b',', &mut out).is_err() {
        out.extend_from_slice(b"...");
    }
    out.push(b')');
    let text = String::from_utf8_lossy(&out);
    match text.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…)", &text[..end]),
        None => text.into_owned(),
    }
}
