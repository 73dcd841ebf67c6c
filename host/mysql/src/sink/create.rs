//! CREATE TABLE for a target: MySQL types for Arrow columns.
//!
//! A column that carries `mysql-type` keeps that type where the target server has it. Without it
//! the type follows from Arrow's and the facts `max-chars` and `fsp`. Text is utf8mb4 unless it
//! keeps a source column's own character set; its collation is the attribute's, or the nearest
//! one that the server has, never one that pads (it would merge `a` and `a `).

use std::collections::HashSet;

use arrow_schema::{DataType, Field, TimeUnit};
use mysql_async::prelude::Queryable;

use super::Target;
use super::collate::merges;
use super::key_hash::{self, KEY_HASH, is_key_hash};
use super::shape::created_comment;
use crate::endpoint::{Conn, Flavor};
use crate::error::{Doing, Problem, Result};
use crate::table::quote;

/// InnoDB's limit for the bytes of a key.
const KEY_BYTES_MAX: u64 = 3_072;

/// A row's columns outside of BLOBs and TEXTs may have 65,535 bytes; some are left for the rest.
const ROW_BYTES_MAX: u64 = 60_000;

/// The server a table is created on.
#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) flavor: Flavor,
    /// Names of its collations.
    collations: HashSet<String>,
    /// It has the type VECTOR.
    vector: bool,
}

impl Dialect {
    pub(super) async fn read(conn: &mut Conn, flavor: Flavor) -> Result<Dialect> {
        let statement = match flavor {
            Flavor::MySql => "SELECT COLLATION_NAME FROM information_schema.COLLATIONS",
            // Here a collation's short name stands for several character sets.
            Flavor::MariaDb => {
                "SELECT FULL_COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
            }
        };
        let names: Vec<String> = conn.query(statement).await.doing("reading the server's collations")?;
        let (_, version) = crate::endpoint::flavor(conn).await?;
        let major: u32 = version.split('.').next().and_then(|v| v.parse().ok()).unwrap_or(0);
        let vector = match flavor {
            Flavor::MySql => major >= 9,
            // MariaDB's VECTOR came with 11.7.
            Flavor::MariaDb => major >= 12 || version.starts_with("11.7") || version.starts_with("11.8"),
        };
        Ok(Dialect { flavor, collations: names.into_iter().collect(), vector })
    }

    /// The server's own collation that compares like the named one; `None` takes a default. In a key,
    /// one that merges nothing that the named one keeps apart: another one that only compares *much*
    /// like it will not do there.
    fn collation(&self, wanted: Option<&str>, keep_charset: bool, key: bool) -> String {
        let wanted = wanted.unwrap_or("");
        // Here `binary` is how text is compared, not a character set of bytes.
        let named = !wanted.is_empty() && wanted != "binary";
        let usable = wanted.starts_with("utf8mb4_") || keep_charset;
        if named && usable && self.collations.contains(wanted) {
            return wanted.to_owned();
        }
        if key && named {
            // The same of the larger character set.
            let larger = format!("utf8mb4_{}", wanted.split_once('_').map_or("", |(_, rest)| rest));
            if self.collations.contains(&larger) && !merges(wanted, &larger) {
                return larger;
            }
        }
        if key || wanted == "binary" || wanted.ends_with("_bin") {
            return self.bytewise().unwrap_or("utf8mb4_bin").to_owned();
        }
        let sensitivity = ["_as_cs", "_as_ci", "_ai_ci"].into_iter().find(|s| wanted.ends_with(s));
        let nearest = match (self.flavor, sensitivity) {
            (Flavor::MySql, Some("_as_cs")) => "utf8mb4_0900_as_cs",
            (Flavor::MySql, Some("_as_ci")) => "utf8mb4_0900_as_ci",
            (Flavor::MySql, _) => "utf8mb4_0900_ai_ci",
            (Flavor::MariaDb, Some("_as_cs")) => "utf8mb4_uca1400_nopad_as_cs",
            (Flavor::MariaDb, Some("_as_ci")) => "utf8mb4_uca1400_nopad_as_ci",
            (Flavor::MariaDb, _) => "utf8mb4_uca1400_nopad_ai_ci",
        };
        if self.collations.contains(nearest) { nearest.to_owned() } else { "utf8mb4_bin".to_owned() }
    }

