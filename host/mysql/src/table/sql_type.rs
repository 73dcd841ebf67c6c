//! A column's type as MySQL writes it, parsed into a closed set and printed again.
//!
//! The texts come from a server's information_schema, or from a component, in a result's `mysql-type`.
//! What is created on a target is printed from the parsed type ([`SqlType::definition`]), never from the
//! text: a text that says more than a type is no type.
//!
//! [`Display`](std::fmt::Display) prints what information_schema shows; for what a server sends,
//! parsing and printing give the same text back (but for the few remarks in [`REMARKS`]).

use std::fmt::{self, Write as _};

/// The longest text that is looked at. The labels of an ENUM or SET make nearly all of it; servers keep
/// them in 64 KiB.
pub const TYPE_BYTES_MAX: usize = 64 << 10;

/// What servers write after a type. It says how values are stored on that server, not which they are.
const REMARKS: [&str; 3] = [" /*M!100301 COMPRESSED*/", " /* mariadb-5.3 */", " /* 5.5 binary format */"];

/// Labels of an ENUM; its numbers have two bytes.
const ENUM_LABELS_MAX: usize = 65_535;
/// Labels of a SET; one bit each.
const SET_LABELS_MAX: usize = 64;
/// Characters of a label (MySQL manual, "The ENUM Type").
const LABEL_CHARS_MAX: usize = 255;

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlType {
    /// TINYINT, SMALLINT, MEDIUMINT, INT, BIGINT.
    Integer {
        /// Width in bits: 8, 16, 24, 32, 64.
        bits: u8,
        /// The display width, where it is shown.
        width: Option<u8>,
        /// UNSIGNED and ZEROFILL.
        sign: Sign,
    },
    /// FLOAT, or DOUBLE.
    Float {
        /// DOUBLE.
        double: bool,
        /// Digits in all and after the point, where values are rounded to so many.
        digits: Option<(u8, u8)>,
        /// UNSIGNED and ZEROFILL.
        sign: Sign,
    },
    /// DECIMAL.
    Decimal {
        /// All digits.
        precision: u8,
        /// Digits after the point.
        scale: u8,
        /// UNSIGNED and ZEROFILL.
        sign: Sign,
    },
    /// BIT.
    Bit(u8),
    /// YEAR, with the width that MariaDB shows.
    Year(Option<u8>),
    /// CHAR of so many characters.
    Char(u8),
    /// VARCHAR of so many characters.
    Varchar(u16),
    /// TINYTEXT, TEXT, MEDIUMTEXT, LONGTEXT.
    Text(Size),
    /// ENUM.
    Enum(Vec<String>),
    /// SET.
    Set(Vec<String>),
    /// BINARY of so many bytes.
    Binary(u8),
    /// VARBINARY of so many bytes.
    Varbinary(u16),
    /// TINYBLOB, BLOB, MEDIUMBLOB, LONGBLOB.
    Blob(Size),
    /// GEOMETRY and its kinds.
    Geometry(Geometry),
    /// VECTOR of so many numbers.
    Vector(u16),
    /// JSON.
    Json,
    /// DATE.
    Date,
    /// DATETIME with so many digits after the second.
    DateTime(u8),
    /// TIMESTAMP, likewise.
    Timestamp(u8),
    /// TIME, likewise.
    Time(u8),
}

/// What is said of a number's sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Nothing.
    Signed,
    /// UNSIGNED.
    Unsigned,
    /// UNSIGNED ZEROFILL; there is no other ZEROFILL.
    Zerofill,
}

/// How long the length of a TEXT or BLOB is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// One byte.
    Tiny,
    /// Two.
    Plain,
    /// Three.
    Medium,
    /// Four.
    Long,
}

/// The kinds of geometries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geometry {
    /// Any.
    Geometry,
    /// POINT.
    Point,
    /// LINESTRING.
    LineString,
    /// POLYGON.
    Polygon,
    /// MULTIPOINT.
    MultiPoint,
    /// MULTILINESTRING.
    MultiLineString,
    /// MULTIPOLYGON.
    MultiPolygon,
    /// GEOMETRYCOLLECTION.
    GeometryCollection,
    /// The same, as MySQL 8 shows it.
    GeomCollection,
}

