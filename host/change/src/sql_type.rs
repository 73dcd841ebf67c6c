//! A column's type as MySQL writes it, parsed into a closed set and printed again.
//!
//! The texts come from a server's information_schema, or from a component, in a result's `mysql-type`.
//! What is created on a target is printed from the parsed type ([`SqlType::definition`]), never from the
//! text: a text that says more than a type is no type.
//!
//! [`Display`](std::fmt::Display) prints what information_schema shows; for what a server sends,
//! parsing and printing give the same text back (but for a few remarks that servers write behind a type).

mod parse;

use std::fmt::{self, Write as _};

use arrow_schema::DataType;

/// The longest text of a component that is looked at; the labels of an ENUM or SET make nearly all of it.
/// A server's own may be longer.
pub const TYPE_BYTES_MAX: usize = 64 << 10;

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
    /// True if it is the type whose values have this Arrow type.
    pub fn fits_arrow(&self, arrow: &DataType) -> bool {
        let unsigned = self.is_unsigned();
        match (arrow, self) {
            (DataType::Int8, SqlType::Integer { bits: 8, .. })
            | (DataType::Int16, SqlType::Integer { bits: 16, .. })
            | (DataType::Int32, SqlType::Integer { bits: 24 | 32, .. })
            | (DataType::Int64, SqlType::Integer { bits: 64, .. }) => !unsigned,
            (DataType::UInt8, SqlType::Integer { bits: 8, .. })
            | (DataType::UInt16, SqlType::Integer { bits: 16, .. })
            | (DataType::UInt32, SqlType::Integer { bits: 24 | 32, .. })
            | (DataType::UInt64, SqlType::Integer { bits: 64, .. }) => unsigned,
            (DataType::UInt16, SqlType::Year(_)) | (DataType::UInt64, SqlType::Bit(_)) => true,
            (DataType::Float32, SqlType::Float { double, .. }) => !double,
            (DataType::Float64, SqlType::Float { double, .. }) => *double,
            (DataType::Decimal128(p, s) | DataType::Decimal256(p, s), SqlType::Decimal { precision, scale, .. }) => {
                precision == p && i16::from(*scale) == i16::from(*s)
            }
            (
                DataType::Utf8,
                SqlType::Char(_) | SqlType::Varchar(_) | SqlType::Text(_) | SqlType::Enum(_) | SqlType::Set(_),
            ) => true,
            (
                DataType::Binary,
                SqlType::Binary(_)
                | SqlType::Varbinary(_)
                | SqlType::Blob(_)
                | SqlType::Vector(_)
                | SqlType::Geometry(_),
            ) => true,
            _ => false,
        }
    }

    /// The type in a CREATE TABLE, ready to be followed by other attributes of the column. Literals in
    /// it are for a session that takes backslashes for escapes.
    pub fn definition(&self) -> String {
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