    /// The collation that keeps everything apart, trailing spaces too. MySQL has it since 8.0.17.
    pub(super) fn bytewise(&self) -> Option<&'static str> {
        let name = match self.flavor {
            Flavor::MySql => "utf8mb4_0900_bin",
            Flavor::MariaDb => "utf8mb4_nopad_bin",
        };
        self.collations.contains(name).then_some(name)
    }
}

pub(super) fn fact<'a>(field: &'a Field, name: &str) -> Option<&'a str> {
    field.metadata().get(name).map(String::as_str)
}

pub(super) fn number_fact(field: &Field, name: &str) -> Option<u64> {
    fact(field, name)?.parse().ok()
}

/// The leading word of a type: `varchar` of `varchar(40)`.
pub(super) fn type_word(mysql_type: &str) -> String {
    mysql_type.chars().take_while(|c| c.is_ascii_alphanumeric()).collect::<String>().to_ascii_lowercase()
}

/// A key column that can be NULL. Temporal columns of a source table count as nullable only
/// because a zero date reads as NULL; a key of them stays what it is there.
pub(super) fn nullable_key(field: &Field) -> bool {
    let zero_date = matches!(field.data_type(), DataType::Date32 | DataType::Timestamp(..));
    field.is_nullable() && !(zero_date && fact(field, "mysql-type").is_some())
}

/// True if rows of the target are found by a hash of their key.
pub(super) fn needs_hash(target: &Target) -> bool {
    target.event_key().iter().any(|&i| nullable_key(target.schema.field(i)))
}

/// A column's type, and how many bytes it takes in a key (`None`: it cannot be in one).
#[derive(Debug, PartialEq, Eq)]
struct ColumnType {
    text: String,
    key_bytes: Option<u64>,
    row_bytes: u64,
}

fn plain(text: impl Into<String>, bytes: u64) -> ColumnType {
    ColumnType { text: text.into(), key_bytes: Some(bytes), row_bytes: bytes }
}

fn large(text: impl Into<String>) -> ColumnType {
    ColumnType { text: text.into(), key_bytes: None, row_bytes: 12 }
}

