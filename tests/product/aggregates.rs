//! Aggregates between real servers: random streams, kills, late rows, targets that are set back, sources
//! that go away, components that trap.

mod append;
mod cuts;
mod late;
mod pipe;
mod random;
mod seeded;
mod setback;
mod streams;
mod traps;
mod writer;
