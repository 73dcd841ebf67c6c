//! The texts of statements, from the character sets that clients sent them in.
//!
//! In some sets the second byte of a letter can be that of a backslash or a backquote, so a text is decoded
//! before it is split into words.
//!
//! A server also writes statements itself (CREATE TABLE … SELECT, CREATE OR REPLACE): in UTF-8, in an event that
//! says the client's set. Nothing in the event tells the two apart. So a text that is UTF-8 as well as
//! something else has two readings, and what either of them concerns is concerned.

use std::borrow::Cow;
use std::collections::HashMap;

use mysql_async::Row;

use super::query::Query;
use crate::charset::{Charset, Charsets};
use crate::endpoint::{Conn, Flavor};
use crate::error::{Doing, Result};
use crate::statement::{Statement, Word};

/// What stands in a text for a byte that could not be decoded. No table's name has it.
pub(crate) const UNREADABLE: char = char::REPLACEMENT_CHARACTER;

/// The character sets of clients, by the numbers of their collations.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientCharsets {
    sets: HashMap<u16, Charset>,
}

impl ClientCharsets {
    /// Asks the server for its collations and for the letters of its single-byte sets.
    pub(crate) async fn read(conn: &mut Conn, flavor: Flavor) -> Result<ClientCharsets> {
        const DOING: &str = "reading the character sets";
        let collations: Vec<(u64, String)> = conn
            .query(match flavor {
                Flavor::MySql => "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS",
                // Its COLLATIONS leaves the sets of collations out that belong to several.
                Flavor::MariaDb => {
                    "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY \
                     WHERE ID IS NOT NULL AND CHARACTER_SET_NAME IS NOT NULL"
                }
            })
            .await
            .doing(DOING)?;
        let built_in = Charsets::default();
        let mut sets: HashMap<String, Charset> = HashMap::new();
        let mut asked = Vec::new();
        for (_, name) in &collations {
            match built_in.get(name) {
                Some(set) => sets.insert(name.clone(), set),
                // Names in a text of no character set are the server's own: UTF-8.
                None if name == "binary" => sets.insert(name.clone(), Charset::Utf8),
                None => {
                    if !asked.iter().any(|word: &Word| word.as_str() == name) {
                        asked.push(Word::of_server(name)?);
                    }
                    None
                }
            };
        }
        let letters = |select: Statement, set: &Word| {
            let bytes = select.text("CONVERT(CONVERT(CHAR(").list(",", 128..=255u8, Statement::number);
            bytes.text(") USING ").word(set).text(") USING utf8mb4)")
        };
        let select = Statement::new("SELECT ").list(", ", &asked, letters);
        let row: Option<Row> = if asked.is_empty() { None } else { conn.query_first(select).await.doing(DOING)? };
        for (i, set) in asked.iter().enumerate() {
            let letters: Option<String> = row.as_ref().and_then(|row| row.get::<Option<String>, _>(i).flatten());
            let letters: Vec<String> = letters.unwrap_or_default().chars().map(String::from).collect();
            if let Ok(letters) = <[String; 128]>::try_from(letters) {
                sets.insert(set.as_str().to_owned(), Charset::Single(letters.into()));
            }
        }
        let numbered =
            collations.into_iter().filter_map(|(id, name)| Some((id.try_into().ok()?, sets.get(&name)?.clone())));
        Ok(ClientCharsets { sets: numbered.collect() })
    }

    /// What a statement's text may say: one reading, or two. Bytes that mean nothing are [`UNREADABLE`].
    pub(crate) fn readings<'q>(&self, query: &'q Query<'_>) -> Vec<Cow<'q, str>> {
        let utf8 = std::str::from_utf8(&query.text).ok().map(Cow::Borrowed);
        if query.text.is_ascii() {
            return utf8.into_iter().collect();
        }
        match query.charset.and_then(|id| self.sets.get(&id)) {
            Some(Charset::Utf8) => vec![String::from_utf8_lossy(&query.text)],
            Some(set) => [Cow::Owned(set.decode_lossy(&query.text))].into_iter().chain(utf8).collect(),
            None => {
                let one = |&byte: &u8| if byte.is_ascii() { char::from(byte) } else { UNREADABLE };
                vec![Cow::Owned(query.text.iter().map(one).collect())]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::query::Syntax;

    fn readings(charset: Option<u16>, text: &[u8]) -> Vec<String> {
        let built_in = Charsets::default();
        let sets = [(8, "latin1"), (13, "sjis"), (28, "gbk"), (45, "utf8mb4")];
        let sets = sets.map(|(id, name)| (id, built_in.get(name).unwrap())).into();
        let query = Query { thread: 1, schema: "".into(), text: text.into(), charset, syntax: Syntax::default() };
        ClientCharsets { sets }.readings(&query).into_iter().map(Cow::into_owned).collect()
    }

    #[test]
    fn a_text_is_decoded_by_the_set_of_its_client() {
        assert_eq!(readings(Some(8), b"DROP TABLE `gr\xf6\xdfe`"), ["DROP TABLE `größe`"]);
        // 0x5C and 0x60 are second bytes here.
        assert_eq!(readings(Some(13), b"`\x95\x5c` `\x83\x60`"), ["`表` `チ`"]);
        assert_eq!(readings(Some(28), b"'\xd5\x5c'"), ["'誠'"]);
        assert_eq!(readings(Some(45), b"a\xff"), ["a\u{fffd}"]);
    }

    #[test]
    fn what_the_server_may_have_written_itself_has_two_readings() {
        assert_eq!(readings(Some(8), "`größe`".as_bytes()), ["`grÃ¶ÃŸe`", "`größe`"]);
        assert_eq!(readings(Some(8), b"`t`"), ["`t`"]);
    }

    #[test]
    fn without_a_known_set_only_ascii_is_readable() {
        for charset in [None, Some(9999)] {
            assert_eq!(readings(charset, "`ö` a".as_bytes()), ["`\u{fffd}\u{fffd}` a"]);
            assert_eq!(readings(charset, b"BEGIN"), ["BEGIN"]);
        }
    }
}
