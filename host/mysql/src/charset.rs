//! MySQL's character sets, decoded to UTF-8.
//!
//! The Unicode sets, latin1 and ascii are decoded here. The tables of the other single-byte sets
//! are asked of the server itself, one query each, so they are its own by construction. The
//! multi-byte East Asian sets use `encoding_rs`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::column::Bad;
use crate::endpoint::Conn;
use crate::error::{Doing, Result};
use crate::statement::{Statement, Word};
use crate::table::{ColumnData, TableDef};

/// How the bytes of a character set become UTF-8.
#[derive(Debug, Clone)]
pub(crate) enum Charset {
    /// utf8mb4, utf8mb3, ascii: they are UTF-8.
    Utf8,
    /// ucs2 and utf16: 16-bit units, big-endian.
    Utf16Be,
    /// utf16le.
    Utf16Le,
    /// utf32: big-endian.
    Utf32,
    /// ASCII below 0x80, a character each above.
    Single(Arc<[String; 128]>),
    /// A multi-byte set.
    Multi(&'static encoding_rs::Encoding),
}

impl Charset {
    /// Appends the text as UTF-8.
    pub(crate) fn decode(&self, bytes: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), Bad> {
        const WRONG: Bad = "has bytes that its character set does not know";
        let mut push = |c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        match self {
            // Checked for the whole column at once when the batch is made.
            Charset::Utf8 => out.extend_from_slice(bytes),
            Charset::Single(_) | Charset::Multi(_) if bytes.is_ascii() => out.extend_from_slice(bytes),
            Charset::Single(table) => {
                for &b in bytes {
                    match b.checked_sub(128) {
                        None => out.push(b),
                        Some(i) => out.extend_from_slice(table[i as usize].as_bytes()),
                    }
                }
            }
            Charset::Multi(encoding) => {
                let (text, malformed) = encoding.decode_without_bom_handling(bytes);
                if malformed {
                    return Err(WRONG);
                }
                out.extend_from_slice(text.as_bytes());
            }
            Charset::Utf16Be | Charset::Utf16Le => {
                let big = matches!(self, Charset::Utf16Be);
                let unit = |pair: &[u8]| match *pair {
                    [a, b] if big => u16::from_be_bytes([a, b]),
                    [a, b] => u16::from_le_bytes([a, b]),
                    // Half a unit: an unpaired surrogate, so that it is refused below.
                    _ => 0xd800,
                };
                for c in char::decode_utf16(bytes.chunks(2).map(unit)) {
                    push(c.map_err(|_| WRONG)?);
                }
            }
            Charset::Utf32 => {
                for unit in bytes.chunks(4) {
                    let unit = <[u8; 4]>::try_from(unit).map_err(|_| WRONG)?;
                    push(char::from_u32(u32::from_be_bytes(unit)).ok_or(WRONG)?);
                }
            }
        }
        Ok(())
    }
}

/// The character sets of some tables.
#[derive(Debug, Clone, Default)]
pub struct Charsets {
    asked: HashMap<String, Charset>,
}

impl Charsets {
    /// Reads the tables of the sets that are not built in from the server.
    pub async fn read<'a>(conn: &mut Conn, tables: impl IntoIterator<Item = &'a TableDef>) -> Result<Charsets> {
        let mut charsets = Charsets::default();
        for column in tables.into_iter().flat_map(|t| &t.columns) {
            let ColumnData::Text { charset, .. } = &column.data else { continue };
            if charsets.get(charset).is_some() {
                continue;
            }
            let Some(word) = Word::parse(charset) else { continue };
            let one = |select: Statement, byte: u8| {
                select
                    .text("HEX(CONVERT(CONVERT(CHAR(")
                    .number(byte)
                    .text(") USING ")
                    .word(&word)
                    .text(") USING utf8mb4))")
            };
            let select = Statement::new("SELECT CONCAT(").list(",',',", 128..=255u8, one).text(")");
            let text: Option<String> = conn.query_first(select).await.doing("reading a character set")?;
            let table: Vec<String> = text.unwrap_or_default().split(',').map(unhex).collect();
            if let Ok(table) = <[String; 128]>::try_from(table) {
                charsets.asked.insert(charset.clone(), Charset::Single(Arc::new(table)));
            }
        }
        Ok(charsets)
    }

    /// For text that comes as utf8mb4 from a result set: the column's set, whatever it is, is UTF-8.
    pub(crate) fn any(column: &crate::table::Column) -> Charsets {
        let mut charsets = Charsets::default();
        if let ColumnData::Text { charset, .. } = &column.data {
            charsets.asked.insert(charset.clone(), Charset::Utf8);
        }
        charsets
    }

    /// The set of this name, if it can be decoded.
    pub(crate) fn get(&self, name: &str) -> Option<Charset> {
        Some(match name {
            "utf8mb4" | "utf8mb3" | "utf8" | "ascii" => Charset::Utf8,
            "ucs2" | "utf16" => Charset::Utf16Be,
            "utf16le" => Charset::Utf16Le,
            "utf32" => Charset::Utf32,
            // MySQL's latin1 is cp1252, its five holes as C1 controls: the WHATWG's windows-1252.
            "latin1" => Charset::Multi(encoding_rs::WINDOWS_1252),
            "gbk" | "gb2312" => Charset::Multi(encoding_rs::GBK),
            "gb18030" => Charset::Multi(encoding_rs::GB18030),
            "big5" => Charset::Multi(encoding_rs::BIG5),
            "sjis" | "cp932" => Charset::Multi(encoding_rs::SHIFT_JIS),
            "ujis" | "eucjpms" => Charset::Multi(encoding_rs::EUC_JP),
            "euckr" => Charset::Multi(encoding_rs::EUC_KR),
            other => return self.asked.get(other).cloned(),
        })
    }
}

fn unhex(hex: &str) -> String {
    let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
    let bytes = hex.as_bytes().chunks(2).map(|p| digit(p[0]) << 4 | p.get(1).map_or(0, |&b| digit(b))).collect();
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(charset: &str, bytes: &[u8]) -> std::result::Result<String, Bad> {
        let mut out = Vec::new();
        Charsets::default().get(charset).unwrap().decode(bytes, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn built_in_sets() {
        assert_eq!(decode("latin1", b"caf\xe9 \x80\x81").unwrap(), "caf\u{e9} \u{20ac}\u{81}");
        assert_eq!(decode("utf16", &[0xd8, 0x3d, 0xde, 0x00, 0, b'a']).unwrap(), "\u{1f600}a");
        assert_eq!(decode("utf32", &[0, 1, 0xf6, 0]).unwrap(), "\u{1f600}");
        assert!(decode("utf16", &[0xd8, 0x3d]).is_err() && decode("utf16", &[0]).is_err());
        assert!(decode("utf32", &[0, 0x11, 0, 0]).is_err());
    }
}
