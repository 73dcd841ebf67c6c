//! Row events, straight from their bytes into columns.
//!
//! A [`Decoder`] belongs to one table. It is bound to the column types of the table's map, checks
//! that every event carries whole rows, and appends them to the vectors of its columns without a
//! value object per cell. An event can be taken in pieces, so that one with very many rows still
//! fills batches of bounded size.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use rowmill_change::{ChangeBatch, Op};

use super::marks::Marks;
use super::{Images, TableRead, ZeroDates};
use crate::charset::Charsets;
use crate::column::{Bad, Bytes, Column, WireType};
use crate::error::{Error, Result};
use crate::table::Generated;

use super::events::inflate;
use super::table_map::TableMap;

/// Each session decides which columns it logs.
const LACKS_COLUMNS: Bad = "lacks columns";

/// What a row event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// Rows come.
    Write,
    /// Rows change.
    Update,
    /// Rows go.
    Delete,
}

impl RowKind {
    /// The kind of a row event's type code, whether it is of version 2, and whether MariaDB
    /// compressed it.
    pub(crate) fn of(code: u8) -> Option<(RowKind, bool, bool)> {
        Some(match code {
            23 => (RowKind::Write, false, false),
            24 => (RowKind::Update, false, false),
            25 => (RowKind::Delete, false, false),
            30 => (RowKind::Write, true, false),
            31 => (RowKind::Update, true, false),
            32 => (RowKind::Delete, true, false),
            166 => (RowKind::Write, false, true),
            167 => (RowKind::Update, false, true),
            168 => (RowKind::Delete, false, true),
            169 => (RowKind::Write, true, true),
            170 => (RowKind::Update, true, true),
            171 => (RowKind::Delete, true, true),
            _ => return None,
        })
    }
}

/// The table number of a row event.
pub(crate) fn table_id(body: &[u8]) -> Result<u64, Bad> {
    Bytes::new(body).u48()
}

/// A row event whose rows are being taken.
#[derive(Debug)]
pub struct RowsEvent {
    kind: RowKind,
    data: Vec<u8>,
    at: usize,
    /// What is put on each row.
    commit_time: i64,
}

impl RowsEvent {
    /// True if all rows were taken.
    pub fn is_done(&self) -> bool {
        self.at >= self.data.len()
    }
}

/// Decodes one table's row events.
#[derive(Debug)]
pub struct Decoder {
    table: TableRead,
    images: Images,
    schema: SchemaRef,
    /// One per column of the definition.
    columns: Vec<Column>,
    /// Set by the table map.
    wires: Vec<WireType>,
    /// The body of the table map that `wires` came from, without its number.
    bound: Vec<u8>,
    /// Column is in the row images. MariaDB leaves virtual columns out.
    present: Vec<bool>,
    /// How many of them.
    present_count: usize,
    is_key: Vec<bool>,
    /// Where the key's cells are in the images before and after, kept for their memory.
    key_cells: [Vec<(usize, usize)>; 2],
    ops: Vec<Op>,
    commit_time: Vec<i64>,
    marks: Marks,
    bytes: usize,
}

impl Decoder {
    /// A decoder for a table; refuses types and character sets that it doesn't know by name.
    pub fn new(table: TableRead, images: Images, charsets: &Charsets, zero_dates: ZeroDates) -> Result<Decoder> {
        let def = &table.def;
        let mut columns = Vec::with_capacity(def.columns.len());
        for column in &def.columns {
            let made = Column::new(column, charsets, zero_dates).ok_or_else(|| Error::UnsupportedType {
                table: def.name.clone(),
                column: column.name.clone(),
                found: column.mysql_type.clone(),
            })?;
            columns.push(made);
        }
        let mut is_key = vec![false; columns.len()];
        for &i in &table.key {
            let key = is_key.get_mut(i).ok_or_else(|| Error::internal("a key column that the table lacks"))?;
            *key = true;
        }
        Ok(Decoder {
            images,
            schema: def.schema(),
            wires: Vec::new(),
            bound: Vec::new(),
            present: vec![true; columns.len()],
            present_count: columns.len(),
            key_cells: Default::default(),
            is_key,
            columns,
            ops: Vec::new(),
            commit_time: Vec::new(),
            marks: Marks::default(),
            bytes: 0,
            table,
        })
    }

    /// The table.
    pub fn table(&self) -> &TableRead {
        &self.table
    }

