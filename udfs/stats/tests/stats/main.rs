//! std/stats: its functions against real servers, the laws of aggregates, and inputs and outputs.

#![allow(clippy::unwrap_used)]

mod against_mysql;
mod laws;
mod properties;
mod shop;
mod support;
mod values;
