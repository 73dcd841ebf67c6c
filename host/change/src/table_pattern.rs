//! The tables that a plan names, one by one or by patterns.

use std::fmt;

use rowmill_foreign::Printable;

use crate::TableName;

/// `table` or `schema.table`, with `*` and `?` as wildcards in the table's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePattern {
    schema: String,
    table: String,
}

impl TablePattern {
    /// From a plan's text; `default` is the schema of one that names none.
    pub fn parse(text: &str, default: Option<&str>) -> TablePattern {
        let (schema, table) = text.split_once('.').unwrap_or((default.unwrap_or(""), text));
        TablePattern { schema: schema.to_owned(), table: table.to_owned() }
    }

    /// Whether it has a wildcard.
    pub fn is_glob(&self) -> bool {
        self.table.contains(['*', '?'])
    }

    /// Of one without a wildcard, the table's name.
    pub fn name(&self) -> TableName {
        TableName::new(&*self.schema, &*self.table)
    }

    /// The schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The table's name or what it has in common.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Whether it means the table of this name. Without a wildcard it is the name.
    pub fn matches(&self, schema: &str, table: &str) -> bool {
        self.schema == schema && glob(&self.table, table)
    }
}

/// On one line, for people.
impl fmt::Display for TablePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", Printable(&self.schema), Printable(&self.table))
    }
}

/// Whether a name matches a pattern, in which `*` stands for any characters and `?` for one.
pub fn glob(pattern: &str, name: &str) -> bool {
    let (mut wanted, mut found) = (pattern.chars(), name.chars());
    // What follows the last `*`, and from where it was tried.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let here = found.clone();
        match (wanted.next(), found.next()) {
            (Some('*'), _) => {
                retry = Some((wanted.clone(), here.clone()));
                found = here;
            }
            (None, None) => return true,
            (Some('?'), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => {
                // The `*` takes one character more.
                let Some((after, from)) = &mut retry else { return false };
                if from.next().is_none() {
                    return false;
                }
                (wanted, found) = (after.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, name) in [
            ("orders_*", "orders_2024"),
            ("orders_*", "orders_"),
            ("*", "x"),
            ("a?c", "abc"),
            ("a?c", "aéc"),
            ("*a*b", "xaxbab"),
            ("a**", "a"),
            ("abc", "abc"),
        ] {
            assert!(glob(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("orders_*", "order"), ("a?c", "ac"), ("*b", "ba"), ("", "a"), ("?", ""), ("A*", "abc"), ("a*b*c", "acb")]
        {
            assert!(!glob(pattern, name), "{pattern} {name}");
        }
        // Without a way back to every `*` this is quick.
        assert!(!glob(&"*a".repeat(32), &"a".repeat(31)));
    }

    #[test]
    fn the_default_schema_is_of_those_that_name_none() {
        let pattern = TablePattern::parse("t_*", Some("shop"));
        assert!(pattern.is_glob() && pattern.matches("shop", "t_1") && !pattern.matches("mart", "t_1"));
        assert!(TablePattern::parse("mart.t_?", Some("shop")).matches("mart", "t_1"));
    }
}
