//! The endless stream of changes: from events to batches with positions.
//!
//! # Why no change is lost or given twice
//!
//! `delivered` is the position of the last [`ChangeEvent`] that was returned. Everything read
//! beyond it is in the decoders' vectors and in `pending`, and nowhere else. When a connection
//! ends, those are emptied and the next connection starts at `delivered`: at its transaction's
//! first event, passing over the row changes of our tables that were already given. Rows are
//! counted the same way however the server cuts them into events, so a compressed transaction or
//! another replica's cut resumes at the same row.
//!
//! A boundary is said only after the event that ends the transaction was read. A transaction that
//! the server has begun to send is whole in its log, so running dry inside of one is the network's
//! doing: batches are then not closed early.
//!
//! A limit ([`Changes::set_until`]) cuts an event at a row, not at a time, so it needs no more than
//! a count: see `until`.
//!
//! # Rows that don't stand
//!
//! Row events of transactional tables are in the log only if their transaction was committed, with
//! two exceptions, both refused by name when they touch our tables: a rollback to a save point
//! that had to be logged because a non-transactional table was written after it, and XA
//! transactions, whose rows are logged when they are prepared.

mod doubt;
mod handle;
mod idle;
mod statements;
mod until;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::client_charset::ClientCharsets;
use super::gtid::GtidSet;
use super::ignored::Ignored;
use super::names::{Names, server_spelling};
use super::reconnect::{Opening, Reconnect};
use super::rows::{Decoder, RowsEvent};
use super::stream::{Opened, Stream};
use super::temporary::TemporaryTables;
use super::{ChangesOptions, TableRead};
use crate::charset::Charsets;
use crate::endpoint::{self, Endpoint, Flavor, Identity};
use crate::error::{Error, Result};
use crate::table::TableDef;
use doubt::{Doubt, Settled};
use idle::Look;
use rowmill_change::{ChangeBatch, ChangeEvent, Mark, Position, TableName, Witness};
use until::Until;

/// Positions that moved without rows of ours are reported at most this often while other tables'
/// events stream past.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Events handled before other tasks get a turn: about a tenth of a millisecond of work.
const EVENTS_PER_YIELD: u32 = 256;

/// A transaction that is being read.
#[derive(Debug)]
struct Transaction {
    /// Offset of its first event; the file is the current one, since transactions don't span files.
    start: u64,
    /// Row changes of our tables, those passed over included.
    rows: u64,
    commit_time: i64,
    /// Its first event, where that has a place in the file.
    mark: Option<Mark>,
    /// A BEGIN was there, so that other statements don't end it.
    begun: bool,
    xa: bool,
    gtid: Option<Id>,
}

#[derive(Debug)]
enum Id {
    MySql(String, u64),
    MariaDb(u32, u32, u64),
}

impl Id {
    /// Whether the set counts it as read.
    fn is_in(&self, set: &GtidSet) -> bool {
        match self {
            Id::MySql(source, number) => set.contains(source, *number),
            Id::MariaDb(domain, server, sequence) => set.contains_of_server(*domain, *server, *sequence),
        }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Id::MySql(source, number) => write!(f, "{source}:{number}"),
            Id::MariaDb(domain, server, sequence) => write!(f, "{domain}-{server}-{sequence}"),
        }
    }
}

/// What the server is asked once, beside the stream: both take some milliseconds of every restart.
struct Known {
    charsets: Charsets,
    client_charsets: ClientCharsets,
    spellings: Vec<Option<TableName>>,
}

impl Known {
    async fn read(endpoint: &Endpoint, tables: &[TableRead]) -> Result<Known> {
        let mut conn = endpoint.connect().await?;
        let definitions: Vec<&TableDef> = tables.iter().map(|table| &table.def).collect();
        let charsets = Charsets::read(&mut conn, definitions).await?;
        let (flavor, _) = endpoint::flavor(&mut conn).await?;
        let client_charsets = ClientCharsets::read(&mut conn, flavor).await?;
        let mut spellings = Vec::new();
        for table in tables {
            spellings.push(server_spelling(&mut conn, &table.def.name).await?);
        }
        Ok(Known { charsets, client_charsets, spellings })
    }
}

