//! What a statement that changes rows can change, as far as its text says.
//!
//! Beyond the tables that it names as targets, a statement writes through triggers and cascades of those,
//! through stored functions that it calls, and through functions that a view calls which it reads. So
//! targets, tables that are read, and calls are what has to be known of it. Whatever is not written in a way
//! that is understood here counts as opaque: it can change anything.

use std::collections::BTreeSet;

use rowmill_change::TableName;

use super::functions::is_never_stored;
use super::names::{JOINS, Names};
use super::words::{Word, closing};

/// What a statement writes to, reads from and calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Effects {
    /// The tables that it changes.
    pub(crate) targets: BTreeSet<TableName>,
    /// The tables, or views, that it reads.
    pub(crate) reads: BTreeSet<TableName>,
    /// Names before parentheses, their qualifiers as well, that may be stored functions.
    pub(crate) calls: BTreeSet<String>,
    /// Why its text does not say what it changes.
    pub(crate) opaque: Option<&'static str>,
    /// It writes to tables that the user wants to be ignored, who so says that such statements do no harm.
    pub(crate) vouched: bool,
}

impl Effects {
    pub(super) fn opaque(reason: &'static str) -> Effects {
        Effects { opaque: Some(reason), ..Effects::default() }
    }

    /// Whether nothing is left to be known.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Effects { vouched: self.vouched, ..Effects::default() }
    }

    /// Adds another reading of the same text.
    pub(crate) fn merge(&mut self, other: Effects) {
        self.targets.extend(other.targets);
        self.reads.extend(other.reads);
        self.calls.extend(other.calls);
        self.opaque = self.opaque.or(other.opaque);
    }
}

const UNKNOWN: &str = "it is not written in a way that says which tables it changes";

/// The effects of a statement of this kind; `None` if it is of another one.
pub(super) fn effects(names: Names<'_>) -> Option<Effects> {
    let first = names.words.first()?;
    let targets = match () {
        () if first.is_any(&["INSERT", "REPLACE", "LOAD"]) => written(names, first.is("LOAD")),
        () if first.is("UPDATE") => updated(names),
        () if first.is("DELETE") => deleted(names),
        () if first.is_any(&["SELECT", "DO"]) => Some((Vec::new(), 0)),
        () if first.is("CALL") => return Some(Effects::opaque("it calls a stored procedure")),
        () => return None,
    };
    let Some((targets, after)) = targets else { return Some(Effects::opaque(UNKNOWN)) };
    let mut effects = of_query(names, after);
    effects.targets = targets.into_iter().collect();
    Some(effects)
}

/// What the text from `from` on reads and calls.
pub(super) fn of_query(names: Names<'_>, from: usize) -> Effects {
    match reads(names, from) {
        None => Effects { calls: calls(names, from).collect(), ..Effects::opaque(UNKNOWN) },
        Some(reads) => {
            Effects { reads: reads.into_iter().collect(), calls: calls(names, from).collect(), ..Effects::default() }
        }
    }
}

/// The one target of INSERT, REPLACE and LOAD, and the place after it and its list of columns.
fn written(names: Names<'_>, loads: bool) -> Option<(Vec<TableName>, usize)> {
    const MODIFIERS: &[&str] = &["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"];
    let mut i = 1;
    if loads {
        i = names.words.iter().position(|word| word.is("INTO"))? + 1;
        if !names.words.get(i)?.is("TABLE") {
            return None;
        }
        i += 1;
    } else {
        while names.words.get(i)?.is_any(MODIFIERS) {
            i += 1;
        }
    }
    let (name, mut after) = names.one(i)?;
    if names.words.get(after).is_some_and(|word| word.is("PARTITION")) {
        after += 1;
    }
    // The list of columns; in its place there can be a query, which is left to be read.
    while names.words.get(after).is_some_and(|word| word.is_sign('(')) {
        let end = closing(names.words, after);
        if names.words[after..end].iter().any(|word| word.is_any(&["SELECT", "VALUES", "TABLE", "WITH"])) {
            break;
        }
        after = end + 1;
    }
    Some((vec![name], after))
}

/// Every table of an UPDATE may be a target.
fn updated(names: Names<'_>) -> Option<(Vec<TableName>, usize)> {
    let mut i = 1;
    while names.words.get(i)?.is_any(&["LOW_PRIORITY", "IGNORE"]) {
        i += 1;
    }
    let (targets, end) = names.references(i)?;
    names.words.get(end)?.is("SET").then_some((targets, i))
}

/// So may every table of a DELETE: what stands before FROM are aliases, if there are any.
fn deleted(names: Names<'_>) -> Option<(Vec<TableName>, usize)> {
    let from = names.words.iter().position(|word| word.is("FROM"))?;
    let (targets, end) = names.references(from + 1)?;
    match names.words.get(end).is_some_and(|word| word.is("USING")) {
        true => Some((names.references(end + 1)?.0, from)),
        false => Some((targets, from)),
    }
}

/// The tables that are read, at whatever depth.
fn reads(names: Names<'_>, from: usize) -> Option<Vec<TableName>> {
    let mut found = Vec::new();
    // Of each open parenthesis: whether the FROM in it is that of `EXTRACT(unit FROM x)` or its like.
    let mut arguments = Vec::new();
    for (i, word) in names.words.iter().enumerate().skip(from) {
        if word.is_sign('(') {
            const FUNCTIONS: &[&str] = &["EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "MID"];
            arguments.push(i > 0 && names.words[i - 1].is_any(FUNCTIONS) && !names.is_part(i - 1));
        } else if word.is_sign(')') {
            arguments.pop();
        } else if names.is_part(i) {
            // A name, whatever it reads.
        } else if word.is("WITH") && !names.words.get(i + 1).is_some_and(|next| next.is_any(&["ROLLUP", "CHECK"])) {
            // Common table expressions have names that are no tables.
            return None;
        } else if word.is("FROM") && arguments.last() != Some(&true) {
            found.extend(names.references(i + 1)?.0);
        } else if word.is_any(&JOINS[..2]) || (word.is("TABLE") && i > 0 && !names.words[i - 1].is("INTO")) {
            found.extend(names.one(i + 1).map(|(name, _)| name));
        }
    }
    Some(found)
}

/// The names before parentheses that may be stored functions.
fn calls(names: Names<'_>, from: usize) -> impl Iterator<Item = String> + '_ {
    let calls = move |i: usize| {
        let opens = names.words.get(i + 1).is_some_and(|next| next.is_sign('('));
        let own = match &names.words[i] {
            Word::Bare { text, opens } => !names.is_part(i) && is_never_stored(text, *opens),
            _ => false,
        };
        opens && !own
    };
    (from..names.words.len()).filter(move |&i| calls(i)).flat_map(move |i| {
        // With what qualifies it, schema or package.
        let mut parts: Vec<String> = names.words[i].part().into_iter().collect();
        let mut at = i;
        while at >= 2 && !parts.is_empty() && names.words[at - 1].is_sign('.') {
            at -= 2;
            parts.extend(names.words[at].part());
        }
        parts
    })
}
