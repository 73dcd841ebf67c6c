//! The sessions that read: one cuts the tables into chunks, the others read chunks into batches.

use std::sync::Arc;

use arrow_array::RecordBatch;
use mysql_async::{Row, Value};
use rowmill_change::{Key, KeyRange, SnapshotBatch};
use tokio::sync::{Mutex, mpsc};

use super::{SnapshotOptions, ZeroDates, keys};
use crate::charset::Charsets;
use crate::column::Column;
use crate::endpoint::Conn;
use crate::error::{Doing, Error, Result};
use crate::statement::Statement;
use crate::table::TableDef;

const DOING: &str = "reading the snapshot";

/// A table and how it is read.
#[derive(Debug)]
pub(super) struct Table {
    def: TableDef,
    key: Vec<usize>,
    /// The index that the key is ordered by.
    index: String,
}

impl Table {
    pub(super) fn new(def: &TableDef) -> Result<Table> {
        let key = def.row_key().ok_or_else(|| Error::internal(format!("table {} has no key", def.name)))?;
        let index = if def.primary_key.is_empty() {
            def.unique_keys.iter().find(|k| k.columns == key && !k.nullable).map_or("PRIMARY", |k| k.name.as_str())
        } else {
            "PRIMARY"
        };
        Ok(Table { index: index.to_owned(), def: def.clone(), key })
    }

    /// `FROM … WHERE … ORDER BY key` of a range.
    pub(super) fn from(&self, after: Option<&Key>, through: Option<&Key>) -> Result<Statement> {
        Ok(Statement::new(" FROM ")
            .table(&self.def.name)
            .text(" FORCE INDEX (")
            .name(&self.index)
            .text(")")
            .part(&keys::bounds(&self.def, &self.key, after, through)?)
            .text(" ORDER BY ")
            .list(", ", self.key_names(), Statement::name))
    }

    pub(super) fn key_names(&self) -> impl Iterator<Item = &str> {
        self.key.iter().map(|&i| self.def.columns[i].name.as_str())
    }

    pub(super) fn key_select(&self) -> Statement {
        Statement::new("").list(", ", &self.key, |select, &i| keys::select(select, &self.def.columns[i]))
    }

    pub(super) fn key(&self, values: impl Fn(usize) -> Option<Value>) -> Result<Key> {
        let literal = |(n, &i): (usize, &usize)| keys::literal(&self.def.columns[i], &values(n).unwrap_or(Value::NULL));
        self.key.iter().enumerate().map(literal).collect()
    }
}

/// Cuts the missing ranges into chunks of `chunk_rows` rows, for the readers.
pub(super) async fn plan(
    mut conn: Conn,
    tables: Arc<Vec<Table>>,
    missing: Vec<KeyRange>,
    chunk_rows: u64,
    chunks: mpsc::Sender<KeyRange>,
) -> Result<()> {
    for mut gap in missing {
        let Some(table) = tables.get(gap.table) else { continue };
        loop {
            // The key of the chunk's last row, found by the server; none when fewer rows are left.
            let statement = Statement::new("SELECT ")
                .part(&table.key_select())
                .part(&table.from(gap.after.as_ref(), gap.through.as_ref())?)
                .text(" LIMIT 1 OFFSET ")
                .number(chunk_rows.saturating_sub(1));
            let row: Option<Row> = conn.exec_first(statement, ()).await.doing(DOING)?;
            let last = row.map(|row| table.key(|i| row.as_ref(i).cloned())).transpose()?;
            // The gap's own end, when its last row is the chunk's last row, needs no chunk after it.
            let through = last.filter(|last| Some(last) != gap.through.as_ref());
            let is_last = through.is_none();
            let chunk = KeyRange { through: through.clone().or(gap.through.clone()), ..gap.clone() };
            if chunks.send(chunk).await.is_err() || is_last {
                break;
            }
            gap.after = through;
            gap.order += 1;
        }
    }
    conn.disconnect().await.doing(DOING)
}