    /// Rows decoded and not yet taken.
    pub fn rows(&self) -> usize {
        self.ops.len()
    }

    /// Bytes of the rows decoded and not yet taken.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A table map was seen, and so a row will have been.
    pub(crate) fn has_rows_seen(&self) -> bool {
        !self.bound.is_empty()
    }

    /// Binds to a table map event's body; the error says how the map deviates from the stored
    /// definition.
    pub fn table_map(&mut self, body: &[u8]) -> Result<(), String> {
        let (_, rest) = body.split_at_checked(6).ok_or("table map ends early")?;
        if rest != self.bound.as_slice() {
            let map = TableMap::parse(body).map_err(|e| format!("table map {e}"))?;
            self.wires = map.bind(&self.table.def)?;
            self.bound = rest.to_vec();
        }
        Ok(())
    }

    /// Begins a row event of type `code`, from its body.
    pub fn rows_event(&mut self, code: u8, body: &[u8], commit_time: i64) -> Result<RowsEvent> {
        self.begin(code, body, commit_time).map_err(|e| match e {
            LACKS_COLUMNS => Error::row_image(self.table.def.name.clone(), "binlog_row_image", "FULL"),
            e => Error::malformed(format!("row event of table {} {e}", self.table.def.name)),
        })
    }

    fn begin(&mut self, code: u8, body: &[u8], commit_time: i64) -> Result<RowsEvent, Bad> {
        let (kind, version2, compressed) = RowKind::of(code).ok_or("is none")?;
        let mut input = Bytes::new(body);
        input.u48()?;
        input.u16()?;
        if version2 {
            let extra = input.u16()?.checked_sub(2).ok_or("has an impossible header")?;
            input.take(extra as usize)?;
        }
        if input.lenenc()? != self.columns.len() as u64 {
            return Err("has another number of columns than its table map");
        }
        let bitmap = self.columns.len().div_ceil(8);
        self.present(input.take(bitmap)?)?;
        if kind == RowKind::Update {
            let before = self.present.clone();
            self.present(input.take(bitmap)?)?;
            if before != self.present {
                return Err(LACKS_COLUMNS);
            }
        }
        let data = if compressed { inflate(input.rest)? } else { input.rest.to_vec() };
        Ok(RowsEvent { kind, data, at: 0, commit_time })
    }

    fn present(&mut self, bits: &[u8]) -> Result<(), Bad> {
        for (i, (present, column)) in self.present.iter_mut().zip(&self.table.def.columns).enumerate() {
            *present = bits[i / 8] >> (i % 8) & 1 == 1;
            if !*present && column.generated != Some(Generated::Virtual) {
                return Err(LACKS_COLUMNS);
            }
        }
        self.present_count = self.present.iter().filter(|&&p| p).count();
        Ok(())
    }

    /// Notes which rows are which of the event.
    pub(crate) fn marks(&mut self) -> (&mut Marks, usize) {
        (&mut self.marks, self.ops.len())
    }

    /// Passes over up to `limit` row changes; returns how many there were.
    pub fn skip_rows(&mut self, event: &mut RowsEvent, limit: u64) -> Result<u64> {
        let mut done = 0;
        while done < limit && !event.is_done() {
            let mut input = Bytes::new(&event.data[event.at..]);
            let images = 1 + u8::from(event.kind == RowKind::Update);
            for _ in 0..images {
                self.skip_image(&mut input, |_, _, _| {}).map_err(|e| self.malformed(e))?;
            }
            event.at = event.data.len() - input.rest.len();
            done += 1;
        }
        Ok(done)
    }

    /// Takes row changes until the decoder holds `rows_max` rows or `bytes_max` bytes; returns
    /// how many changes (an update is one) were taken.
    pub fn take_rows(&mut self, event: &mut RowsEvent, rows_max: usize, bytes_max: usize) -> Result<u64> {
        self.take_changes(event, u64::MAX, rows_max, bytes_max)
    }

