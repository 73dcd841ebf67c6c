//! CREATE TABLE for a target: MySQL types for Arrow columns.
//!
//! A column that carries `mysql-type` keeps that type where the target server has it: the text is parsed
//! ([`SqlType`]) and printed again, since it may be a component's. Without it the type follows from Arrow's
//! and the facts `max-chars` and `fsp`. Text is utf8mb4 unless it keeps a source column's own character set;
//! its collation is the attribute's, or the nearest one that the server has, never one that pads (it would
//! merge `a` and `a `).

use std::collections::HashSet;

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use rowmill_change::{KEY_HASH, SqlType, TargetTable, is_key_hash, quote};

use super::collate::merges;
use super::key_hash;
use super::shape::created_comment;
use crate::endpoint::{Conn, Flavor};
use crate::error::{Doing, Problem, Result};
use crate::statement::{Statement, Word};

/// InnoDB's limit for the bytes of a key.
const KEY_BYTES_MAX: u64 = 3_072;

/// A row's columns outside of BLOBs and TEXTs may have 65,535 bytes; some are left for the rest.
const ROW_BYTES_MAX: u64 = 60_000;

/// The server a table is created on.
#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) flavor: Flavor,
    /// Names of its collations.
    collations: HashSet<Word>,
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
        // A name that is no word is none of a collation.
        let collations = names.iter().filter_map(|name| Word::parse(name)).collect();
        let (_, version) = crate::endpoint::flavor(conn).await?;
        let major: u32 = version.split('.').next().and_then(|v| v.parse().ok()).unwrap_or(0);
        let vector = match flavor {
            Flavor::MySql => major >= 9,
            // MariaDB's VECTOR came with 11.7.
            Flavor::MariaDb => major >= 12 || version.starts_with("11.7") || version.starts_with("11.8"),
        };
        Ok(Dialect { flavor, collations, vector })
    }

    /// The server's own collation that compares like the named one; `None` takes a default. In a key,
    /// one that merges nothing that the named one keeps apart: another one that only compares *much*
    /// like it will not do there.
    fn collation(&self, wanted: Option<&str>, keep_charset: bool, key: bool) -> Word {
        let wanted = wanted.unwrap_or("");
        // Here `binary` is how text is compared, not a character set of bytes.
        let named = !wanted.is_empty() && wanted != "binary";
        let usable = wanted.starts_with("utf8mb4_") || keep_charset;
        if named
            && usable
            && let Some(own) = self.own(wanted)
        {
            return own;
        }
        if key && named {
            // The same of the larger character set.
            let larger = format!("utf8mb4_{}", wanted.split_once('_').map_or("", |(_, rest)| rest));
            if let Some(own) = self.own(&larger).filter(|_| !merges(wanted, &larger)) {
                return own;
            }
        }
        if key || wanted == "binary" || wanted.ends_with("_bin") {
            return Word::fixed(self.bytewise().unwrap_or("utf8mb4_bin"));
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
        self.own(nearest).unwrap_or(Word::fixed("utf8mb4_bin"))
    }

    /// The server's own collation of this name.
    fn own(&self, name: &str) -> Option<Word> {
        self.collations.get(&Word::parse(name)?).cloned()
    }

    /// The collation that keeps everything apart, trailing spaces too. MySQL has it since 8.0.17.
    pub(super) fn bytewise(&self) -> Option<&'static str> {
        let name = match self.flavor {
            Flavor::MySql => "utf8mb4_0900_bin",
            Flavor::MariaDb => "utf8mb4_nopad_bin",
        };
        self.own(name).map(|_| name)
    }
}

pub(super) fn fact<'a>(field: &'a Field, name: &str) -> Option<&'a str> {
    field.metadata().get(name).map(String::as_str)
}

pub(super) fn number_fact(field: &Field, name: &str) -> Option<u64> {
    fact(field, name)?.parse().ok()
}

/// The type that `mysql-type` names; `None` where it names none, or one whose values have another
/// Arrow type. A step may have changed the type and left the attribute: the sum of an `int` column is no `int`.
pub(super) fn sql_type(field: &Field) -> Option<SqlType> {
    SqlType::parse(fact(field, "mysql-type")?).ok().filter(|parsed| parsed.fits_arrow(field.data_type()))
}

/// A key column that can be NULL. Temporal columns of a source table count as nullable only
/// because a zero date reads as NULL; a key of them stays what it is there.
pub(super) fn nullable_key(field: &Field) -> bool {
    let zero_date = matches!(field.data_type(), DataType::Date32 | DataType::Timestamp(..));
    field.is_nullable() && !(zero_date && fact(field, "mysql-type").is_some())
}

/// True if rows of the target are found by a hash of their key.
pub(super) fn needs_hash(target: &TargetTable) -> bool {
    target.event_key().iter().any(|&i| nullable_key(target.schema.field(i)))
}

