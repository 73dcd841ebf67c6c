//! Names as MySQL takes them for columns.
//!
//! A component names its results, and each name becomes a column of a table that we create. The
//! server's own refusal would come at CREATE TABLE, after the pipeline has started, and in words about
//! a statement that nobody wrote; so what can be a column is decided here, where the name is read.

/// The longest name of a column, in characters; MySQL and MariaDB agree.
pub const COLUMN_NAME_CHARS_MAX: usize = 64;

/// Checks a column's name by MySQL's rules for identifiers: 1 to 64 characters of the Basic
/// Multilingual Plane, no NUL, no space at the end. A name is quoted wherever it is used, so that
/// anything else may be in it.
///
/// # Errors
///
/// What is wrong with the name, without the name: "an empty name".
///
/// ```
/// use rowmill_foreign::ensure_column_name;
/// assert_eq!(ensure_column_name("total `net`"), Ok(()));
/// assert_eq!(ensure_column_name("total ").unwrap_err(), "a name that ends with a space");
/// ```
pub fn ensure_column_name(name: &str) -> Result<(), &'static str> {
    // Bytes bound characters from above: a name of megabytes is not counted through.
    if name.len() > 4 * COLUMN_NAME_CHARS_MAX || name.chars().count() > COLUMN_NAME_CHARS_MAX {
        return Err("a name of more than 64 characters");
    }
    match name.chars().next_back() {
        None => return Err("an empty name"),
        // The servers also refuse the other blanks of ASCII there.
        Some(' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') => return Err("a name that ends with a space"),
        Some(_) => {}
    }
    if name.contains('\0') {
        return Err("a name with a NUL character");
    }
    if name.chars().any(|c| c > '\u{ffff}') {
        return Err("a name with a character beyond U+FFFF");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_by_the_rules_of_the_servers() {
        let long = "ü".repeat(64);
        for name in ["a", " a", "a b", "1", "größe", "`x`; DROP TABLE y", "\u{ffff}", "a\nb", &long] {
            assert_eq!(ensure_column_name(name), Ok(()), "{name:?}");
        }
        let longer = "a".repeat(65);
        let longest = "a".repeat(50_000_000);
        for (name, words) in [
            ("", "empty"),
            ("a ", "ends with a space"),
            ("a\n", "ends with a space"),
            ("a\0b", "NUL"),
            ("a🎉", "beyond U+FFFF"),
            (&longer, "64 characters"),
            (&longest, "64 characters"),
        ] {
            let found = ensure_column_name(name).unwrap_err();
            assert!(found.contains(words), "{found}");
        }
    }
}