    /// [`take_rows`](Self::take_rows), but at most `changes_max` changes, which must not be 0.
    pub fn take_changes(
        &mut self,
        event: &mut RowsEvent,
        changes_max: u64,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<u64> {
        let mut done = 0;
        let data = std::mem::take(&mut event.data);
        let mut input = Bytes::new(&data[event.at.min(data.len())..]);
        let before = input.rest.len();
        let budget = bytes_max.saturating_sub(self.bytes).max(1);
        while !input.is_empty()
            && (done == 0 || (done < changes_max && self.ops.len() < rows_max && before - input.rest.len() < budget))
        {
            self.change(event.kind, &mut input, event.commit_time)?;
            done += 1;
        }
        self.bytes += before - input.rest.len();
        event.at = data.len() - input.rest.len();
        event.data = data;
        Ok(done)
    }

    #[inline(always)]
    fn change(&mut self, kind: RowKind, input: &mut Bytes<'_>, commit_time: i64) -> Result<()> {
        match kind {
            RowKind::Write => self.image(input, Op::Insert, commit_time),
            RowKind::Delete => self.image(input, Op::Delete, commit_time),
            RowKind::Update => {
                let both = self.images == Images::Both;
                if both || self.key_changes(input).map_err(|e| self.malformed(e))? {
                    self.image(input, Op::UpdateBefore, commit_time)?;
                } else {
                    self.skip_image(input, |_, _, _| {}).map_err(|e| self.malformed(e))?;
                }
                self.image(input, Op::UpdateAfter, commit_time)
            }
        }
    }

    /// True if the two images that come next differ in a key column.
    fn key_changes(&mut self, input: &Bytes<'_>) -> Result<bool, Bad> {
        let [mut old, mut new] = std::mem::take(&mut self.key_cells);
        old.clear();
        new.clear();
        let whole = input.rest;
        let mut ahead = *input;
        let result = self
            .skip_image(&mut ahead, |i, from, to| {
                if self.is_key[i] {
                    old.push((whole.len() - from, whole.len() - to))
                }
            })
            .and_then(|()| {
                self.skip_image(&mut ahead, |i, from, to| {
                    if self.is_key[i] {
                        new.push((whole.len() - from, whole.len() - to));
                    }
                })
            });
        // Both lists have one entry per key column, in the same order; equal bytes are equal values.
        let differ = old.iter().zip(&new).any(|(o, n)| whole[o.0..o.1] != whole[n.0..n.1]);
        self.key_cells = [old, new];
        result.map(|()| differ)
    }

    /// Moves past a row image; tells for each column how many bytes were left before and after
    /// its cell (the same for a NULL).
    #[inline(always)]
    fn skip_image(&self, input: &mut Bytes<'_>, mut cell: impl FnMut(usize, usize, usize)) -> Result<(), Bad> {
        let nulls = self.null_bits(input)?;
        let mut bit = 0;
        for (i, wire) in self.wires.iter().enumerate() {
            if !self.present[i] {
                continue;
            }
            let before = input.rest.len();
            if nulls[bit / 8] >> (bit % 8) & 1 == 0 {
                wire.skip(input)?;
            }
            bit += 1;
            cell(i, before, input.rest.len());
        }
        Ok(())
    }

    #[inline(always)]
    fn null_bits<'a>(&self, input: &mut Bytes<'a>) -> Result<&'a [u8], Bad> {
        if self.wires.len() != self.columns.len() {
            return Err("comes before its table map");
        }
        input.take(self.present_count.div_ceil(8))
    }

    /// Appends a row image.
    #[inline(always)]
    fn image(&mut self, input: &mut Bytes<'_>, op: Op, commit_time: i64) -> Result<()> {
        let nulls = self.null_bits(input).map_err(|e| self.malformed(e))?;
        let mut bit = 0;
        for (i, column) in self.columns.iter_mut().enumerate() {
            let result = if !self.present[i] {
                column.push_null()
            } else {
                let null = nulls[bit / 8] >> (bit % 8) & 1 == 1;
                bit += 1;
                if null { column.push_null() } else { column.push_wire(self.wires[i], input) }
            };
            if let Err(message) = result {
                return Err(self.cell(i, message));
            }
        }
        self.ops.push(op);
        self.commit_time.push(commit_time);
        Ok(())
    }

    #[cold]
    fn cell(&self, column: usize, message: Bad) -> Error {
        Error::Value {
            table: self.table.def.name.clone(),
            column: self.table.def.columns[column].name.clone(),
            message: format!("row {} of the batch {message}", self.ops.len() + 1),
        }
    }

    #[cold]
    fn malformed(&self, message: Bad) -> Error {
        Error::malformed(format!("row of table {} {message}", self.table.def.name))
    }

    /// The rows decoded so far as a batch; `None` if there are none.
    pub fn take_batch(&mut self, index: usize) -> Result<Option<ChangeBatch>> {
        if self.ops.is_empty() {
            return Ok(None);
        }
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (i, column) in self.columns.iter_mut().enumerate() {
            let array = column.finish().map_err(|message| Error::Value {
                table: self.table.def.name.clone(),
                column: self.table.def.columns[i].name.clone(),
                message: message.to_owned(),
            })?;
            arrays.push(array);
        }
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|e| {
            Error::malformed(format!("rows of table {} do not fit its stored definition: {e}", self.table.def.name))
        })?;
        self.bytes = 0;
        let Marks { ordinals, transactions } = std::mem::take(&mut self.marks);
        Ok(Some(ChangeBatch {
            table: index,
            ops: std::mem::take(&mut self.ops),
            rows,
            commit_time: std::mem::take(&mut self.commit_time),
            ordinals,
            transactions,
        }))
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use rowmill_change::TableName;

    use super::*;
    use crate::table::{self, ColumnData, TableDef};

    fn decoder() -> Decoder {
        let text = |large| ColumnData::Text { charset: "utf8mb4".into(), fixed: false, max_bytes: 65_535, large };
        let labels = vec!["a".to_owned(), "b".to_owned()];
        let types = [
            ColumnData::Integer { bits: 64, unsigned: false },
            ColumnData::Decimal { precision: 65, scale: 30 },
            text(false),
            text(true),
            ColumnData::Json { binary: true },
            ColumnData::Enum { labels: labels.clone() },
            ColumnData::Set { labels },
            ColumnData::DateTime { fsp: 6 },
            ColumnData::Time { fsp: 3 },
            ColumnData::Bit { bits: 13 },
            ColumnData::FixedBinary { length: 4 },
        ];
        let column =
            |(i, data): (usize, ColumnData)| table::Column { name: format!("c{i}"), ..table::Column::sample("", data) };
        let def = TableDef {
            name: TableName::new("shop", "t"),
            columns: types.into_iter().enumerate().map(column).collect(),
            primary_key: vec![0],
            unique_keys: Vec::new(),
            engine: "InnoDB".into(),
            collation: String::new(),
        };
        let read = TableRead { def, key: vec![0] };
        Decoder::new(read, Images::After, &Charsets::default(), ZeroDates::Null).unwrap()
    }

    fn map() -> Vec<u8> {
        let mut map = b"\x01\0\0\0\0\0\x01\0\x04shop\0\x01t\0".to_vec();
        map.extend_from_slice(&[11, 8, 246, 15, 252, 245, 254, 254, 18, 19, 16, 254]);
        let meta = [65, 30, 255, 255, 2, 4, 247, 1, 248, 1, 6, 3, 5, 1, 254, 4];
        map.push(meta.len() as u8);
        map.extend_from_slice(&meta);
        map.extend_from_slice(&[0xff, 0x07]);
        map
    }

    #[test]
    fn hostile_bytes_are_errors() {
        let mut random = StdRng::seed_from_u64(1);
        let map = map();
        decoder().table_map(&map).unwrap();
        for end in 0..map.len() {
            let _ = decoder().table_map(&map[..end]);
        }
        let mut decoder = decoder();
        for round in 0..20_000 {
            let mut damaged = map.clone();
            let at = random.random_range(0..damaged.len());
            damaged[at] = random.random();
            let _ = decoder.table_map(&damaged);
            decoder.table_map(&map).unwrap();
            // A valid head, then noise with many small numbers, so that lengths often fit.
            let code = [23, 24, 25, 30, 31, 32, 166][round % 7];
            let mut body = b"\x01\0\0\0\0\0\x01\0".to_vec();
            if (30..100).contains(&code) {
                body.extend_from_slice(&[2, 0]);
            }
            body.extend_from_slice(&[11, 0xff, 0x07]);
            if matches!(code, 24 | 31) {
                body.extend_from_slice(&[0xff, 0x07]);
            }
            let small = random.random_bool(0.7);
            let length = random.random_range(0..400);
            body.extend((0..length).map(|_| if small { random.random_range(0..6u8) } else { random.random() }));
            body.truncate(random.random_range(0..=body.len()));
            if let Ok(mut event) = decoder.rows_event(code, &body, 0) {
                while !event.is_done() && decoder.take_rows(&mut event, 100, 1 << 20).is_ok() {
                    let _ = decoder.take_batch(0);
                }
            }
            // What a failed row left behind ends with its decoder.
            decoder = self::decoder();
        }
    }
}
