//! What stands in the way of writing, found before anything is written.
//!
//! Everything is only read. A column is refused when it is **known** to lose something: a shorter
//! length than the source column's, a coarser scale or fraction, a narrower integer, a character
//! set that lacks characters. Where a length is not known (a string that a component makes), a
//! value that does not fit is an error when it is written, never cut.

use arrow_schema::Field;
use rowmill_change::{KEY_HASH, TableName, TargetTable, is_key_hash, quote};
use rowmill_foreign::line;

use super::collate::merges;
use super::create::{Dialect, create_statement, fact, needs_hash};
use super::fit::misfit;
use super::grants::Grants;
use super::shape::{Surroundings, created_by, creator, has_second_key, matching_key, position, unwritten};
use super::{Existing, Held, Mode, SinkOptions, meta};
use crate::endpoint::{Conn, flavor};
use crate::error::{Doing, Problem, Result};
use crate::statement::Statement;
use crate::table::{Column, ColumnData, TableDef, match_of, read_definition};

/// What the sink does with its tables. SELECT is for finding the rows to delete, and for `verify`.
const PRIVILEGES: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

pub(super) async fn check(options: &SinkOptions, targets: &[TargetTable], held: Held) -> Result<Vec<Problem>> {
    let mut conn = options.endpoint.connect().await?;
    let (flavor, _) = flavor(&mut conn).await?;
    let grants = Grants::read(&mut conn, flavor).await?;
    let dialect = Dialect::read(&mut conn, flavor).await?;
    let mut problems = Vec::new();
    check_writable(&mut conn, options, &mut problems).await?;
    check_meta(&mut conn, options, &grants, &mut problems).await?;
    for (i, target) in targets.iter().enumerate() {
        if targets[..i].iter().any(|t| t.table == target.table) {
            problems.push(Problem::new(
                format!("table {}", target.table),
                "that several source tables go into it",
                "a table for each",
                "write the table with ${table}, for instance \"${table}_copy\"",
            ));
            continue;
        }
        check_target(&mut conn, options, target, held, &grants, &dialect, &mut problems).await?;
    }
    Ok(problems)
}

fn privileges(problems: &mut Vec<Problem>, grants: &Grants, table: &TableName, needed: &[&str], options: &SinkOptions) {
    let missing = grants.missing(needed, table);
    if !missing.is_empty() {
        problems.push(Problem::new(
            format!("privileges of user '{}' on {table}", options.endpoint.user()),
            format!("no {}", missing.join(", ")),
            needed.join(", "),
            format!("GRANT {} ON {table} TO the user", missing.join(", ")),
        ));
    }
}

/// A server that takes no writes refuses them before it looks at tables and rights; this one would change nothing.
async fn check_writable(conn: &mut Conn, options: &SinkOptions, problems: &mut Vec<Problem>) -> Result<()> {
    let progress = TableName::new(&options.meta, "progress");
    match conn.query_drop(Statement::new("DELETE FROM ").table(&progress).text(" WHERE FALSE")).await {
        // ER_OPTION_PREVENTS_STATEMENT, ER_READ_ONLY_MODE
        Err(mysql_async::Error::Server(e)) if matches!(e.code, 1290 | 1836) => problems.push(Problem::new(
            format!("target server {}", options.endpoint.server()),
            format!("server error {}: {}", e.code, line(&e.message)),
            "a server that can be written to",
            "SET GLOBAL read_only = OFF (super_read_only, too, on MySQL), or name the primary of its replicas",
        )),
        // What else is missing, the other checks say.
        Ok(()) | Err(mysql_async::Error::Server(_)) => {}
        Err(e) => return Err(e).doing("looking whether the target can be written to"),
    }
    Ok(())
}

