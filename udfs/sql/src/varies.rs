//! Where MariaDB 10.11 says something else than MySQL 9.7, whose rules hold here.

/// In what the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To be filled.
    Placeholder,
}