/// A column's type, and how many bytes it takes in a key (`None`: it cannot be in one).
#[derive(Debug, PartialEq, Eq)]
struct ColumnType {
    definition: Statement,
    key_bytes: Option<u64>,
    row_bytes: u64,
}

fn plain(definition: impl Into<Statement>, bytes: u64) -> ColumnType {
    ColumnType { definition: definition.into(), key_bytes: Some(bytes), row_bytes: bytes }
}

fn large(definition: impl Into<Statement>) -> ColumnType {
    ColumnType { definition: definition.into(), key_bytes: None, row_bytes: 12 }
}

fn kept(parsed: &SqlType) -> Statement {
    Statement::new("").definition(parsed)
}

/// The statement that creates the target, or everything that stands against it.
pub(super) fn create_statement(
    target: &TargetTable,
    creator: &str,
    dialect: &Dialect,
) -> std::result::Result<Statement, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut lines = Vec::new();
    let hashed = needs_hash(target);
    let mut key_bytes = 0;
    let mut row_bytes = 0;
    if hashed || target.schema.fields().iter().any(|field| is_key_hash(field)) {
        problems.extend(in_place_of_the_hash(target));
    }
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
                    format!("type {}, which has no length limit, in the key", column.definition),
                    "a key of at most 3072 bytes",
                    format!("give it a length in a map step, for instance {}: \"LEFT({0}, 255)\"", field.name()),
                )),
            }
        }
        if is_key_hash(field) {
            lines.push(Statement::new("").name(field.name()).text(" ").text(key_hash::DEFINITION));
            continue;
        }
        let null = if field.is_nullable() && (!key || nullable_key(field)) { " NULL" } else { " NOT NULL" };
        lines.push(Statement::new("").name(field.name()).text(" ").part(&column.definition).text(null));
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
    let name = |i: usize| target.schema.field(i).name().as_str();
    let mut key: Vec<&str> = target.key.iter().map(|&i| name(i)).collect();
    if hashed {
        lines.push(Statement::new("").name(KEY_HASH).text(" ").text(key_hash::DEFINITION));
        key = std::iter::once(KEY_HASH).chain(target.ordinality.map(name)).collect();
    }
    if !key.is_empty() {
        lines.push(Statement::new("PRIMARY KEY (").list(", ", key, Statement::name).text(")"));
    }
    Ok(Statement::new("CREATE TABLE ")
        .table(&target.table)
        .text(" (\n  ")
        .list(",\n  ", &lines, |list, line| list.part(line))
        .text("\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT=")
        .literal(&created_comment(creator)))
}

/// A column of the name that the hidden one has. Where none is needed, the name is one like others.
fn in_place_of_the_hash(target: &TargetTable) -> Option<Problem> {
    let named = |field: &&FieldRef| !is_key_hash(field) && field.name().eq_ignore_ascii_case(KEY_HASH);
    let field = target.schema.fields().iter().find(named)?;
    Some(Problem::new(
        format!("column {} of table {}", quote(field.name()), target.table),
        "the name of the hidden column that holds a hash of the key, which this table needs since its key can be NULL",
        "another name, or a key whose columns are never NULL",
        "rename the column in a map step",
    ))
}

fn column_type(field: &Field, dialect: &Dialect, key: bool, room: u64) -> std::result::Result<ColumnType, Problem> {
    let mysql_type = sql_type(field);
    let subject = || format!("column {}", quote(field.name()));
    if fact(field, "type") == Some("json") {
        return Ok(large("JSON"));
    }
    let with_fsp = |name: &'static str| match number_fact(field, "fsp") {
        Some(0) => Statement::new(name),
        fsp => Statement::new(name).text("(").number(fsp.unwrap_or(6).min(6)).text(")"),
    };
    Ok(match field.data_type() {
        DataType::Boolean => plain("TINYINT(1)", 1),
        DataType::Utf8 => return Ok(text_type(field, mysql_type.as_ref(), dialect, key, room)),
        DataType::Binary => match &mysql_type {
            Some(parsed) => match parsed {
                SqlType::Vector(_) if !dialect.vector => {
                    return Err(Problem::new(
                        subject(),
                        format!("type {parsed}, which the target server does not have"),
                        "a server with VECTOR (MySQL 9, MariaDB 11.7)",
                        "drop the column in a step",
                    ));
                }
                SqlType::Binary(bytes) => plain(kept(parsed), u64::from(*bytes)),
                SqlType::Varbinary(bytes) => plain(kept(parsed), u64::from(*bytes)),
                _ => large(kept(parsed)),
            },
            None => large("LONGBLOB"),
        },
        DataType::Timestamp(TimeUnit::Microsecond, None) => plain(with_fsp("DATETIME"), 8),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => plain(with_fsp("TIMESTAMP"), 8),
        DataType::Duration(TimeUnit::Microsecond) => plain(with_fsp("TIME"), 6),
        DataType::Date32 => plain("DATE", 3),
        other => match mysql_type {
            // A source can be the other server, which has more.
            Some(parsed) if digits_after_the_point(&parsed) > digits_max(dialect) => {
                return Err(Problem::new(
                    subject(),
                    format!("type {parsed}"),
                    "a type that MySQL has (at most 30 digits after the point)",
                    "convert it with CAST in a map step",
                ));
            }
            Some(parsed @ SqlType::Year(_)) => plain(kept(&parsed), 1),
            Some(parsed) => plain(kept(&parsed), 30),
            None => match type_of(other) {
                Some(statement) => plain(statement, 30),
                None => {
                    return Err(Problem::new(
                        subject(),
                        format!("type {other}"),
                        "a type that MySQL has (a decimal of at most 65 digits, 30 of them after the point)",
                        "convert it with CAST in a map step",
                    ));
                }
            },
        },
    })
}

