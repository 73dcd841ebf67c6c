//! A whole table as one session sees it: no lock, no position.
//!
//! [`scan`] streams it, for `verify`. [`KeyScan`] asks for some rows at a time in the order of the key,
//! for those who write between two batches or take long over one: nothing is held open on the server,
//! and rows written meanwhile behind the scan are not met again.

use arrow_array::RecordBatch;
use mysql_async::Row;
use rowmill_change::Key;

use super::ZeroDates;
use super::read::{Table, columns, finish, push};
use crate::endpoint::Conn;
use crate::error::{Doing, Error, Result};
use crate::statement::Statement;
use crate::table::TableDef;

const DOING: &str = "reading a table";

/// Opens a transaction in which all later reads of this session see the same moment.
pub async fn begin_consistent_read(conn: &mut Conn) -> Result<()> {
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
    let names = def.columns.iter().map(|column| column.name.as_str());
    let statement = Statement::new("SELECT ").list(", ", names, Statement::name).text(" FROM ").table(&def.name);
    let mut builders = columns(def, ZeroDates::Apart)?;
    let mut rows = conn.stream(statement).await.doing(DOING)?;
    let mut count = 0;
    while let Some(row) = rows.next().await.doing(DOING)? {
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

/// Reads some columns of a table in the order of its key, batch by batch.
#[derive(Debug)]
pub struct KeyScan {
    table: Table,
    /// Only the columns that are read.
    read: TableDef,
    after: Option<Key>,
    done: bool,
}

/// Rows of a [`KeyScan`].
#[derive(Debug)]
pub struct ScannedRows {
    /// The columns that are read.
    pub rows: RecordBatch,
    /// The key of each row, for a [`Removal`](rowmill_change::Removal).
    pub keys: Vec<Key>,
}

impl KeyScan {
    /// A scan of the columns at these positions. The table must have a key ([`TableDef::row_key`]),
    /// whose columns need not be among them.
    pub fn new(def: &TableDef, columns: &[usize]) -> Result<KeyScan> {
        Ok(KeyScan { table: Table::new(def)?, read: def.with_columns(columns), after: None, done: false })
    }

    /// What is read: a batch has [its schema](TableDef::schema).
    pub fn definition(&self) -> &TableDef {
        &self.read
    }

    /// The columns of the key that rows are read and [named](ScannedRows::keys) by.
    pub fn key_names(&self) -> Vec<String> {
        self.table.key_names().map(str::to_owned).collect()
    }

    /// The next rows, `batch_rows` of them while there are as many; `None` after the last. Any
    /// session of the server will do.
    pub async fn next(&mut self, conn: &mut Conn, batch_rows: usize) -> Result<Option<ScannedRows>> {
        if self.done {
            return Ok(None);
        }
        let each = |statement: Statement, name: &str| statement.name(name).text(", ");
        let names = self.read.columns.iter().map(|column| column.name.as_str());
        let statement = Statement::new("SELECT ")
            .list("", names, each)
            .part(&self.table.key_select())
            .part(&self.table.from(self.after.as_ref(), None)?)
            .text(" LIMIT ")
            .number(batch_rows.max(1) as u64);
        let mut builders = columns(&self.read, ZeroDates::Apart)?;
        let rows: Vec<Row> = conn.exec(statement, ()).await.doing(DOING)?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in &rows {
            push(&self.read, &mut builders, row)?;
            keys.push(self.table.key(|i| row.as_ref(self.read.columns.len() + i).cloned())?);
        }
        self.done = rows.len() < batch_rows.max(1);
        let Some(last) = keys.last() else { return Ok(None) };
        self.after = Some(last.clone());
        Ok(Some(ScannedRows { rows: finish(&self.read, &mut builders)?, keys }))
    }
}