async fn check_meta(
    conn: &mut Conn,
    options: &SinkOptions,
    grants: &Grants,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    let present = meta::present(conn, options).await?;
    let missing = meta::TABLES.iter().any(|t| !present.iter().flatten().any(|p| p == t));
    let any = TableName::new(&options.meta, "progress");
    if missing && !grants.has("CREATE", &any) {
        let schema = quote(&options.meta);
        problems.push(Problem::new(
            format!("schema {schema} of the progress tables"),
            if present.is_none() {
                "no such schema, and no right to create it"
            } else {
                "no right to create its tables"
            },
            "the progress tables",
            format!("GRANT ALL ON {schema}.* TO the user, or name a schema that can be written to in sink.meta"),
        ));
        return Ok(());
    }
    if present.iter().flatten().any(|p| p == "progress") && !grants.has("ALTER", &any) {
        let lacking = meta::lacking(conn, options).await?;
        if !lacking.is_empty() {
            problems.push(meta::upgrade_problem(options, &lacking));
        }
    }
    let mut needed = PRIVILEGES.to_vec();
    // Each table for itself, since rights may be given one by one; one finding is enough.
    let table = meta::TABLES.iter().map(|t| TableName::new(&options.meta, *t));
    needed.retain(|p| table.clone().any(|t| !grants.has(p, &t)));
    privileges(problems, grants, &any, &needed, options);
    Ok(())
}

async fn check_target(
    conn: &mut Conn,
    options: &SinkOptions,
    target: &TargetTable,
    held: Held,
    grants: &Grants,
    dialect: &Dialect,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    let subject = format!("table {}", target.table);
    if target.key.is_empty() && target.options.mode == Mode::Upsert {
        problems.push(Problem::new(&subject, "no key", "a key, to find rows by", "name it in sink.key"));
        return Ok(());
    }
    privileges(problems, grants, &target.table, &PRIVILEGES, options);
    let Some(def) = read_definition(conn, &target.table).await? else {
        if let Some(found) = match_of(conn, &target.table).await? {
            problems.push(Problem::new(
                &subject,
                format!("a {}", found.kind.to_lowercase()),
                "a base table",
                "name another table in sink.table",
            ));
            return Ok(());
        }
        if held == Held::Rows {
            problems.push(gone(&target.table));
            return Ok(());
        }
        return check_missing(conn, options, target, grants, dialect, problems).await;
    };
    let start = problems.len();
    if !def.engine.eq_ignore_ascii_case("InnoDB") {
        problems.push(Problem::new(
            &subject,
            format!("engine {}", def.engine),
            "InnoDB, so that rows and progress commit together",
            format!("ALTER TABLE {} ENGINE=InnoDB", target.table),
        ));
    }
    let by = created_by(conn, &target.table).await?.unwrap_or_default();
    if held != Held::Rows && target.options.existing == Existing::Refuse && !by.is_empty() && by != creator(options) {
        problems.push(Problem::new(
            &subject,
            format!("a table that was created for pipeline {by}, which would miss its rows"),
            "a table of its own",
            format!(
                "name another table in sink.table; or, if nobody needs that pipeline any more, DROP TABLE {}; or write \
                 `existing: keep` into the sink to write into it beside that pipeline",
                target.table
            ),
        ));
        return Ok(());
    }
    check_columns(target, &def, dialect, options, held, problems);
    check_key(conn, target, &def, grants, problems).await?;
    // Whether it holds rows is only asked of a table that could be written to.
    if held == Held::Nothing && target.options.existing == Existing::Refuse && problems.len() == start {
        problems.extend(holds_rows(conn, target).await?);
    }
    Ok(())
}

/// Refuses rows that are there before the first start.
async fn holds_rows(conn: &mut Conn, target: &TargetTable) -> Result<Option<Problem>> {
    let row = conn.query_first::<u8>(Statement::new("SELECT 1 FROM ").table(&target.table).text(" LIMIT 1")).await;
    match row {
        Ok(None) => Ok(None),
        Ok(Some(_)) => Ok(Some(Problem::new(
            format!("table {}", target.table),
            "rows",
            "an empty table at a first start",
            match target.options.mode {
                Mode::Upsert => format!(
                    "write `existing: keep` into the sink to write into it, reconcile it with the source: `rowmill \
                     run FILE --rebuild`, or empty it: DELETE FROM {}",
                    target.table
                ),
                Mode::Append => format!(
                    "write `existing: keep` into the sink to append to it, or empty it: DELETE FROM {}",
                    target.table
                ),
            },
        ))),
        // A missing right to read is reported with the privileges.
        Err(mysql_async::Error::Server(e)) if matches!(e.code, 1142 | 1143) => Ok(None),
        Err(e) => Err(e).doing("looking whether the target holds rows"),
    }
}

