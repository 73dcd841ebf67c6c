//! Rows of a table, and random changes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use rand::Rng;
use rand::rngs::StdRng;
use rowmill_change::TableName;
use rowmill_mysql::TableDef;
use rowmill_mysql::table::{Column, ColumnData};

pub(crate) const SECOND: i64 = 1_000_000;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: i32,
    pub(crate) g: Option<i32>,
    pub(crate) name: Option<&'static str>,
    pub(crate) at: i64,
    pub(crate) n: Option<i32>,
    pub(crate) x: Option<f64>,
    pub(crate) d: Option<i128>,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Insert(Row),
    Update(Row, Row),
    Delete(Row),
}

pub(crate) fn table() -> TableDef {
    table_called("t")
}

/// So many tables of the same columns; a single one is called `t`.
pub(crate) fn tables(count: usize) -> Vec<TableDef> {
    match count {
        1 => vec![table()],
        _ => (0..count).map(|number| table_called(&format!("t{number}"))).collect(),
    }
}

/// The table that a row is in: keys that change stay there.
pub(crate) fn table_of(row: &Row, tables: usize) -> usize {
    row.id as usize % tables
}

fn table_called(name: &str) -> TableDef {
    let column = |name: &str, mysql_type: &str, data: ColumnData, nullable: bool, collation: Option<&str>| Column {
        name: name.to_owned(),
        mysql_type: mysql_type.to_owned(),
        data,
        nullable,
        collation: collation.map(str::to_owned),
        max_chars: collation.map(|_| 20),
        default: None,
        auto_increment: false,
        generated: None,
        invisible: false,
    };
    let int = || ColumnData::Integer { bits: 32, unsigned: false };
    let text = ColumnData::Text { charset: "utf8mb4".to_owned(), fixed: false, max_bytes: 80, large: false };
    TableDef {
        name: TableName::new("shop", name),
        columns: vec![
            column("id", "int", int(), false, None),
            column("g", "int", int(), true, None),
            column("name", "varchar(20)", text, true, Some("utf8mb4_general_ci")),
            column("at", "datetime(6)", ColumnData::DateTime { fsp: 6 }, false, None),
            column("n", "int", int(), true, None),
            column("x", "double", ColumnData::Double, true, None),
            column("d", "decimal(10,2)", ColumnData::Decimal { precision: 10, scale: 2 }, true, None),
        ],
        primary_key: vec![0],
        unique_keys: Vec::new(),
        engine: "InnoDB".to_owned(),
        collation: "utf8mb4_general_ci".to_owned(),
    }
}

pub(crate) fn batch(rows: &[&Row]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.id).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|row| row.g).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|row| row.name).collect::<StringArray>()),
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.at))),
        Arc::new(rows.iter().map(|row| row.n).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|row| row.x).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.d).collect::<Decimal128Array>().with_precision_and_scale(10, 2).unwrap()),
    ];
    RecordBatch::try_new(table().schema(), columns).unwrap()
}

/// A stream of changes of few groups, so that they meet.
pub(crate) fn stream(random: &mut StdRng, length: usize, spread: i64, groups: i32, alter: fn(&mut Row)) -> Vec<Change> {
    let mut rows: BTreeMap<i32, Row> = BTreeMap::new();
    let mut clock = 0;
    let mut changes = Vec::new();
    for next in 0..length as i32 {
        clock += random.random_range(0..3 * SECOND);
        let make = |random: &mut StdRng, id: i32| Row {
            id,
            g: (random.random_range(0..5) > 0).then(|| random.random_range(0..groups)),
            name: [None, Some("Köln"), Some("KOLN"), Some("koln "), Some("Bonn")][random.random_range(0..5)],
            at: clock - random.random_range(0..=spread),
            n: (random.random_range(0..6) > 0).then(|| random.random_range(-3..4)),
            x: (random.random_range(0..6) > 0).then(|| f64::from(random.random_range(-999..1000)) / 8.0),
            d: (random.random_range(0..6) > 0).then(|| random.random_range(-10_000..10_000)),
        };
        let known: Vec<i32> = rows.keys().copied().collect();
        let chosen = (!known.is_empty()).then(|| known[random.random_range(0..known.len())]);
        let mut change = match (random.random_range(0..10), chosen) {
            (0..4, _) | (_, None) => Change::Insert(make(random, next)),
            (4..8, Some(id)) => {
                let mut row = make(random, id);
                if random.random_range(0..8) == 0 {
                    // In the table that it was in, of whatever number of tables.
                    row.id = 1_200_000 + 12 * next + id % 12;
                }
                if random.random_range(0..2) == 0 {
                    row.at = rows[&id].at;
                }
                Change::Update(rows[&id].clone(), row)
            }
            (_, Some(id)) => Change::Delete(rows[&id].clone()),
        };
        if let Change::Insert(row) | Change::Update(_, row) = &mut change {
            alter(row);
        }
        match &change {
            Change::Insert(row) => drop(rows.insert(row.id, row.clone())),
            Change::Update(before, after) => {
                rows.remove(&before.id);
                rows.insert(after.id, after.clone());
            }
            Change::Delete(row) => drop(rows.remove(&row.id)),
        }
        changes.push(change);
    }
    changes
}

/// When a change was committed. Not in order: a transaction is as old as its first statement.
pub(crate) fn when(change: usize) -> i64 {
    let step = change as i64;
    (1_000 + 2 * step + step * 7 % 5) * SECOND
}

/// The rows after all changes, in the order in which they came to be what they are.
pub(crate) fn rows_after(changes: &[Change]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for change in changes {
        match change {
            Change::Insert(row) => rows.push(row.clone()),
            Change::Update(before, after) => {
                rows.retain(|row| row.id != before.id);
                rows.push(after.clone());
            }
            Change::Delete(before) => rows.retain(|row| row.id != before.id),
        }
    }
    rows
}
