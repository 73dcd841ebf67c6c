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
//! # Rows that don't stand
//!
//! Row events of transactional tables are in the log only if their transaction was committed, with
//! two exceptions, both refused by name when they touch our tables: a rollback to a save point
//! that had to be logged because a non-transactional table was written after it, and XA
//! transactions, whose rows are logged when they are prepared.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mysql_async::binlog::events::{Event, GtidEvent};
use rand::Rng;

use super::ddl::{self, Statement};
use super::events::{self, code};
use super::gtid::GtidSet;
use super::rows::{Decoder, RowKind, RowsEvent, table_id};
use super::stream::Stream;
use super::{ChangeEvent, ChangesOptions, TableRead};
use crate::charset::Charsets;
use crate::endpoint::{Flavor, Identity};
use crate::error::{Error, Result};
use crate::position::Position;
use crate::table::{TableDef, TableName};

/// Positions that moved without rows of ours are reported at most this often while other tables'
/// events stream past.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Events handled before other tasks get a turn: about a tenth of a millisecond of work.
const EVENTS_PER_YIELD: u32 = 256;
/// Back-off between attempts to reconnect: doubles from the first to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A transaction that is being read.
#[derive(Debug)]
struct Transaction {
    /// Offset of its first event; the file is the current one, since transactions don't span files.
    start: u64,
    /// Row changes of our tables, those passed over included.
    rows: u64,
    commit_time: i64,
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

/// An endless stream of changes.
#[derive(Debug)]
pub struct Changes {
    options: ChangesOptions,
    identity: Identity,
    decoders: Vec<Decoder>,
    /// Schema and table as in a table map's bytes, to the decoder.
    names: HashMap<Vec<u8>, usize>,
    names_fold: bool,
    flavor: Flavor,
    stream: Option<Stream>,
    attempts: u32,
    /// Numbers of table maps seen on this connection.
    ids: HashMap<u64, Option<usize>>,
    files: Vec<String>,
    file: String,
    offset: u64,
    gtid: Option<GtidSet>,
    transaction: Option<Transaction>,
    /// Row changes of the first transaction that were delivered before.
    skip: u64,
    pending: Option<(usize, RowsEvent)>,
    delivered: Position,
    /// The caller waits for the end of a transaction: a batch closes at the next one.
    wants_boundary: bool,
    /// The last event said that the stream is dry.
    said_dry: bool,
    reported: Instant,
}

impl Changes {
    /// Begins to read after `from`. The server must be the expected one and still hold that
    /// position.
    pub async fn open(
        options: ChangesOptions,
        tables: Vec<TableRead>,
        identity_expected: &Identity,
        from: Position,
    ) -> Result<Changes> {
        let mut conn = options.endpoint.connect().await?;
        let definitions: Vec<&TableDef> = tables.iter().map(|table| &table.def).collect();
        let charsets = Charsets::read(&mut conn, definitions).await?;
        drop(conn);
        let decoders = tables
            .into_iter()
            .map(|table| Decoder::new(table, options.images, &charsets, options.zero_dates))
            .collect::<Result<Vec<_>>>()?;
        let mut changes = Changes {
            options,
            identity: identity_expected.clone(),
            decoders,
            names: HashMap::new(),
            names_fold: false,
            flavor: Flavor::MySql,
            stream: None,
            attempts: 0,
            ids: HashMap::new(),
            files: Vec::new(),
            file: String::new(),
            offset: 0,
            gtid: None,
            transaction: None,
            skip: 0,
            pending: None,
            delivered: from,
            wants_boundary: false,
            said_dry: false,
            reported: Instant::now(),
        };
        changes.connect().await?;
        Ok(changes)
    }

