//! Definitions read from a server's information_schema.

use mysql_async::Row;
use rowmill_change::TableName;

use super::data::Facts;
use super::{Column, ColumnData, Generated, TableDef, UniqueKey};
use crate::endpoint::Conn;
use crate::error::{Doing, Result};

const DOING: &str = "reading table definitions";

fn text(row: &Row, i: usize) -> Option<String> {
    row.get::<Option<String>, _>(i).flatten()
}

fn number(row: &Row, i: usize) -> Option<u64> {
    row.get::<Option<u64>, _>(i).flatten()
}

/// Reads a table's definition; `None` if there is no such base table.
pub async fn read_definition(conn: &mut Conn, name: &TableName) -> Result<Option<TableDef>> {
    let args = || (&name.schema, &name.name);
    let table: Option<Row> = conn
        .exec_first(
            "SELECT ENGINE, TABLE_COLLATION, VERSION() FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND TABLE_TYPE = 'BASE TABLE'",
            args(),
        )
        .await
        .doing(DOING)?;
    let Some(table) = table else { return Ok(None) };
    let maria = text(&table, 2).unwrap_or_default().to_ascii_lowercase().contains("mariadb");
    let json = if maria { maria_json_columns(conn, name).await? } else { Vec::new() };

    let rows: Vec<Row> = conn
        .exec(
            "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, COLLATION_NAME, \
             CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, \
             DATETIME_PRECISION, COLUMN_DEFAULT, EXTRA FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
            args(),
        )
        .await
        .doing(DOING)?;
    let columns: Vec<Column> = rows.iter().map(|row| column(row, &json)).collect();

    let rows: Vec<Row> = conn
        .exec(
            "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART, NULLABLE FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX",
            args(),
        )
        .await
        .doing(DOING)?;
    let mut keys: Vec<UniqueKey> = Vec::new();
    for row in &rows {
        let index = text(row, 0).unwrap_or_default();
        if keys.last().is_none_or(|k| k.name != index) {
            keys.push(UniqueKey { name: index, columns: Vec::new(), nullable: false, partial: false });
        }
        let Some(key) = keys.last_mut() else { continue };
        key.nullable |= text(row, 3).is_some_and(|n| n == "YES");
        key.partial |= number(row, 2).is_some();
        let column = text(row, 1);
        match columns.iter().position(|c| Some(&c.name) == column.as_ref()) {
            Some(i) => key.columns.push(i),
            None => key.partial = true,
        }
    }
    let primary_key = keys.iter().find(|k| k.name == "PRIMARY").map(|k| k.columns.clone()).unwrap_or_default();
    keys.retain(|k| k.name != "PRIMARY");
    Ok(Some(TableDef {
        name: name.clone(),
        columns,
        primary_key,
        unique_keys: keys,
        engine: text(&table, 0).unwrap_or_default(),
        collation: text(&table, 1).unwrap_or_default(),
    }))
}

fn column(row: &Row, json: &[String]) -> Column {
    let name = text(row, 0).unwrap_or_default();
    let data_type = text(row, 1).unwrap_or_default().to_ascii_lowercase();
    let mysql_type = text(row, 2).unwrap_or_default();
    let charset = text(row, 4);
    let extra = text(row, 12).unwrap_or_default().to_ascii_uppercase();
    let facts = Facts {
        data_type: &data_type,
        column_type: &mysql_type,
        charset: charset.as_deref(),
        octets: number(row, 7),
        precision: number(row, 8),
        scale: number(row, 9),
        fsp: number(row, 10),
        maria_json: json.contains(&name),
    };
    let data = ColumnData::parse(&facts);
    let is_text = charset.is_some();
    Column {
        data,
        nullable: text(row, 3).is_some_and(|n| n == "YES"),
        collation: text(row, 5),
        max_chars: if is_text { number(row, 6) } else { None },
        default: text(row, 11).filter(|d| d != "NULL"),
        auto_increment: extra.contains("AUTO_INCREMENT"),
        generated: if extra.contains("VIRTUAL GENERATED") {
            Some(Generated::Virtual)
        } else if extra.contains("STORED GENERATED") || extra.contains("PERSISTENT GENERATED") {
            Some(Generated::Stored)
        } else {
            None
        },
        invisible: extra.contains("INVISIBLE"),
        name,
        mysql_type,
    }
}

/// MariaDB's JSON is LONGTEXT with a check: the columns whose check is `json_valid` of themselves.
async fn maria_json_columns(conn: &mut Conn, name: &TableName) -> Result<Vec<String>> {
    let clauses: Vec<(String, String)> = conn
        .exec(
            "SELECT CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
             WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ? AND LEVEL = 'Column'",
            (&name.schema, &name.name),
        )
        .await
        .doing(DOING)?;
    let is_json = |(column, clause): &(String, String)| {
        clause.trim().eq_ignore_ascii_case(&format!("json_valid({})", rowmill_change::quote(column)))
    };
    Ok(clauses.into_iter().filter(is_json).map(|(column, _)| column).collect())
}
