//! A consistent picture of tables, read in resumable chunks.
//!
//! # Why the picture and the binary log meet without a gap
//!
//! While one session holds `LOCK TABLES … READ`, no transaction that changed the tables is open
//! (it would hold a metadata lock) and none can begin to. In that moment the position S is taken,
//! the definitions are read, and every reader opens a transaction with a consistent snapshot. So
//! each reader sees of these tables exactly what was committed before S; the lock goes at once.
//! The lock is asked for with a short time-out and again after a pause, so that the writers who
//! queue behind it never wait long.
//!
//! # Why a resumed snapshot converges
//!
//! A restart reads only the ranges that are not finished, in new transactions, which see a later
//! state than S. The changes are then read from the first S all the same. Rows are written and
//! deleted by key, so the last change of each key wins; once the changes up to the new readers'
//! position are applied, every key has the state it had there, and the target is a true picture.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rowmill_change::{KeyRange, Position, SnapshotBatch, SnapshotProgress};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::binlog::recognise;
use crate::endpoint::{self, Conn, Endpoint, Flavor};
use crate::error::{Doing, Error, Result};
use crate::position::current_position;
use crate::statement::Statement;
use crate::table::{TableDef, read_definition};

mod keys;
mod read;
mod scan;

pub use crate::binlog::ZeroDates;
pub use scan::{KeyScan, ScannedRows, begin_consistent_read, scan};

/// Seconds that one attempt waits for the lock, with all new writers queued behind it. Half makes
/// success under long transactions rarer; twice as long is felt by the writers.
const LOCK_WAIT_SECONDS: u32 = 2;
/// Attempts before it is given up: with the pauses between them about five minutes.
const LOCK_ATTEMPTS: u32 = 60;
/// Batches that wait to be taken: with one per reader in the making they bound the memory.
const BATCHES_WAITING: usize = 2;
/// A reader is held back as long as the target is slow; the server's default of 60 s ends it.
const WRITE_TIMEOUT_SECONDS: u32 = 86_400;

const DOING: &str = "starting the snapshot";

/// How a snapshot is read.
#[derive(Debug, Clone)]
pub struct SnapshotOptions {
    /// The server.
    pub endpoint: Endpoint,
    /// Sessions that read chunks at the same time.
    pub readers: usize,
    /// Rows per chunk.
    pub chunk_rows: u64,
    /// A batch ends at this many rows.
    pub batch_rows: usize,
    /// A batch ends at about this many bytes.
    pub batch_bytes: usize,
    /// What happens to `0000-00-00`.
    pub zero_dates: ZeroDates,
}

impl SnapshotOptions {
    /// Two readers, chunks of 65,536 rows, batches of 8,192 rows or 4 MiB, zero dates as NULL.
    pub fn new(endpoint: Endpoint) -> SnapshotOptions {
        SnapshotOptions {
            endpoint,
            readers: 2,
            chunk_rows: 65_536,
            batch_rows: 8_192,
            batch_bytes: 4 << 20,
            zero_dates: ZeroDates::Null,
        }
    }
}