/// The progress speaks of rows in a table that is not there any more: an empty one would lack them.
pub(super) fn gone(table: &TableName) -> Problem {
    Problem::new(
        format!("table {table}"),
        "no such table, although the stored progress says that its rows are written",
        "the table with its rows",
        "restore it, or write all rows again: `rowmill run FILE --rebuild`",
    )
}

async fn check_missing(
    conn: &mut Conn,
    options: &SinkOptions,
    target: &TargetTable,
    grants: &Grants,
    dialect: &Dialect,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    let schema: Option<String> = conn
        .exec_first(
            "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?",
            (&target.table.schema,),
        )
        .await
        .doing("looking for the target's schema")?;
    if schema.is_none() {
        let name = quote(&target.table.schema);
        problems.push(Problem::new(
            format!("schema {name} of the target"),
            "no such schema",
            "the schema",
            format!("CREATE DATABASE {name}"),
        ));
    }
    let statement = create_statement(target, &creator(options), dialect);
    if !target.options.create {
        problems.push(Problem::new(
            format!("table {}", target.table),
            "no such table",
            "the table, since the sink has create: false",
            statement.map_or_else(|_| "create it, or write create: true".to_owned(), |s| s.to_string()),
        ));
        return Ok(());
    }
    match statement {
        Ok(_) => privileges(problems, grants, &target.table, &["CREATE"], options),
        Err(found) => problems.extend(found),
    }
    Ok(())
}

fn check_columns(
    target: &TargetTable,
    def: &TableDef,
    dialect: &Dialect,
    options: &SinkOptions,
    held: Held,
    problems: &mut Vec<Problem>,
) {
    // The definition that would be created, as the fix for single columns.
    let wanted = create_statement(target, &creator(options), dialect).map_or_else(|_| String::new(), |s| s.to_string());
    let definition_of = |name: &str| {
        let start = format!("  {} ", quote(name));
        wanted.lines().find(|l| l.starts_with(&start)).map(|l| l.trim().trim_end_matches(',').to_owned())
    };
    let hashed = needs_hash(target) || target.options.mode == Mode::Append;
    for (i, field) in target.schema.fields().iter().enumerate() {
        let name = field.name();
        let subject = format!("column {} of table {}", quote(name), target.table);
        let definition = definition_of(name).unwrap_or_else(|| quote(name));
        let Some(at) = position(def, name) else {
            problems.push(Problem::new(
                subject,
                "no such column",
                "the column, since the pipeline writes it",
                match held {
                    // Nothing but a rebuild gives the rows that are there their values.
                    Held::Rows => format!(
                        "ALTER TABLE {} ADD COLUMN {definition}, and then `rowmill run FILE --rebuild`, since the rows \
                         that are there lack its values",
                        target.table
                    ),
                    Held::Nothing | Held::Anything => format!("ALTER TABLE {} ADD COLUMN {definition}", target.table),
                },
            ));
            continue;
        };
        let column = &def.columns[at];
        if column.generated.is_some() {
            problems.push(Problem::new(
                subject,
                "a generated column",
                "a column that can be written",
                format!("drop it from the rows in a step: drop: [{name}]"),
            ));
            continue;
        }
        if let Some((found, needed)) = misfit(field, column, target.key.contains(&i)) {
            problems.push(Problem::new(
                subject,
                found,
                needed,
                format!("ALTER TABLE {} MODIFY COLUMN {definition}, or convert it in a map step", target.table),
            ));
        } else if let Some((found, needed)) = merging(field, column, target.key.contains(&i) && !hashed, dialect) {
            problems.push(Problem::new(
                subject,
                found,
                needed,
                format!("ALTER TABLE {} MODIFY COLUMN {definition}", target.table),
            ));
        }
    }
    problems.extend(unfilled(target, def));
}

