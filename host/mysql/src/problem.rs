//! What a check of a server found.

use rowmill_foreign::{Printable, line};

/// One finding of a check: what is wrong, and the statement or setting that mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about: "setting binlog_format", "table `shop`.`orders`".
    pub subject: String,
    /// What was found.
    pub found: String,
    /// What is needed.
    pub needed: String,
    /// What to type to mend it.
    pub fix: String,
}

impl Problem {
    /// Makes a problem from its four texts, whose control characters are escaped.
    pub fn new(
        subject: impl Into<String>,
        found: impl Into<String>,
        needed: impl Into<String>,
        fix: impl Into<String>,
    ) -> Problem {
        let one_line = |text: String| line(&text).into_owned();
        // A statement to type may have several lines.
        let lines =
            |text: String| text.split('\n').map(|part| Printable(part).to_string()).collect::<Vec<_>>().join("\n");
        Problem {
            subject: one_line(subject.into()),
            found: one_line(found.into()),
            needed: one_line(needed.into()),
            fix: lines(fix.into()),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: found {}, needed {}; {}", self.subject, self.found, self.needed, self.fix)
    }
}
