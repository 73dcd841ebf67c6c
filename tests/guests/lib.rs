//! The guests of the tests as Wasm.

/// Breaks every rule, one function for each. With `{"when": N}` only in a batch that holds the value N.
pub const HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest_hostile.wasm"));

/// Keeps them.
pub const HONEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest_honest.wasm"));

/// What `make bench` measures; the crate `guest-bench` is the same natively.
pub const BENCH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest_bench.wasm"));

/// Answers at random, by the seed in its configuration; the crate `guest-random` says what a host must
/// make of each answer.
pub const RANDOM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest_random.wasm"));
