//! The tables in the target's schema `rowmill`: their definitions, documented for those who query them.

use rowmill_change::TableName;

use super::SinkOptions;
use crate::endpoint::Conn;
use crate::error::{Doing, Error, Problem, Result};
use crate::statement::Statement;

/// Names of the tables that are asked for by name.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) progress: TableName,
    pub(super) tables: TableName,
}

impl Names {
    pub(super) fn new(options: &SinkOptions) -> Names {
        let name = |table: &str| TableName::new(&options.meta, table);
        Names { progress: name("progress"), tables: name("tables") }
    }
}

/// Their names without the schema.
pub(super) const TABLES: [&str; 2] = ["progress", "tables"];

/// Tables that earlier versions made beside them, with a column `pipeline`.
pub(super) const EARLIER: [&str; 2] = ["dead_letters", "versions"];

/// Names in the progress tables are compared byte by byte.
const PIPELINE: &str =
    "pipeline VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'name of the pipeline'";

/// Columns of `progress` that tables made by earlier versions lack, with their definitions. All of
/// them can be NULL, which means what it meant to those versions.
const ADDED: [(&str, &str); 4] = [
    ("as_of", "DATETIME(6) NULL COMMENT 'the target shows the source as of this moment, UTC'"),
    ("aggregates", "LONGTEXT NULL COMMENT 'what aggregate steps keep with the position, as JSON'"),
    (
        "rebuild_since",
        "DATETIME(6) NULL COMMENT 'a rebuild of the target began at this moment and is not finished, UTC'",
    ),
    (
        "rebuild_deletes",
        "TINYINT NULL COMMENT 'the rebuild deletes extra rows also where they may belong to others; 0 after one that left some'",
    ),
];

fn definition(table: &'static str) -> Statement {
    let columns = match table {
        "progress" => Statement::new(PIPELINE).text(", \
             lane SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'parallel copy of the steps; 0 for now', \
             incarnation VARCHAR(64) NOT NULL COMMENT 'random id of this pipeline, new after a reset', \
             plan_digest LONGTEXT NOT NULL COMMENT 'digest of each step with its components, of the source and of the target', \
             source LONGTEXT NOT NULL COMMENT 'identity of the source server, as JSON', \
             position LONGTEXT NULL COMMENT 'place in the binary log up to which the target holds everything, as JSON', \
             snapshot LONGTEXT NULL COMMENT 'start and finished key ranges of the snapshot, as JSON; NULL when complete', \
             converge_until LONGTEXT NULL COMMENT 'the target converges until this position, as JSON; NULL when it is consistent', \
             ").list(", ", ADDED, added).text(", \
             fence BIGINT UNSIGNED NOT NULL COMMENT 'raised by each process that takes the pipeline over', \
             commits BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'transactions committed by the pipeline', \
             rows_in BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'rows read from the source', \
             rows_out BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'rows upserted and keys deleted in the target', \
             split_transactions BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'source transactions that readers of the target could see in parts', \
             skipped BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'rows skipped because of errors', \
             owner VARCHAR(512) NOT NULL DEFAULT '' COMMENT 'the process that holds the fence', \
             started_at DATETIME(6) NOT NULL COMMENT 'first start, UTC', \
             claimed_at DATETIME(6) NOT NULL COMMENT 'when the owner took over, UTC', \
             updated_at DATETIME(6) NOT NULL COMMENT 'last commit, UTC', \
             stopped_at DATETIME(6) NULL COMMENT 'when the pipeline stopped on an error, UTC', \
             stopped_reason LONGTEXT NULL COMMENT 'the error', \
             PRIMARY KEY (pipeline, lane)"),
        _ => Statement::new(PIPELINE).text(", \
             ordinal INT UNSIGNED NOT NULL COMMENT 'order of the tables in the pipeline, from 0', \
             table_schema VARCHAR(64) NOT NULL COMMENT 'schema in the source', \
             table_name VARCHAR(64) NOT NULL COMMENT 'table in the source', \
             definition LONGTEXT NOT NULL COMMENT 'its definition, with which events are decoded, as JSON', \
             PRIMARY KEY (pipeline, ordinal)"),
    };
    // A binary default collation, so that nothing here depends on the server's.
    Statement::new("(")
        .part(&columns)
        .text(") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='rowmill: ")
        .text(table)
        .text(" of pipelines'")
}

