//! The product from outside: servers, processes, tables.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests read what they wrote")]

mod harness;

mod aggregates;
mod arrows;
mod command_line;
mod compiling;
mod demo;
mod differing;
mod earlier;
mod failing_rows;
mod graph;
mod handle;
mod history;
mod hostile;
mod hostile_sql;
mod kills;
mod load;
mod measure;
mod metrics;
mod pace;
mod patterns;
mod recovery;
mod restart;
mod security;
mod signals;
mod silent;
mod slow;
mod starts;
mod state;
mod takeover;
mod tls;
mod types;
mod unholdable;
