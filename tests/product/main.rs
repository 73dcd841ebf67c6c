//! The product from outside: servers, processes, tables.

mod harness;

mod demo;
mod hostile;
mod kills;
mod load;
mod takeover;
