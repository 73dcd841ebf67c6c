//! What a stream of changes brings.

use crate::{ChangeBatch, Position};

/// What [`ChangeStream::next`](crate::ChangeStream::next) brings.
#[derive(Debug)]
pub enum ChangeEvent {
    /// Rows of the tables.
    Rows {
        /// At most one per table, its rows in the order of the changes; between tables the order
        /// is not kept. None at a limit inside of a transaction whose rows were all given before.
        batches: Vec<ChangeBatch>,
        /// After the last row.
        position: Position,
        /// The position is a transaction boundary.
        boundary: bool,
        /// Nothing more is there to read right now.
        dry: bool,
    },
    /// Moved on without rows of these tables.
    Position {
        /// A transaction boundary.
        position: Position,
        /// When the last transaction before it was committed, in µs since 1970; `None` before the
        /// first one on this stream.
        commit_time: Option<i64>,
        /// Nothing more is there to read right now.
        dry: bool,
        /// The server itself has just said that it has nothing more.
        idle: bool,
    },
}