    /// Opens a stream at `delivered`. Nothing is changed unless it succeeds.
    async fn connect(&mut self) -> Result<()> {
        let from = self.delivered.clone();
        let opened = Stream::open(&self.options.endpoint, &self.identity, &from, self.options.heartbeat).await?;
        self.flavor = opened.flavor;
        self.names_fold = opened.names_fold;
        self.files = opened.files;
        self.names =
            self.decoders.iter().enumerate().map(|(i, d)| (map_key(&d.table().def.name, self.names_fold), i)).collect();
        for (i, decoder) in self.decoders.iter_mut().enumerate() {
            // What was decoded and not delivered comes again.
            decoder.take_batch(i)?;
        }
        self.gtid = match (self.flavor, &from.gtid) {
            (Flavor::MySql, Some(text)) => GtidSet::parse_mysql(text),
            (Flavor::MariaDb, Some(text)) => GtidSet::parse_mariadb(text),
            (_, None) => None,
        };
        self.ids.clear();
        self.pending = None;
        self.transaction = None;
        self.skip = from.rows;
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
                    self.attempts = 0;
                    return Ok(event);
                }
                Err(error) => error,
            };
            self.stream = None;
            if !error.is_transient() {
                return Err(error.at(&self.here()));
            }
            let wait = backoff(self.attempts);
            self.attempts = self.attempts.saturating_add(1);
            tracing::warn!(%error, position = %self.delivered, wait_ms = wait.as_millis() as u64, "binary log stream lost, reconnecting");
            tokio::time::sleep(wait).await;
        }
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
        let mut handled = 0u32;
        loop {
            self.take_pending()?;
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
                        if !self.said_dry {
                            return Ok(self.position(true));
                        }
                    }
                    stream.next().await?
                }
            };
            let heartbeat = self.handle(&event)?;
            let boundary = self.at_boundary();
            let quiet = self.decoders.iter().all(|d| d.rows() == 0);
            if boundary && self.wants_boundary {
                self.wants_boundary = false;
                return if quiet { Ok(self.position(false)) } else { self.rows(false) };
            }
            if boundary && (heartbeat || self.reported.elapsed() >= REPORT_EVERY) {
                return if quiet { Ok(self.position(heartbeat)) } else { self.rows(heartbeat) };
            }
            // A backlog of other tables' events never waits: let the caller look at its other work.
            handled += 1;
            if handled.is_multiple_of(EVENTS_PER_YIELD) {
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
        let decoder = &mut self.decoders[*index];
        if self.skip > 0 {
            let skipped = decoder.skip_rows(event, self.skip)?;
            self.skip -= skipped;
            transaction.rows += skipped;
        }
        let room = self.options.batch_rows.saturating_sub(held);
        if !event.is_done() && room > 0 {
            let rows_max = decoder.rows() + room;
            transaction.rows += decoder.take_rows(event, rows_max, self.options.batch_bytes)?;
        }
        if event.is_done() {
            self.pending = None;
        }
        Ok(())
    }

    /// What was decoded, as an event.
    fn rows(&mut self, dry: bool) -> Result<ChangeEvent> {
        let mut batches = Vec::new();
        for (i, decoder) in self.decoders.iter_mut().enumerate() {
            batches.extend(decoder.take_batch(i)?);
        }
        let position = self.here();
        self.delivered = position.clone();
        self.said_dry = dry;
        self.reported = Instant::now();
        Ok(ChangeEvent::Rows { batches, position, boundary: self.at_boundary(), dry })
    }

    fn position(&mut self, dry: bool) -> ChangeEvent {
        let position = self.here();
        self.delivered = position.clone();
        self.said_dry = dry;
        self.reported = Instant::now();
        ChangeEvent::Position { position, dry }
    }

    /// The position after the last row change that was read.
    fn here(&self) -> Position {
        if self.file.is_empty() {
            return self.delivered.clone();
        }
        let gtid = self.gtid.as_ref().map(GtidSet::to_string);
        let (offset, rows) =
            self.transaction.as_ref().map_or((self.offset, self.skip), |t| (t.start, t.rows + self.skip));
        Position { file: self.file.clone(), offset, gtid, rows }
    }

    /// Takes one event in; true for a heartbeat.
    fn handle(&mut self, event: &Event) -> Result<bool> {
        let header = event.header();
        let kind = header.event_type_raw();
        // Events inside of a compressed transaction carry no checksum and no place of their own.
        let inner = !event.footer().get_checksum_enabled();
        let start = self.offset;
        if !inner && kind != code::HEARTBEAT && kind != code::HEARTBEAT_V2 {
            verify_checksum(event)?;
            const ARTIFICIAL: u16 = 0x20;
            if header.log_pos() != 0 && header.flags_raw() & ARTIFICIAL == 0 {
                // The header has the low 32 bits of the offset.
                let mut offset = (self.offset & !0xffff_ffff) | u64::from(header.log_pos());
                if offset < self.offset && self.offset - offset > 1 << 31 {
                    offset += 1 << 32;
                }
                self.offset = offset;
            }
        }
        let body = event.data();
        let bad = |what: &str| {
            let what = what.to_owned();
            move |e: &'static str| Error::malformed(format!("{what} event {e}"))
        };
        if let Some((row_kind, ..)) = RowKind::of(kind) {
            return self.row_event(kind, row_kind, body, start, header.timestamp()).map(|()| false);
        }
        match kind {
            code::TABLE_MAP => self.table_map(body)?,
            code::XID => self.commit(),
            code::GTID | code::ANONYMOUS_GTID => {
                let gtid = events::gtid(kind, body).map_err(bad("Gtid"))?;
                let id = gtid.text.and_then(|t| {
                    let (source, number) = t.rsplit_once(':')?;
                    Some(Id::MySql(source.to_owned(), number.parse().ok()?))
                });
                self.begin(start, header.timestamp(), gtid.commit_time, false, id)?;
            }
            code::GTID_TAGGED => {
                let gtid: GtidEvent = event.read_event().map_err(|e| Error::UnsupportedEvent {
                    event: format!("tagged Gtid ({e})"),
                    position: self.here(),
                    fix: "use GTIDs without tags on this server".to_owned(),
                })?;
                let uuid = gtid.sid().iter().map(|b| format!("{b:02x}")).collect::<String>();
                let uuid = [&uuid[..8], &uuid[8..12], &uuid[12..16], &uuid[16..20], &uuid[20..]].join("-");
                let source = gtid.tag().map_or(uuid.clone(), |tag| format!("{uuid}:{}", tag.as_str()));
                let time = Some(gtid.immediate_commit_timestamp() as i64).filter(|&t| t > 0);
                self.begin(start, header.timestamp(), time, false, Some(Id::MySql(source, gtid.gno())))?;
            }
            code::MARIA_GTID => {
                let gtid = events::maria_gtid(body).map_err(bad("Gtid"))?;
                let id = Id::MariaDb(gtid.domain, header.server_id(), gtid.sequence);
                self.begin(start, header.timestamp(), None, !gtid.standalone, Some(id))?;
                if let Some(transaction) = &mut self.transaction {
                    transaction.xa = gtid.prepared;
                }
            }
            code::QUERY | code::EXECUTE_LOAD_QUERY | code::MARIA_QUERY_COMPRESSED => {
                let query = events::query(kind, body).map_err(bad("Query"))?;
                self.query(&query, start, header.timestamp())?;
            }
            code::ROTATE => self.rotate(body)?,
            code::FORMAT_DESCRIPTION | code::STOP => self.ids.clear(),
            code::HEARTBEAT | code::HEARTBEAT_V2 => return Ok(true),
            code::INCIDENT => {
                return Err(Error::Incident { message: events::incident(body), position: self.here() });
            }
            // The rows before it were refused when they came; without any it says nothing to us.
            code::XA_PREPARE => self.commit(),
            code::TRANSACTION_PAYLOAD => {
                events::payload_size(body).map_err(bad("Transaction_payload"))?;
            }
            code::PARTIAL_UPDATE_ROWS => {
                let id = table_id(body).map_err(bad("row"))?;
                if let Some(Some(_)) = self.ids.get(&id) {
                    return Err(self.unsupported(kind, "SET GLOBAL binlog_row_value_options = ''"));
                }
            }
            code::MARIA_START_ENCRYPTION => {}
            other => {
                const IGNORABLE: u16 = 0x80;
                if !events::is_ignorable(other) && header.flags_raw() & IGNORABLE == 0 {
                    return Err(self.unsupported(other, "see which feature of the server writes it, and turn that off"));
                }
            }
        }
        Ok(false)
    }

    fn unsupported(&self, kind: u8, fix: &str) -> Error {
        Error::UnsupportedEvent { event: events::name(kind), position: self.here(), fix: fix.to_owned() }
    }

    fn begin(&mut self, start: u64, seconds: u32, micros: Option<i64>, begun: bool, gtid: Option<Id>) -> Result<()> {
        if self.transaction.as_ref().is_some_and(|t| t.rows > 0) {
            // Also what an undecompressable payload, which the driver passes over, looks like.
            return Err(Error::malformed("a transaction begins before the one before it ended"));
        }
        let commit_time = micros.unwrap_or(i64::from(seconds) * 1_000_000);
        self.transaction = Some(Transaction { start, rows: 0, commit_time, begun, xa: false, gtid });
        Ok(())
    }

    /// The transaction's end: its rows stand.
    fn commit(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            match (&mut self.gtid, transaction.gtid) {
                (Some(set), Some(Id::MySql(source, number))) => set.add(&source, number),
                (Some(set), Some(Id::MariaDb(domain, server, sequence))) => set.set(domain, server, sequence),
                _ => {}
            }
        }
        self.skip = 0;
    }

    fn table_map(&mut self, body: &[u8]) -> Result<()> {
        let id = table_id(body).map_err(Error::malformed)?;
        let index = map_name(body).and_then(|name| {
            if self.names_fold {
                self.names.get(&name.to_ascii_lowercase()).copied()
            } else {
                self.names.get(name).copied()
            }
        });
        if let Some(index) = index {
            let decoder = &mut self.decoders[index];
            if let Err(difference) = decoder.table_map(body) {
                let table = decoder.table().def.name.clone();
                return Err(Error::SchemaChanged { table, statement: difference, position: self.here() });
            }
        }
        self.ids.insert(id, index);
        Ok(())
    }

    fn row_event(&mut self, kind: u8, _: RowKind, body: &[u8], start: u64, seconds: u32) -> Result<()> {
        let id = table_id(body).map_err(|e| Error::malformed(format!("row event {e}")))?;
        let index = match self.ids.get(&id) {
            Some(Some(index)) => *index,
            Some(None) => return Ok(()),
            // Servers end a statement with an empty event of a number that no map announced.
            None if id == 0xff_ffff => return Ok(()),
            None => return Err(Error::malformed("row event comes before its table map")),
        };
        if self.transaction.is_none() {
            self.begin(start, seconds, None, true, None)?;
        }
        let Some(transaction) = &mut self.transaction else { return Ok(()) };
        if transaction.xa {
            return Err(Error::UnsupportedEvent {
                event: format!("an XA transaction on table {}", self.decoders[index].table().def.name),
                position: self.here(),
                fix: "write the tables that are read with ordinary transactions, and reset the pipeline".to_owned(),
            });
        }
        let event = self.decoders[index].rows_event(kind, body, transaction.commit_time)?;
        self.pending = Some((index, event));
        Ok(())
    }

    fn query(&mut self, query: &events::Query, start: u64, seconds: u32) -> Result<()> {
        let begun = self.transaction.as_ref().is_some_and(|t| t.begun);
        match ddl::classify(&query.text, &query.schema) {
            Statement::Begin => {
                if self.transaction.is_none() {
                    self.begin(start, seconds, None, true, None)?;
                }
                if let Some(transaction) = &mut self.transaction {
                    transaction.begun = true;
                }
                return Ok(());
            }
            Statement::Commit => self.commit(),
            Statement::Rollback => {
                if self.transaction.as_ref().is_some_and(|t| t.rows > 0) {
                    return Err(Error::UnsupportedEvent {
                        event: format!("'{}' after changes of tables that are read", query.text),
                        position: self.here(),
                        fix: "don't mix tables with and without transactions in one transaction; reset the pipeline"
                            .to_owned(),
                    });
                }
                let to_savepoint = query.text.split_whitespace().count() > 1;
                if !to_savepoint {
                    self.commit();
                }
            }
            Statement::Savepoint => {}
            Statement::Xa => {
                let second = query.text.split_whitespace().nth(1).unwrap_or_default();
                if second.eq_ignore_ascii_case("START") || second.eq_ignore_ascii_case("BEGIN") {
                    if let Some(transaction) = &mut self.transaction {
                        transaction.begun = true;
                        transaction.xa = true;
                    }
                } else if !second.eq_ignore_ascii_case("END") {
                    self.commit();
                }
            }
            statement => {
                let ours = self.touches(&statement);
                if let Some(table) = ours {
                    let mut text: String = query.text.chars().take(1_000).collect();
                    if text.len() < query.text.len() {
                        text.push('…');
                    }
                    let position = self.here();
                    return Err(Error::SchemaChanged { table, statement: text, position });
                }
                if query.text.trim_end().to_ascii_uppercase().ends_with("START TRANSACTION") {
                    // CREATE TABLE … SELECT of MySQL 8: its rows follow.
                    if let Some(transaction) = &mut self.transaction {
                        transaction.begun = true;
                    }
                } else if !begun {
                    self.commit();
                }
            }
        }
        Ok(())
    }

    /// The first of our tables that a statement changes.
    fn touches(&self, statement: &Statement) -> Option<TableName> {
        let equal = |a: &str, b: &str| if self.names_fold { a.eq_ignore_ascii_case(b) } else { a == b };
        let ours = |name: &TableName| {
            self.decoders.iter().map(|d| &d.table().def.name).find(|our| match statement {
                Statement::DropsSchema(schema) => equal(&our.schema, schema),
                _ => equal(&our.schema, &name.schema) && equal(&our.name, &name.name),
            })
        };
        match statement {
            Statement::Changes(names) => names.iter().find_map(ours).cloned(),
            Statement::DropsSchema(schema) => ours(&TableName::new(schema.as_str(), "")).cloned(),
            _ => None,
        }
    }

    fn rotate(&mut self, body: &[u8]) -> Result<()> {
        let (offset, name) = match events::rotate(body) {
            Ok(rotate) => rotate,
            // The very first one comes before the driver knows of checksums: its four bytes
            // follow the name and may be anything.
            Err(_) if body.len() > 12 => events::rotate(&body[..body.len() - 4]).map_err(Error::malformed)?,
            Err(e) => return Err(Error::malformed(format!("Rotate event {e}"))),
        };
        let known = self.files.iter().filter(|f| name.starts_with(f.as_str())).max_by_key(|f| f.len());
        let file = if self.file.is_empty() || name.starts_with(&self.file) {
            if self.file.is_empty() { known.cloned().unwrap_or(name) } else { self.file.clone() }
        } else {
            name
        };
        if file != self.file || offset > self.offset {
            self.offset = offset;
            self.file = file;
        }
        self.ids.clear();
        Ok(())
    }
}