/// Words that stand for one type, without anything in parentheses.
const GEOMETRIES: [(&str, Geometry); 9] = [
    ("geometry", Geometry::Geometry),
    ("point", Geometry::Point),
    ("linestring", Geometry::LineString),
    ("polygon", Geometry::Polygon),
    ("multipoint", Geometry::MultiPoint),
    ("multilinestring", Geometry::MultiLineString),
    ("multipolygon", Geometry::MultiPolygon),
    ("geometrycollection", Geometry::GeometryCollection),
    ("geomcollection", Geometry::GeomCollection),
];
const INTEGERS: [(&str, u8); 6] =
    [("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("integer", 32), ("bigint", 64)];
const TEXTS: [(&str, Size); 4] =
    [("tinytext", Size::Tiny), ("text", Size::Plain), ("mediumtext", Size::Medium), ("longtext", Size::Long)];
const BLOBS: [(&str, Size); 4] =
    [("tinyblob", Size::Tiny), ("blob", Size::Plain), ("mediumblob", Size::Medium), ("longblob", Size::Long)];

fn named<T: Copy>(list: &[(&'static str, T)], name: &str) -> Option<T> {
    list.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn name_of<T: PartialEq>(list: &[(&'static str, T)], wanted: &T) -> &'static str {
    list.iter().find(|(_, value)| value == wanted).map_or("", |(name, _)| name)
}

impl Geometry {
    /// True for the same kind, by whichever name.
    pub fn same_kind(self, other: Geometry) -> bool {
        let common = |kind| if kind == Geometry::GeomCollection { Geometry::GeometryCollection } else { kind };
        common(self) == common(other)
    }
}

impl Size {
    /// The greatest number of bytes.
    pub fn bytes_max(self) -> u64 {
        match self {
            Size::Tiny => 255,
            Size::Plain => 65_535,
            Size::Medium => 16_777_215,
            Size::Long => u64::from(u32::MAX),
        }
    }
}

impl SqlType {
    /// Parses `varchar(40)`, `decimal(10,2) unsigned`, `enum('a','it''s')`; the message says what is wrong.
    pub fn parse(text: &str) -> Result<SqlType, String> {
        if text.len() > TYPE_BYTES_MAX {
            return Err(format!("a type of {} bytes; the longest has {TYPE_BYTES_MAX}", text.len()));
        }
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
            "float" | "double" => {
                let digits = match (arguments.first(1, 255)?, arguments.second(0, 30)?) {
                    (None, None) => None,
                    (Some(all), Some(fraction)) if fraction <= all => Some((all as u8, fraction as u8)),
                    _ => return Err(format!("{word} with other digits than (all, after the point)")),
                };
                SqlType::Float { double: word == "double", digits, sign: arguments.sign()? }
            }
            "decimal" | "numeric" => {
                let precision = arguments.first(1, 65)?.unwrap_or(10) as u8;
                // MariaDB has up to 38 digits after the point, MySQL 30.
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

    /// The type in a CREATE TABLE, ready to be followed by other attributes of the column. Literals in
    /// it are for a session that takes backslashes for escapes.
    pub(crate) fn definition(&self) -> String {
        // What information_schema shows is what the parser of both servers reads, labels included.
        match self {
            // MySQL's own name of it is not MariaDB's.
            SqlType::Geometry(Geometry::GeomCollection) => "geometrycollection".to_owned(),
            SqlType::Year(_) => "YEAR".to_owned(),
            other => other.to_string(),
        }
    }

    /// UNSIGNED.
    pub fn is_unsigned(&self) -> bool {
        match self {
            SqlType::Integer { sign, .. } | SqlType::Float { sign, .. } | SqlType::Decimal { sign, .. } => {
                *sign != Sign::Signed
            }
            _ => false,
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sign::Signed => "",
            Sign::Unsigned => " unsigned",
            Sign::Zerofill => " unsigned zerofill",
        })
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fsp = |f: &mut fmt::Formatter<'_>, name: &str, fsp: u8| match fsp {
            0 => f.write_str(name),
            fsp => write!(f, "{name}({fsp})"),
        };
        match self {
            SqlType::Integer { bits, width, sign } => {
                f.write_str(name_of(&INTEGERS, bits))?;
                width.map_or(Ok(()), |width| write!(f, "({width})"))?;
                sign.fmt(f)
            }
            SqlType::Float { double, digits, sign } => {
                f.write_str(if *double { "double" } else { "float" })?;
                digits.map_or(Ok(()), |(all, fraction)| write!(f, "({all},{fraction})"))?;
                sign.fmt(f)
            }
            SqlType::Decimal { precision, scale, sign } => write!(f, "decimal({precision},{scale}){sign}"),
            SqlType::Bit(bits) => write!(f, "bit({bits})"),
            SqlType::Year(width) => {
                f.write_str("year")?;
                width.map_or(Ok(()), |width| write!(f, "({width})"))
            }
            SqlType::Char(chars) => write!(f, "char({chars})"),
            SqlType::Varchar(chars) => write!(f, "varchar({chars})"),
            SqlType::Text(size) => f.write_str(name_of(&TEXTS, size)),
            SqlType::Enum(labels) => print_labels(f, "enum", labels),
            SqlType::Set(labels) => print_labels(f, "set", labels),
            SqlType::Binary(bytes) => write!(f, "binary({bytes})"),
            SqlType::Varbinary(bytes) => write!(f, "varbinary({bytes})"),
            SqlType::Blob(size) => f.write_str(name_of(&BLOBS, size)),
            SqlType::Geometry(kind) => f.write_str(name_of(&GEOMETRIES, kind)),
            SqlType::Vector(numbers) => write!(f, "vector({numbers})"),
            SqlType::Json => f.write_str("json"),
            SqlType::Date => f.write_str("date"),
            SqlType::DateTime(digits) => fsp(f, "datetime", *digits),
            SqlType::Timestamp(digits) => fsp(f, "timestamp", *digits),
            SqlType::Time(digits) => fsp(f, "time", *digits),
        }
    }
}

/// A label as information_schema writes it, which is a literal for both servers as well.
fn print_labels(f: &mut fmt::Formatter<'_>, word: &str, labels: &[String]) -> fmt::Result {
    f.write_str(word)?;
    for (i, label) in labels.iter().enumerate() {
        f.write_str(if i == 0 { "('" } else { ",'" })?;
        for c in label.chars() {
            match c {
                '\'' => f.write_str("''")?,
                '\\' => f.write_str("\\\\")?,
                '\0' => f.write_str("\\0")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('\'')?;
    }
    f.write_char(')')
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
