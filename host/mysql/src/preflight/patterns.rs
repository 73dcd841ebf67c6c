//! What the patterns of a plan stand for.
//!
//! A pattern stands for the base tables whose names it matches. A table in a form that can't be read is a
//! problem, like one of another engine or without a key: its rows would be missing. Views and sequences are
//! no tables; they are passed over and named in the log. Tables that the user may not see at all can't be
//! named, so a pattern of a user who may not see them all is worth a warning.

use rowmill_change::TableName;
use rowmill_foreign::line;

use super::server::Grants;
use crate::endpoint::Conn;
use crate::error::{Problem, Result};
use crate::table::{Match, TablePattern, matches_of};

/// What patterns stand for on a server.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    /// The tables to be read, in the order of the patterns, each once. One without a wildcard stands for
    /// itself, whether or not there is such a table.
    pub(super) tables: Vec<TableName>,
    /// What a pattern matches and is no table.
    pub(super) passed_over: Vec<TableName>,
}

/// Looks up what patterns stand for.
pub(super) async fn expand(
    conn: &mut Conn,
    patterns: &[TablePattern],
    problems: &mut Vec<Problem>,
) -> Result<Expanded> {
    let mut expanded = Expanded::default();
    let mut refused: Vec<TableName> = Vec::new();
    for pattern in patterns {
        if !pattern.is_glob() {
            add(&mut expanded.tables, pattern.name());
            continue;
        }
        let (tables, others): (Vec<Match>, Vec<Match>) =
            matches_of(conn, pattern).await?.into_iter().partition(|found| found.is_base_table());
        let (versioned, others): (Vec<Match>, Vec<Match>) = others.into_iter().partition(Match::is_system_versioned);
        if tables.is_empty() && versioned.is_empty() {
            let mut found = "no table that matches".to_owned();
            if !others.is_empty() {
                found = format!("no table that matches, only {}", names(&others));
            }
            problems.push(Problem::new(
                format!("tables {pattern}"),
                found,
                "at least one",
                "check the pattern, the database, and that the user may see the tables (GRANT SELECT)",
            ));
        } else if !others.is_empty() {
            tracing::info!(%pattern, not_read = names(&others), "the pattern also matches what is no table");
        }
        for found in versioned {
            // One that is named as well is refused by its name.
            if !refused.contains(&found.name) && !patterns.iter().any(|other| other.name() == found.name) {
                problems.push(unreadable(&found));
                refused.push(found.name);
            }
        }
        tables.into_iter().for_each(|found| add(&mut expanded.tables, found.name));
        others.into_iter().for_each(|found| add(&mut expanded.passed_over, found.name));
    }
    Ok(expanded)
}

fn add(names: &mut Vec<TableName>, name: TableName) {
    if !names.contains(&name) {
        names.push(name);
    }
}

fn names(found: &[Match]) -> String {
    let named = |found: &Match| format!("{} ({})", found.name, line(&found.kind.to_lowercase()));
    found.iter().map(named).collect::<Vec<_>>().join(", ")
}

/// What is listed among the tables and can't be read.
pub(super) fn unreadable(found: &Match) -> Problem {
    let name = &found.name;
    let (what, fix) = match found.is_system_versioned() {
        true => (
            "a system-versioned table, whose history the binary log mixes with its rows".to_owned(),
            format!(
                "leave it out (name the tables to be read, or narrow the pattern), or ALTER TABLE {name} DROP SYSTEM \
                 VERSIONING"
            ),
        ),
        false => (line(&found.kind.to_lowercase()).into_owned(), "name the tables that its rows come from".to_owned()),
    };
    Problem::new(format!("table {name}"), what, "a base table", fix)
}

/// Warns where a pattern may mean tables that the user can't see.
pub(super) fn warn_of_hidden(grants: &Grants, user: &str, patterns: &[TablePattern]) {
    for pattern in patterns.iter().filter(|pattern| pattern.is_glob() && !grants.may_read_all(pattern.schema())) {
        tracing::warn!(
            %pattern,
            user,
            "the user may not read every table of this database: the pattern stands for those that it sees"
        );
    }
}