/// Columns that the pipeline doesn't write, and that no row can do without.
fn unfilled(target: &TargetTable, def: &TableDef) -> Vec<Problem> {
    let mut problems = Vec::new();
    for i in unwritten(target, def) {
        let column = &def.columns[i];
        if !column.nullable && column.default.is_none() && !column.auto_increment {
            problems.push(Problem::new(
                format!("column {} of table {}", quote(&column.name), target.table),
                "NOT NULL without a default, and the pipeline does not write it",
                "a default, or a value from the pipeline",
                format!(
                    "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT …, or add it in a map step",
                    target.table,
                    quote(&column.name)
                ),
            ));
        }
    }
    problems
}

/// What was found and what is needed, where a column of the key would take two keys for the same.
fn merging(field: &Field, column: &Column, key: bool, dialect: &Dialect) -> Option<(String, String)> {
    let keys = fact(field, "collation").unwrap_or("");
    let (Some(found), ColumnData::Text { .. }, Some(bytewise)) = (&column.collation, &column.data, dialect.bytewise())
    else {
        return None;
    };
    if !key || !merges(keys, found) {
        return None;
    }
    let rule = if keys.is_empty() { "binary" } else { keys };
    Some((
        format!("collation {found}, under which keys can be the same that differ under {rule}"),
        format!("a collation that keeps them apart, such as {bytewise}"),
    ))
}

async fn check_key(
    conn: &mut Conn,
    target: &TargetTable,
    def: &TableDef,
    grants: &Grants,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    if target.options.mode == Mode::Append {
        return Ok(());
    }
    let subject = format!("table {}", target.table);
    let hashed = needs_hash(target);
    let names = |key: &[usize]| key.iter().map(|&i| quote(&def.columns[i].name)).collect::<Vec<_>>().join(", ");
    if matching_key(target, def, hashed).is_none() {
        let key: Vec<String> = target.key.iter().map(|&i| quote(target.schema.field(i).name())).collect();
        let found = if def.primary_key.is_empty() {
            "no primary key".to_owned()
        } else {
            format!("primary key ({})", names(&def.primary_key))
        };
        let given = target.key.iter().any(|&i| is_key_hash(target.schema.field(i)));
        let (needed, fix) = if hashed || given {
            (
                format!("primary key ({}), a hash, because columns of the key can be NULL", quote(KEY_HASH)),
                "let the sink create the table, or choose a key whose columns are never NULL".to_owned(),
            )
        } else {
            (
                format!("a primary or unique key over exactly ({}), NOT NULL", key.join(", ")),
                format!(
                    "ALTER TABLE {} ADD UNIQUE KEY ({}), or write that key in sink.key",
                    target.table,
                    key.join(", ")
                ),
            )
        };
        problems.push(Problem::new(subject, found, needed, fix));
        return Ok(());
    }
    if has_second_key(target, def, hashed) {
        let around = Surroundings::read(conn, &target.table, grants).await?;
        let second = "a second unique key, so that rows are deleted and written anew";
        if let Some(&i) = unwritten(target, def).iter().find(|&&i| !def.columns[i].auto_increment) {
            problems.push(Problem::new(
                &subject,
                format!("{second}, which would lose column {}", quote(&def.columns[i].name)),
                "only columns that the pipeline writes, or no second unique key",
                "drop the second unique key or the column",
            ));
        }
        if let Some(child) = around.children.first() {
            problems.push(Problem::new(
                &subject,
                format!("{second}, which the foreign key of {child} would follow or forbid"),
                "no foreign key that points at it, or no second unique key",
                "drop the second unique key or the foreign key",
            ));
        }
    }
    Ok(())
}
