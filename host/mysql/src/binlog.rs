//! Changes from the binary log, as Arrow record batches.
//!
//! [`Changes`] follows the log and says where it is; [`Decoder`] turns the row events of one table
//! into columns and can be used alone, on captured events. Events of tables that nobody asked for
//! are passed over before a row is looked at.

mod ahead;
mod changes;
mod client_charset;
mod events;
mod gtid;
mod history;
pub(crate) mod ignored;
mod mark;
mod marks;
pub(crate) mod names;
mod query;
mod reconnect;
mod rows;
mod silence;
mod sql;
mod stream;
mod table_map;
mod temporary;
mod unread;

use std::time::Duration;

use rowmill_change::Position;
#[cfg(doc)]
use rowmill_change::{ChangeEvent, Op};

use crate::endpoint::Endpoint;
use crate::table::TableDef;

pub use crate::charset::Charsets;
pub use crate::position::current_position;
pub use changes::Changes;
pub(crate) use history::recognise;
pub use rows::{Decoder, RowKind, RowsEvent};
pub use unread::Unread;

/// Which row images are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Images {
    /// The row after each change; of deletions the row that went. An update that changes one of
    /// the key columns also gives its row before, as [`Op::UpdateBefore`], just ahead of the other.
    After,
    /// The rows before and after each change.
    Both,
}

/// What happens to `0000-00-00` and other dates that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZeroDates {
    /// They read as NULL.
    #[default]
    Null,
    /// They stop the pipeline.
    Error,
    /// They read as a value before all dates, which no row of a pipeline has: to compare what a table holds.
    Apart,
}

/// How changes are read.
#[derive(Debug, Clone)]
pub struct ChangesOptions {
    /// The server.
    pub endpoint: Endpoint,
    /// Which row images.
    pub images: Images,
    /// A batch ends at this many rows.
    pub batch_rows: usize,
    /// A batch ends at about this many bytes.
    pub batch_bytes: usize,
    /// How often an idle server says that it is there, and where; more often if the endpoint's patience
    /// asks for it.
    pub heartbeat: Duration,
    /// What happens to dates that are none.
    pub zero_dates: ZeroDates,
    /// Where one event must end, once: see [`Changes::set_until`].
    pub until: Option<Position>,
    /// Tables, as `schema.table` with `*` and `?`, that statements in the log may change instead of rows.
    /// Those of the schema `mysql` always may, and a table that is read never.
    pub ignore_statements: Vec<String>,
    /// The tables existed where reading began, so that a CREATE TABLE of one of them makes another one.
    pub tables_existed: bool,
    /// Tables that are warned of when the log names them, since they are meant and not read.
    pub unread: Unread,
}

impl ChangesOptions {
    /// After-images, batches of 8,192 rows or 4 MiB, a heartbeat every 5 s, zero dates as NULL, no statements
    /// instead of rows, and no warnings.
    pub fn new(endpoint: Endpoint) -> ChangesOptions {
        ChangesOptions {
            endpoint,
            images: Images::After,
            batch_rows: 8_192,
            batch_bytes: 4 << 20,
            heartbeat: Duration::from_secs(5),
            zero_dates: ZeroDates::Null,
            until: None,
            ignore_statements: Vec::new(),
            tables_existed: false,
            unread: Unread::default(),
        }
    }
}

/// A table to read, as defined when reading it began.
#[derive(Debug, Clone)]
pub struct TableRead {
    /// The stored definition, with which its rows are decoded.
    pub def: TableDef,
    /// Positions of the columns that identify a row downstream.
    pub key: Vec<usize>,
}