/// The type for numbers that no column of a source was.
fn type_of(data_type: &DataType) -> Option<Statement> {
    Some(match data_type {
        DataType::Int8 => Statement::new("TINYINT"),
        DataType::Int16 => Statement::new("SMALLINT"),
        DataType::Int32 => Statement::new("INT"),
        DataType::Int64 => Statement::new("BIGINT"),
        DataType::UInt8 => Statement::new("TINYINT UNSIGNED"),
        DataType::UInt16 => Statement::new("SMALLINT UNSIGNED"),
        DataType::UInt32 => Statement::new("INT UNSIGNED"),
        DataType::UInt64 => Statement::new("BIGINT UNSIGNED"),
        DataType::Float32 => Statement::new("FLOAT"),
        DataType::Float64 => Statement::new("DOUBLE"),
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) if *p <= 65 && (0..=30).contains(s) => {
            Statement::new("DECIMAL(").number(*p).text(",").number(*s).text(")")
        }
        _ => return None,
    })
}

fn digits_after_the_point(parsed: &SqlType) -> u8 {
    match parsed {
        SqlType::Decimal { scale, .. } => *scale,
        SqlType::Float { digits: Some((_, fraction)), .. } => *fraction,
        _ => 0,
    }
}

/// The most digits after the point that a number of the server has.
fn digits_max(dialect: &Dialect) -> u8 {
    match dialect.flavor {
        Flavor::MySql => 30,
        Flavor::MariaDb => 38,
    }
}

fn text_type(field: &Field, parsed: Option<&SqlType>, dialect: &Dialect, key: bool, room: u64) -> ColumnType {
    let collation = dialect.collation(fact(field, "collation"), parsed.is_some(), key);
    let charset = collation.as_str().split('_').next().and_then(Word::parse).unwrap_or(Word::fixed("utf8mb4"));
    let per_char = match charset.as_str() {
        "utf8mb4" | "utf32" | "utf16" | "gb18030" => 4,
        "utf8mb3" | "utf8" => 3,
        "latin1" | "ascii" | "latin2" | "cp1252" => 1,
        _ => 4,
    };
    let in_set =
        |definition: Statement| definition.text(" CHARACTER SET ").word(&charset).text(" COLLATE ").word(&collation);
    if let Some(labels @ (SqlType::Enum(_) | SqlType::Set(_))) = parsed {
        return plain(in_set(kept(labels)), 8);
    }
    let of_source = matches!(parsed, Some(SqlType::Text(_)));
    let chars = match parsed {
        Some(SqlType::Char(chars)) => Some(u64::from(*chars)),
        Some(SqlType::Varchar(chars)) => Some(u64::from(*chars)),
        _ => number_fact(field, "max-chars"),
    };
    let Some(chars) = chars else { return large(in_set("LONGTEXT".into())) };
    let bytes = chars.saturating_mul(per_char);
    let sized = |name: &'static str, chars: u64| in_set(Statement::new(name).text("(").number(chars).text(")"));
    if matches!(parsed, Some(SqlType::Char(_))) {
        return ColumnType { definition: sized("CHAR", chars), key_bytes: Some(bytes), row_bytes: bytes };
    }
    if !of_source && bytes.saturating_add(2) <= room && (chars <= 16_383 || key) {
        let definition = sized("VARCHAR", chars.max(1));
        return ColumnType { definition, key_bytes: Some(bytes), row_bytes: bytes + 2 };
    }
    // The limit of a TEXT is one of bytes, whatever the attribute calls it.
    large(in_set(Statement::new(match if of_source { chars } else { bytes } {
        0..=255 => "TINYTEXT",
        256..=65_535 => "TEXT",
        65_536..=16_777_215 => "MEDIUMTEXT",
        _ => "LONGTEXT",
    })))
}
