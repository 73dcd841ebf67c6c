//! What a component says of a column that it makes: its name and its facts, checked before anything is bound.
//!
//! A result field's attributes become field metadata, and that decides what is created in the target. A fact
//! that is passed on from an argument is a server's own and parses; one that doesn't parse, is out of MySQL's
//! range or contradicts another is a mistake in the component. A `mysql-type` whose values have another type
//! than the field is no contradiction: a sum has its argument's attributes still, and they are ignored.
//! Keys that are not known here are ignored as well.

use arrow_schema::{DataType, Field};
use rowmill_foreign::{ensure_column_name, line};

use crate::{INVISIBLE, KEY_HASH, SqlType, TYPE_BYTES_MAX};

/// Attributes of one field; the contract names four.
const FACTS_MAX: usize = 64;
/// Bytes of all of them. The longest is a type, of up to [`TYPE_BYTES_MAX`].
const FACT_BYTES_MAX: usize = 128 << 10;

/// The character sets of MySQL and MariaDB, by which the names of their collations begin.
const CHARSETS: [&str; 42] = [
    "armscii8", "ascii", "big5", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "cp932",
    "dec8", "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8", "keybcs2", "koi8r",
    "koi8u", "latin1", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "swe7", "tis620", "ucs2", "ujis",
    "utf16", "utf16le", "utf32", "utf8", "utf8mb3", "utf8mb4",
];

/// A fact or a name that can't be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongFact {
    /// What it is about: "attribute mysql-type", "name".
    pub subject: String,
    /// What was found, on one line.
    pub found: String,
    /// What would be right.
    pub needed: String,
}

fn wrong(subject: &str, found: impl AsRef<str>, needed: impl Into<String>) -> WrongFact {
    /// Enough to know it by.
    const SHOWN_MAX: usize = 200;
    let found = found.as_ref();
    let cut: String = found.chars().take(SHOWN_MAX).collect();
    let more = if cut.len() < found.len() { "…" } else { "" };
    WrongFact { subject: subject.to_owned(), found: format!("{}{more}", line(&cut)), needed: needed.into() }
}

/// Checks a name by MySQL's rules for columns (manual, "Schema Object Names"), and that it is not the one of
/// the column that the sink adds. A source's column of that name is not made here, and can be passed on.
pub fn check_name(name: &str) -> Result<(), WrongFact> {
    const RULE: &str =
        "a name of 1 to 64 characters of the Basic Multilingual Plane, without NUL and without a space at its end";
    ensure_column_name(name).map_err(|found| match name {
        "" => wrong("name", found, RULE),
        _ => wrong("name", name, RULE),
    })?;
    if name.eq_ignore_ascii_case(KEY_HASH) {
        return Err(wrong("name", name, format!("another name: {KEY_HASH} is the hash of a key that can be NULL")));
    }
    Ok(())
}

/// Checks the attributes of a field that a component made.
pub fn check_facts(field: &Field) -> Result<(), WrongFact> {
    let facts = field.metadata();
    let bytes: usize = facts.iter().map(|(key, value)| key.len() + value.len()).sum();
    if facts.len() > FACTS_MAX || bytes > FACT_BYTES_MAX {
        let found = format!("{} of {bytes} bytes", facts.len());
        let needed = format!("at most {FACTS_MAX} of {FACT_BYTES_MAX} bytes in all");
        return Err(wrong("attributes", found, needed));
    }
    if facts.contains_key(INVISIBLE) {
        return Err(wrong(&format!("attribute {INVISIBLE}"), "it", "no such attribute: rowmill keeps it for itself"));
    }
    let parsed = facts.get("mysql-type").map(|text| check_type(text, facts.get("collation"))).transpose()?;
    if let Some(collation) = facts.get("collation") {
        check_collation(collation)?;
    }
    let number = |key: &str, max: u64| match facts.get(key) {
        None => Ok(None),
        Some(text) => match text.parse().ok().filter(|n| *n <= max && text.bytes().all(|b| b.is_ascii_digit())) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(&format!("attribute {key}"), text, format!("a number of 0 to {max}"))),
        },
    };
    let (chars, fsp) = (number("max-chars", u64::MAX)?, number("fsp", 6)?);
    if let Some(parsed) = &parsed {
        check_numbers(field.data_type(), parsed, chars, fsp)?;
    }
    Ok(())
}

