//! A whole table as one session sees it, for `verify`: no lock, no chunks, no position.

use arrow_array::RecordBatch;
use futures_util::TryStreamExt;
use mysql_async::Row;
use mysql_async::prelude::Queryable;

use super::ZeroDates;
use super::read::{columns, finish, push};
use crate::endpoint::Conn;
use crate::error::{Doing, Error};
use crate::table::{TableDef, quote};

const DOING: &str = "reading a table";

/// Opens a transaction in which all later reads of this session see the same moment.
pub async fn begin_consistent_read(conn: &mut Conn) -> Result<(), Error> {
    for statement in [
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ] {
        conn.query_drop(statement).await.doing(DOING)?;
    }
    Ok(())
}

/// Reads all rows of `def` in batches of `batch_rows`, in no particular order. Stops at the first
/// error of `each`.
pub async fn scan<E: From<Error>>(
    conn: &mut Conn,
    def: &TableDef,
    batch_rows: usize,
    mut each: impl FnMut(&RecordBatch) -> Result<(), E>,
) -> Result<(), E> {
    let names: Vec<String> = def.columns.iter().map(|column| quote(&column.name)).collect();
    let statement = format!("SELECT {} FROM {}", names.join(", "), def.name);
    let mut builders = columns(def, ZeroDates::Null)?;
    let mut rows = conn.exec_stream::<Row, _, _>(statement, ()).await.doing(DOING)?;
    let mut count = 0;
    while let Some(row) = rows.try_next().await.doing(DOING)? {
        push(def, &mut builders, &row)?;
        count += 1;
        if count == batch_rows {
            each(&finish(def, &mut builders)?)?;
            count = 0;
        }
    }
    if count > 0 {
        each(&finish(def, &mut builders)?)?;
    }
    Ok(())
}
