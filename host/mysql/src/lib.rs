//! MySQL and MariaDB as source and target of a dataflow.
//!
//! The source half reads tables: [`preflight`] looks at the server before anything moves,
//! [`snapshot`] reads a consistent picture of the tables in resumable chunks, and [`binlog`]
//! follows the changes from the position at which that picture was taken. Rows come out as
//! Arrow record batches whose schema is [`TableDef::schema`]; a value is the same whether it
//! came from the snapshot or from the binary log.
//!
//! The sink half ([`sink`]) writes epochs of changes and the progress in one transaction each.
//!
//! This crate knows no Wasm, no pipeline file and no steps.

pub mod binlog;
mod charset;
mod column;
mod connection;
mod edges;
pub mod endpoint;
pub mod error;
mod escape;
mod liveness;
pub mod position;
pub mod preflight;
mod problem;
mod process_list;
pub mod sink;
pub mod snapshot;
mod statement;
pub mod table;

pub use connection::Conn;
pub use edges::TableSource;
pub use endpoint::{Endpoint, Flavor, Identity, SslMode, TlsDiffers};
pub use error::{ANEW, Error, Fault, Problem, Result};
pub use liveness::PATIENCE;
pub use table::{Column, ColumnData, TableDef, UniqueKey};
