//! The text of a type, read.
//!
//! Every part of the text has to be one that the type has: what is left over makes it another text than a type.

use super::{BLOBS, GEOMETRIES, INTEGERS, Sign, SqlType, TEXTS};

/// What servers write after a type. It says how values are stored on that server, not which they are.
const REMARKS: [&str; 3] = [" /*M!100301 COMPRESSED*/", " /* mariadb-5.3 */", " /* 5.5 binary format */"];

/// Labels of an ENUM; its numbers have two bytes.
const ENUM_LABELS_MAX: usize = 65_535;
/// Labels of a SET; one bit each.
const SET_LABELS_MAX: usize = 64;
/// Characters of a label (MySQL manual, "The ENUM Type").
const LABEL_CHARS_MAX: usize = 255;

fn named<T: Copy>(list: &[(&'static str, T)], name: &str) -> Option<T> {
    list.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

impl SqlType {
    /// Parses `varchar(40)`, `decimal(10,2) unsigned`, `enum('a','it''s')`; the message says what is wrong.
    pub fn parse(text: &str) -> Result<SqlType, String> {
        let text = REMARKS.iter().find_map(|remark| text.strip_suffix(remark)).unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
        let word = text[..end].to_ascii_lowercase();
        let rest = &text[end..];
        if word == "enum" || word == "set" {
            let labels = labels(rest)?;
            let (most, least) = if word == "set" { (SET_LABELS_MAX, 1) } else { (ENUM_LABELS_MAX, 1) };
            if !(least..=most).contains(&labels.len()) {
                return Err(format!("{word} with {} labels; {least} to {most} are possible", labels.len()));
            }
            return Ok(if word == "set" { SqlType::Set(labels) } else { SqlType::Enum(labels) });
        }
        let mut arguments = Arguments::split(rest)?;
        let parsed = SqlType::of(&word, &mut arguments)?;
        arguments.ensure_used(&word)?;
        Ok(parsed)
    }

    fn of(word: &str, arguments: &mut Arguments) -> Result<SqlType, String> {
        if let Some(bits) = named(&INTEGERS, word) {
            let width = arguments.first(0, 255)?.map(|width| width as u8);
            return Ok(SqlType::Integer { bits, width, sign: arguments.sign()? });
        }
        if let Some(size) = named(&TEXTS, word) {
            return Ok(SqlType::Text(size));
        }
        if let Some(size) = named(&BLOBS, word) {
            return Ok(SqlType::Blob(size));
        }
        if let Some(kind) = named(&GEOMETRIES, word) {
            return Ok(SqlType::Geometry(kind));
        }
        let mut needed = |min: u16, max: u16| {
            arguments.first(min, max)?.ok_or_else(|| format!("{word} without a length in parentheses"))
        };
        Ok(match word {
            "char" => SqlType::Char(arguments.first(0, 255)?.unwrap_or(1) as u8),
            "varchar" => SqlType::Varchar(needed(0, u16::MAX)?),
            "binary" => SqlType::Binary(arguments.first(0, 255)?.unwrap_or(1) as u8),
            "varbinary" => SqlType::Varbinary(needed(0, u16::MAX)?),
            // Numbers of four bytes in a VARBINARY's 65,535, or MySQL's own limit, which is the same.
            "vector" => SqlType::Vector(needed(1, 16_383)?),
            "bit" => SqlType::Bit(arguments.first(1, 64)?.unwrap_or(1) as u8),
            "year" => SqlType::Year(arguments.first(4, 4)?.map(|width| width as u8)),
            "json" => SqlType::Json,
            "date" => SqlType::Date,
            "datetime" => SqlType::DateTime(arguments.first(0, 6)?.unwrap_or(0) as u8),
            "timestamp" => SqlType::Timestamp(arguments.first(0, 6)?.unwrap_or(0) as u8),
            "time" => SqlType::Time(arguments.first(0, 6)?.unwrap_or(0) as u8),
            // MariaDB has up to 38 digits after the point here and in DECIMAL, MySQL 30.
            "float" | "double" => {
                let digits = match (arguments.first(1, 255)?, arguments.second(0, 38)?) {
                    (None, None) => None,
                    (Some(all), Some(fraction)) if fraction <= all => Some((all as u8, fraction as u8)),
                    _ => return Err(format!("{word} with other digits than (all, after the point)")),
                };
                SqlType::Float { double: word == "double", digits, sign: arguments.sign()? }
            }
            "decimal" | "numeric" => {
                let precision = arguments.first(1, 65)?.unwrap_or(10) as u8;
                let scale = arguments.second(0, 38)?.unwrap_or(0) as u8;
                if scale > precision {
                    return Err(format!("{word}({precision},{scale}) with more digits after the point than in all"));
                }
                SqlType::Decimal { precision, scale, sign: arguments.sign()? }
            }
            "" => return Err("no name of a type".to_owned()),
            other => return Err(format!("the type '{}', which is not known", rowmill_foreign::line(other))),
        })
    }
}

/// The labels in `('a','it''s')`, and nothing after it.
fn labels(text: &str) -> Result<Vec<String>, String> {
    const LIST: &str = "labels that are not a list of texts in quotes";
    let mut chars = text.chars();
    if chars.next() != Some('(') {
        return Err("no labels".to_owned());
    }
    let mut labels = Vec::new();
    loop {
        if chars.next() != Some('\'') {
            return Err(LIST.to_owned());
        }
        let (mut label, mut length) = (String::new(), 0);
        let after = loop {
            match chars.next().ok_or(LIST)? {
                '\'' => match chars.next() {
                    Some('\'') => label.push('\''),
                    after => break after,
                },
                // The escapes that servers write.
                '\\' => label.push(match chars.next() {
                    Some('\\') => '\\',
                    Some('0') => '\0',
                    Some('n') => '\n',
                    Some('r') => '\r',
                    _ => return Err("a label with an escape that is none of \\\\, \\0, \\n, \\r".to_owned()),
                }),
                c => label.push(c),
            }
            length += 1;
        };
        if length > LABEL_CHARS_MAX {
            return Err(format!("a label of {length} characters; the longest has {LABEL_CHARS_MAX}"));
        }
        labels.push(label);
        match after {
            Some(',') => {}
            Some(')') if chars.as_str().is_empty() => return Ok(labels),
            _ => return Err(LIST.to_owned()),
        }
    }
}

/// What follows the name of a type: up to two numbers in parentheses, then words.
struct Arguments {
    first: Option<u16>,
    second: Option<u16>,
    sign: Sign,
}

impl Arguments {
    fn split(text: &str) -> Result<Arguments, String> {
        let shown = || rowmill_foreign::line(&text.chars().take(64).collect::<String>()).into_owned();
        let mut numbers = [None, None];
        let mut words = text;
        if let Some(rest) = text.strip_prefix('(') {
            let (inside, after) = rest.split_once(')').ok_or_else(|| format!("'{}' without its end", shown()))?;
            words = after;
            for (i, part) in inside.split(',').enumerate() {
                let part = part.trim_matches(' ');
                let digits = (1..=5).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
                let number = part.parse().ok().filter(|_| digits);
                match (numbers.get_mut(i), number) {
                    (Some(place), Some(number)) => *place = Some(number),
                    _ => return Err(format!("'{}' where up to two numbers can be", shown())),
                }
            }
        }
        let sign = match words.to_ascii_lowercase().as_str() {
            "" => Sign::Signed,
            " unsigned" => Sign::Unsigned,
            " unsigned zerofill" | " zerofill" => Sign::Zerofill,
            _ => return Err(format!("'{}' after the type's name", shown())),
        };
        Ok(Arguments { first: numbers[0], second: numbers[1], sign })
    }

    fn first(&mut self, min: u16, max: u16) -> Result<Option<u16>, String> {
        within(self.first.take(), min, max)
    }

    fn second(&mut self, min: u16, max: u16) -> Result<Option<u16>, String> {
        within(self.second.take(), min, max)
    }

    fn sign(&mut self) -> Result<Sign, String> {
        Ok(std::mem::replace(&mut self.sign, Sign::Signed))
    }

    /// What no part of the type asked for makes it another text than a type.
    fn ensure_used(&self, word: &str) -> Result<(), String> {
        match (self.first, self.second, self.sign) {
            (None, None, Sign::Signed) => Ok(()),
            (None, None, _) => Err(format!("{word} with{}", self.sign)),
            _ => Err(format!("{word} with more numbers in parentheses than it has")),
        }
    }
}

fn within(number: Option<u16>, min: u16, max: u16) -> Result<Option<u16>, String> {
    match number {
        Some(n) if !(min..=max).contains(&n) => Err(format!("the number {n}, where {min} to {max} are possible")),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_write_is_printed_as_it_was() {
        for text in [
            "tinyint(1)",
            "int",
            "int(11)",
            "int(10) unsigned zerofill",
            "bigint(20) unsigned",
            "mediumint unsigned",
            "float",
            "float(7,3) unsigned",
            "double(40,38)",
            "double(10,2) unsigned zerofill",
            "decimal(65,30)",
            "decimal(10,0) unsigned",
            "bit(1)",
            "year",
            "year(4)",
            "char(0)",
            "varchar(65535)",
            "tinytext",
            "longtext",
            "binary(16)",
            "varbinary(0)",
            "mediumblob",
            "geomcollection",
            "geometrycollection",
            "multilinestring",
            "vector(3)",
            "json",
            "date",
            "datetime",
            "datetime(6)",
            "timestamp(3)",
            "time(1)",
            "enum('a\\\\b','it''s','x,y','q\"r','ü','')",
            "set('a','b')",
            "enum('c\\nd','e\\0f','(')",
        ] {
            assert_eq!(SqlType::parse(text).map(|t| t.to_string()).as_deref(), Ok(text));
        }
        let compressed = SqlType::parse("varchar(100) /*M!100301 COMPRESSED*/").unwrap();
        assert_eq!(compressed.definition(), "varchar(100)");
        // A server's own can be longer than a component's.
        let labels: Vec<String> = (0..10_000).map(|n| format!("'label {n:06}'")).collect();
        let long = format!("enum({})", labels.join(","));
        assert_eq!(SqlType::parse(&long).map(|t| t.to_string()), Ok(long));
    }

    #[test]
    fn labels_are_what_they_mean() {
        let Ok(SqlType::Enum(labels)) = SqlType::parse("enum('a\\\\b','it''s','x,y','')") else { panic!() };
        assert_eq!(labels, ["a\\b", "it's", "x,y", ""]);
    }

    #[test]
    fn what_says_more_than_a_type_is_none() {
        let long = format!("enum('{}')", "x".repeat(10 << 20));
        let many = format!("set({})", vec!["'x'"; 65].join(","));
        let label = format!("enum('{}')", "x".repeat(256));
        for text in [
            "int); DROP TABLE x; --",
            "int, `y` int",
            "enum('a') , b int",
            "enum('a'),b int",
            "int /* x */",
            "int --",
            "int\n",
            "\nint",
            " int",
            "int ",
            "int#",
            "int;",
            "int(11",
            "int(1,2)",
            "int(256)",
            "int(-1)",
            "int(+1)",
            "varchar",
            "varchar()",
            "varchar(99999999999)",
            "varchar(65536)",
            "varchar(4 0)",
            "char(256)",
            "decimal(70,40)",
            "decimal(5,6)",
            "decimal(0,0)",
            "bit(0)",
            "bit(65)",
            "datetime(7)",
            "vector(0)",
            "vector(16384)",
            "json(1)",
            "text(10)",
            "date unsigned",
            "varchar(10) unsigned",
            "int unsigned unsigned",
            "int unsigned NOT NULL",
            "int DEFAULT 1",
            "int\u{a0}unsigned",
            "enum()",
            "enum('a",
            "enum('a')) x",
            "enum('a\\')",
            "enum('a\\x')",
            "enum(\"a\")",
            "enum('a'b')",
            "enum('a' 'b')",
            "enum(‘a’)",
            "enum('a',)",
            "set()",
            "",
            "(",
            "nonsense",
            "uuid",
            "serial",
            "varchar(10) CHARACTER SET utf8mb4",
            &long,
            &many,
            &label,
        ] {
            assert!(SqlType::parse(text).is_err(), "{}", &text[..text.len().min(80)]);
        }
    }
}
