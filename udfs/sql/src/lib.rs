//! The built-in component std/sql.
