//! Statements in the binary log: what they do to the tables that are read.
//!
//! Statements are not parsed, only split into words: enough to find the kind and the table names
//! at the places where the kinds that matter have them. What concerns no table of ours is passed
//! over whatever it contains.

use crate::table::TableName;

/// What a statement means for the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// A transaction begins.
    Begin,
    /// It ends, its rows stand.
    Commit,
    /// It ends, or goes back to a save point: rows of tables that can be rolled back don't stand.
    Rollback,
    /// A save point is set or released.
    Savepoint,
    /// A distributed transaction begins or ends.
    Xa,
    /// These tables changed their structure or contents by other means than logged rows.
    Changes(Vec<TableName>),
    /// The whole schema went.
    DropsSchema(String),
    /// Something else.
    Other,
}

#[derive(Debug, PartialEq)]
enum Word<'a> {
    /// A bare word: a keyword or a name.
    Bare(&'a str),
    /// A name in backquotes or (ANSI) double quotes.
    Quoted(String),
    /// A string, number or anything else that is no name.
    Value,
    Sign(char),
}

impl Word<'_> {
    fn is(&self, keyword: &str) -> bool {
        matches!(self, Word::Bare(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn name(&self) -> Option<String> {
        match self {
            Word::Bare(word) => Some((*word).to_owned()),
            Word::Quoted(word) => Some(word.clone()),
            _ => None,
        }
    }
}

/// What a statement with this default schema means.
pub(crate) fn classify(text: &str, schema: &str) -> Statement {
    let words = words(text);
    let first = |keyword: &str| words.first().is_some_and(|w| w.is(keyword));
    let second = |keyword: &str| words.get(1).is_some_and(|w| w.is(keyword));
    let any = |keyword: &str| words.iter().take(8).position(|w| w.is(keyword));
    if first("BEGIN") || (first("START") && second("TRANSACTION")) {
        return Statement::Begin;
    }
    if first("COMMIT") {
        return Statement::Commit;
    }
    if first("ROLLBACK") {
        return Statement::Rollback;
    }
    if first("SAVEPOINT") || (first("RELEASE") && second("SAVEPOINT")) {
        return Statement::Savepoint;
    }
    if first("XA") {
        return Statement::Xa;
    }
    let names = Names { words: &words, schema };
    if first("ALTER") {
        return any("TABLE").map_or(Statement::Other, |i| Statement::Changes(names.list(i + 1)));
    }
    if first("DROP") {
        if second("DATABASE") || second("SCHEMA") {
            let name = names.skip(2).and_then(|i| words.get(i)).and_then(Word::name);
            return name.map_or(Statement::Other, Statement::DropsSchema);
        }
        if second("TABLE") || second("TABLES") {
            return Statement::Changes(names.list(2));
        }
        return Statement::Other;
    }
    if first("RENAME") && (second("TABLE") || second("TABLES")) {
        return Statement::Changes(names.list(2));
    }
    if first("TRUNCATE") {
        return Statement::Changes(names.list(if second("TABLE") { 2 } else { 1 }));
    }
    if first("CREATE") {
        // CREATE OR REPLACE TABLE drops the old one; a plain CREATE of a table that is read can
        // only be its own creation, which the table maps after it are checked against.
        let replaces = second("OR") && words.get(3).is_some_and(|w| w.is("TABLE"));
        return if replaces { Statement::Changes(names.list(4)) } else { Statement::Other };
    }
    if first("INSERT") || first("REPLACE") || first("LOAD") {
        let at = words.iter().position(|w| w.is("INTO"));
        let at = if first("LOAD") { at.map(|i| i + 1) } else { at };
        let from = at.map_or_else(|| names.after_modifiers(1), |i| i + 1);
        return Statement::Changes(names.list(from).into_iter().take(1).collect());
    }
    if first("UPDATE") {
        let end = words.iter().position(|w| w.is("SET")).unwrap_or(words.len());
        return Statement::Changes(names.all(1, end));
    }
    if first("DELETE") {
        let end = words.iter().position(|w| w.is("WHERE")).unwrap_or(words.len());
        return Statement::Changes(names.all(1, end));
    }
    if first("WITH") {
        // A common table expression before UPDATE or DELETE: any name in it may be the target.
        let changes = words.iter().any(|w| w.is("UPDATE") || w.is("DELETE"));
        return if changes { Statement::Changes(names.all(1, words.len())) } else { Statement::Other };
    }
    Statement::Other
}

/// The names that a statement gives to tables, new ones or others.
pub(crate) fn named(text: &str, schema: &str) -> Vec<TableName> {
    let words = words(text);
    let is = |i: usize, keyword: &str| words.get(i).is_some_and(|word| word.is(keyword));
    let names = Names { words: &words, schema };
    if is(0, "CREATE") {
        let table = if is(1, "OR") { 3 } else { 1 };
        return if is(table, "TABLE") { names.list(table + 1).into_iter().take(1).collect() } else { Vec::new() };
    }
    let renames = is(0, "RENAME") && (is(1, "TABLE") || is(1, "TABLES"));
    if !renames && !is(0, "ALTER") {
        return Vec::new();
    }
    // RENAME TABLE a TO b, and a part of ALTER TABLE: RENAME b, RENAME TO b, RENAME AS b, RENAME = b.
    let after = |i: usize| match renames {
        true => is(i, "TO").then_some(i + 1),
        false if !is(i, "RENAME") || ["COLUMN", "INDEX", "KEY"].iter().any(|part| is(i + 1, part)) => None,
        false if is(i + 1, "TO") || is(i + 1, "AS") || words.get(i + 1) == Some(&Word::Sign('=')) => Some(i + 2),
        false => Some(i + 1),
    };
    (1..words.len()).filter_map(after).filter_map(|i| names.one(i)).map(|(name, _)| name).collect()
}

struct Names<'a> {
    words: &'a [Word<'a>],
    schema: &'a str,
}

