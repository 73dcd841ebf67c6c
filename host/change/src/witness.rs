//! How a position knows its history again.
//!
//! File and offset name a place in *a* binary log. After RESET BINARY LOGS, on a server restored from
//! a backup, or on another one with the same id, the same place exists in another history, and where
//! rows are of equal size an event begins there too. So a position carries what was read just before
//! it: the last event's header and checksum, and when its file was begun. A stream is opened at that
//! event, not behind it, and must bring it again.
//!
//! # Why that is enough
//!
//! The header holds the event's time, its server's id, its size, and its end in the file; the checksum
//! covers its contents, which for the end of a transaction is a number that the server counts up. That
//! an event of another history is the same in all of it, in a file begun in the same second, takes
//! intent. A place behind no event of its own (the start of a file, a position found by SHOW BINARY LOG
//! STATUS) has the file's time alone.
//!
//! The file's time is the timestamp in the *header* of its format description event. The creation time
//! in that event's body is 0 in files that a rotation began, and in every stream that starts later.

use serde::{Deserialize, Serialize};

use crate::Position;

/// What was read before a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Witness {
    /// When the position's file was begun, in seconds since 1970.
    pub file_begun: u32,
    /// The last event before the position; inside of a transaction, the transaction's first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Mark>,
}

/// An event of the binary log, as it is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// Its end in the file: the header has the low 32 bits alone.
    pub end: u64,
    /// The timestamp in its header.
    pub time: u32,
    /// Its type's number.
    pub kind: u8,
    /// The server that wrote it first.
    pub server_id: u32,
    /// Its size in the file.
    pub size: u32,
    /// Its flags.
    pub flags: u16,
    /// CRC-32 as the binary log computes it, over header and body.
    pub checksum: u32,
}

impl Mark {
    /// Where the event begins.
    pub fn start(&self) -> u64 {
        self.end.saturating_sub(u64::from(self.size))
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "event {} of server {} with {} bytes, time {} and checksum {:08x}",
            self.kind, self.server_id, self.size, self.time, self.checksum
        )
    }
}

impl Position {
    /// The event by which a stream can be opened here: it ends at the position, or begins the
    /// transaction that the position is inside of.
    pub fn mark(&self) -> Option<&Mark> {
        let mark = self.witness.as_ref()?.event.as_ref()?;
        let place = if self.rows == 0 { mark.end } else { mark.start() };
        (place == self.offset && mark.start() >= 4).then_some(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_elsewhere_opens_nothing() {
        let event = Mark { end: 200, time: 7, kind: 16, server_id: 1, size: 31, flags: 0, checksum: 9 };
        let at = |offset, rows| Position {
            rows,
            witness: Some(Witness { file_begun: 1, event: Some(event) }),
            ..Position::new("b.000001", offset)
        };
        assert!(at(200, 0).mark().is_some() && at(169, 3).mark().is_some());
        assert!(at(201, 0).mark().is_none() && at(200, 3).mark().is_none());
        // What is stored is read again, also what an earlier version stored.
        let stored = serde_json::to_string(&at(200, 0)).unwrap();
        assert_eq!(serde_json::from_str::<Position>(&stored).unwrap(), at(200, 0));
        let early: Position = serde_json::from_str(r#"{"file":"b.000001","offset":200}"#).unwrap();
        assert_eq!(early.witness, None);
    }
}
