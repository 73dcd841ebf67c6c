//! A place in the source's history.
//!
//! A position names the start of a transaction by binary log file and offset, plus the number of
//! row changes *of this pipeline's tables* already done in it. Offsets inside a transaction are
//! not used: a compressed transaction has none, and a replica cuts events differently. At a
//! transaction boundary `rows` is 0 and the offset is the end of the last event.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Witness;

/// A place in the binary log. Two positions of one server are ordered by file number, offset, rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The binary log file, for instance `binlog.000012`. Empty: found by `gtid` when the stream is opened.
    pub file: String,
    /// Byte offset of the transaction's first event (or of the end of the last one) in the file.
    pub offset: u64,
    /// The GTID set before the transaction, where the server keeps one and it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtid: Option<String>,
    /// Row changes of the pipeline's tables already done in this transaction.
    #[serde(default)]
    pub rows: u64,
    /// What was read before it, by which its history is known again. None in progress that an
    /// earlier version stored, and in places that a user names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
}

impl Position {
    /// A position at a transaction boundary.
    pub fn new(file: impl Into<String>, offset: u64) -> Position {
        Position { file: file.into(), offset, gtid: None, rows: 0, witness: None }
    }

    /// The number in the file's name: `binlog.000012` is 12. Names are compared by it, since
    /// after `.999999` comes `.1000000`.
    pub fn file_number(&self) -> u64 {
        file_number(&self.file)
    }

    /// True if everything before `other` is before this position too.
    pub fn reached(&self, other: &Position) -> bool {
        self.order(other) != Ordering::Less
    }

    /// Compares two positions of the same server.
    pub fn order(&self, other: &Position) -> Ordering {
        (self.file_number(), self.offset, self.rows).cmp(&(other.file_number(), other.offset, other.rows))
    }
}

/// The number at the end of a binary log file's name; 0 if it has none.
pub fn file_number(file: &str) -> u64 {
    file.rsplit('.').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.file.is_empty() {
            write!(f, "gtid {}", self.gtid.as_deref().unwrap_or("(none)"))?;
        } else {
            write!(f, "{}:{}", self.file, self.offset)?;
        }
        if self.rows > 0 {
            write!(f, "+{} rows", self.rows)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_compared_by_number() {
        let old = Position::new("binlog.999999", 100);
        let new = Position::new("binlog.1000000", 4);
        assert!(new.reached(&old));
        assert!(!old.reached(&new));
    }

    #[test]
    fn rows_count_inside_a_transaction() {
        let start = Position::new("b.000001", 100);
        let inside = Position { rows: 3, ..start.clone() };
        let after = Position::new("b.000001", 500);
        assert!(inside.reached(&start) && !start.reached(&inside));
        assert!(after.reached(&inside) && !inside.reached(&after));
        assert!(start.reached(&start));
    }
}