impl Names<'_> {
    /// The place after `IF EXISTS` and MariaDB's `WAIT n` and `NOWAIT`.
    fn skip(&self, mut i: usize) -> Option<usize> {
        while let Some(word) = self.words.get(i) {
            if word.is("IF")
                || word.is("EXISTS")
                || word.is("NOT")
                || word.is("WAIT")
                || word.is("NOWAIT")
                || *word == Word::Value
            {
                i += 1;
            } else {
                return Some(i);
            }
        }
        None
    }

    fn after_modifiers(&self, mut i: usize) -> usize {
        while self
            .words
            .get(i)
            .is_some_and(|w| ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "QUICK"].iter().any(|k| w.is(k)))
        {
            i += 1;
        }
        i
    }

    /// A name, qualified or not, at `i`, and the place after it.
    fn one(&self, i: usize) -> Option<(TableName, usize)> {
        let first = self.words.get(i)?.name()?;
        if self.words.get(i + 1) == Some(&Word::Sign('.'))
            && let Some(second) = self.words.get(i + 2).and_then(Word::name)
        {
            return Some((TableName::new(first, second), i + 3));
        }
        Some((TableName::new(self.schema, first), i + 1))
    }

    /// Names separated by commas or by `TO`, as in DROP TABLE and RENAME TABLE.
    fn list(&self, from: usize) -> Vec<TableName> {
        let mut found = Vec::new();
        let mut next = self.skip(from);
        while let Some((name, after)) = next.and_then(|i| self.one(i)) {
            found.push(name);
            let after = self.skip(after).unwrap_or(after);
            next = match self.words.get(after) {
                Some(w) if *w == Word::Sign(',') || w.is("TO") => Some(after + 1),
                _ => None,
            };
        }
        found
    }

    /// Every word that may be a name, with and without a qualifier.
    fn all(&self, from: usize, to: usize) -> Vec<TableName> {
        let mut found = Vec::new();
        let mut i = from;
        while i < to {
            match self.one(i) {
                Some((name, after)) => {
                    found.push(name);
                    i = after;
                }
                None => i += 1,
            }
        }
        found
    }
}

