//! Aggregates between real servers: random streams, kills, late rows, targets that are set back, sources
//! that go away, components that trap.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests read what they wrote")]

#[expect(dead_code, reason = "the pipelines of these tests have files of their own")]
mod harness;

#[path = "aggregates/append.rs"]
mod append;
#[path = "aggregates/cuts.rs"]
mod cuts;
#[path = "aggregates/late.rs"]
mod late;
#[path = "aggregates/pipe.rs"]
mod pipe;
#[path = "aggregates/random.rs"]
mod random;
#[path = "aggregates/setback.rs"]
mod setback;
#[path = "aggregates/streams.rs"]
mod streams;
#[path = "aggregates/traps.rs"]
mod traps;
#[path = "aggregates/writer.rs"]
mod writer;
