//! MySQL's character sets, decoded to UTF-8.
