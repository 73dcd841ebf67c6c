//! What each event of the binary log means for the transaction being read.

use mysql_async::binlog::events::{Event, GtidEvent};

use super::super::events::{self, code};
use super::super::history::{self, is_artificial};
use super::super::mark::mark;
use super::super::query::Query;
use super::super::rows::{RowKind, table_id};
use super::super::table_map;
use super::{Changes, Id, Transaction};
use crate::error::{ANEW, Error, Result};

impl Changes {
    /// Takes one event in; true for a heartbeat.
    pub(super) fn handle(&mut self, event: &Event) -> Result<bool> {
        let header = event.header();
        let kind = header.event_type_raw();
        // Events inside of a compressed transaction carry no checksum and no place of their own.
        let inner = !event.footer().get_checksum_enabled();
        if kind == code::HEARTBEAT || kind == code::HEARTBEAT_V2 {
            // It says how far the server has read: also past transactions that a GTID set leaves out.
            if self.transaction.is_none() && self.skip == 0 {
                self.offset = self.offset.max(self.full_offset(header.log_pos()));
                self.placed = true;
            }
            return Ok(true);
        }
        if kind == code::FORMAT_DESCRIPTION {
            self.enter_file(header.timestamp());
        }
        let placed = !inner && header.log_pos() != 0 && !is_artificial(event);
        let mut start = self.offset;
        if !inner {
            verify_checksum(event)?;
        }
        if placed {
            if let Some((file, _)) = self.next_file.as_ref().filter(|_| kind != code::ROTATE) {
                return Err(Error::malformed(format!("file {file} begins without a format description")));
            }
            self.offset = self.full_offset(header.log_pos());
            // Later than the end of the event before, if a GTID set leaves out what lies between.
            start = start.max(self.offset.saturating_sub(u64::from(header.event_size())));
        }
        self.apply(event, start)?;
        if placed {
            let seen = || Some(mark(event, self.offset));
            match &mut self.transaction {
                // The server rewrites a format description when its file is closed.
                None => self.last = if kind == code::FORMAT_DESCRIPTION { None } else { seen() },
                Some(transaction) if transaction.mark.is_none() && transaction.start == start => {
                    transaction.mark = seen();
                }
                Some(_) => {}
            }
        }
        Ok(false)
    }

    /// What the event means.
    fn apply(&mut self, event: &Event, start: u64) -> Result<()> {
        let header = event.header();
        let kind = header.event_type_raw();
        let body = event.data();
        let bad = |what: &str| {
            let what = what.to_owned();
            move |e: &'static str| Error::malformed(format!("{what} event {e}"))
        };
        if let Some((row_kind, ..)) = RowKind::of(kind) {
            return self.row_event(kind, row_kind, body, start, header.timestamp());
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
                let query = Query::parse(self.flavor, kind, body).map_err(bad("Query"))?;
                self.query(&query, start, header.timestamp())?;
            }
            code::ROTATE => self.rotate(body)?,
            code::FORMAT_DESCRIPTION => {
                self.ids.clear();
                if events::begins_with_server(body) {
                    self.temporary.clear();
                }
            }
            code::STOP => self.ids.clear(),
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
                if let Some(Some(index)) = self.ids.get(&id) {
                    let table = self.decoders[*index].table().def.name.clone();
                    return Err(Error::row_image(table, "binlog_row_value_options", "''"));
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
        Ok(())
    }

    /// An offset from its low 32 bits, which is what headers have. Offsets grow.
    fn full_offset(&self, low: u32) -> u64 {
        events::full_offset(self.offset, low)
    }

    fn unsupported(&self, kind: u8, fix: &str) -> Error {
        Error::UnsupportedEvent { event: events::name(kind), position: self.here(), fix: fix.to_owned() }
    }

    pub(super) fn begin(
        &mut self,
        start: u64,
        seconds: u32,
        micros: Option<i64>,
        begun: bool,
        gtid: Option<Id>,
    ) -> Result<()> {
        if self.transaction.as_ref().is_some_and(|t| t.rows > 0) {
            // Also what an undecompressable payload, which the driver passes over, looks like.
            return Err(Error::malformed("a transaction begins before the one before it ended"));
        }
        if self.file_begun.is_none() {
            return Err(Error::malformed("a transaction comes before the format description of its file"));
        }
        let first = std::mem::take(&mut self.first);
        if let (true, Some(set), Some(id)) = (first, &self.gtid, &gtid)
            && id.is_in(set)
        {
            let found = format!("transaction {id}, which the position counts as read");
            return Err(history::changed(&self.here(), &found, "one that was not read"));
        }
        let commit_time = micros.unwrap_or(i64::from(seconds) * 1_000_000);
        self.placed = true;
        self.transaction = Some(Transaction { start, rows: 0, commit_time, mark: None, begun, xa: false, gtid });
        Ok(())
    }

    /// The transaction's end: its rows stand.
    pub(super) fn commit(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.committed = Some(transaction.commit_time);
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
        let index = self.names.find_map(body);
        if let Some(index) = index {
            let decoder = &mut self.decoders[index];
            if let Err(difference) = decoder.table_map(body) {
                let table = decoder.table().def.name.clone();
                return Err(Error::SchemaChanged { table, statement: difference, position: self.here() });
            }
        } else if let Some((schema, table)) = table_map::names(body) {
            self.options.unread.note(schema, table);
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
                fix: format!("write the tables that are read with ordinary transactions, and {ANEW}"),
            });
        }
        let event = self.decoders[index].rows_event(kind, body, transaction.commit_time)?;
        self.pending = Some((index, event));
        Ok(())
    }

    fn rotate(&mut self, body: &[u8]) -> Result<()> {
        let (offset, name) = events::rotate(body).map_err(|e| Error::malformed(format!("Rotate event {e}")))?;
        let known = self.files.iter().filter(|f| name.starts_with(f.as_str())).max_by_key(|f| f.len());
        let file = if self.file.is_empty() || name.starts_with(&self.file) {
            if self.file.is_empty() { known.cloned().unwrap_or(name) } else { self.file.clone() }
        } else {
            name
        };
        self.next_file = Some((file, offset));
        self.ids.clear();
        Ok(())
    }

    /// The format description of a file is there: what follows lies in it. Until then the stream is at
    /// the end of the file before, whose positions have their own file's time.
    fn enter_file(&mut self, begun: u32) {
        self.file_begun = Some(begun);
        if let Some((file, offset)) = self.next_file.take()
            && (file != self.file || offset > self.offset)
        {
            self.last = None;
            self.offset = offset;
            self.file = file;
        }
    }
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
