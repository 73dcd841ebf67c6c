//! A component whose answers are random by a seed: right ones, and wrong ones of every kind.
//!
//! The answers are made by plain functions of the seed. The component gives them; a test calls the
//! same functions natively, and so knows for each answer whether a host must refuse it ([`Verdict`]),
//! and what must come of it if not.
//!
//! The seed comes in the configuration (`{"seed": 7}`). `describe` has none, so it reads [`SEED`],
//! which a test overwrites in the component's bytes.

mod catalog;
mod column;
#[cfg(target_family = "wasm")]
mod component;
mod output;
mod rng;
mod signature;
mod words;

pub use catalog::{Description, FUNCTIONS, Function, description};
pub use column::{Column, Field, Type};
pub use output::{Output, Run, State, errors, run, snapshot};
pub use rng::Rng;
pub use signature::{Bind, Fact, Kind, Place, Refusal, Schema, Signature, bind, schema};

/// What `describe` takes its seed from: sixteen bytes to find it by, and the seed, little-endian.
/// As it stands: the right description.
#[used]
pub static SEED: [u8; 24] = *b"rowmill-the-seed\0\0\0\0\0\0\0\0";

/// How [`SEED`] begins.
pub const SEED_MARK: &[u8; 16] = b"rowmill-the-seed";

/// What a host must make of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is right, and must arrive as it is.
    Right,
    /// It may be refused: by the rules of servers, which are tested elsewhere.
    Either,
    /// It breaks the contract or a limit, and must be refused.
    Refused,
}