/// Which of the progress tables there are; `None` if the schema is missing.
pub(super) async fn present(conn: &mut Conn, options: &SinkOptions) -> Result<Option<Vec<String>>> {
    const DOING: &str = "looking for the progress tables";
    let schema: Option<String> = conn
        .exec_first("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", (&options.meta,))
        .await
        .doing(DOING)?;
    if schema.is_none() {
        return Ok(None);
    }
    let tables = conn
        .exec("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?", (&options.meta,))
        .await
        .doing(DOING)?;
    Ok(Some(tables))
}

/// Names of the [`ADDED`] columns that the table `progress` lacks. The table must be there.
pub(super) async fn lacking(conn: &mut Conn, options: &SinkOptions) -> Result<Vec<&'static str>> {
    let columns: Vec<String> = conn
        .exec(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = 'progress'",
            (&options.meta,),
        )
        .await
        .doing("looking at the columns of the progress table")?;
    let names = ADDED.iter().map(|(name, _)| *name);
    Ok(names.filter(|name| !columns.iter().any(|c| c.eq_ignore_ascii_case(name))).collect())
}

/// A column of [`ADDED`] where it is created.
fn added(statement: Statement, (name, definition): (&'static str, &'static str)) -> Statement {
    statement.text(name).text(" ").text(definition)
}

/// The statement that adds columns which are lacking.
fn upgrade(options: &SinkOptions, lacking: &[&str]) -> Statement {
    let missing = ADDED.into_iter().filter(|(name, _)| lacking.contains(name));
    let add = |statement: Statement, column| added(statement.text("ADD COLUMN "), column);
    Statement::new("ALTER TABLE ").table(&Names::new(options).progress).text(" ").list(", ", missing, add)
}

/// What a user who may not alter the table must have done.
pub(super) fn upgrade_problem(options: &SinkOptions, lacking: &[&str]) -> Problem {
    Problem::new(
        format!("table {}, made by an earlier version", Names::new(options).progress),
        format!("no column {}, and no right to add it", lacking.join(", ")),
        "the column",
        format!("GRANT ALTER ON that table to the user, or type: {}", upgrade(options, lacking)),
    )
}

/// Creates what is missing; needs no right to create or alter when nothing is.
pub(super) async fn ensure(conn: &mut Conn, options: &SinkOptions) -> Result<()> {
    let present = present(conn, options).await?;
    if present.is_none() {
        let statement = Statement::new("CREATE DATABASE IF NOT EXISTS ").name(&options.meta);
        conn.define(statement.text(" CHARACTER SET utf8mb4"))
            .await
            .doing("creating the schema of the progress tables")?;
    }
    let present = present.unwrap_or_default();
    for table in TABLES {
        if !present.iter().any(|t| t == table) {
            let name = TableName::new(&options.meta, table);
            let statement =
                Statement::new("CREATE TABLE IF NOT EXISTS ").table(&name).text(" ").part(&definition(table));
            conn.define(statement).await.doing("creating the progress tables")?;
        }
    }
    let lacking = lacking(conn, options).await?;
    if lacking.is_empty() {
        return Ok(());
    }
    match conn.define(upgrade(options, &lacking)).await {
        // 1060: another process that starts at this moment was first.
        Err(mysql_async::Error::Server(e)) if e.code == 1060 => Ok(()),
        Err(mysql_async::Error::Server(e)) if matches!(e.code, 1044 | 1142 | 1227) => {
            Err(Error::Target { problems: vec![upgrade_problem(options, &lacking)] })
        }
        altered => altered.doing("adding columns to the progress table"),
    }
}
