//! The tables that are to be read.

use rowmill_change::TableName;
use rowmill_foreign::line;

use super::CheckOptions;
use super::patterns::unreadable;
use super::server::Settings;
use crate::binlog::ignored::Ignored;
use crate::binlog::names::folded;
use crate::charset::Charsets;
use crate::endpoint::{Conn, Flavor};
use crate::error::{Doing, Problem, Result};
use crate::statement::Statement;
use crate::table::{ColumnData, TableDef, match_of, read_definition};

/// Finds what keeps a table from being read; its definition if it is there.
pub(super) async fn check(
    conn: &mut Conn,
    flavor: Flavor,
    settings: &Settings,
    name: &TableName,
    options: &CheckOptions,
    problems: &mut Vec<Problem>,
) -> Result<Option<TableDef>> {
    let subject = format!("table {name}");
    let Some(def) = read_definition(conn, name).await? else {
        problems.push(match match_of(conn, name).await? {
            Some(found) => unreadable(&found),
            None => Problem::new(
                subject,
                "no such table that the user may see",
                "a base table",
                format!("check the name, or GRANT SELECT ON {name} TO the user"),
            ),
        });
        return Ok(None);
    };
    problems.extend(unreadable_columns(conn, &def).await);
    let fold = |name: &TableName| if settings.folds_names() { folded(name) } else { name.clone() };
    if let Some(pattern) = Ignored::new(&options.ignore_statements, fold).find(&fold(name)) {
        problems.push(Problem::new(
            subject,
            format!("statements that change tables of '{}.{}' are ignored", pattern.schema, pattern.name),
            "tables whose changes are all seen",
            "leave the table out, or take the pattern out of source.ignore_statements (mysql.* is always in it)",
        ));
    }
    problems.extend(unfit(&def));
    if !settings.logs_cascades() && !options.allow_unlogged_cascades {
        problems.extend(cascades(conn, flavor, name).await?);
    }
    Ok(Some(def))
}

/// What keeps this user from reading all of a table's columns.
async fn unreadable_columns(conn: &mut Conn, def: &TableDef) -> Option<Problem> {
    // Who has rights on single columns only is told of those alone, as if the table had no others, and is refused
    // the first statement. Who may write the table is told of all columns, and is refused the second.
    let name = &def.name;
    let names = def.columns.iter().map(|column| column.name.as_str());
    let whole = Statement::new("SHOW CREATE TABLE ").table(name);
    let columns = Statement::new("SELECT ").list(", ", names, Statement::name).text(" FROM ").table(name);
    for statement in [whole, columns.text(" LIMIT 0")] {
        if let Err(mysql_async::Error::Server(e)) = conn.query_drop(statement).await {
            return Some(Problem::new(
                format!("table {name}"),
                format!("server error {}: {}", e.code, line(&e.message)),
                "SELECT on all of its columns",
                format!("GRANT SELECT ON {name} TO the user"),
            ));
        }
    }
    None
}

/// What keeps a table of this definition from being read, whoever asks.
fn unfit(def: &TableDef) -> Vec<Problem> {
    let name = &def.name;
    let subject = format!("table {name}");
    let mut problems = Vec::new();
    if !def.engine.eq_ignore_ascii_case("InnoDB") {
        problems.push(Problem::new(
            subject.clone(),
            match def.engine.as_str() {
                "" => "no engine: the server can't open the table".to_owned(),
                engine => format!("engine {engine}"),
            },
            "InnoDB",
            format!("ALTER TABLE {name} ENGINE = InnoDB"),
        ));
    }
    if def.row_key().is_none() {
        problems.push(Problem::new(
            subject.clone(),
            "no primary key",
            "a primary key, or a unique key over whole columns that cannot be NULL",
            format!("ALTER TABLE {name} ADD PRIMARY KEY (…)"),
        ));
    }
    for column in def.columns.iter().filter(|c| c.data == ColumnData::Unsupported) {
        problems.push(Problem::new(
            format!("column {} of table {name}", column.name),
            format!("type {}", column.mysql_type),
            "a type that can be read",
            "leave the table out, or change the column's type",
        ));
    }
    problems
}

/// The foreign keys by which rows change without an event.
async fn cascades(conn: &mut Conn, flavor: Flavor, name: &TableName) -> Result<Vec<Problem>> {
    let cascades: Vec<(String, String)> = conn
        .exec(
            "SELECT CONSTRAINT_NAME, CONCAT('ON DELETE ', DELETE_RULE, ' ON UPDATE ', UPDATE_RULE) \
             FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ? \
             AND (DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') \
             OR UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT'))",
            (&name.schema, &name.name),
        )
        .await
        .doing("reading foreign keys")?;
    let problem = |(constraint, rule): (String, String)| {
        Problem::new(
            format!("foreign key {constraint} of table {name}"),
            format!("{rule}: {flavor} does not log the rows that it changes"),
            "no cascade on a table that is read",
            "set source.allow_unlogged_cascades: true if the parent's keys never change, or drop the cascade",
        )
    };
    Ok(cascades.into_iter().map(problem).collect())
}

/// Finds text columns whose character set cannot be decoded.
pub(super) async fn check_charsets(conn: &mut Conn, defs: &[TableDef], problems: &mut Vec<Problem>) -> Result<()> {
    let charsets = Charsets::read(conn, defs).await?;
    for def in defs {
        for column in &def.columns {
            if let ColumnData::Text { charset, .. } = &column.data
                && charsets.get(charset).is_none()
            {
                problems.push(Problem::new(
                    format!("column {} of table {}", column.name, def.name),
                    format!("character set {charset}"),
                    "a character set that can be decoded",
                    "convert the column to utf8mb4, or leave the table out",
                ));
            }
        }
    }
    Ok(())
}
