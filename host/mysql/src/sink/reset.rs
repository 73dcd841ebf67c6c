//! Forgetting a pipeline.

use super::{SinkOptions, Target, meta, shape};
use crate::error::{Doing, Result};
use crate::statement::Statement;
use crate::table::TableName;

/// What a reset did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reset {
    /// There was progress to forget.
    pub found: bool,
    /// Target tables that were dropped.
    pub dropped: Vec<TableName>,
    /// Target tables that stay because the pipeline did not create them.
    pub kept: Vec<TableName>,
}

/// Forgets a pipeline's progress; with `drop_target` also drops those targets that it created.
///
/// A process that is still running on the pipeline stops at its next commit.
pub async fn reset(options: &SinkOptions, targets: &[Target], drop_target: bool) -> Result<Reset> {
    const DOING: &str = "forgetting the progress";
    let mut conn = options.endpoint.connect().await?;
    let names = meta::Names::new(options);
    let mut reset = Reset::default();
    // The progress goes first: if this stops half-way, a new start finds its targets not empty
    // and says so, instead of going on from a position whose rows are gone.
    let present = meta::present(&mut conn, options).await?.unwrap_or_default();
    for (name, table) in [
        ("progress", &names.progress),
        ("tables", &names.tables),
        ("dead_letters", &names.dead_letters),
        ("versions", &names.versions),
    ] {
        if present.iter().any(|t| t == name) {
            conn.exec_drop(
                Statement::new("DELETE FROM ").table(table).text(" WHERE pipeline = ?"),
                (&options.pipeline,),
            )
            .await
            .doing(DOING)?;
            reset.found |= name == "progress" && conn.affected_rows() > 0;
        }
    }
    if drop_target {
        for target in targets {
            match shape::created_by(&mut conn, &target.table).await? {
                None => {}
                Some(by) if by == options.pipeline => {
                    conn.define(Statement::new("DROP TABLE IF EXISTS ").table(&target.table))
                        .await
                        .doing("dropping the target")?;
                    reset.dropped.push(target.table.clone());
                }
                Some(_) => reset.kept.push(target.table.clone()),
            }
        }
    }
    Ok(reset)
}
