//! Statements in the binary log: what they do to tables.
//!
//! Statements are not parsed, only split into words: enough to find the kind, and the names of tables at the
//! places where each kind has them. What is of no known kind is never taken for harmless: an unknown
//! definition concerns every table that its text names, and any other unknown statement is opaque.

mod effects;
mod functions;
mod names;
mod words;

use std::collections::BTreeSet;

use super::query::Syntax;
pub(crate) use effects::Effects;
use effects::of_query;
use names::Names;
use rowmill_change::TableName;
use words::{Word, words};

/// What a statement means for the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// A transaction begins.
    Begin,
    /// It ends, its rows stand.
    Commit,
    /// It ends, its rows don't stand.
    Rollback,
    /// It goes back to a save point: rows since don't stand.
    RollbackToSavepoint,
    /// A save point is set or released.
    Savepoint,
    /// A distributed transaction begins.
    XaBegin,
    /// Its rows are complete.
    XaEnd,
    /// It is prepared, committed or rolled back.
    XaFinish,
    /// Accounts, statistics, caches: nothing that rows depend on.
    Harmless,
    /// Tables, views, triggers, routines or schemas are made, changed or dropped.
    Definition(Definition),
    /// Rows change, or may.
    Data(Effects),
}

/// What a definition does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Definition {
    /// Tables that have other rows, another structure or another name afterwards.
    pub(crate) changed: Vec<TableName>,
    /// They are gone, or have another name.
    pub(crate) removes: bool,
    /// Tables that come into being, if only under this name.
    pub(crate) created: Vec<TableName>,
    /// What is created was not there before.
    pub(crate) is_new: bool,
    /// The tables are the session's own.
    pub(crate) is_temporary: bool,
    /// A schema that goes with all its tables.
    pub(crate) drops_schema: Option<String>,
    /// Afterwards the same statement may write to other tables than before: a view, a trigger, a routine or
    /// a foreign key may have come or gone.
    pub(crate) rewires: bool,
    /// What can't be seen any more of what earlier statements wrote through.
    pub(crate) forgets: Forgotten,
    /// The names are those of base tables, whatever temporary tables there are (MySQL's RENAME TABLE).
    pub(crate) only_base_tables: bool,
    /// The query that fills the new table.
    pub(crate) query: Option<Effects>,
    /// The rows of the new table follow, in the same transaction.
    pub(crate) rows_follow: bool,
}

/// What a definition takes from sight. A statement before it may have written through that, and the server can't say
/// so any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Forgotten {
    #[default]
    Nothing,
    /// These tables, with their triggers and foreign keys. A view is not dropped so.
    Tables(Vec<TableName>),
    /// What had these names: tables or views.
    Names(Vec<TableName>),
    Schema(String),
    Triggers,
    Routines,
    Anything,
}

impl Forgotten {
    /// Whether a statement with these effects may have written through it. Names are compared without their case, as
    /// some servers do. (A cascade can only end at a table that is read if that has a foreign key, and a definition
    /// of that table stops the stream.)
    pub(crate) fn concerns(&self, effects: &Effects) -> bool {
        let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        let is_in = |names: &[TableName], all: &BTreeSet<TableName>| {
            all.iter()
                .any(|one| names.iter().any(|name| same(&one.schema, &name.schema) && same(&one.name, &name.name)))
        };
        match self {
            Forgotten::Nothing => false,
            Forgotten::Tables(tables) => is_in(tables, &effects.targets),
            Forgotten::Names(names) => is_in(names, &effects.targets) || is_in(names, &effects.reads),
            Forgotten::Schema(schema) => {
                let mut named = effects.targets.iter().chain(&effects.reads);
                !effects.calls.is_empty() || named.any(|name| same(&name.schema, schema))
            }
            Forgotten::Triggers => !effects.targets.is_empty(),
            Forgotten::Routines => !effects.calls.is_empty(),
            Forgotten::Anything => true,
        }
    }
}

impl Statement {
    /// The tables that are there, under these names, only after the statement.
    pub(crate) fn creates(&self) -> &[TableName] {
        match self {
            Statement::Definition(definition) if !definition.is_temporary => &definition.created,
            _ => &[],
        }
    }
}