fn check_type(text: &str, collation: Option<&String>) -> Result<SqlType, WrongFact> {
    const SUBJECT: &str = "attribute mysql-type";
    if text.len() > TYPE_BYTES_MAX {
        let needed = format!("a type of at most {TYPE_BYTES_MAX} bytes, this has {}", text.len());
        return Err(wrong(SUBJECT, text, needed));
    }
    let parsed = SqlType::parse(text).map_err(|why| {
        wrong(SUBJECT, text, format!("a column type as MySQL writes it, such as varchar(40); this has {why}"))
    })?;
    let (labels, set) = match &parsed {
        SqlType::Enum(labels) => (labels, false),
        SqlType::Set(labels) => (labels, true),
        _ => return Ok(parsed),
    };
    // A server refuses labels that its collation takes for the same.
    let endings = ["_bin", "_cs", "_cs_ks"];
    let by_case = collation.is_some_and(|name| name == "binary" || endings.iter().any(|end| name.ends_with(end)));
    if has_twice(labels, by_case) {
        let needed = if by_case {
            "labels that differ"
        } else {
            "labels that differ by more than case, or an attribute collation that tells case apart (_bin, _cs)"
        };
        return Err(wrong(SUBJECT, text, needed));
    }
    if labels.iter().any(|label| label.ends_with(' ') || (set && label.contains(','))) {
        return Err(wrong(SUBJECT, text, "labels without a space at the end, and without a comma in a SET"));
    }
    Ok(parsed)
}

