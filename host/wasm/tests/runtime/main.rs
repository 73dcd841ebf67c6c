//! The runtime against real components: those of `tests/guests`, and some written as text.
#![allow(missing_docs)]

mod aggregates;
mod bounds;
mod contract;
mod guests;
mod honest;
mod kernels;
mod limits;
mod load;
mod lost_groups;
mod round_trip;
mod sandbox;
mod wrong_answers;
mod wrong_states;
