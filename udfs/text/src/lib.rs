//! The built-in component std/text.
