//! The built-in component `std/stats`: aggregates.