/// A snapshot that is being read. Dropping it ends its sessions.
#[derive(Debug)]
pub struct Snapshot {
    progress: SnapshotProgress,
    converged_at: Position,
    rows_estimate: u64,
    batches: mpsc::Receiver<Result<SnapshotBatch>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Snapshot {
    /// Locks the tables for a moment, takes the position, the definitions and the readers'
    /// transactions, and begins to read. The definitions returned are those as of the position.
    pub async fn begin(options: &SnapshotOptions, tables: &[TableDef]) -> Result<(Snapshot, Vec<TableDef>)> {
        let all: Vec<usize> = (0..tables.len()).collect();
        Snapshot::begin_of(options, tables, &all).await
    }

    /// The same, but only the rows of `read` are read; the others count as done.
    pub async fn begin_of(
        options: &SnapshotOptions,
        tables: &[TableDef],
        read: &[usize],
    ) -> Result<(Snapshot, Vec<TableDef>)> {
        let mut control = options.endpoint.connect().await?;
        let (flavor, _) = endpoint::flavor(&mut control).await?;
        // One session per reader and one that plans.
        let mut sessions = Vec::new();
        for _ in 0..options.readers.max(1) + 1 {
            sessions.push(open_session(&options.endpoint).await?);
        }
        lock(&mut control, tables).await?;
        let taken = under_lock(&mut control, flavor, tables, &mut sessions).await;
        let unlocked = control.query_drop("UNLOCK TABLES").await.doing(DOING);
        let (start, defs) = taken?;
        unlocked?;
        let identity = endpoint::identity(&mut control, flavor).await?;
        let start = recognise(&options.endpoint, &identity, &start).await?;
        let progress = SnapshotProgress::of(start.clone(), defs.len(), read);
        let rows_estimate = estimate(&mut control, &defs, &progress).await?;
        control.disconnect().await.doing(DOING)?;
        let snapshot = Snapshot::spawn(options, &defs, progress, start, rows_estimate, sessions)?;
        Ok((snapshot, defs))
    }

    /// Reads the ranges that `progress` lacks, in new transactions. `tables` are the stored
    /// definitions; a table that now differs is an error.
    pub async fn resume(
        options: &SnapshotOptions,
        tables: &[TableDef],
        progress: SnapshotProgress,
    ) -> Result<Snapshot> {
        let mut control = options.endpoint.connect().await?;
        let (flavor, _) = endpoint::flavor(&mut control).await?;
        let mut sessions = Vec::new();
        for _ in 0..options.readers.max(1) + 1 {
            let mut session = open_session(&options.endpoint).await?;
            start_transaction(&mut session).await?;
            sessions.push(session);
        }
        let converged_at = current_position(&mut control, flavor).await?;
        for def in tables {
            let now = read_definition(&mut control, &def.name)
                .await?
                .ok_or_else(|| Error::TableMissing { table: def.name.clone() })?;
            if let Some(difference) = def.difference(&now) {
                return Err(Error::SchemaChanged {
                    table: def.name.clone(),
                    statement: difference,
                    position: converged_at,
                });
            }
        }
        let rows_estimate = estimate(&mut control, tables, &progress).await?;
        control.disconnect().await.doing(DOING)?;
        Snapshot::spawn(options, tables, progress, converged_at, rows_estimate, sessions)
    }

    fn spawn(
        options: &SnapshotOptions,
        defs: &[TableDef],
        mut progress: SnapshotProgress,
        converged_at: Position,
        rows_estimate: u64,
        mut sessions: Vec<Conn>,
    ) -> Result<Snapshot> {
        if progress.tables.len() != defs.len() {
            return Err(Error::internal("the snapshot's progress is of other tables"));
        }
        let tables = Arc::new(defs.iter().map(read::Table::new).collect::<Result<Vec<_>>>()?);
        let missing: Vec<KeyRange> = (0..defs.len()).flat_map(|i| progress.gaps(i)).collect();
        let (batch_sender, batches) = mpsc::channel(BATCHES_WAITING);
        let (chunk_sender, chunks) = mpsc::channel(options.readers.max(1));
        let chunks = Arc::new(Mutex::new(chunks));
        let mut tasks = Vec::new();
        if let Some(planner) = sessions.pop() {
            let (tables, errors, chunk_rows) = (Arc::clone(&tables), batch_sender.clone(), options.chunk_rows.max(1));
            tasks.push(tokio::spawn(async move {
                if let Err(error) = read::plan(planner, tables, missing, chunk_rows, chunk_sender).await {
                    let _ = errors.send(Err(error)).await;
                }
            }));
        }
        for session in sessions {
            let (tables, options) = (Arc::clone(&tables), options.clone());
            let (chunks, batch_sender) = (Arc::clone(&chunks), batch_sender.clone());
            tasks.push(tokio::spawn(async move {
                if let Err(error) = read::read(session, tables, options, chunks, batch_sender.clone()).await {
                    let _ = batch_sender.send(Err(error)).await;
                }
            }));
        }
        Ok(Snapshot { progress, converged_at, rows_estimate, batches, tasks })
    }

    /// The progress as of `begin` or `resume`.
    pub fn progress(&self) -> &SnapshotProgress {
        &self.progress
    }

    /// The position of the (first) snapshot, from which changes must be read.
    pub fn start(&self) -> &Position {
        &self.progress.start
    }

    /// The position at which the last reader's transaction began: once the changes up to there are
    /// applied, the target is a true picture. Equal to `start` unless the snapshot was resumed.
    pub fn converged_at(&self) -> &Position {
        &self.converged_at
    }

    /// The server's estimate of the number of rows in the tables.
    pub fn rows_estimate(&self) -> u64 {
        self.rows_estimate
    }

    /// The next rows; `None` when all ranges are read. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<SnapshotBatch>> {
        self.batches.recv().await.transpose()
    }
}

async fn open_session(endpoint: &Endpoint) -> Result<Conn> {
    let mut conn = endpoint.connect().await?;
    let patience = Statement::new("SET SESSION net_write_timeout = ")
        .number(WRITE_TIMEOUT_SECONDS)
        .text(", wait_timeout = ")
        .number(WRITE_TIMEOUT_SECONDS);
    conn.query_drop(patience).await.doing(DOING)?;
    Ok(conn)
}

async fn start_transaction(conn: &mut Conn) -> Result<()> {
    conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await.doing(DOING)
}

async fn lock(conn: &mut Conn, tables: &[TableDef]) -> Result<()> {
    let patience = Statement::new("SET SESSION lock_wait_timeout = ").number(LOCK_WAIT_SECONDS);
    conn.query_drop(patience).await.doing(DOING)?;
    let statement =
        Statement::new("LOCK TABLES ").list(", ", tables, |list, table| list.table(&table.name).text(" READ"));
    for attempt in 1..=LOCK_ATTEMPTS {
        match conn.query_drop(&statement).await {
            Ok(()) => return Ok(()),
            // 1205: somebody has them in use.
            Err(mysql_async::Error::Server(e)) if e.code == 1205 => {
                tracing::info!(attempt, "tables are in use, waiting for the moment of the snapshot");
            }
            Err(e) => return Err(e).doing("locking the tables for the snapshot's start"),
        }
        let pause = rand::rng().random_range(1_000..5_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Err(Error::LockTimeout { attempts: LOCK_ATTEMPTS })
}

async fn under_lock(
    control: &mut Conn,
    flavor: Flavor,
    tables: &[TableDef],
    sessions: &mut [Conn],
) -> Result<(Position, Vec<TableDef>)> {
    let start = current_position(control, flavor).await?;
    for session in sessions {
        start_transaction(session).await?;
    }
    let mut defs = Vec::with_capacity(tables.len());
    for table in tables {
        let def = read_definition(control, &table.name).await?;
        defs.push(def.ok_or_else(|| Error::TableMissing { table: table.name.clone() })?);
    }
    Ok((start, defs))
}

async fn estimate(conn: &mut Conn, tables: &[TableDef], progress: &SnapshotProgress) -> Result<u64> {
    let mut rows = 0;
    for (table, _) in tables.iter().zip(&progress.tables).filter(|(_, progress)| !progress.done) {
        let found: Option<Option<u64>> = conn
            .exec_first(
                "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
                (&table.name.schema, &table.name.name),
            )
            .await
            .doing(DOING)?;
        rows += found.flatten().unwrap_or(0);
    }
    Ok(rows)
}
