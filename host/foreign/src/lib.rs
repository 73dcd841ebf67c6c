//! What comes from outside and is not to be trusted: texts made printable, files opened with care,
//! names checked; what an error says, in parts; where the user keeps files, and the time zone that columns of all crates share.
//!
//! Texts of components, files and servers reach terminals and logs only through [`Printable`] or
//! [`line()`]; files that a user names are read only through [`read`]. Both are here, below all other
//! crates, so that there is one rule for each.
//!
//! This crate knows nothing of pipelines, components or servers.

mod file;
mod name;
mod parts;
mod text;
mod user_folder;
mod zone;

pub use file::{FileError, open, read, read_text};
pub use name::{COLUMN_NAME_CHARS_MAX, ensure_column_name};
pub use parts::Parts;
pub use text::{LINE_CHARS_MAX, Printable, is_control, line};
pub use user_folder::UserFolder;
pub use zone::UTC;
