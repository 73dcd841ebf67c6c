//! The sink against real servers.

#![allow(clippy::unwrap_used)]

mod broken;
mod groups;
mod hold;
mod keys;
mod lost;
mod model;
mod preflight;
mod rebuild;
mod removal;
mod silent;
mod sql_type;
mod support;
mod takeover;
mod types;
