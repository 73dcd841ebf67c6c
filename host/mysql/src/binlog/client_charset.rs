//! The texts of statements, from the character sets that clients sent them in.
//!
//! In some sets the second byte of a letter can be that of a backslash or a backquote, so a text is decoded
//! before it is split into words.
//!
//! A server also writes statements itself (CREATE TABLE … SELECT, CREATE OR REPLACE): in UTF-8, in an event that
//! says the client's set. Nothing in the event tells the two apart. So a text that is UTF-8 as well as
//! something else has two readings, and what either of them concerns is concerned.
//!
//! Of a text in an unknown set, or with letters that its set does not have, not even the words are known.

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

/// The collations of the one set in which ASCII's signs are letters.
const SWE7: [u16; 2] = [10, 82];
const SWE7_LETTERS: &[u8] = b"@[\\]^`{|}~";

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

    /// What a statement's text may say.
    pub(crate) fn readings<'q>(&self, query: &'q Query<'_>) -> Readings<'q> {
        let lossy = || String::from_utf8_lossy(&query.text);
        let letters =
            query.charset.is_some_and(|id| SWE7.contains(&id)) && query.text.iter().any(|b| SWE7_LETTERS.contains(b));
        if query.text.is_ascii() && letters {
            return Readings { texts: vec![lossy()], decoded: false };
        }
        if query.text.is_ascii() {
            return Readings { texts: vec![lossy()], decoded: true };
        }
        let utf8 = std::str::from_utf8(&query.text).ok().map(Cow::Borrowed);
        let set = query.charset.and_then(|id| self.sets.get(&id));
        if let Some(Charset::Utf8) = set {
            // No byte of a letter is that of a sign, so that what is no letter hides no words.
            return Readings { texts: vec![lossy()], decoded: true };
        }
        let mut bytes = Vec::new();
        let decoded = set.filter(|set| set.decode(&query.text, &mut bytes).is_ok());
        let decoded = decoded.and_then(|_| String::from_utf8(bytes).ok()).map(Cow::Owned);
        // Without a set it may be anything, also if it happens to be UTF-8.
        let texts: Vec<_> = decoded.into_iter().chain(utf8.filter(|_| set.is_some())).collect();
        match texts.is_empty() {
            true => Readings { texts: vec![lossy()], decoded: false },
            false => Readings { texts, decoded: true },
        }
    }
}

/// What a text may say.
#[derive(Debug)]
pub(crate) struct Readings<'q> {
    /// One reading or two. Bytes that mean nothing are [`UNREADABLE`].
    pub(crate) texts: Vec<Cow<'q, str>>,
    /// False if it could not be decoded, and so may say something else.
    pub(crate) decoded: bool,
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
        let readings = ClientCharsets { sets }.readings(&query);
        let mark = if readings.decoded { "" } else { "? " };
        readings.texts.into_iter().map(|text| format!("{mark}{text}")).collect()
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
        // Braces are letters in this set.
        assert_eq!(readings(Some(10), b"TRUNCATE t{b"), ["? TRUNCATE t{b"]);
        assert_eq!(readings(Some(10), b"TRUNCATE tb"), ["TRUNCATE tb"]);
    }

    #[test]
    fn what_has_no_letters_of_a_known_set_is_not_decoded() {
        for charset in [None, Some(9999)] {
            assert_eq!(readings(charset, "`ö` a".as_bytes()), ["? `ö` a"]);
            assert_eq!(readings(charset, b"BEGIN"), ["BEGIN"]);
        }
        // A lead byte and a backslash that are no letter.
        assert_eq!(readings(Some(13), b"'\x85\x5c' t"), ["? '\u{fffd}\\' t"]);
        // The server wrote it itself.
        assert_eq!(readings(Some(13), "`表`, '\u{85}\\'".as_bytes()), ["`表`, '\u{85}\\'"]);
    }

    #[test]
    fn hostile_bytes_are_no_panics() {
        use rand::prelude::*;
        let mut random = StdRng::seed_from_u64(1);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.random_range(0..40)).map(|_| random.random()).collect();
            assert!(!readings([8, 13, 28, 45, 1].map(Some)[random.random_range(0..5)], &bytes).is_empty());
        }
    }
}
