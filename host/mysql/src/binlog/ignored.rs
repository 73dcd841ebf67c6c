//! Tables of which statements in the log may change what they will: `schema.table` with `*` and `?`.

use rowmill_change::TableName;

use crate::table::glob;

/// The tables of the server itself: heartbeats and accounts are written there statement by statement.
const ALWAYS: &str = "mysql.*";

/// The patterns.
#[derive(Debug, Clone)]
pub(crate) struct Ignored(Vec<TableName>);

impl Ignored {
    /// The given ones, and the server's own schema. A pattern without a dot matches nothing.
    pub(crate) fn new(patterns: &[String], fold: impl Fn(&TableName) -> TableName) -> Ignored {
        let all = patterns.iter().map(String::as_str).chain([ALWAYS]);
        Ignored(all.filter_map(|pattern| pattern.split_once('.')).map(|(s, t)| fold(&TableName::new(s, t))).collect())
    }

    /// The pattern that a folded name matches.
    pub(crate) fn find(&self, name: &TableName) -> Option<&TableName> {
        self.0.iter().find(|pattern| glob(&pattern.schema, &name.schema) && glob(&pattern.name, &name.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let ignored = Ignored::new(&["percona.*".into(), "shop.tmp_?".into(), "x".into()], TableName::clone);
        let finds = |schema: &str, table: &str| ignored.find(&TableName::new(schema, table)).is_some();
        assert!(finds("percona", "checksums") && finds("shop", "tmp_1") && finds("mysql", "rds_heartbeat2"));
        assert!(!finds("shop", "tmp_12") && !finds("x", "x") && !finds("percona2", "a"));
    }
}
