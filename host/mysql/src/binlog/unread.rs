//! Tables that a pattern means and that are not read.
//!
//! Which tables a pattern stands for is decided when a pipeline first starts. One that is created later, is
//! given a matching name, or could not be seen then, has rows that the target lacks. The log names every
//! table that it has rows of, so such a table is noticed with its first row at the latest, whatever created
//! it; a statement that creates or renames it is noticed before.

use std::collections::HashSet;

use rowmill_change::TableName;

use super::names::folded;
use crate::table::{TablePattern, glob};

/// The patterns of a plan, and the tables that they are known to mean, as the server compares names.
#[derive(Debug, Clone, Default)]
pub struct Unread {
    patterns: Vec<TableName>,
    /// Read, passed over with a word, or told of.
    known: HashSet<TableName>,
    folds: bool,
}

impl Unread {
    /// Of a plan's patterns. `known`: the tables that are read, and what else has been told of; `folds`: the
    /// server compares names in lower case.
    pub(crate) fn new<'a>(
        patterns: &[TablePattern],
        known: impl IntoIterator<Item = &'a TableName>,
        folds: bool,
    ) -> Unread {
        let fold = |name: &TableName| if folds { folded(name) } else { name.clone() };
        let globs = patterns.iter().filter(|pattern| pattern.is_glob());
        Unread {
            patterns: globs.map(|pattern| fold(&pattern.name())).collect(),
            known: known.into_iter().map(fold).collect(),
            folds,
        }
    }

    /// Notes a table that the log names. Warns once if a pattern means it and it is not known.
    pub(crate) fn note(&mut self, schema: &str, table: &str) {
        if self.patterns.is_empty() {
            return;
        }
        let mut name = TableName::new(schema, table);
        if self.folds {
            name = folded(&name);
        }
        let means = |pattern: &&TableName| pattern.schema == name.schema && glob(&pattern.name, &name.name);
        if let Some(pattern) = self.patterns.iter().find(means)
            && self.known.insert(name.clone())
        {
            tracing::warn!(
                table = %name,
                %pattern,
                "a table that the pattern means is not read: it was created after the pipeline first started, or could \
                 not be seen then; `rowmill run FILE --rebuild` reads it, too, and a narrower pattern leaves it out"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(unread: &Unread) -> Vec<String> {
        let mut known: Vec<String> = unread.known.iter().map(|name| format!("{}.{}", name.schema, name.name)).collect();
        known.sort();
        known
    }

    #[test]
    fn only_tables_that_a_pattern_means_are_noted() {
        let patterns = ["t_*", "mart.x", "t"].map(|text| TablePattern::parse(text, Some("shop")));
        let mut unread = Unread::new(&patterns, [&TableName::new("shop", "t_1")], false);
        let named = [("shop", "t_1"), ("shop", "t_2"), ("shop", "T_3"), ("shop", "t"), ("mart", "t_2"), ("mart", "x")];
        named.iter().for_each(|(schema, table)| unread.note(schema, table));
        assert_eq!(known(&unread), ["shop.t_1", "shop.t_2"]);
    }

    #[test]
    fn names_fold_where_the_server_folds_them() {
        let patterns = [TablePattern::parse("Orders_*", Some("Shop"))];
        let mut unread = Unread::new(&patterns, [&TableName::new("Shop", "Orders_1")], true);
        unread.note("shop", "orders_1");
        unread.note("SHOP", "ORDERS_Ä");
        assert_eq!(known(&unread), ["shop.orders_1", "shop.orders_ä"]);
    }
}
