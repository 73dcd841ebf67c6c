//! What an error says, in parts.

use std::fmt;

/// What is wrong, what was found, what would be right, and what to do: each by itself, so that nobody who shows an error
/// has to find them in its text. The texts of others in them are printable already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// A short lower-case sentence that names the thing.
    pub message: String,
    /// What is there.
    pub found: Option<String>,
    /// What would be right.
    pub needed: Option<String>,
    /// What to do.
    pub fix: Option<String>,
}

impl Parts {
    /// What is wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// And what is there.
    #[must_use]
    pub fn found(self, found: impl Into<String>) -> Self {
        Self { found: Some(found.into()), ..self }
    }

    /// And what would be right.
    #[must_use]
    pub fn needed(self, needed: impl Into<String>) -> Self {
        Self { needed: Some(needed.into()), ..self }
    }

    /// And what to do.
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// One line: the message, then found, needed and what to do.
impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(found) = &self.found {
            write!(f, "; found {found}")?;
        }
        if let Some(needed) = &self.needed {
            write!(f, "; needed {needed}")?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "; {fix}")?;
        }
        Ok(())
    }
}
