//! The product from outside: servers, processes, tables.

#![allow(clippy::unwrap_used)]

mod harness;

mod compiling;
mod demo;
mod hostile;
mod kills;
mod load;
mod restart;
mod signals;
mod slow;
mod starts;
mod state;
mod takeover;