/// An endless stream of changes.
#[derive(Debug)]
pub struct Changes {
    options: ChangesOptions,
    identity: Identity,
    decoders: Vec<Decoder>,
    /// How the server spells each table's name, where it has the table.
    spellings: Vec<Option<TableName>>,
    names: Names,
    ignored: Ignored,
    charsets: ClientCharsets,
    temporary: TemporaryTables,
    /// A statement of which it is not known yet whether it changed a table that is read.
    doubt: Option<Doubt>,
    settled: Settled,
    flavor: Flavor,
    stream: Option<Stream>,
    reconnect: Reconnect,
    lost: u64,
    /// When the server was last heard of.
    heard: Instant,
    /// It said something on this connection.
    spoke: bool,
    /// Numbers of table maps seen on this connection.
    ids: HashMap<u64, Option<usize>>,
    files: Vec<String>,
    file: String,
    offset: u64,
    /// When the file was begun; unknown until its format description is there.
    file_begun: Option<u32>,
    /// The file that comes next, and where in it: from a Rotate until its format description.
    next_file: Option<(String, u64)>,
    /// The last event outside of a transaction that has a place in the file.
    last: Option<Mark>,
    gtid: Option<GtidSet>,
    /// No transaction was read on this connection yet.
    first: bool,
    /// Whether file and offset say where the stream is. When it was opened by GTID they don't until
    /// the first transaction or heartbeat: the server may be passing over transactions.
    placed: bool,
    transaction: Option<Transaction>,
    /// When the last transaction that ended was committed.
    committed: Option<i64>,
    /// Row changes of the first transaction that were delivered before.
    skip: u64,
    pending: Option<(usize, RowsEvent)>,
    /// The number of the next row within the event that is being put together.
    ordinal: u32,
    delivered: Position,
    /// The caller waits for the end of a transaction: a batch closes at the next one.
    wants_boundary: bool,
    /// Where the next event must end at the latest.
    until: Option<Until>,
    /// The last event said that the stream is dry.
    said_dry: bool,
    reported: Instant,
    look: Look,
}

impl Changes {
    /// Begins to read after `from`. The server must be the expected one and still hold that
    /// position.
    pub async fn open(
        mut options: ChangesOptions,
        tables: Vec<TableRead>,
        identity_expected: &Identity,
        from: Position,
    ) -> Result<Changes> {
        let opening = Stream::open(&options.endpoint, identity_expected, &from, options.heartbeat);
        let (known, opened) = tokio::try_join!(Known::read(&options.endpoint, &tables), opening)?;
        let decoders = tables
            .into_iter()
            .map(|table| Decoder::new(table, options.images, &known.charsets, options.zero_dates))
            .collect::<Result<Vec<_>>>()?;
        let until = options.until.take();
        let mut changes = Changes {
            options,
            identity: identity_expected.clone(),
            decoders,
            spellings: known.spellings,
            names: Names::default(),
            ignored: Ignored::new(&[], TableName::clone),
            charsets: known.client_charsets,
            temporary: TemporaryTables::default(),
            doubt: None,
            settled: Settled::default(),
            flavor: opened.flavor,
            stream: None,
            reconnect: Reconnect::default(),
            lost: 0,
            heard: Instant::now(),
            spoke: false,
            ids: HashMap::new(),
            files: Vec::new(),
            file: String::new(),
            offset: 0,
            file_begun: None,
            next_file: None,
            last: None,
            gtid: None,
            first: true,
            placed: false,
            transaction: None,
            committed: None,
            skip: 0,
            pending: None,
            ordinal: 0,
            delivered: from,
            wants_boundary: false,
            until: None,
            said_dry: false,
            reported: Instant::now(),
            look: Look::default(),
        };
        changes.set_until(until)?;
        changes.read_on(opened)?;
        Ok(changes)
    }

    /// Opens a stream at `delivered`. Nothing is changed unless it succeeds.
    async fn connect(&mut self) -> Result<()> {
        let from = self.delivered.clone();
        let open = || -> Opening {
            let (endpoint, identity, from) = (self.options.endpoint.clone(), self.identity.clone(), from.clone());
            let heartbeat = self.options.heartbeat;
            Box::pin(async move { Stream::open(&endpoint, &identity, &from, heartbeat).await })
        };
        let opened = self.reconnect.open(open).await?;
        self.read_on(opened)
    }

