//! A statement's event: its text and the settings of the session that it has to be read with.

use std::borrow::Cow;

use super::events::{code, inflate};
use crate::column::{Bad, Bytes};
use crate::endpoint::Flavor;

/// A statement and what its session said of it.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    /// The session's number: temporary tables belong to it.
    pub(crate) thread: u32,
    /// The default schema, in UTF-8 whatever the client's character set.
    pub(crate) schema: Cow<'a, str>,
    /// The text, as the client sent it.
    pub(crate) text: Cow<'a, [u8]>,
    /// The number of a collation of the client's character set.
    pub(crate) charset: Option<u16>,
    /// How the text is split into words.
    pub(crate) syntax: Syntax,
}

/// What decides where a quoted text or a comment ends: the product, and modes of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Syntax {
    /// MariaDB, which executes what is in `/*M! … */`.
    pub(crate) mariadb: bool,
    /// ANSI_QUOTES: double quotes are around names.
    pub(crate) ansi_quotes: bool,
    /// NO_BACKSLASH_ESCAPES.
    pub(crate) plain_backslash: bool,
    /// MariaDB's MSSQL: so are brackets.
    pub(crate) brackets: bool,
}

impl Syntax {
    fn new(flavor: Flavor, mode: u64) -> Syntax {
        let mariadb = flavor == Flavor::MariaDb;
        Syntax {
            mariadb,
            ansi_quotes: mode & 1 << 2 != 0,
            plain_backslash: mode & 1 << 20 != 0,
            brackets: mariadb && mode & 1 << 10 != 0,
        }
    }

    /// The product's syntax under every mode.
    pub(crate) fn under_every_mode(self) -> impl Iterator<Item = Syntax> {
        (0..8).map(move |bits| Syntax {
            ansi_quotes: bits & 1 != 0,
            plain_backslash: bits & 2 != 0,
            brackets: self.mariadb && bits & 4 != 0,
            ..self
        })
    }
}

impl<'a> Query<'a> {
    /// Reads the body of a Query, an Execute_load_query or MariaDB's compressed Query.
    pub(crate) fn parse(flavor: Flavor, kind: u8, body: &'a [u8]) -> Result<Query<'a>, Bad> {
        let mut input = Bytes::new(body);
        let thread = input.u32()?;
        input.u32()?;
        let schema = input.u8()? as usize;
        input.u16()?;
        let variables = input.u16()? as usize;
        if kind == code::EXECUTE_LOAD_QUERY {
            input.take(13)?;
        }
        let (charset, mode) = session(input.take(variables)?);
        let schema = String::from_utf8_lossy(input.take(schema)?);
        input.u8()?;
        let text = match kind {
            code::MARIA_QUERY_COMPRESSED => Cow::Owned(inflate(input.rest)?),
            _ => Cow::Borrowed(input.rest),
        };
        Ok(Query { thread, schema, text, charset, syntax: Syntax::new(flavor, mode) })
    }
}

/// Character set and SQL mode from the status variables. Each kind has its own length, so that what follows an
/// unknown one is out of reach; servers write them in the order of their codes, and these two come early.
fn session(variables: &[u8]) -> (Option<u16>, u64) {
    let mut input = Bytes::new(variables);
    let mut charset = None;
    let mut mode = 0;
    let mut next = || -> Result<bool, Bad> {
        match input.u8()? {
            // SQL_MODE
            1 => mode = input.u64()?,
            // CHARSET: the client's, the connection's, the server's
            4 => {
                charset = Some(input.u16()?);
                input.u32()?;
            }
            // CATALOG, with a zero byte
            2 => {
                input.prefixed(1)?;
                input.u8()?;
            }
            // TIME_ZONE, CATALOG_NZ
            5 | 6 => {
                input.prefixed(1)?;
            }
            // LC_TIME_NAMES, CHARSET_DATABASE, DEFAULT_COLLATION_FOR_UTF8MB4
            7 | 8 | 18 => {
                input.u16()?;
            }
            // FLAGS2, AUTO_INCREMENT, MASTER_DATA_WRITTEN
            0 | 3 | 10 => {
                input.u32()?;
            }
            // TABLE_MAP_FOR_UPDATE, DDL_LOGGED_WITH_XID, MariaDB's XID
            9 | 17 | 129 => {
                input.u64()?;
            }
            // INVOKER: user and host
            11 => {
                input.prefixed(1)?;
                input.prefixed(1)?;
            }
            // MICROSECONDS, MariaDB's HRNOW
            13 | 128 => {
                input.u24()?;
            }
            // EXPLICIT_DEFAULTS_FOR_TIMESTAMP, SQL_REQUIRE_PRIMARY_KEY, DEFAULT_TABLE_ENCRYPTION
            16 | 19 | 20 => {
                input.u8()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    };
    while next() == Ok(true) {}
    (charset, mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Query event's body.
    fn body(variables: &[u8], schema: &[u8], text: &[u8]) -> Vec<u8> {
        let mut body = 7u32.to_le_bytes().to_vec();
        body.extend_from_slice(&[0; 4]);
        body.push(schema.len() as u8);
        body.extend_from_slice(&[0; 2]);
        body.extend_from_slice(&(variables.len() as u16).to_le_bytes());
        for part in [variables, schema, &[0], text] {
            body.extend_from_slice(part);
        }
        body
    }

    #[test]
    fn settings_are_found_behind_the_others() {
        let mut variables = vec![0, 1, 2, 3, 4];
        variables.push(1);
        variables.extend_from_slice(&(1u64 << 20 | 1 << 2).to_le_bytes());
        variables.extend_from_slice(b"\x06\x03std\x03\x01\0\x02\0\x04\x08\0\x21\0\x21\0\x0c\x01a\0");
        let body = body(&variables, b"shop", b"TRUNCATE t\\");
        let query = Query::parse(Flavor::MariaDb, code::QUERY, &body).unwrap();
        assert_eq!((query.thread, &*query.schema, query.charset), (7, "shop", Some(8)));
        assert_eq!(query.text, &b"TRUNCATE t\\"[..]);
        let syntax = Syntax { mariadb: true, ansi_quotes: true, plain_backslash: true, brackets: false };
        assert_eq!(query.syntax, syntax);
    }

    #[test]
    fn an_unknown_variable_ends_the_list() {
        let known = body(b"\xee\x01\x04\x08\0\0\0\0\0", b"", b"BEGIN");
        assert_eq!(Query::parse(Flavor::MariaDb, code::QUERY, &known).unwrap().charset, None);
        for end in 0..known.len() - 5 {
            assert!(Query::parse(Flavor::MariaDb, code::QUERY, &known[..end]).is_err(), "{end}");
        }
    }
}