/// The bytes of a table map that name its table: length, schema, 0, length, table.
fn map_name(body: &[u8]) -> Option<&[u8]> {
    let schema = usize::from(*body.get(8)?);
    let table = usize::from(*body.get(8 + schema + 2)?);
    body.get(8..8 + schema + 3 + table)
}

fn map_key(name: &TableName, fold: bool) -> Vec<u8> {
    let part = |text: &str| {
        let text = if fold { text.to_ascii_lowercase() } else { text.to_owned() };
        [&[text.len() as u8][..], text.as_bytes()].concat()
    };
    [part(&name.schema), vec![0], part(&name.name)].concat()
}

fn verify_checksum(event: &Event) -> Result<()> {
    use mysql_async::binlog::BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32;
    // A format description is rewritten by the server when its file is closed.
    let kind = event.header().event_type_raw();
    if kind == code::FORMAT_DESCRIPTION || event.footer().get_checksum_alg() != Ok(Some(BINLOG_CHECKSUM_ALG_CRC32)) {
        return Ok(());
    }
    match event.checksum() {
        Some(stored) if u32::from_le_bytes(stored) != event.calc_checksum(BINLOG_CHECKSUM_ALG_CRC32) => Err(
            Error::malformed(format!("checksum of event type {kind} is wrong: the log or the connection is damaged")),
        ),
        _ => Ok(()),
    }
}

fn backoff(attempts: u32) -> Duration {
    let full = BACKOFF.0.saturating_mul(1 << attempts.min(10)).min(BACKOFF.1);
    full.mul_f64(rand::rng().random_range(0.5..1.0))
}
