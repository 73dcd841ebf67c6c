//! The progress row: what is stored of a pipeline in its target, and how it is read.

use mysql_async::Row;
use rowmill_change::{Position, SnapshotProgress, Standing, quote};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{SinkOptions, meta};
use crate::endpoint::Conn;
use crate::error::{ANEW, Doing, Error, Result};
use crate::statement::Statement;
use crate::table::TableDef;

/// What is stored of a pipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Progress {
    /// Random, made at the first start: two pipelines of the same name differ in it.
    pub incarnation: String,
    /// Digest of the plan: steps, components, keys.
    pub plan_digest: String,
    /// The source's identity.
    pub source: serde_json::Value,
    /// The source's tables as read under the snapshot's lock.
    pub tables: Vec<TableDef>,
    /// Where the stream is; never moves backwards.
    pub position: Option<Position>,
    /// What is done of the snapshot; `None` if there is none or it is complete.
    pub snapshot: Option<SnapshotProgress>,
    /// Until here the target converges after a resumed snapshot.
    pub converge_until: Option<Position>,
    /// Seconds since the moment as of which the target shows the source, by the target's clock;
    /// `None` until the snapshot is complete.
    pub age_seconds: Option<f64>,
    /// What aggregate steps keep with the position; means nothing to this crate.
    pub aggregates: Option<serde_json::Value>,
    /// A rebuild was begun ([`Sink::rebuild`](super::Sink::rebuild)) and not finished: rows of the
    /// target may be left over from before it.
    pub rebuilding: bool,
    /// That rebuild deletes rows that it did not write in every target
    /// ([`Takeover::StartOver`](super::Takeover::StartOver)).
    pub delete_extra: bool,
    /// An earlier rebuild left rows that the source does not give: a target may hold rows of any key.
    pub extras_left: bool,
    /// Raised by each process that takes the pipeline over.
    pub fence: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Rows read from the source.
    pub rows_in: u64,
    /// Rows upserted and keys deleted in the target.
    pub rows_out: u64,
    /// Source transactions that readers of the target could see in parts.
    pub split_transactions: u64,
    /// Rows skipped because of errors.
    pub skipped: u64,
    /// When it was last written (UTC), as text.
    pub updated_at: String,
    /// The process that holds the fence, in words.
    pub owner: String,
    /// Why the pipeline stopped, if it said so.
    pub stopped: Option<Stopped>,
}

impl Progress {
    /// What of it decides how to go on.
    pub fn standing(&self) -> Standing {
        Standing {
            incarnation: self.incarnation.clone(),
            fence: self.fence,
            position: self.position.clone(),
            snapshot: self.snapshot.clone(),
            converge_until: self.converge_until.clone(),
            age_seconds: self.age_seconds,
            aggregates: self.aggregates.as_ref().map(serde_json::Value::to_string),
            rebuilding: self.rebuilding,
            delete_extra: self.delete_extra,
            extras_left: self.extras_left,
            commits: self.commits,
        }
    }
}

/// Why and when a pipeline stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stopped {
    /// When (UTC), as text.
    pub at: String,
    /// The error's message.
    pub reason: String,
}

/// What is selected: the columns, and for some how. In this order.
const COLUMNS: [(&str, &str); 20] = [
    ("incarnation", ""),
    ("plan_digest", ""),
    ("source", ""),
    ("position", ""),
    ("snapshot", ""),
    ("converge_until", ""),
    ("fence", ""),
    ("commits", ""),
    ("rows_in", ""),
    ("rows_out", ""),
    ("split_transactions", ""),
    ("skipped", ""),
    ("updated_at", "CAST(updated_at AS CHAR)"),
    ("owner", ""),
    ("stopped_at", "CAST(stopped_at AS CHAR)"),
    ("stopped_reason", ""),
    ("as_of", "TIMESTAMPDIFF(MICROSECOND, as_of, UTC_TIMESTAMP(6)) / 1e6"),
    ("aggregates", ""),
    ("rebuild_since", "rebuild_since IS NOT NULL"),
    ("rebuild_deletes", ""),
];

/// The row itself; columns that an earlier version did not have read as NULL.
async fn read_row(conn: &mut Conn, options: &SinkOptions, lacking: &[&str]) -> mysql_async::Result<Option<Row>> {
    let columns = COLUMNS.map(|(name, how)| match (lacking.contains(&name), how) {
        (true, _) => "NULL",
        (false, "") => name,
        (false, how) => how,
    });
    let progress = meta::Names::new(options).progress;
    let statement = Statement::new("SELECT ").list(", ", columns, Statement::text);
    let statement = statement.text(" FROM ").table(&progress).text(" WHERE pipeline = ? AND lane = 0");
    conn.exec_first(statement, (&options.pipeline,)).await
}