/// What a statement with this default schema means.
pub(crate) fn classify(text: &str, schema: &str, syntax: Syntax) -> Statement {
    let opaque = |reason| Statement::Data(Effects::opaque(reason));
    let Some(words) = words(text, syntax) else { return opaque("it is too long to be understood") };
    let Some(words) = without_settings(&words) else { return opaque("it sets variables in an unknown way") };
    let names = Names { words, schema };
    let Some(first) = words.first() else { return Statement::Harmless };
    let second = |keywords: &[&str]| words.get(1).is_some_and(|word| word.is_any(keywords));
    let is = |keyword: &str| first.is(keyword);
    match () {
        () if is("BEGIN") || (is("START") && second(&["TRANSACTION"])) => Statement::Begin,
        () if is("COMMIT") => Statement::Commit,
        () if is("ROLLBACK") && words.iter().any(|word| word.is("TO")) => Statement::RollbackToSavepoint,
        () if is("ROLLBACK") => Statement::Rollback,
        () if is("SAVEPOINT") || (is("RELEASE") && second(&["SAVEPOINT"])) => Statement::Savepoint,
        () if is("XA") && second(&["START", "BEGIN"]) => Statement::XaBegin,
        () if is("XA") && second(&["END"]) => Statement::XaEnd,
        () if is("XA") => Statement::XaFinish,
        () if is_harmless(names) => Statement::Harmless,
        () if is("CREATE") => Statement::Definition(create(names)),
        () if is("ALTER") => Statement::Definition(alter(names)),
        () if is("DROP") => Statement::Definition(drop(names)),
        () if is("RENAME") && second(&["TABLE", "TABLES"]) => {
            let list = names.list(2);
            let all: Vec<TableName> = list.iter().map(|(name, _)| name.clone()).collect();
            Statement::Definition(Definition {
                created: list.into_iter().filter(|(_, to)| *to).map(|(name, _)| name).collect(),
                changed: all.clone(),
                removes: true,
                rewires: true,
                forgets: Forgotten::Names(all),
                only_base_tables: !syntax.mariadb,
                ..Definition::default()
            })
        }
        () if is("TRUNCATE") => {
            let from = if second(&["TABLE"]) { 2 } else { 1 };
            Statement::Definition(Definition { changed: changed(names, from), ..Definition::default() })
        }
        () => effects::effects(names).map_or(opaque("it is of an unknown kind"), Statement::Data),
    }
}

