//! The SDK as authors of functions use it: every form, the laws of aggregates, and what mistakes are answered with.

#![allow(clippy::disallowed_methods, reason = "tests read what they wrote")]

mod aggregates;
mod errors;
mod forms;
mod laws;