/// True if two labels are the same, or differ in case only where that doesn't count.
fn has_twice(labels: &[String], by_case: bool) -> bool {
    let compared = |label: &String| if by_case { label.clone() } else { label.to_lowercase() };
    let mut sorted: Vec<String> = labels.iter().map(compared).collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

fn check_collation(collation: &str) -> Result<(), WrongFact> {
    let is_word = collation.len() <= 64 && collation.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let charset = collation.split('_').next().unwrap_or_default();
    // MariaDB's short names stand for several character sets.
    if is_word && (CHARSETS.contains(&charset) || charset == "uca1400") {
        return Ok(());
    }
    Err(wrong("attribute collation", collation, "a collation of MySQL or MariaDB, such as utf8mb4_0900_ai_ci"))
}

/// Where the type counts, the other facts say the same.
fn check_numbers(arrow: &DataType, parsed: &SqlType, chars: Option<u64>, fsp: Option<u64>) -> Result<(), WrongFact> {
    let digits = match (arrow, parsed) {
        (DataType::Timestamp(..), SqlType::DateTime(digits) | SqlType::Timestamp(digits))
        | (DataType::Duration(_), SqlType::Time(digits)) => Some(u64::from(*digits)),
        _ => None,
    };
    if let (Some(digits), Some(fsp)) = (digits, fsp)
        && digits != fsp
    {
        return Err(wrong(
            "attribute fsp",
            fsp.to_string(),
            format!("{digits}, as the attribute mysql-type ({parsed}) says"),
        ));
    }
    let length = match parsed {
        _ if !parsed.fits_arrow(arrow) => None,
        SqlType::Char(length) => Some(u64::from(*length)),
        SqlType::Varchar(length) => Some(u64::from(*length)),
        _ => None,
    };
    if let (Some(length), Some(chars)) = (length, chars)
        && length != chars
    {
        let needed = format!("{length}, as the attribute mysql-type ({parsed}) says");
        return Err(wrong("attribute max-chars", chars.to_string(), needed));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow_schema::TimeUnit;

    use super::*;

    fn check(arrow: DataType, facts: &[(&str, &str)]) -> Result<(), String> {
        let facts: HashMap<String, String> =
            facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        check_facts(&Field::new("c", arrow, true).with_metadata(facts)).map_err(|wrong| wrong.subject)
    }

    #[test]
    fn facts_of_servers_pass() {
        let datetime = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (arrow, facts) in [
            (
                DataType::Utf8,
                vec![("mysql-type", "varchar(40)"), ("max-chars", "40"), ("collation", "utf8mb4_0900_ai_ci")],
            ),
            (
                DataType::Utf8,
                vec![("mysql-type", "longtext"), ("max-chars", "4294967295"), ("collation", "latin1_swedish_ci")],
            ),
            (DataType::Utf8, vec![("mysql-type", "enum('a','it''s')"), ("max-chars", "4"), ("collation", "binary")]),
            (DataType::Utf8, vec![("mysql-type", "enum('a','A')"), ("collation", "utf8mb4_0900_as_cs")]),
            (DataType::Utf8, vec![("mysql-type", "set('a','A')"), ("collation", "latin1_bin")]),
            (datetime, vec![("mysql-type", "datetime(3)"), ("fsp", "3")]),
            // The sum of an INT.
            (DataType::Decimal128(32, 0), vec![("mysql-type", "int")]),
            (DataType::Int64, vec![("unit", "'; DROP TABLE x"), ("mysql-type", "bigint(20)")]),
        ] {
            assert_eq!(check(arrow, &facts), Ok(()), "{facts:?}");
        }
    }

    #[test]
    fn facts_that_can_not_be_are_named() {
        for (facts, subject) in [
            (vec![("mysql-type", "int); DROP TABLE x; --")], "attribute mysql-type"),
            (vec![("mysql-type", "enum('a','a')")], "attribute mysql-type"),
            (vec![("mysql-type", "enum('a','A')")], "attribute mysql-type"),
            (vec![("mysql-type", "set('é','É')"), ("collation", "utf8mb4_0900_ai_ci")], "attribute mysql-type"),
            (vec![("mysql-type", "enum('a ')")], "attribute mysql-type"),
            (vec![("mysql-type", "set('a,b')")], "attribute mysql-type"),
            (vec![("collation", "utf8mb4 COMMENT 'x'")], "attribute collation"),
            (vec![("collation", "klingon_ci")], "attribute collation"),
            (vec![("collation", "")], "attribute collation"),
            (vec![("max-chars", "99999999999999999999999")], "attribute max-chars"),
            (vec![("max-chars", "+1")], "attribute max-chars"),
            (vec![("fsp", "7")], "attribute fsp"),
            (vec![("mysql-type", "varchar(40)"), ("max-chars", "50")], "attribute max-chars"),
            (vec![(INVISIBLE, "true")], "attribute rowmill.invisible"),
        ] {
            assert_eq!(check(DataType::Utf8, &facts), Err(subject.to_owned()), "{facts:?}");
        }
        let time = DataType::Duration(TimeUnit::Microsecond);
        assert_eq!(check(time, &[("mysql-type", "time(3)"), ("fsp", "6")]), Err("attribute fsp".to_owned()));
        let long = "x".repeat(10 << 20);
        assert_eq!(check(DataType::Int8, &[("note", &long)]), Err("attributes".to_owned()));
        let labels: Vec<String> = (0..10_000).map(|n| format!("'{n:06}'")).collect();
        let many = format!("enum({})", labels.join(","));
        assert_eq!(check(DataType::Utf8, &[("mysql-type", &many)]), Err("attribute mysql-type".to_owned()));
    }

    #[test]
    fn names_are_those_of_columns() {
        for right in ["a", " a", "größe", "世界", "select", "a b", "`", &"x".repeat(64)] {
            assert_eq!(check_name(right), Ok(()), "{right}");
        }
        for wrong in ["", "a ", "a\0b", "😀", &"x".repeat(65), " ", "_key", "_KEY"] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }
}
