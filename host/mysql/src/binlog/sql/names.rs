//! Names of tables at the places where statements have them.

use rowmill_change::TableName;

use super::words::{Word, closing};

/// Words that end a list of tables: reserved ones, which no alias can be.
const CLAUSES: &[&str] = &[
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "LOCK",
    "SET",
    "INTO",
    "PROCEDURE",
    "VALUES",
    "ON",
    "USING",
    "FOR",
    "FETCH",
];
/// Words that a further table of a join follows.
pub(super) const JOINS: &[&str] = &["JOIN", "STRAIGHT_JOIN", "INNER", "CROSS", "LEFT", "RIGHT", "NATURAL", "OUTER"];

/// The words of a statement and the schema of names without one.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) words: &'a [Word<'a>],
    pub(super) schema: &'a str,
}

impl Names<'_> {
    fn is(&self, i: usize, keyword: &str) -> bool {
        self.words.get(i).is_some_and(|word| word.is(keyword))
    }

    fn is_sign(&self, i: usize, sign: char) -> bool {
        self.words.get(i).is_some_and(|word| word.is_sign(sign))
    }

    /// The word stands behind a dot or an at sign, and so is a name whatever it reads.
    pub(super) fn is_part(&self, i: usize) -> bool {
        i > 0 && (self.is_sign(i - 1, '.') || self.is_sign(i - 1, '@'))
    }

    /// The place after `IF EXISTS` or `IF NOT EXISTS`, which are reserved words and no names.
    pub(super) fn after_if(&self, mut i: usize) -> usize {
        while self.words.get(i).is_some_and(|word| word.is_any(&["IF", "NOT", "EXISTS"])) {
            i += 1;
        }
        i
    }

    /// The place after MariaDB's `WAIT n` and `NOWAIT`, which stand behind a name and can be names.
    fn after_wait(&self, i: usize) -> usize {
        match () {
            () if self.is(i, "WAIT") => i + 2,
            () if self.is(i, "NOWAIT") => i + 1,
            () => i,
        }
    }

    /// A name, qualified or not, at `i`, and the place after it.
    pub(super) fn one(&self, i: usize) -> Option<(TableName, usize)> {
        let unqualified = |name: String, after| Some((TableName::new(self.schema, name), after));
        if self.is_sign(i, '.') {
            return unqualified(self.words.get(i + 1)?.part()?, i + 2);
        }
        let first = self.words.get(i)?.name()?;
        if self.is_sign(i + 1, '.') {
            return Some((TableName::new(first, self.words.get(i + 2)?.part()?), i + 3));
        }
        unqualified(first, i + 1)
    }

    /// Names separated by commas or by `TO`, as in DROP TABLE and RENAME TABLE; with whether `TO` came before.
    pub(super) fn list(&self, from: usize) -> Vec<(TableName, bool)> {
        let mut found = Vec::new();
        let (mut next, mut to) = (self.after_if(from), false);
        while let Some((name, after)) = self.one(next) {
            found.push((name, to));
            let after = self.after_wait(after);
            to = self.is(after, "TO");
            if !to && !self.is_sign(after, ',') {
                break;
            }
            next = after + 1;
        }
        found
    }

    /// Every word that may be a name, with and without a qualifier.
    pub(super) fn all(&self) -> Vec<TableName> {
        let mut found = Vec::new();
        let mut i = 0;
        while i < self.words.len() {
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

    /// The tables of a FROM clause or of an UPDATE, from `i` on, and the place where the list ends. What is
    /// inside of a subquery has a FROM of its own. `None`: it is not written as such a list is.
    pub(super) fn references(&self, mut i: usize) -> Option<(Vec<TableName>, usize)> {
        let mut found = Vec::new();
        let mut open = 0usize;
        loop {
            // A table, a subquery, a function that makes rows, or a join in parentheses.
            while self.is(i, "LATERAL") || self.is_sign(i, '(') {
                if self.is_sign(i, '(') {
                    if self.words.get(i + 1)?.is_any(&["SELECT", "WITH", "VALUES", "TABLE"]) {
                        break;
                    }
                    open += 1;
                }
                i += 1;
            }
            if self.is_sign(i, '(') {
                i = closing(self.words, i) + 1;
            } else if self.is(i, "DUAL") {
                i += 1;
            } else {
                let (name, after) = self.one(i)?;
                i = after;
                if self.is_sign(i, '(') {
                    i = closing(self.words, i) + 1;
                } else {
                    found.push(name);
                }
            }
            // What belongs to it, up to the next one.
            loop {
                i = self.after_reference(i)?;
                while self.is(i, "ON") && !self.is(i + 1, "DUPLICATE") {
                    i = self.after_condition(i + 1);
                }
                if open == 0 || !self.is_sign(i, ')') {
                    break;
                }
                open -= 1;
                i += 1;
            }
            if self.is_sign(i, ',') {
                i += 1;
            } else if self.words.get(i).is_some_and(|word| word.is_any(JOINS)) {
                while self.words.get(i)?.is_any(JOINS) {
                    i += 1;
                }
            } else {
                let ends = match self.words.get(i) {
                    None => true,
                    Some(word) => word.is_sign(')') || word.is_sign(';') || word.is_any(CLAUSES),
                };
                let known = open == 0 && ends && !self.is(i + 1, "SYSTEM_TIME");
                return known.then_some((found, i));
            }
        }
    }

    /// After partitions, alias, index hints and USING of a table reference.
    fn after_reference(&self, mut i: usize) -> Option<usize> {
        if self.is(i, "PARTITION") && self.is_sign(i + 1, '(') {
            i = closing(self.words, i + 1) + 1;
        }
        if self.is(i, "AS") {
            self.words.get(i + 1)?.name()?;
            i += 2;
        } else if let Some(word) = self.words.get(i)
            && word.name().is_some()
            && !word.is_any(CLAUSES)
            && !word.is_any(JOINS)
            && !word.is_any(&["USE", "FORCE", "IGNORE"])
        {
            i += 1;
        }
        if self.is_sign(i, '(') {
            i = closing(self.words, i) + 1;
        }
        while self.words.get(i).is_some_and(|word| word.is_any(&["USE", "FORCE", "IGNORE"]))
            && self.words.get(i + 1)?.is_any(&["INDEX", "KEY"])
        {
            while !self.is_sign(i, '(') {
                self.words.get(i)?;
                i += 1;
            }
            i = closing(self.words, i) + 1;
            if self.is_sign(i, ',') && self.words.get(i + 1)?.is_any(&["USE", "FORCE", "IGNORE"]) {
                i += 1;
            }
        }
        if self.is(i, "USING") && self.is_sign(i + 1, '(') {
            i = closing(self.words, i + 1) + 1;
        }
        Some(i)
    }

    /// After the condition of a join.
    fn after_condition(&self, mut i: usize) -> usize {
        while let Some(word) = self.words.get(i) {
            // LEFT and RIGHT are functions, too.
            let joins = word.is_any(JOINS) && !self.is_sign(i + 1, '(');
            let ends = word.is_sign(')') || word.is_sign(',') || joins || word.is_any(CLAUSES);
            if ends && !self.is_part(i) {
                break;
            }
            i = if word.is_sign('(') { closing(self.words, i) + 1 } else { i + 1 };
        }
        i
    }
}