/// Splits a statement; comments go, but what is in `/*!…*/` is executed and stays.
fn words(text: &str) -> Vec<Word<'_>> {
    /// Words beyond these cannot matter: DDL of our tables names them early. Long INSERTs end here.
    const WORDS_MAX: usize = 10_000;
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if words.len() >= WORDS_MAX {
            break;
        }
        if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if c == '#' || (rest.starts_with("--") && rest[2..].chars().next().is_none_or(char::is_whitespace)) {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(executed) = rest.strip_prefix("/*!").or_else(|| rest.strip_prefix("/*M!")) {
            rest = executed.trim_start_matches(|c: char| c.is_ascii_digit());
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if let Some(end) = rest.strip_prefix("*/") {
            rest = end;
        } else if matches!(c, '`' | '"' | '\'') {
            let (value, after) = quoted(&rest[1..], c);
            words.push(if c == '\'' { Word::Value } else { Word::Quoted(value) });
            rest = after;
        } else if is_name(c) {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            words.push(if word.bytes().all(|b| b.is_ascii_digit()) { Word::Value } else { Word::Bare(word) });
            rest = &rest[end..];
        } else {
            words.push(Word::Sign(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    words
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || c >= '\u{80}'
}

/// The text up to the closing quote, doubled quotes being one; strings also have backslashes.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c == quote {
            if chars.peek().map(|&(_, c)| c) != Some(quote) {
                return (value, &text[i + c.len_utf8()..]);
            }
            chars.next();
        } else if c == '\\' && quote == '\'' {
            chars.next();
            continue;
        }
        value.push(c);
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(text: &str) -> Vec<String> {
        match classify(text, "shop") {
            Statement::Changes(names) => names.iter().map(|n| format!("{}.{}", n.schema, n.name)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn statements_that_change_tables() {
        assert_eq!(tables("alter table `or``ders` add x int"), ["shop.or`ders"]);
        assert_eq!(tables("ALTER ONLINE IGNORE TABLE IF EXISTS db.t DROP c"), ["db.t"]);
        assert_eq!(tables("DROP TABLE IF EXISTS `a`, b . c /* generated by server */"), ["shop.a", "b.c"]);
        assert_eq!(tables("/*!50001 RENAME TABLE a TO b, c TO `x`.`d` */"), ["shop.a", "shop.b", "shop.c", "x.d"]);
        assert_eq!(tables("# hi\ntruncate orders"), ["shop.orders"]);
        assert_eq!(tables("TRUNCATE TABLE `shop`.`orders`"), ["shop.orders"]);
        assert_eq!(tables("insert into t select * from orders"), ["shop.t"]);
        assert_eq!(tables("REPLACE LOW_PRIORITY t VALUES ('into')"), ["shop.t"]);
        assert_eq!(tables("LOAD DATA INFILE 'x' INTO TABLE `t` FIELDS TERMINATED BY ','"), ["shop.t"]);
        assert_eq!(tables("UPDATE a, b.c SET x = 1"), ["shop.a", "b.c"]);
        assert!(tables("DELETE FROM orders WHERE id = 'it''s'").contains(&"shop.orders".to_owned()));
        assert_eq!(tables("create or replace table t (a int)"), ["shop.t"]);
    }

    #[test]
    fn names_that_tables_are_given() {
        let named = |text: &str| -> Vec<String> {
            named(text, "shop").iter().map(|name| format!("{}.{}", name.schema, name.name)).collect()
        };
        assert_eq!(named("CREATE TABLE IF NOT EXISTS `t` (a int) SELECT 1"), ["shop.t"]);
        assert_eq!(named("create or replace table x.t like u"), ["x.t"]);
        assert_eq!(named("RENAME TABLE a TO b, `to` TO x.`d`"), ["shop.b", "x.d"]);
        assert_eq!(named("ALTER TABLE a ADD b int, RENAME TO c"), ["shop.c"]);
        assert_eq!(named("alter table a rename = x.c"), ["x.c"]);
        assert_eq!(named("alter table a rename c"), ["shop.c"]);
        for none in [
            "ALTER TABLE a RENAME COLUMN b TO c, RENAME INDEX d TO e",
            "CREATE TEMPORARY TABLE t (a int)",
            "CREATE VIEW v AS SELECT 1",
            "DROP TABLE t",
            "INSERT INTO t VALUES ('RENAME TO b')",
            "RENAME TABLE a TO",
            "",
        ] {
            assert!(named(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn other_statements() {
        assert_eq!(classify("BEGIN", ""), Statement::Begin);
        assert_eq!(classify("ROLLBACK TO `s`", ""), Statement::Rollback);
        assert_eq!(classify("XA START X'61',X'',1", ""), Statement::Xa);
        assert_eq!(classify("DROP DATABASE IF EXISTS `shop`", ""), Statement::DropsSchema("shop".into()));
        for other in [
            "CREATE TABLE orders (id int)",
            "CREATE DEFINER=`root`@`localhost` TRIGGER t BEFORE INSERT ON orders FOR EACH ROW SET NEW.a = 1",
            "DROP TEMPORARY TABLE IF EXISTS orders",
            "GRANT ALL ON *.* TO x",
            "ALTER USER x IDENTIFIED BY 'y'",
            "/* unfinished",
            "'",
            "",
        ] {
            assert_eq!(classify(other, "shop"), Statement::Other, "{other}");
        }
    }
}
