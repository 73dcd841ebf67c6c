//! Tables that a pattern means and that are not read.
//!
//! Which tables a pattern stands for is decided when a pipeline first starts. One that is created later, is
//! given a matching name, or could not be seen then, has rows that the target lacks. The log names every
//! table that it has rows of, so such a table is noticed with its first row at the latest, whatever created
//! it; a statement that creates or renames it is noticed before.

use std::collections::HashSet;

use crate::table::{TableName, TablePattern};

/// The patterns of a plan, and the tables that they are known to mean.
#[derive(Debug, Clone, Default)]
pub struct Unread {
    patterns: Vec<TablePattern>,
    /// Read, passed over with a word, or told of.
    known: HashSet<TableName>,
}

impl Unread {
    /// Of a plan's patterns; `known`: the tables that are read, and what else has been told of.
    pub fn new(patterns: impl IntoIterator<Item = TablePattern>, known: impl IntoIterator<Item = TableName>) -> Unread {
        let patterns = patterns.into_iter().filter(TablePattern::is_glob).collect();
        Unread { patterns, known: known.into_iter().collect() }
    }

    /// Whether there are patterns at all.
    pub(crate) fn is_needed(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Notes a table that the log names. Warns once if a pattern means it and it is not known. `folds`: the
    /// server doesn't tell names by their case.
    pub(crate) fn note(&mut self, schema: &str, table: &str, folds: bool) {
        let (lower, patterns);
        let (schema, table, patterns) = match folds {
            false => (schema, table, &self.patterns),
            true => {
                lower = (schema.to_lowercase(), table.to_lowercase());
                patterns = self.patterns.iter().map(TablePattern::to_lowercase).collect();
                (&*lower.0, &*lower.1, &patterns)
            }
        };
        let Some(pattern) = patterns.iter().find(|pattern| pattern.matches(schema, table)) else { return };
        let name = TableName::new(schema, table);
        let is_known = |known: &TableName| folds && known.to_lowercase() == name;
        if !self.known.contains(&name) && !self.known.iter().any(is_known) {
            tracing::warn!(
                table = %name,
                %pattern,
                "a table that the pattern means is not read: it was created after the pipeline first started, or could \
                 not be seen then; reset the pipeline to read it, or narrow the pattern"
            );
        }
        self.known.insert(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(unread: &Unread) -> Vec<String> {
        let mut told: Vec<String> = unread.known.iter().map(|name| format!("{}.{}", name.schema, name.name)).collect();
        told.sort();
        told
    }

    #[test]
    fn only_tables_that_a_pattern_means_are_noted() {
        let patterns = ["t_*", "mart.x", "t"].map(|text| TablePattern::parse(text, Some("shop")));
        let mut unread = Unread::new(patterns, [TableName::new("shop", "t_1")]);
        for (schema, table) in
            [("shop", "t_1"), ("shop", "t_2"), ("shop", "T_3"), ("shop", "t"), ("mart", "t_2"), ("mart", "x")]
        {
            unread.note(schema, table, false);
        }
        assert_eq!(told(&unread), ["shop.t_1", "shop.t_2"]);
    }

    #[test]
    fn names_fold_where_the_server_folds_them() {
        let patterns = [TablePattern::parse("Orders_*", Some("Shop"))];
        let mut unread = Unread::new(patterns, [TableName::new("Shop", "Orders_1")]);
        unread.note("shop", "orders_1", true);
        unread.note("SHOP", "ORDERS_Ä", true);
        assert_eq!(told(&unread), ["Shop.Orders_1", "shop.orders_1", "shop.orders_ä"]);
    }
}
