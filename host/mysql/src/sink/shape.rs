//! S
#[derive(Debug)]
pub(super) struct Shape;
use mysql_async::prelude::Queryable;

use crate::endpoint::Conn;
use crate::error::{Doing, Result};
use crate::table::TableName;

/// The comment of a table that a pipeline created.
pub(super) fn created_comment(pipeline: &str) -> String {
    format!("created by rowmill for pipeline {pipeline}")
}

/// Which pipeline created the table; an empty name if none did, `None` if there is no such table.
pub(super) async fn created_by(conn: &mut Conn, table: &TableName) -> Result<Option<String>> {
    let comment: Option<String> = conn
        .exec_first(
            "SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
            (&table.schema, &table.name),
        )
        .await
        .doing("reading the target's comment")?;
    let prefix = created_comment("");
    Ok(comment.map(|c| c.strip_prefix(&prefix).unwrap_or_default().to_owned()))
}