    /// Reads on in a stream that was opened at `delivered`.
    fn read_on(&mut self, opened: Opened) -> Result<()> {
        let from = self.delivered.clone();
        self.heard = Instant::now();
        self.spoke = false;
        self.flavor = opened.flavor;
        self.files = opened.files;
        let tables = self.decoders.iter().zip(&self.spellings);
        let tables = tables.map(|(d, spelling)| (spelling.as_ref().unwrap_or(&d.table().def.name), spelling.is_some()));
        self.names = Names::new(tables, opened.names_fold);
        self.ignored = Ignored::new(&self.options.ignore_statements, |name| self.names.fold(name));
        self.temporary.rewind();
        (self.doubt, self.settled) = (None, Settled::default());
        for (i, decoder) in self.decoders.iter_mut().enumerate() {
            // What was decoded and not delivered comes again.
            decoder.take_batch(i)?;
        }
        self.ordinal = 0;
        self.gtid = match (self.flavor, &from.gtid) {
            (Flavor::MySql, Some(text)) => GtidSet::parse_mysql(text),
            (Flavor::MariaDb, Some(text)) => GtidSet::parse_mariadb(text),
            (_, None) => None,
        };
        self.ids.clear();
        self.pending = None;
        self.transaction = None;
        self.skip = from.rows;
        self.placed = !from.file.is_empty();
        self.file_begun = None;
        self.next_file = None;
        self.last = from.mark().copied();
        self.first = true;
        self.file = from.file;
        self.offset = from.offset;
        self.stream = Some(opened.stream);
        Ok(())
    }

    /// The next changes; waits for them, over restarts of the server. Cancel-safe: dropping the
    /// future loses nothing.
    pub async fn next(&mut self) -> Result<ChangeEvent> {
        loop {
            let error = match self.advance().await {
                Ok(event) => {
                    self.reconnect.works();
                    return Ok(event);
                }
                Err(error) => error,
            };
            self.stream = None;
            if !error.is_transient() {
                return Err(error.at(&self.here()));
            }
            self.lost += 1;
            let wait = self.reconnect.lost();
            tracing::warn!(%error, position = %self.delivered, wait_ms = wait.as_millis() as u64, "binary log stream lost, reconnecting");
        }
    }

    /// How often the stream was lost since this was last asked.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// When the server was last heard of. Says nothing while nobody reads.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Asks for an event at the end of the next transaction, however small its batch is then: an
    /// epoch that is full wants to close, and under load batches rarely end where a transaction does.
    pub fn want_boundary(&mut self) {
        self.wants_boundary = true;
    }

    async fn advance(&mut self) -> Result<ChangeEvent> {
        if self.stream.is_none() {
            self.connect().await?;
        }
        self.settle().await?;
        let mut handled = 0u32;
        loop {
            self.take_pending()?;
            if let Some(event) = self.reach_until()? {
                return Ok(event);
            }
            if self.is_full() {
                return self.rows(false);
            }
            let boundary = self.at_boundary();
            let Some(stream) = &mut self.stream else {
                return Err(Error::internal("the stream is gone"));
            };
            let event = match stream.ready() {
                Some(event) => event?,
                None => {
                    if boundary {
                        if self.decoders.iter().any(|d| d.rows() > 0) {
                            return self.rows(true);
                        }
                        // A connection on which nothing came yet is no sign of anything.
                        if !self.said_dry && self.spoke {
                            return Ok(self.position(true, false));
                        }
                    }
                    let event = stream.next().await?;
                    self.heard = Instant::now();
                    event
                }
            };
            let offset = self.offset;
            let heartbeat = self.handle(&event)?;
            self.settle().await?;
            // One that moves the position is of a server that passes over what a GTID set leaves out.
            let idle = heartbeat && self.offset == offset;
            self.spoke = true;
            if let Some(event) = self.reach_until()? {
                return Ok(event);
            }
            if heartbeat {
                self.look_back().await?;
                if self.stream.is_none() {
                    self.connect().await?;
                }
            }
            let boundary = self.at_boundary();
            let quiet = self.decoders.iter().all(|d| d.rows() == 0);
            if boundary && self.wants_boundary {
                self.wants_boundary = false;
                return if quiet { Ok(self.position(false, false)) } else { self.rows(false) };
            }
            if boundary && (heartbeat || self.reported.elapsed() >= REPORT_EVERY) {
                return if quiet { Ok(self.position(heartbeat, idle)) } else { self.rows(heartbeat) };
            }
            // A backlog of other tables' events never waits: let the caller look at its other work.
            handled += 1;
            if handled.is_multiple_of(EVENTS_PER_YIELD) {
                self.heard = Instant::now();
                tokio::task::yield_now().await;
            }
        }
    }

