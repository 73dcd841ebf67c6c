//! The runtime against real components: those of `tests/guests`, and some written as text.
#![allow(clippy::disallowed_methods, reason = "tests read what they wrote")]
#![allow(missing_docs)]

mod aggregates;
mod bounds;
mod cache;
mod contract;
mod guests;
mod honest;
mod kernels;
mod limits;
mod load;
mod lost_groups;
mod pool;
mod random;
mod round_trip;
mod sandbox;
mod structure;
mod worker;
mod wrong_answers;
mod wrong_states;
