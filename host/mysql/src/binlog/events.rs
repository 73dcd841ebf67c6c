//! Events other than rows: their codes and the few fields that matter.

use std::fmt::Write;
use std::io::Read;

use crate::column::{Bad, Bytes};

/// Type codes of the events that this program knows by name.
pub(crate) mod code {
    pub(crate) const QUERY: u8 = 2;
    pub(crate) const STOP: u8 = 3;
    pub(crate) const ROTATE: u8 = 4;
    pub(crate) const FORMAT_DESCRIPTION: u8 = 15;
    pub(crate) const XID: u8 = 16;
    pub(crate) const EXECUTE_LOAD_QUERY: u8 = 18;
    pub(crate) const TABLE_MAP: u8 = 19;
    pub(crate) const INCIDENT: u8 = 26;
    pub(crate) const HEARTBEAT: u8 = 27;
    pub(crate) const GTID: u8 = 33;
    pub(crate) const ANONYMOUS_GTID: u8 = 34;
    pub(crate) const XA_PREPARE: u8 = 38;
    pub(crate) const PARTIAL_UPDATE_ROWS: u8 = 39;
    pub(crate) const TRANSACTION_PAYLOAD: u8 = 40;
    pub(crate) const HEARTBEAT_V2: u8 = 41;
    pub(crate) const GTID_TAGGED: u8 = 42;
    pub(crate) const MARIA_GTID: u8 = 162;
    pub(crate) const MARIA_START_ENCRYPTION: u8 = 164;
    pub(crate) const MARIA_QUERY_COMPRESSED: u8 = 165;
}

/// True for events that a reader of rows may pass over: statements' variables and texts, pieces of files for
/// LOAD DATA, lists of GTIDs, binlog check points, group replication's own.
pub(crate) fn is_ignorable(code: u8) -> bool {
    matches!(code, 0 | 5 | 9 | 11 | 13 | 14 | 17 | 28 | 29 | 35 | 36 | 37 | 160 | 161 | 163)
}

/// The name of an event type, for messages.
pub(crate) fn name(code: u8) -> String {
    let name = match code {
        1 => "Start_v3",
        6 | 12 => "Load",
        8 | 10 => "LOAD DATA of before 5.0",
        20..=22 => "row event of before 5.1",
        code::XA_PREPARE => "XA_prepare",
        code::PARTIAL_UPDATE_ROWS => "Partial_update_rows",
        code::MARIA_START_ENCRYPTION => "Start_encryption",
        _ => return format!("event type {code}"),
    };
    name.to_owned()
}

/// Inflates what MariaDB compressed: a byte with the algorithm and the size's length, the size
/// big-endian, a zlib stream.
pub(crate) fn inflate(data: &[u8]) -> Result<Vec<u8>, Bad> {
    /// An event's size is a 32-bit number; what says more than 1 GiB is broken.
    const INFLATED_MAX: u64 = 1 << 30;
    let mut input = Bytes::new(data);
    let head = input.u8()?;
    if head & 0x80 == 0 || head & 0x70 != 0 || !(1..=4).contains(&(head & 7)) {
        return Err("is compressed in an unknown way");
    }
    let size = input.uint_be((head & 7) as usize)?;
    if size > INFLATED_MAX {
        return Err("says that it is larger than 1 GiB");
    }
    let mut out = Vec::new();
    flate2::read::ZlibDecoder::new(input.rest)
        .take(size + 1)
        .read_to_end(&mut out)
        .map_err(|_| "does not decompress")?;
    if out.len() as u64 == size { Ok(out) } else { Err("does not decompress to the size it says") }
}

/// A Rotate event: the next file, and where in it.
pub(crate) fn rotate(body: &[u8]) -> Result<(u64, String), Bad> {
    match rotate_without_checksum(body) {
        // The very first one comes before the driver knows of checksums: its four bytes follow the name
        // and may be anything.
        Err(_) if body.len() > 12 => rotate_without_checksum(&body[..body.len() - 4]),
        result => result,
    }
}

fn rotate_without_checksum(body: &[u8]) -> Result<(u64, String), Bad> {
    let mut input = Bytes::new(body);
    let offset = input.u64()?;
    let file = std::str::from_utf8(input.rest).map_err(|_| "names a file that is not UTF-8")?;
    Ok((offset, file.trim_end_matches('\0').to_owned()))
}