    /// No transaction is open, and none is about to come again whose first rows were delivered.
    fn at_boundary(&self) -> bool {
        self.transaction.is_none() && self.skip == 0
    }

    fn is_full(&self) -> bool {
        let (rows, bytes) = self.decoders.iter().fold((0, 0), |(r, b), d| (r + d.rows(), b + d.bytes()));
        rows > 0 && (rows >= self.options.batch_rows || bytes >= self.options.batch_bytes)
    }

    /// Takes rows of the event at hand until the batch is full.
    fn take_pending(&mut self) -> Result<()> {
        let Some((index, event)) = &mut self.pending else { return Ok(()) };
        let Some(transaction) = &mut self.transaction else {
            return Err(Error::internal("rows outside of a transaction"));
        };
        let held: usize = self.decoders.iter().map(Decoder::rows).sum();
        let several = self.decoders.len() > 1;
        let decoder = &mut self.decoders[*index];
        if self.skip > 0 {
            let skipped = decoder.skip_rows(event, self.skip)?;
            self.skip -= skipped;
            transaction.rows += skipped;
        }
        let room = self.options.batch_rows.saturating_sub(held);
        let allowed = self.until.as_ref().map_or(u64::MAX, |until| until.rows_before(&self.file, transaction));
        if !event.is_done() && room > 0 && allowed > 0 {
            let rows_max = decoder.rows() + room;
            let (marks, rows) = decoder.marks();
            marks.begin_transaction(rows, &self.file, transaction.start);
            transaction.rows += decoder.take_changes(event, allowed, rows_max, self.options.batch_bytes)?;
            if several {
                let (marks, rows) = decoder.marks();
                marks.number(rows, &mut self.ordinal);
            }
        }
        if event.is_done() {
            self.pending = None;
        }
        Ok(())
    }

    /// What was decoded, as an event.
    fn rows(&mut self, dry: bool) -> Result<ChangeEvent> {
        let batches = self.take_batches()?;
        let position = self.here();
        self.delivered = position.clone();
        self.temporary.deliver();
        self.said_dry = dry;
        self.reported = Instant::now();
        Ok(ChangeEvent::Rows { batches, position, boundary: self.at_boundary(), dry })
    }

    fn take_batches(&mut self) -> Result<Vec<ChangeBatch>> {
        self.ordinal = 0;
        let taken = self.decoders.iter_mut().enumerate().map(|(i, decoder)| decoder.take_batch(i));
        taken.filter_map(Result::transpose).collect()
    }

    fn position(&mut self, dry: bool, idle: bool) -> ChangeEvent {
        let position = self.here();
        self.delivered = position.clone();
        self.temporary.deliver();
        self.said_dry = dry;
        self.reported = Instant::now();
        ChangeEvent::Position { position, commit_time: self.committed, dry, idle }
    }

    /// Offset and rows of [`here`](Self::here).
    fn place(&self) -> (u64, u64) {
        self.transaction.as_ref().map_or((self.offset, self.skip), |t| (t.start, t.rows + self.skip))
    }

    /// The event that is the witness of [`here`](Self::here).
    fn mark(&self) -> Option<Mark> {
        self.transaction.as_ref().map_or(self.last, |transaction| transaction.mark)
    }

    /// The position after the last row change that was read.
    fn here(&self) -> Position {
        let Some(file_begun) = self.file_begun.filter(|_| self.placed && !self.file.is_empty()) else {
            return self.delivered.clone();
        };
        let gtid = self.gtid.as_ref().map(GtidSet::to_string);
        let (offset, rows) = self.place();
        let witness = Some(Witness { file_begun, event: self.mark() });
        Position { file: self.file.clone(), offset, gtid, rows, witness }
    }
}
