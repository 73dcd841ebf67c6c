//! How a function refuses a row.

use std::borrow::Cow;
use std::fmt;

/// Why one row has no result. The other rows of its batch are not affected.
///
/// What happens to the row is the pipeline's choice (`on_error`: fail, skip, dead letter). So an
/// error must follow from the row, the arguments and the configuration alone.
///
/// ```
/// use rowmill_sdk::{RowError, scalar};
///
/// /// The number in `text`.
/// #[scalar]
/// fn number(text: &str) -> Result<i64, RowError> {
///     text.parse()
///         .map_err(|_| RowError::new("invalid-number", format!("found {text:?}, needed an integer")))
/// }
/// # use rowmill_sdk::test::call;
/// # let ran = call::<number>().arg(["1", "x"]).run();
/// # assert_eq!(ran.errors[0].row, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// A short machine-readable code such as `invalid-email`.
    pub code: Cow<'static, str>,
    /// A short lower-case sentence: what was found, what is needed.
    pub message: Cow<'static, str>,
}

impl RowError {
    /// An error with a code and a message.
    #[cold]
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for RowError {}

/// An error with the code `error`.
impl From<&'static str> for RowError {
    fn from(message: &'static str) -> Self {
        Self::new("error", message)
    }
}

/// An error with the code `error`.
impl From<String> for RowError {
    fn from(message: String) -> Self {
        Self::new("error", message)
    }
}
