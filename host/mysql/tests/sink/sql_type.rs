//! Parsed types against the servers that they are printed for: a text that parses is one column and
//! nothing more, whatever it was made of.

#![expect(clippy::disallowed_methods, reason = "texts that are not the product's own are the subject")]

use mysql_async::prelude::Queryable;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rowmill_change::SqlType;

use crate::support::*;

const TYPES: [&str; 40] = [
    "tinyint(1)",
    "smallint(5) unsigned",
    "mediumint",
    "int",
    "int(10) unsigned zerofill",
    "bigint(20) unsigned",
    "float",
    "float(7,3) unsigned",
    "double",
    "double(10,2)",
    "decimal(10,2)",
    "decimal(30,0) unsigned",
    "bit(3)",
    "year",
    "char(0)",
    "char(40)",
    "varchar(40)",
    "varchar(0)",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "enum('a','it''s','x,y')",
    "enum('a\\\\b','c\\nd','')",
    "set('a','b','c')",
    "binary(16)",
    "varbinary(255)",
    "tinyblob",
    "longblob",
    "geometry",
    "point",
    "geometrycollection",
    "json",
    "date",
    "datetime(6)",
    "datetime",
    "timestamp(3)",
    "time(1)",
    "set('ü','世','\"')",
    "enum('(',')','--',';','/*')",
];

/// Pieces that mean something to SQL or to the parser.
const PIECES: [&str; 28] = [
    "'",
    "''",
    "\\",
    "\\\\",
    "\\'",
    "(",
    ")",
    ",",
    " ",
    ";",
    "--",
    "-- ",
    "#",
    "/*",
    "*/",
    "`",
    "\"",
    "\n",
    "\0",
    "int",
    "0",
    "9",
    " unsigned",
    " zerofill",
    " NOT NULL",
    ", b int",
    "\u{2019}",
    "ä",
];

/// One of the types, with up to three pieces put in, taken out or doubled.
fn mutated(random: &mut StdRng) -> String {
    let mut text: Vec<char> = TYPES.choose(random).unwrap().chars().collect();
    for _ in 0..random.random_range(0..=3) {
        let at = random.random_range(0..=text.len());
        match random.random_range(0..3) {
            0 => drop(text.splice(at..at, PIECES.choose(random).unwrap().chars())),
            1 if at < text.len() => drop(text.remove(at)),
            _ => {
                let to = random.random_range(at..=text.len());
                let copy: Vec<char> = text[at..to].to_vec();
                text.splice(at..at, copy);
            }
        }
    }
    text.into_iter().collect()
}

#[test]
fn what_is_printed_parses_to_the_same() {
    let mut random = StdRng::seed_from_u64(7);
    let mut parsed = 0;
    for _ in 0..200_000 {
        let text = mutated(&mut random);
        if let Ok(one) = SqlType::parse(&text) {
            parsed += 1;
            let printed = one.to_string();
            assert_eq!(SqlType::parse(&printed), Ok(one), "{text:?} as {printed:?}");
        }
    }
    assert!(parsed > 20_000, "{parsed}");
    for text in TYPES {
        assert_eq!(SqlType::parse(text).map(|one| one.to_string()).as_deref(), Ok(text));
    }
}

#[tokio::test]
async fn what_parses_is_one_column_for_both_servers() {
    for kind in BOTH {
        let server = server(kind);
        options(server, "parsed");
        server.sql("ALTER DATABASE parsed CHARACTER SET utf8mb4").unwrap();
        let mut conn = mysql_async::Conn::from_url(server.url("parsed")).await.unwrap();
        let mut random = StdRng::seed_from_u64(11);
        let mut created = 0;
        for _ in 0..1_500 {
            let text = mutated(&mut random);
            let Ok(parsed) = SqlType::parse(&text) else { continue };
            match conn.query_drop(format!("CREATE TEMPORARY TABLE t (c {parsed} NULL)")).await {
                Ok(()) => {
                    let columns: Vec<mysql_async::Row> = conn.query("SHOW COLUMNS FROM t").await.unwrap();
                    assert_eq!(columns.len(), 1, "{text:?} on {kind:?}");
                    let shown: String = columns[0].get(1).unwrap();
                    let same = SqlType::parse(&shown).map(|shown| without_width(&shown) == without_width(&parsed));
                    assert_eq!(same, Ok(true), "{text:?} became {shown:?} on {kind:?}");
                    conn.query_drop("DROP TEMPORARY TABLE t").await.unwrap();
                    created += 1;
                }
                // Too long, too many digits, a label twice: a limit, never another reading of the text.
                Err(mysql_async::Error::Server(e)) => {
                    assert_ne!(e.code, 1064, "{text:?} as {parsed} on {kind:?}: {}", e.message);
                }
                Err(other) => panic!("{text:?} on {kind:?}: {other}"),
            }
        }
        assert!(created > 300, "{created} on {kind:?}");
        assert_eq!(rows(server, "SHOW TABLES FROM parsed"), Vec::<String>::new());
    }
}

/// Display widths are shown by one server and not by the other, and a JSON of MariaDB is a LONGTEXT.
fn without_width(parsed: &SqlType) -> SqlType {
    match parsed.clone() {
        SqlType::Integer { bits, sign, .. } => SqlType::Integer { bits, width: None, sign },
        SqlType::Year(_) => SqlType::Year(None),
        SqlType::Json => SqlType::Text(rowmill_change::Size::Long),
        SqlType::Geometry(rowmill_change::Geometry::GeomCollection) => {
            SqlType::Geometry(rowmill_change::Geometry::GeometryCollection)
        }
        // Spaces at the end of a label are not kept.
        SqlType::Enum(labels) => SqlType::Enum(labels.iter().map(|l| l.trim_end_matches(' ').to_owned()).collect()),
        SqlType::Set(labels) => SqlType::Set(labels.iter().map(|l| l.trim_end_matches(' ').to_owned()).collect()),
        other => other,
    }
}
