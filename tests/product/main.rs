//! The product from outside: servers, processes, tables.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests read what they wrote")]

mod harness;

mod compiling;
mod demo;
mod failing_rows;
mod hostile;
mod hostile_sql;
mod kills;
mod load;
mod measure;
mod restart;
mod security;
mod signals;
mod silent;
mod slow;
mod starts;
mod state;
mod takeover;
mod tls;
mod unholdable;
