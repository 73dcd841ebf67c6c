//! The product from outside: servers, processes, tables.

#![allow(clippy::unwrap_used)]

mod harness;

mod demo;
mod failing_rows;
mod hostile;
mod hostile_sql;
mod kills;
mod load;
mod restart;
mod starts;
mod state;
mod takeover;
mod tls;
