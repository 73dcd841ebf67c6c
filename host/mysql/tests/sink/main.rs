//! The sink against real servers.

#![allow(clippy::unwrap_used)]

mod broken;
mod keys;
mod lost;
mod model;
mod preflight;
mod support;
mod types;
