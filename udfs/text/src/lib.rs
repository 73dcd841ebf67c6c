//! The built-in component `std/text`: cleaning texts row by row.
//!
//! | function | kind | does |
//! |---|---|---|
//! | [`trim`], [`lower`], [`upper`], [`collapse`] | scalar | white space and case |
//! | [`email`], [`phone`] | scalar | normal forms, with a choice of what happens to invalid ones |
//! | [`split`] | table | a separated list to rows |
//!
//! All are pure. NULL in gives NULL out (`split`: no rows); the empty text is a text like any
//! other. Case follows Unicode, not a language. Nothing overflows: the only limit is the output
//! limit of the pipeline.
//!
//! The functions are also meant to be read, as examples of the SDK's forms: [`trim`] returns a
//! borrowed text, [`upper`] works on whole columns, [`collapse`] writes piece by piece, [`email`]
//! refuses rows, [`split`] returns an iterator's worth of rows.

mod address;
mod list;
mod space;
mod telephone;

pub use address::{EmailConfig, email};
pub use list::{SplitConfig, split};
pub use space::{collapse, lower, trim, upper};
pub use telephone::{PhoneConfig, phone};

rowmill_sdk::export!(trim, lower, upper, collapse, email, phone, split);

/// What happens to a value that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, rowmill_sdk::serde::Deserialize)]
#[serde(crate = "rowmill_sdk::serde", rename_all = "lowercase")]
pub enum Invalid {
    /// The row is refused; the pipeline's `on_error` decides what becomes of it.
    Error,
    /// The result is NULL.
    Null,
    /// The result is the value as it was, trimmed.
    Keep,
}

impl From<&str> for Invalid {
    /// By its name in the configuration; for defaults.
    fn from(name: &str) -> Self {
        match name {
            "null" => Self::Null,
            "keep" => Self::Keep,
            _ => Self::Error,
        }
    }
}