/// The statement that creates the target, or everything that stands against it.
pub(super) fn create_statement(
    target: &Target,
    pipeline: &str,
    dialect: &Dialect,
) -> std::result::Result<String, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut lines = Vec::new();
    let hashed = needs_hash(target);
    let mut key_bytes = 0;
    let mut row_bytes = 0;
    for (i, field) in target.schema.fields().iter().enumerate() {
        let key = target.key.contains(&i);
        let column = match column_type(field, dialect, key, ROW_BYTES_MAX.saturating_sub(row_bytes)) {
            Ok(column) => column,
            Err(problem) => {
                problems.push(Problem { subject: format!("{} of table {}", problem.subject, target.table), ..problem });
                continue;
            }
        };
        row_bytes += column.row_bytes;
        if key && (!hashed || Some(i) == target.ordinality) {
            match column.key_bytes {
                Some(bytes) => key_bytes += bytes,
                None => problems.push(Problem::new(
                    format!("column {} of table {}", quote(field.name()), target.table),
                    format!("type {}, which has no length limit, in the key", column.text),
                    "a key of at most 3072 bytes",
                    format!("give it a length in a map step, for instance {}: \"LEFT({0}, 255)\"", field.name()),
                )),
            }
        }
        if is_key_hash(field) {
            lines.push(format!("{} {}", quote(field.name()), key_hash::DEFINITION));
            continue;
        }
        let null = if field.is_nullable() && (!key || nullable_key(field)) { "NULL" } else { "NOT NULL" };
        lines.push(format!("{} {} {null}", quote(field.name()), column.text));
    }
    if key_bytes > KEY_BYTES_MAX {
        problems.push(Problem::new(
            format!("key of table {}", target.table),
            format!("up to {key_bytes} bytes"),
            format!("at most {KEY_BYTES_MAX} bytes"),
            "shorten its text columns in a map step, for instance with LEFT(column, 255)",
        ));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let name = |i: usize| quote(target.schema.field(i).name());
    let mut key: Vec<String> = target.key.iter().map(|&i| name(i)).collect();
    if hashed {
        lines.push(format!("{} {}", quote(KEY_HASH), key_hash::DEFINITION));
        key = std::iter::once(quote(KEY_HASH)).chain(target.ordinality.map(name)).collect();
    }
    if !key.is_empty() {
        lines.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    Ok(format!(
        "CREATE TABLE {} (\n  {}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT={}",
        target.table,
        lines.join(",\n  "),
        super::transaction::literal(&created_comment(pipeline))
    ))
}

fn column_type(field: &Field, dialect: &Dialect, key: bool, room: u64) -> std::result::Result<ColumnType, Problem> {
    let mysql_type = fact(field, "mysql-type").filter(|t| fits_arrow(t, field.data_type()));
    let subject = || format!("column {}", quote(field.name()));
    if fact(field, "type") == Some("json") {
        return Ok(large("JSON"));
    }
    let fsp = || match number_fact(field, "fsp") {
        Some(0) => String::new(),
        Some(n) => format!("({})", n.min(6)),
        None => "(6)".to_owned(),
    };
    Ok(match field.data_type() {
        DataType::Boolean => plain("TINYINT(1)", 1),
        DataType::Utf8 => return Ok(text_type(field, mysql_type, dialect, key, room)),
        DataType::Binary => match mysql_type {
            Some(t) => match type_word(t).as_str() {
                "vector" if !dialect.vector => {
                    return Err(Problem::new(
                        subject(),
                        format!("type {t}, which the target server does not have"),
                        "a server with VECTOR (MySQL 9, MariaDB 11.7)",
                        "drop the column in a step",
                    ));
                }
                "binary" | "varbinary" => plain(t, length_in(t).unwrap_or(1)),
                "geomcollection" => large("geometrycollection"),
                _ => large(t),
            },
            None => large("LONGBLOB"),
        },
        DataType::Timestamp(TimeUnit::Microsecond, None) => plain(format!("DATETIME{}", fsp()), 8),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => plain(format!("TIMESTAMP{}", fsp()), 8),
        DataType::Duration(TimeUnit::Microsecond) => plain(format!("TIME{}", fsp()), 6),
        DataType::Date32 => plain("DATE", 3),
        other => match mysql_type {
            Some(t) if type_word(t) == "year" => plain("YEAR", 1),
            Some(t) => plain(t, 30),
            None => plain(
                match other {
                    DataType::Int8 => "TINYINT".to_owned(),
                    DataType::Int16 => "SMALLINT".to_owned(),
                    DataType::Int32 => "INT".to_owned(),
                    DataType::Int64 => "BIGINT".to_owned(),
                    DataType::UInt8 => "TINYINT UNSIGNED".to_owned(),
                    DataType::UInt16 => "SMALLINT UNSIGNED".to_owned(),
                    DataType::UInt32 => "INT UNSIGNED".to_owned(),
                    DataType::UInt64 => "BIGINT UNSIGNED".to_owned(),
                    DataType::Float32 => "FLOAT".to_owned(),
                    DataType::Float64 => "DOUBLE".to_owned(),
                    DataType::Decimal128(p, s) | DataType::Decimal256(p, s) if *p <= 65 && (0..=30).contains(s) => {
                        format!("DECIMAL({p},{s})")
                    }
                    other => {
                        return Err(Problem::new(
                            subject(),
                            format!("type {other}"),
                            "a type that MySQL has (a decimal of at most 65 digits, 30 of them after the point)",
                            "convert it with CAST in a map step",
                        ));
                    }
                },
                30,
            ),
        },
    })
}

/// True if the MySQL type is the one whose values have this Arrow type. A step may have changed the
/// type and left the attribute: the sum of an `int` column is no `int`.
fn fits_arrow(mysql_type: &str, arrow: &DataType) -> bool {
    let word = type_word(mysql_type);
    let integer = |signed: &[&str], unsigned: bool| {
        signed.contains(&word.as_str()) && mysql_type.contains("unsigned") == unsigned
    };
    match arrow {
        DataType::Boolean => false,
        DataType::Int8 => integer(&["tinyint"], false),
        DataType::Int16 => integer(&["smallint"], false),
        DataType::Int32 => integer(&["mediumint", "int"], false),
        DataType::Int64 => integer(&["bigint"], false),
        DataType::UInt8 => integer(&["tinyint"], true),
        DataType::UInt16 => integer(&["smallint"], true) || word == "year",
        DataType::UInt32 => integer(&["mediumint", "int"], true),
        DataType::UInt64 => integer(&["bigint"], true) || word == "bit",
        DataType::Float32 => word == "float",
        DataType::Float64 => word == "double",
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            mysql_type.starts_with(&format!("decimal({precision},{scale})"))
        }
        DataType::Utf8 => word.ends_with("char") || word.ends_with("text") || matches!(word.as_str(), "enum" | "set"),
        DataType::Binary => {
            word.ends_with("binary")
                || word.ends_with("blob")
                || word == "vector"
                || word == "geometry"
                || ["point", "linestring", "polygon", "collection"].iter().any(|g| word.ends_with(g))
        }
        _ => false,
    }
}