/// Without MariaDB's `SET STATEMENT variable = value, … FOR` in front.
fn without_settings<'a>(mut words: &'a [Word<'a>]) -> Option<&'a [Word<'a>]> {
    while words.first().is_some_and(|word| word.is("SET")) && words.get(1).is_some_and(|word| word.is("STATEMENT")) {
        let mut depth = 0usize;
        let mut end = None;
        for (i, word) in words.iter().enumerate().skip(2) {
            match word {
                Word::Open(_) => depth += 1,
                Word::Sign(')') => depth = depth.saturating_sub(1),
                word if depth == 0 && word.is("FOR") && !(Names { words, schema: "" }).is_part(i) => {
                    end = Some(i + 1);
                    break;
                }
                _ => {}
            }
        }
        words = words.get(end?..)?;
    }
    Some(words)
}

/// Statements that change neither rows nor what rows depend on.
fn is_harmless(names: Names<'_>) -> bool {
    let first = |keywords: &[&str]| names.words.first().is_some_and(|word| word.is_any(keywords));
    let second = |keywords: &[&str]| names.words.get(1).is_some_and(|word| word.is_any(keywords));
    first(&["GRANT", "REVOKE", "FLUSH"])
        // MariaDB has an ANALYZE that executes what follows.
        || (first(&["ANALYZE", "OPTIMIZE", "REPAIR", "CHECK"])
            && second(&["TABLE", "TABLES", "VIEW", "NO_WRITE_TO_BINLOG", "LOCAL"]))
        || (first(&["SET"]) && second(&["PASSWORD", "ROLE", "DEFAULT"]))
        || (first(&["RENAME"]) && second(&["USER"]))
        || (first(&["LOAD"]) && second(&["INDEX"]))
}

/// Kinds of objects that definitions are of, and whether they decide what other statements write to.
const KINDS: &[(&str, bool)] = &[
    ("VIEW", true),
    ("TRIGGER", true),
    ("FUNCTION", true),
    ("PROCEDURE", true),
    ("PACKAGE", true),
    ("LIBRARY", true),
    ("EVENT", false),
    ("INDEX", false),
    ("USER", false),
    ("ROLE", false),
    ("SERVER", false),
    ("TABLESPACE", false),
    ("LOGFILE", false),
    ("RESOURCE", false),
    ("INSTANCE", false),
    ("REFERENCE", false),
];

/// Words between CREATE, ALTER or DROP and the kind of the object.
const MODIFIERS: &[&str] = &[
    "OR",
    "REPLACE",
    "TEMPORARY",
    "ONLINE",
    "OFFLINE",
    "IGNORE",
    "UNIQUE",
    "FULLTEXT",
    "SPATIAL",
    "VECTOR",
    "UNDO",
    "AGGREGATE",
    "JSON",
    "RELATIONAL",
    "DUALITY",
    "MATERIALIZED",
    "ALGORITHM",
    "MERGE",
    "TEMPTABLE",
    "UNDEFINED",
    "SQL",
    "SECURITY",
    "INVOKER",
    "DEFINER",
];

/// The place of the word that says of what kind the object is; `None` if something unknown stands before it.
fn kind(names: Names<'_>) -> Option<usize> {
    const OTHERS: &[&str] = &["TABLE", "TABLES", "SEQUENCE", "DATABASE", "SCHEMA"];
    // A definer is an account, of several words.
    let mut is_defined = false;
    for (i, word) in names.words.iter().enumerate().skip(1) {
        if word.is_any(OTHERS) || KINDS.iter().any(|(kind, _)| word.is(kind)) {
            return Some(i);
        }
        is_defined |= word.is("DEFINER");
        if !(is_defined || word.is_any(MODIFIERS) || word.is_sign('=')) {
            break;
        }
    }
    None
}

/// A definition of something other than tables and schemas.
fn other(names: Names<'_>, kind: Option<usize>) -> Definition {
    let known = kind.and_then(|i| Some((i, KINDS.iter().find(|(kind, _)| names.words[i].is(kind))?)));
    let Some((at, &(_, rewires))) = known else {
        let forgets = Forgotten::Anything;
        return Definition { changed: names.all(), rewires: true, forgets, ..Definition::default() };
    };
    let is = |keyword: &str| names.words[at].is(keyword);
    let adds = names.words[0].is("CREATE") && !names.words[1..at].iter().any(|word| word.is("REPLACE"));
    if is("INDEX") && !adds {
        // It may be the key by which rows are told apart.
        let on = (at..names.words.len()).find(|&i| names.words[i].is("ON") && !names.is_part(i));
        let table = on.and_then(|on| names.one(on + 1));
        return Definition {
            changed: table.map_or_else(|| names.all(), |(table, _)| vec![table]),
            ..Definition::default()
        };
    }
    let forgets = match () {
        () if !rewires || adds => Forgotten::Nothing,
        () if is("VIEW") => Forgotten::Names(changed(names, at + 1)),
        () if is("TRIGGER") => Forgotten::Triggers,
        () => Forgotten::Routines,
    };
    Definition { rewires, forgets, ..Definition::default() }
}

fn create(names: Names<'_>) -> Definition {
    let kind = kind(names);
    let Some(at) = kind else { return other(names, None) };
    let before = |keyword: &str| names.words[1..at].iter().any(|word| word.is(keyword));
    let replaces = before("REPLACE");
    if names.words[at].is_any(&["DATABASE", "SCHEMA"]) {
        let drops_schema = replaces.then(|| name(names, at + 1)).flatten();
        return Definition {
            rewires: drops_schema.is_some(),
            forgets: drops_schema.clone().map_or(Forgotten::Nothing, Forgotten::Schema),
            drops_schema,
            ..Definition::default()
        };
    }
    if !names.words[at].is_any(&["TABLE", "SEQUENCE"]) {
        return other(names, kind);
    }
    let from = names.after_if(at + 1);
    let Some((table, after)) = names.one(from) else { return other(names, None) };
    let is_temporary = before("TEMPORARY");
    let rest = &names.words[after..];
    let replaced = if replaces { vec![table.clone()] } else { Vec::new() };
    Definition {
        forgets: if replaces && !is_temporary { Forgotten::Tables(replaced.clone()) } else { Forgotten::Nothing },
        changed: replaced,
        created: vec![table],
        is_new: from == at + 1 && !replaces,
        is_temporary,
        rewires: !is_temporary && (replaces || has_foreign_key(rest)),
        query: has_query(rest).then(|| of_query(names, after)),
        rows_follow: matches!(rest, [.., start, end] if start.is("START") && end.is("TRANSACTION")),
        ..Definition::default()
    }
}

/// Words of foreign keys, and of constraints in general, which may be some.
fn has_foreign_key(words: &[Word<'_>]) -> bool {
    words.iter().any(|word| word.is_any(&["FOREIGN", "REFERENCES", "CONSTRAINT"]))
}

/// A CREATE TABLE takes rows from a query, in one of its forms.
fn has_query(words: &[Word<'_>]) -> bool {
    words.iter().enumerate().any(|(i, word)| {
        let rows = || words.get(i + 1).is_some_and(|next| next.is("ROW") || next.is_sign('('));
        word.is_any(&["SELECT", "TABLE"]) || (word.is("VALUES") && rows())
    })
}

fn alter(names: Names<'_>) -> Definition {
    let kind = kind(names);
    let Some(at) = kind.filter(|&i| names.words[i].is("TABLE")) else {
        return match kind {
            Some(i) if names.words[i].is_any(&["DATABASE", "SCHEMA", "SEQUENCE"]) => Definition::default(),
            kind => other(names, kind),
        };
    };
    let Some((table, after)) = names.one(names.after_if(at + 1)) else { return other(names, None) };
    let mut definition = Definition { changed: vec![table], ..Definition::default() };
    for i in after..names.words.len() {
        let word = &names.words[i];
        // `RENAME [TO | AS | =] x`; `WITH TABLE x`, `CONVERT TABLE x`, `TO TABLE x`.
        let named = if names.is_part(i) {
            None
        } else if word.is("RENAME") {
            let next = names.words.get(i + 1);
            let skips = next.is_some_and(|next| next.is_any(&["TO", "AS"]) || next.is_sign('='));
            let is_table = !next.is_some_and(|next| next.is_any(&["COLUMN", "INDEX", "KEY"]));
            is_table.then(|| names.one(i + 1 + usize::from(skips))).flatten()
        } else if word.is("TABLE") {
            names.one(i + 1)
        } else {
            None
        };
        if let Some((name, _)) = named {
            if word.is("RENAME") || names.words[i - 1].is("TO") {
                definition.created.push(name.clone());
            }
            definition.changed.push(name);
        }
    }
    definition.removes = !definition.created.is_empty();
    let (rest, further) = (&names.words[after..], definition.changed.len() > 1);
    definition.rewires = further || has_foreign_key(rest);
    if further || (definition.rewires && rest.iter().any(|word| word.is("DROP"))) {
        definition.forgets = Forgotten::Names(definition.changed.clone());
    }
    definition
}

fn drop(names: Names<'_>) -> Definition {
    let kind = kind(names);
    let Some(at) = kind else { return other(names, None) };
    if names.words[at].is_any(&["DATABASE", "SCHEMA"]) {
        let drops_schema = name(names, at + 1);
        let forgets = drops_schema.clone().map_or(Forgotten::Anything, Forgotten::Schema);
        return Definition { drops_schema, rewires: true, forgets, ..Definition::default() };
    }
    if !names.words[at].is_any(&["TABLE", "TABLES", "SEQUENCE"]) {
        return other(names, kind);
    }
    let is_temporary = names.words[1..at].iter().any(|word| word.is("TEMPORARY"));
    let changed = changed(names, at + 1);
    let forgets = if is_temporary { Forgotten::Nothing } else { Forgotten::Tables(changed.clone()) };
    Definition { changed, removes: true, is_temporary, rewires: !is_temporary, forgets, ..Definition::default() }
}

fn changed(names: Names<'_>, from: usize) -> Vec<TableName> {
    names.list(from).into_iter().map(|(name, _)| name).collect()
}

/// The name of a schema at `from`.
fn name(names: Names<'_>, from: usize) -> Option<String> {
    names.words.get(names.after_if(from))?.name()
}

#[cfg(test)]
mod tests;
