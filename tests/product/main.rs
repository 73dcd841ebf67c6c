//! The product from outside: servers, processes, tables.

mod harness;

mod kills;
mod load;
mod takeover;