/// The 40 of `varchar(40)`.
pub(super) fn length_in(mysql_type: &str) -> Option<u64> {
    mysql_type.split_once('(')?.1.split(')').next()?.parse().ok()
}

fn text_type(field: &Field, mysql_type: Option<&str>, dialect: &Dialect, key: bool, room: u64) -> ColumnType {
    let collation = dialect.collation(fact(field, "collation"), mysql_type.is_some(), key);
    let charset = collation.split('_').next().unwrap_or("utf8mb4").to_owned();
    let suffix = format!("CHARACTER SET {charset} COLLATE {collation}");
    let per_char = match charset.as_str() {
        "utf8mb4" | "utf32" | "utf16" | "gb18030" => 4,
        "utf8mb3" | "utf8" => 3,
        "latin1" | "ascii" | "latin2" | "cp1252" => 1,
        _ => 4,
    };
    let word = mysql_type.map(type_word).unwrap_or_default();
    if let (Some(t), "enum" | "set") = (mysql_type, word.as_str()) {
        // The server lists labels with their backslashes as they are.
        return plain(format!("{} {suffix}", t.replace('\\', "\\\\")), 8);
    }
    let chars = match (word.as_str(), mysql_type) {
        ("char" | "varchar", Some(t)) => length_in(t).or_else(|| number_fact(field, "max-chars")),
        _ => number_fact(field, "max-chars"),
    };
    let Some(chars) = chars else { return large(format!("LONGTEXT {suffix}")) };
    let bytes = chars.saturating_mul(per_char);
    if word == "char" && chars <= 255 {
        return ColumnType { text: format!("CHAR({chars}) {suffix}"), key_bytes: Some(bytes), row_bytes: bytes };
    }
    if !word.ends_with("text") && bytes + 2 <= room && (chars <= 16_383 || key) {
        let text = format!("VARCHAR({}) {suffix}", chars.max(1));
        return ColumnType { text, key_bytes: Some(bytes), row_bytes: bytes + 2 };
    }
    // The limit of a TEXT is one of bytes, whatever the attribute calls it.
    let of_source = if word.ends_with("text") { chars } else { bytes };
    large(match of_source {
        0..=255 => format!("TINYTEXT {suffix}"),
        256..=65_535 => format!("TEXT {suffix}"),
        65_536..=16_777_215 => format!("MEDIUMTEXT {suffix}"),
        _ => format!("LONGTEXT {suffix}"),
    })
}
