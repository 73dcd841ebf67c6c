//! `${NAME}` and `${file:/path}` in the texts of the file.
//!
//! What comes in is never printed: problems name the reference, not its value. `$${` stands
//! for a literal `${`.

use std::ops::Range;
use std::path::Path;

use super::document::Replaced;
use rowmill_plan::problem::Problem;

/// A secret is a line or two; a whole file by mistake is worth a message.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// The text with references replaced, and where.
pub(super) struct Expanded {
    pub(super) text: String,
    pub(super) replaced: Vec<Replaced>,
    /// With bytes of the text before.
    pub(super) problems: Vec<(Range<usize>, Problem)>,
}

/// Where values come from.
pub(super) struct Environment<'a> {
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    /// Relative paths in `${file:…}` start here.
    pub(super) folder: &'a Path,
}

impl Environment<'_> {
    /// Replaces every reference but those in `keep` (`table`).
    pub(super) fn expand(&self, text: &str, keep: &[&str]) -> Expanded {
        let mut out = Expanded { text: String::with_capacity(text.len()), replaced: Vec::new(), problems: Vec::new() };
        let mut at = 0;
        while let Some(start) = text[at..].find("${").map(|found| at + found) {
            if text[..start].ends_with('$') && start > at {
                out.text.push_str(&text[at..start - 1]);
                out.text.push_str("${");
                out.replaced.push(Replaced { before: start - 1..start + 2, after: 2 });
                at = start + 2;
                continue;
            }
            out.text.push_str(&text[at..start]);
            let Some(end) = text[start..].find('}').map(|found| start + found + 1) else {
                out.problems.push((
                    start..text.len(),
                    Problem::configuration("a ${ without its }")
                        .needed("${NAME} or ${file:/path}")
                        .fix("close it, or write $${ for the characters themselves"),
                ));
                return out;
            };
            let name = &text[start + 2..end - 1];
            if keep.contains(&name) {
                out.text.push_str(&text[start..end]);
            } else {
                match self.value(name) {
                    Ok(value) => {
                        out.text.push_str(&value);
                        out.replaced.push(Replaced { before: start..end, after: value.len() });
                    }
                    Err(problem) => out.problems.push((start..end, *problem)),
                }
            }
            at = end;
        }
        out.text.push_str(&text[at..]);
        out
    }

    fn value(&self, name: &str) -> Result<String, Box<Problem>> {
        if let Some(path) = name.strip_prefix("file:") {
            return self.file(path);
        }
        let mut characters = name.chars();
        let valid = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid {
            return Err(Box::new(
                Problem::configuration(format!("${{{name}}} is not a reference"))
                    .needed("${NAME} with letters, digits and _, or ${file:/path}")
                    .fix("write $${ for the characters themselves"),
            ));
        }
        (self.variable)(name).ok_or_else(|| {
            Box::new(
                Problem::configuration(format!("the environment variable {name} is not set"))
                    .fix(format!("set it before starting rowmill: export {name}=…")),
            )
        })
    }

    fn file(&self, path: &str) -> Result<String, Box<Problem>> {
        let full = self.folder.join(path);
        let text = rowmill_foreign::read_text(&full, SECRET_BYTES_MAX).map_err(|error| {
            Box::new(
                Problem::configuration(format!("the file {} can't be read", full.display()))
                    .found(error.to_string())
                    .needed("a readable text file with the value"),
            )
        })?;
        // Editors and `echo` end a file with a line break that nobody means.
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
    }
}
