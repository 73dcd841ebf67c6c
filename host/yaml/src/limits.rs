//! What stands both at the top and in a step: limits and `on_error`; and the sizes of batches.

use std::time::Duration;

use super::reader::{Fields, Need, Reader, need};
use super::tree::{Data, Node};
use rowmill_plan::units::{parse_duration, parse_size};
use rowmill_plan::{BYTES, Batch, Epoch, Limits, MEMORY, OnError, PACE_MAX, ROWS};

const KEYS: &[&str] = &["memory", "cpu_base", "cpu_per_row", "wall", "output"];
const SIZE: Need = need("a size in bytes, KiB, MiB or GiB", "64MiB");
const DURATION: Need = need("a duration in us, ms, s or m", "100ms");

pub(super) fn on_error(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<OnError> {
    let choices = [("fail", OnError::Fail), ("skip", OnError::Skip)];
    reader.choice(node, at, &choices, &["dead_letter"])
}

/// Limits over those of the pipeline, or the defaults.
pub(super) fn limits(reader: &mut Reader<'_>, node: &Node, at: &str, base: Limits) -> Limits {
    let mut limits = base;
    let mapping = need("a mapping of limits", "limits: { memory: 64MiB, wall: 5s }");
    let Some(fields) = reader.fields(node, at, mapping, KEYS) else {
        return limits;
    };
    if let Some((node, at)) = fields.get("memory") {
        let need = need("a size from 64KiB to 4GiB", "memory: 64MiB");
        let size = reader.parsed(node, &at, need, |text| parse_size(text).filter(|size| MEMORY.contains(size)));
        limits.memory = size.unwrap_or(limits.memory);
    }
    if let Some((node, at)) = fields.get("output") {
        let size = reader.parsed(node, &at, SIZE, |text| parse_size(text).filter(|size| *size > 0));
        limits.output = size.unwrap_or(limits.output);
    }
    for (key, place) in
        [("cpu_base", &mut limits.cpu_base), ("cpu_per_row", &mut limits.cpu_per_row), ("wall", &mut limits.wall)]
    {
        if let Some((node, at)) = fields.get(key) {
            let duration = reader.parsed(node, &at, DURATION, |text| {
                parse_duration(text).filter(|duration| key == "cpu_per_row" || !duration.is_zero())
            });
            *place = duration.unwrap_or(*place);
        }
    }
    limits
}

/// Whether `limits` say something about memory.
pub(super) fn sets_memory(node: &Node) -> bool {
    let is_memory = |key: &Node| matches!(&key.data, Data::Scalar { value, .. } if value == "memory");
    matches!(&node.data, Data::Mapping(entries) if entries.iter().any(|(key, _)| is_memory(key)))
}

/// A time of the data, in whole microseconds as MySQL keeps it. `zero`: it may be 0.
pub(super) fn duration(reader: &mut Reader<'_>, node: &Node, at: &str, need: Need, zero: bool) -> Option<Duration> {
    reader.parsed(node, at, need, |text| {
        let whole = |duration: &Duration| duration.subsec_nanos().is_multiple_of(1_000);
        parse_duration(text).filter(|duration| whole(duration) && (zero || !duration.is_zero()))
    })
}

/// `{ rows: 8192, bytes: 4MiB }`, each with its default.
pub(super) fn batch(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Batch> {
    let mapping = need("a mapping with rows and bytes", "batch: { rows: 8192, bytes: 4MiB }");
    let fields = reader.fields(node, at, mapping, &["rows", "bytes"])?;
    let default = Batch::default();
    let (rows, bytes) = rows_and_bytes(reader, &fields, default.rows, default.bytes)?;
    Some(Batch { rows, bytes })
}

/// `{ rows: 65536, bytes: 32MiB, pace: 10ms }`, each with its default.
pub(super) fn epoch(reader: &mut Reader<'_>, node: &Node, at: &str) -> Option<Epoch> {
    let mapping = need("a mapping with rows, bytes and pace", "epoch: { rows: 65536, bytes: 32MiB, pace: 10ms }");
    let fields = reader.fields(node, at, mapping, &["rows", "bytes", "pace"])?;
    let default = Epoch::default();
    let pace = fields.get("pace").map_or(Some(default.pace), |(node, at)| {
        let need = need("a duration up to 10s, or 0", "pace: 10ms");
        let parse = |text: &str| if text.trim() == "0" { Some(Duration::ZERO) } else { parse_duration(text) };
        reader.parsed(node, &at, need, |text| parse(text).filter(|pace| *pace <= PACE_MAX))
    });
    let (rows, bytes) = rows_and_bytes(reader, &fields, default.rows, default.bytes)?;
    Some(Epoch { rows, bytes, pace: pace? })
}

fn rows_and_bytes(reader: &mut Reader<'_>, fields: &Fields<'_>, rows: usize, bytes: usize) -> Option<(usize, usize)> {
    let rows = fields.get("rows").map_or(Some(rows), |(node, at)| {
        let need = need("a number of rows from 1 to 10000000", "rows: 8192");
        reader.parsed(node, &at, need, |text| text.parse().ok().filter(|rows| ROWS.contains(rows)))
    });
    let bytes = fields.get("bytes").map_or(Some(bytes), |(node, at)| {
        let need = need("a size from 1KiB to 1GiB", "bytes: 4MiB");
        reader
            .parsed(node, &at, need, |text| usize::try_from(parse_size(text)?).ok().filter(|size| BYTES.contains(size)))
    });
    Some((rows?, bytes?))
}
