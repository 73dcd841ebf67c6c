//! Text that must not be printed: a URL with a password in it.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A URL whose password is shown to nobody: `Debug`, `Display` and `Serialize` print the text
/// with the password replaced by `***`, and `${…}` as written in the file.
///
/// Two secrets are equal when their full texts are.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret {
    value: String,
    shown: String,
}

impl Secret {
    /// Hides the password of `value`.
    pub fn new(value: impl Into<String>) -> Self {
        let value = value.into();
        let shown = mask(&value);
        Self { value, shown }
    }

    /// Shows `template`, the text before `${…}` was replaced, instead of `value`.
    pub fn expanded(value: impl Into<String>, template: &str) -> Self {
        Self { value: value.into(), shown: mask(template) }
    }

    /// The full text. For connecting, never for printing.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

/// Replaces what stands between the first `:` after `://` and the last `@` before the path.
/// A `${…}` in that place says nothing secret and stays.
fn mask(text: &str) -> String {
    let Some(start) = text.find("://").map(|at| at + 3) else {
        // Not a URL: nothing is known about where a secret may stand, so only a text that is
        // one reference from end to end is shown.
        let reference = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
        return if reference { text.to_owned() } else { "***".to_owned() };
    };
    // The last `@` of all: a password that was not percent-encoded may hold `/` and `@`.
    let Some(at) = text[start..].rfind('@').map(|at| start + at) else {
        return text.to_owned();
    };
    let Some(colon) = text[start..at].find(':').map(|colon| start + colon) else {
        return text.to_owned();
    };
    let password = &text[colon + 1..at];
    if password.starts_with("${") && password.find('}') == Some(password.len() - 1) {
        return text.to_owned();
    }
    format!("{}:***{}", &text[..colon], &text[at..])
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (text, shown) in [
            ("mysql://u:p@h:1/d", "mysql://u:***@h:1/d"),
            ("mysql://u:p@ss/w:rd@h:1/d", "mysql://u:***@h:1/d"),
            ("mysql://u@h:1/d", "mysql://u@h:1/d"),
            ("mysql://h:1/d", "mysql://h:1/d"),
            ("hunter2", "***"),
        ] {
            let secret = Secret::new(text);
            assert_eq!(secret.to_string(), shown);
            assert_eq!(format!("{secret:?}"), format!("{shown:?}"));
            assert_eq!(secret.expose(), text);
        }
    }

    #[test]
    fn references_are_shown_as_written() {
        let secret = Secret::expanded("mysql://u:p@h/d", "mysql://u:${PW}@h/d");
        assert_eq!(secret.to_string(), "mysql://u:${PW}@h/d");
        let secret = Secret::expanded("mysql://u:px@h/d", "mysql://u:${PW}x@h/d");
        assert_eq!(secret.to_string(), "mysql://u:***@h/d");
        assert_eq!(Secret::expanded("mysql://u:p@h/d", "${URL}").to_string(), "${URL}");
    }
}