/// Reads chunks until there are none.
pub(super) async fn read(
    mut conn: Conn,
    tables: Arc<Vec<Table>>,
    options: SnapshotOptions,
    chunks: Arc<Mutex<mpsc::Receiver<KeyRange>>>,
    batches: mpsc::Sender<Result<SnapshotBatch>>,
) -> Result<()> {
    loop {
        // Held only while waiting for the next chunk; the other readers wait for the same.
        let chunk = chunks.lock().await.recv().await;
        let Some(chunk) = chunk else { break };
        let Some(table) = tables.get(chunk.table) else { continue };
        if !read_chunk(&mut conn, table, &options, chunk, &batches).await? {
            return Ok(());
        }
    }
    conn.disconnect().await.doing(DOING)
}

/// Reads one chunk; false if nobody wants it any more.
async fn read_chunk(
    conn: &mut Conn,
    table: &Table,
    options: &SnapshotOptions,
    mut range: KeyRange,
    batches: &mpsc::Sender<Result<SnapshotBatch>>,
) -> Result<bool> {
    let def = &table.def;
    let mut columns = columns(def, options.zero_dates)?;
    let names = def.columns.iter().map(|column| column.name.as_str());
    let statement = Statement::new("SELECT ")
        .list(", ", names, Statement::name)
        .text(", ")
        .part(&table.key_select())
        .part(&table.from(range.after.as_ref(), range.through.as_ref())?);
    let through = range.through.clone();
    let mut rows = conn.stream(statement).await.doing(DOING)?;
    let (mut count, mut bytes) = (0, 0);
    let mut last: Option<Row> = None;
    loop {
        let row = rows.next().await.doing(DOING)?;
        if count > 0 && (row.is_none() || count >= options.batch_rows || bytes >= options.batch_bytes) {
            // The last batch completes the chunk to its end, also where no row lies.
            range.through = match (&row, &last) {
                (Some(_), Some(last)) => Some(table.key(|i| last.as_ref(def.columns.len() + i).cloned())?),
                _ => through.clone(),
            };
            let batch = SnapshotBatch { table: range.table, rows: finish(def, &mut columns)?, range: range.clone() };
            if batches.send(Ok(batch)).await.is_err() {
                return Ok(false);
            }
            range.after = range.through.take();
            (count, bytes) = (0, 0);
        } else if row.is_none() {
            // A chunk without rows is complete too.
            range.through = through.clone();
            let batch = SnapshotBatch { table: range.table, rows: finish(def, &mut columns)?, range };
            return Ok(batches.send(Ok(batch)).await.is_ok());
        }
        let Some(row) = row else { return Ok(true) };
        bytes += push(def, &mut columns, &row)?;
        count += 1;
        last = Some(row);
    }
}

/// Empty columns for rows of this table.
pub(super) fn columns(def: &TableDef, zero_dates: ZeroDates) -> Result<Vec<Column>> {
    // Text comes as utf8mb4 whatever the column's set is, so an unknown set does not matter; the
    // types were checked before.
    let column = |column| {
        Column::new(column, &Charsets::any(column), zero_dates).ok_or_else(|| Error::UnsupportedType {
            table: def.name.clone(),
            column: column.name.clone(),
            found: column.mysql_type.clone(),
        })
    };
    def.columns.iter().map(column).collect()
}

/// Appends a row; answers its size in bytes.
pub(super) fn push(def: &TableDef, columns: &mut [Column], row: &Row) -> Result<usize> {
    let mut bytes = 8 * columns.len();
    for (i, column) in columns.iter_mut().enumerate() {
        let value = row.as_ref(i).unwrap_or(&Value::NULL);
        if let Value::Bytes(value) = value {
            bytes += value.len();
        }
        column.push_value(value).map_err(|message| Error::Value {
            table: def.name.clone(),
            column: def.columns[i].name.clone(),
            message: message.to_owned(),
        })?;
    }
    Ok(bytes)
}

/// The rows appended so far.
pub(super) fn finish(def: &TableDef, columns: &mut [Column]) -> Result<RecordBatch> {
    let mut arrays = Vec::with_capacity(columns.len());
    for (column, of) in columns.iter_mut().zip(&def.columns) {
        arrays.push(column.finish().map_err(|message| Error::Value {
            table: def.name.clone(),
            column: of.name.clone(),
            message: message.to_owned(),
        })?);
    }
    RecordBatch::try_new(def.schema(), arrays)
        .map_err(|e| Error::malformed(format!("rows of table {} do not fit its stored definition: {e}", def.name)))
}
