//! An entry of the store as bytes: what the host knows of it, then the components' states.
//!
//! ```text
//! count i64 · time i64 · spelling (u32 length, bytes) · per call: u32 rows, per row (u32 length, bytes)
//! ```
//!
//! All numbers are little-endian; the length `u32::MAX` says that there is no spelling. A state row
//! is what `arrow-row` makes of the state's columns. The store has checked the bytes before they are
//! read here, so what doesn't fit was written by another version and is named as such.

use rowmill_state::Value;

use super::table::Slot;
use crate::error::Error;

const NONE: u32 = u32::MAX;

/// Begins the record of an entry.
pub(super) fn begin(slot: &Slot) -> Vec<u8> {
    let shown = slot.shown.as_deref();
    let mut bytes = Vec::with_capacity(64 + shown.map_or(0, <[u8]>::len));
    bytes.extend_from_slice(&slot.count.to_le_bytes());
    bytes.extend_from_slice(&slot.time.to_le_bytes());
    match shown {
        Some(shown) => part(&mut bytes, shown),
        None => bytes.extend_from_slice(&NONE.to_le_bytes()),
    }
    bytes
}

/// Appends bytes with their length.
pub(super) fn part(bytes: &mut Vec<u8>, part: &[u8]) {
    number(bytes, part.len());
    bytes.extend_from_slice(part);
}

/// Appends a length or a count.
pub(super) fn number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&u32::try_from(number).unwrap_or(NONE).to_le_bytes());
}

/// A record that is being read.
pub(super) struct Record<'a> {
    pub(super) count: i64,
    pub(super) time: i64,
    pub(super) shown: Option<&'a [u8]>,
    rest: &'a [u8],
}

impl<'a> Record<'a> {
    pub(super) fn read(value: &'a Value) -> Result<Self, Error> {
        let mut record = Record { count: 0, time: 0, shown: None, rest: value };
        record.count = i64::from_le_bytes(record.take()?);
        record.time = i64::from_le_bytes(record.take()?);
        let length = record.number()?;
        record.shown = if length == NONE { None } else { Some(record.bytes(length)?) };
        Ok(record)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or_else(too_short)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn bytes(&mut self, length: u32) -> Result<&'a [u8], Error> {
        let (bytes, rest) = self.rest.split_at_checked(length as usize).ok_or_else(too_short)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The next count of state rows.
    pub(super) fn number(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    /// The next state row.
    pub(super) fn part(&mut self) -> Result<&'a [u8], Error> {
        let length = self.number()?;
        self.bytes(length)
    }
}

fn too_short() -> Error {
    Error::internal("a record of the state is shorter than its contents say; it was written by another version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_as_it_was_written() {
        let mut slot = Slot { key: Box::from(*b"k"), shown: None, count: -3, time: 7, at: 0, flags: 1 };
        for shown in [None, Some(Box::from(*b"M\xc3\xbcller") as Box<[u8]>)] {
            slot.shown = shown;
            let mut bytes = begin(&slot);
            number(&mut bytes, 2);
            part(&mut bytes, b"one");
            part(&mut bytes, b"");
            let value: Value = bytes.into();
            let mut record = Record::read(&value).unwrap();
            assert_eq!((record.count, record.time), (-3, 7));
            assert_eq!(record.shown, slot.shown.as_deref());
            assert_eq!(record.number().unwrap(), 2);
            assert_eq!((record.part().unwrap(), record.part().unwrap()), (&b"one"[..], &b""[..]));
            assert!(record.part().is_err());
        }
    }
}