/// Whether the file of a Format_description was begun by a server that started: all sessions before it, and
/// their temporary tables, are gone. The field is 0 in rotated files, and where reading begins inside of one.
pub(crate) fn begins_with_server(body: &[u8]) -> bool {
    // Version of the format, and of the server.
    body.get(52..56).is_some_and(|created| created != [0; 4])
}

/// What a MySQL GTID event says.
#[derive(Debug, Default)]
pub(crate) struct Gtid {
    /// `uuid:number`, absent for anonymous ones.
    pub(crate) text: Option<String>,
    /// When the transaction was committed on this server, in µs since 1970.
    pub(crate) commit_time: Option<i64>,
}

/// Reads a Gtid or an Anonymous_gtid.
pub(crate) fn gtid(code: u8, body: &[u8]) -> Result<Gtid, Bad> {
    let mut input = Bytes::new(body);
    input.u8()?;
    let uuid: [u8; 16] = input.array()?;
    let number = input.u64()?;
    // Logical clock and commit times are absent in logs of servers before 5.7 and 8.0.
    let mut commit_time = None;
    if input.u8() == Ok(2) && input.take(16).is_ok() {
        commit_time = input.uint(7).ok().map(|t| (t & !(1 << 55)) as i64);
    }
    Ok(Gtid { text: (code == code::GTID).then(|| format!("{}:{number}", uuid_text(&uuid))), commit_time })
}

/// A UUID in its text form.
fn uuid_text(uuid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What a MariaDB GTID event says.
#[derive(Debug)]
pub(crate) struct MariaGtid {
    /// Sequence number and domain.
    pub(crate) sequence: u64,
    pub(crate) domain: u32,
    /// The group is this and one other event, without BEGIN and COMMIT.
    pub(crate) standalone: bool,
    /// The group is prepared and not yet committed.
    pub(crate) prepared: bool,
}

/// Reads MariaDB's Gtid.
pub(crate) fn maria_gtid(body: &[u8]) -> Result<MariaGtid, Bad> {
    let mut input = Bytes::new(body);
    let sequence = input.u64()?;
    let domain = input.u32()?;
    let flags = input.u8()?;
    Ok(MariaGtid { sequence, domain, standalone: flags & 1 != 0, prepared: flags & 64 != 0 })
}

/// An Incident's message.
pub(crate) fn incident(body: &[u8]) -> String {
    let mut input = Bytes::new(body);
    let message = input.u16().and_then(|_| input.prefixed(1)).unwrap_or_default();
    String::from_utf8_lossy(message).into_owned()
}

/// The uncompressed size in a Transaction_payload's header.
pub(crate) fn payload_size(body: &[u8]) -> Result<u64, Bad> {
    let mut input = Bytes::new(body);
    let (mut size, mut compression) = (None, 0);
    loop {
        match input.lenenc()? {
            0 => break,
            field => {
                let length = input.lenenc_len()?;
                let mut value = Bytes::new(input.take(length)?);
                match field {
                    2 => compression = value.lenenc()?,
                    3 => size = Some(value.lenenc()?),
                    _ => {}
                }
            }
        }
    }
    match (compression, size) {
        (_, Some(size)) => Ok(size),
        (255, None) => Ok(input.rest.len() as u64),
        _ => Err("does not say how large it is"),
    }
}

/// An offset from its low 32 bits, which is what headers have, and an earlier offset.
pub(crate) fn full_offset(before: u64, low: u32) -> u64 {
    let offset = (before & !0xffff_ffff) | u64::from(low);
    match offset < before && before - offset > 1 << 31 {
        true => offset + (1 << 32),
        false => offset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotate_names_a_file() {
        assert_eq!(rotate(b"\x04\0\0\0\0\0\0\0binlog.000002").unwrap(), (4, "binlog.000002".into()));
        assert!(rotate(b"\x04").is_err());
    }

    #[test]
    fn sizes_of_compressed_data_are_checked() {
        assert!(inflate(&[0x84, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(inflate(&[0x01, 0]).is_err() && inflate(&[]).is_err());
    }
}
