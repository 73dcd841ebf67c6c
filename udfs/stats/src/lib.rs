//! The built-in component `std/stats`: aggregates.
//!
//! Results and their types are those of MySQL wherever MySQL has the function. Two promises hold for
//! all functions, because the host replays and takes rows out again:
//!
//! - **Order-free.** The result follows from the multiset of a group's rows alone. Sums of doubles are
//!   exact inside ([`exact`]); where an order matters, ties are decided by the values' bytes.
//! - **A row taken out leaves no trace.** The state after it is, byte by byte, that before the row.
//!   What cannot do that says so by lacking the ability, and its docs name the variant that can.
//!
//! [`aggregate`] turns the host's vectors of groups into calls on accumulators; a function is an
//! accumulator and its result. [`catalog`] lists them.

mod aggregate;
mod call;
mod catalog;
mod columns;
mod count;
mod exact;
mod extreme;
mod float;
mod groups;
mod integer;
mod key;
mod multiset;
mod natural;
mod numbers;
mod order;
mod sum;
mod types;

pub use catalog::{Avg, Count, Max, Min, Sum};

rowmill_sdk::export!(Avg, Count, Max, Min, Sum);
