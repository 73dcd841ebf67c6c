//! Forgetting a pipeline.
//!
//! It needs no progress that can be read: whoever resets may have lost it, or part of it. Which tables the
//! pipeline created is written in their comments. Of those only the ones that its file can name are
//! dropped, and no other table ever is.

use rowmill_change::{TableName, TargetTable};

use super::session::Session;
use super::{SinkOptions, meta, shape};
use crate::endpoint::Conn;
use crate::error::{Doing, Result};
use crate::statement::Statement;

const DOING: &str = "forgetting the progress";

/// Which tables of the sink's database a pipeline writes.
pub struct TargetNames<'a> {
    /// Those whose names are known.
    pub known: Vec<String>,
    /// Whether a table of this name may be one; the second argument says that the server folds names to lower case.
    pub may_be: &'a (dyn Fn(&str, bool) -> bool + Send + Sync),
}

/// What a reset did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reset {
    /// There was progress to forget.
    pub found: bool,
    /// The process that held it, in words. It may still run, until its next commit.
    pub owner: Option<String>,
    /// Target tables that were dropped.
    pub dropped: Vec<TableName>,
    /// Tables that stay, with their rows.
    pub kept: Vec<Kept>,
}

/// A table that a reset did not drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The table.
    pub table: TableName,
    /// Why it stays.
    pub why: Why,
}

/// Why a reset leaves a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No pipeline created it.
    NotCreated,
    /// Another pipeline created it, named as in the table's comment.
    Another(String),
    /// The pipeline created it, and its file names other targets now.
    NotNamed,
}

/// Source tables that the stored progress was made with; none where there is no such progress.
pub async fn tables_read(options: &SinkOptions) -> Result<Vec<TableName>> {
    let mut conn = options.endpoint.connect().await?;
    if !is_there(&mut conn, options, "tables").await? {
        return Ok(Vec::new());
    }
    let tables: Vec<(String, String)> = conn
        .exec(
            Statement::new("SELECT table_schema, table_name FROM ")
                .table(&meta::Names::new(options).tables)
                .text(" WHERE pipeline = ? ORDER BY ordinal"),
            (&options.pipeline,),
        )
        .await
        .doing("reading the names of the source's tables")?;
    Ok(tables.into_iter().map(|(schema, name)| TableName { schema, name }).collect())
}

/// Forgets a pipeline's progress; with `targets` also drops those of them that it created.
///
/// A process that is still running on the pipeline stops at its next commit.
pub async fn reset(options: &SinkOptions, targets: Option<&TargetNames<'_>>) -> Result<Reset> {
    // With its time-outs: a lock on a target must not hold this up for days.
    let mut conn = Session::open(options).await?.conn;
    let mut reset = Reset { owner: owner(&mut conn, options).await?, ..Reset::default() };
    // The progress goes first: if this stops half-way, a new start finds its targets not empty
    // and says so, instead of going on from a position whose rows are gone.
    for table in meta::TABLES.into_iter().chain(meta::EARLIER) {
        if is_there(&mut conn, options, table).await? {
            let name = TableName::new(&options.meta, table);
            conn.exec_drop(
                Statement::new("DELETE FROM ").table(&name).text(" WHERE pipeline = ?"),
                (&options.pipeline,),
            )
            .await
            .doing(DOING)?;
            reset.found |= table == "progress" && conn.affected_rows() > 0;
        }
    }
    if let Some(targets) = targets {
        drop_created(&mut conn, options, targets, &mut reset).await?;
    }
    Ok(reset)
}

async fn is_there(conn: &mut Conn, options: &SinkOptions, table: &str) -> Result<bool> {
    Ok(meta::present(conn, options).await?.is_some_and(|present| present.iter().any(|name| name == table)))
}

async fn owner(conn: &mut Conn, options: &SinkOptions) -> Result<Option<String>> {
    if !is_there(conn, options, "progress").await? {
        return Ok(None);
    }
    conn.exec_first(
        Statement::new("SELECT owner FROM ")
            .table(&meta::Names::new(options).progress)
            .text(" WHERE pipeline = ? AND lane = 0"),
        (&options.pipeline,),
    )
    .await
    .doing(DOING)
}

/// Tables that the pipeline created and that none of `targets` is: an earlier plan wrote them.
pub async fn abandoned(options: &SinkOptions, targets: &[TargetTable]) -> Result<Vec<TableName>> {
    let mut conn = options.endpoint.connect().await?;
    let folds = names_fold(&mut conn).await?;
    let fold = |name: &TableName| if folds { name.name.to_lowercase() } else { name.name.clone() };
    let mut tables = created(&mut conn, options).await?;
    tables.retain(|table| !targets.iter().any(|target| fold(&target.table) == fold(table)));
    Ok(tables)
}

/// Tables of the sink's database that the pipeline created, as their comments say.
async fn created(conn: &mut Conn, options: &SinkOptions) -> Result<Vec<TableName>> {
    let schema = options.endpoint.database().unwrap_or_default();
    let names: Vec<String> = conn
        .exec(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_COMMENT = ? \
             ORDER BY TABLE_NAME",
            (schema, shape::created_comment(&shape::creator(options))),
        )
        .await
        .doing("looking for tables that the pipeline created")?;
    Ok(names.into_iter().map(|name| TableName::new(schema, name)).collect())
}

/// Whether the server compares the names of tables in lower case (`lower_case_table_names`).
async fn names_fold(conn: &mut Conn) -> Result<bool> {
    let setting: Option<u8> =
        conn.query_first("SELECT @@GLOBAL.lower_case_table_names").await.doing("asking how names are compared")?;
    Ok(setting.is_some_and(|setting| setting != 0))
}

async fn drop_created(
    conn: &mut Conn,
    options: &SinkOptions,
    targets: &TargetNames<'_>,
    reset: &mut Reset,
) -> Result<()> {
    let schema = options.endpoint.database().unwrap_or_default();
    let creator = shape::creator(options);
    let folds = names_fold(conn).await?;
    for table in created(conn, options).await? {
        if !(targets.may_be)(&table.name, folds) {
            reset.kept.push(Kept { table, why: Why::NotNamed });
            continue;
        }
        conn.define(Statement::new("DROP TABLE IF EXISTS ").table(&table)).await.doing("dropping the target")?;
        reset.dropped.push(table);
    }
    for name in &targets.known {
        let table = TableName::new(schema, name.as_str());
        let why = match shape::created_by(conn, &table).await? {
            Some(by) if by.is_empty() => Why::NotCreated,
            Some(by) if by != creator => Why::Another(by),
            _ => continue,
        };
        reset.kept.push(Kept { table, why });
    }
    Ok(())
}
