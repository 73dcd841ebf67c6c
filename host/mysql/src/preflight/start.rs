//! Whether the place to start from is still there.

use mysql_async::Row;
use rowmill_change::{Position, file_number};

use super::Start;
use crate::binlog;
use crate::endpoint::{Conn, Endpoint, Flavor, Identity};
use crate::error::{ANEW, Doing, Error, Problem, Result};
use crate::position::current_position;

const DOING: &str = "looking for the start position";

pub(super) async fn resolve(
    conn: &mut Conn,
    flavor: Flavor,
    start: &Start,
    problems: &mut Vec<Problem>,
) -> Result<Option<Position>> {
    let files: Vec<(String, u64)> = match conn.query("SHOW BINARY LOGS").await {
        Ok(rows) => rows.iter().map(|row: &Row| (row.get(0).unwrap_or_default(), row.get(1).unwrap_or(0))).collect(),
        // 1227: not allowed, which the check of the privileges has said.
        Err(mysql_async::Error::Server(e)) if e.code == 1227 => return Ok(None),
        Err(e) => return Err(e).doing(DOING),
    };
    let span = match (files.first(), files.last()) {
        (Some((first, _)), Some((last, size))) => format!("{first} to {last}:{size}"),
        _ => "none".to_owned(),
    };
    let mut gone = |place: &str, fix: String| {
        problems.push(Problem::new(
            format!("start position {place}"),
            format!("binary logs {span}"),
            "a position that the server still holds",
            fix,
        ));
    };
    let another_place = || "start: snapshot, or a position that is still there".to_owned();
    let purged = || format!("{ANEW}, and keep binary logs longer (binlog_expire_logs_seconds)");
    Ok(match start {
        Start::Snapshot => None,
        Start::Latest => Some(current_position(conn, flavor).await?),
        Start::Earliest => files.first().map(|(file, _)| Position::new(file.as_str(), 4)),
        Start::File { file, position } => {
            let found = Position::new(file.as_str(), (*position).max(4));
            if !holds(&files, &found) {
                gone(&found.to_string(), another_place());
            }
            Some(found)
        }
        Start::Stored(position) => {
            if !position.file.is_empty() && !holds(&files, position) {
                // Files are purged from the front: one that is there and shorter, or would come after the last, never was.
                let first = files.first().map_or(0, |(file, _)| file_number(file));
                let is_purged = position.file_number() < first;
                gone(&position.to_string(), if is_purged { purged() } else { another_history() });
            }
            if position.witness.is_none() {
                tracing::info!(%position, "the stored position was written by an earlier version and doesn't say how to \
                     know its history again: it is taken as it is, and the next one will");
            }
            Some(position.clone())
        }
        Start::Gtid(set) => {
            if flavor == Flavor::MySql {
                let complete: Option<Option<bool>> =
                    conn.exec_first("SELECT GTID_SUBSET(@@GLOBAL.gtid_purged, ?)", (set,)).await.doing(DOING)?;
                if complete.flatten() != Some(true) {
                    gone(&format!("gtid {set}"), another_place());
                }
            }
            Some(Position { gtid: Some(set.clone()), ..Position::new("", 4) })
        }
    })
}

/// Makes sure that the server's history is the one that the place belongs to, and notes by what it is
/// known again.
pub(super) async fn recognise(
    endpoint: &Endpoint,
    identity: &Identity,
    position: Position,
    problems: &mut Vec<Problem>,
) -> Result<Option<Position>> {
    if position.file.is_empty() {
        return Ok(Some(position));
    }
    match binlog::recognise(endpoint, identity, &position).await {
        Ok(position) => Ok(Some(position)),
        Err(Error::HistoryChanged { position, found, needed }) => {
            problems.push(Problem::new(
                format!("binary log at {position}, the stored position"),
                found,
                format!("{needed}, after which the pipeline stopped"),
                another_history(),
            ));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn another_history() -> String {
    format!(
        "the log was reset, or the server was restored from a backup or replaced by another: point the source at the \
         server of before, or {ANEW}"
    )
}

fn holds(files: &[(String, u64)], position: &Position) -> bool {
    files.iter().any(|(file, size)| *file == position.file && position.offset <= *size)
}