/// Reads the progress; `None` if there are no tables or no row.
pub(super) async fn read(conn: &mut Conn, options: &SinkOptions) -> Result<Option<Progress>> {
    const DOING: &str = "reading the progress";
    let names = meta::Names::new(options);
    let mut row = read_row(conn, options, &[]).await;
    // no such column: the table was made by an earlier version, and nothing has run since
    if matches!(&row, Err(mysql_async::Error::Server(e)) if e.code == 1054) {
        let lacking = meta::lacking(conn, options).await?;
        row = read_row(conn, options, &lacking).await;
    }
    let row = match row {
        Ok(row) => row,
        // no such schema, no such table
        Err(mysql_async::Error::Server(e)) if matches!(e.code, 1049 | 1146) => return Ok(None),
        // no right to the schema, the table or a column
        Err(mysql_async::Error::Server(e)) if matches!(e.code, 1044 | 1142 | 1143) => {
            let (schema, user) = (quote(&options.meta), options.endpoint.user());
            return Err(Error::Denied {
                doing: DOING,
                reason: format!("server error {}: {}", e.code, e.message),
                fix: format!(
                    "GRANT ALL ON {schema}.* TO '{user}'@…, where every pipeline keeps its progress, or name a schema that \
                     the user can write to in sink.meta"
                ),
            });
        }
        Err(e) => return Err(e).doing(DOING),
    };
    let Some(row) = row else { return Ok(None) };
    let broken = |what: &str, reason: String| Error::ProgressLost {
        pipeline: options.pipeline.clone(),
        message: format!(
            "cannot be read: {what}: {reason}; it was written by another version or edited by hand: {ANEW}"
        ),
    };
    let definitions: mysql_async::Result<Vec<String>> = conn
        .exec(
            Statement::new("SELECT definition FROM ").table(&names.tables).text(" WHERE pipeline = ? ORDER BY ordinal"),
            (&options.pipeline,),
        )
        .await;
    let definitions = match definitions {
        // no such table
        Err(mysql_async::Error::Server(e)) if e.code == 1146 => {
            return Err(broken("the source's tables", format!("table {} is gone", names.tables)));
        }
        definitions => definitions.doing(DOING)?,
    };
    let text = |i: usize| row.get::<Option<String>, _>(i).flatten();
    let number = |i: usize| row.get::<Option<u64>, _>(i).flatten().unwrap_or(0);
    let tables = definitions
        .iter()
        .map(|d| from_json::<TableDef>(d).map_err(|e| broken("a table's definition", e)))
        .collect::<Result<Vec<_>>>()?;
    fn stored<T: DeserializeOwned>(value: Option<String>) -> std::result::Result<Option<T>, String> {
        value.map(|v| from_json(&v)).transpose()
    }
    Ok(Some(Progress {
        incarnation: text(0).unwrap_or_default(),
        plan_digest: text(1).unwrap_or_default(),
        source: stored(text(2)).map_err(|e| broken("source", e))?.unwrap_or_default(),
        tables,
        position: stored(text(3)).map_err(|e| broken("position", e))?,
        snapshot: stored(text(4)).map_err(|e| broken("snapshot", e))?,
        converge_until: stored(text(5)).map_err(|e| broken("converge_until", e))?,
        // A source whose clock is ahead is not in the future.
        age_seconds: row.get::<Option<f64>, _>(16).flatten().map(|age| age.max(0.0)),
        aggregates: stored(text(17)).map_err(|e| broken("aggregates", e))?,
        rebuilding: number(18) == 1,
        delete_extra: number(19) == 1,
        extras_left: number(18) == 0 && row.get::<Option<u64>, _>(19).flatten() == Some(0),
        fence: number(6),
        commits: number(7),
        rows_in: number(8),
        rows_out: number(9),
        split_transactions: number(10),
        skipped: number(11),
        updated_at: text(12).unwrap_or_default(),
        owner: text(13).unwrap_or_default(),
        stopped: text(14).map(|at| Stopped { at, reason: text(15).unwrap_or_default() }),
    }))
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal(format!("progress cannot be written as JSON: {e}")))
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> std::result::Result<T, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}
