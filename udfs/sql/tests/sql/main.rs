//! std/sql: what it computes beside what real servers compute, and how the host calls it.

#![allow(clippy::unwrap_used)]

mod compare;
mod component;
mod data;
mod directed;
mod random;
