//! A table of random rows, as SQL and as columns.

use std::fmt::Write;

use rowmill_devserver::Kind;
use rowmill_sdk::{DataType, DecimalType, Field};

use crate::support::Random;
use crate::support::show::{hex, show};

pub(crate) const GROUPS: u32 = 12;
const ROWS: usize = 500;

pub(crate) struct Cell {
    /// Its bytes in a column.
    pub(crate) raw: Option<Vec<u8>>,
    /// The same as an SQL literal.
    sql: String,
}

pub(crate) struct Column {
    pub(crate) name: &'static str,
    sql_type: String,
    pub(crate) field: Field,
    pub(crate) cells: Vec<Cell>,
}

impl Column {
    pub(crate) fn is_number(&self) -> bool {
        use DataType::*;
        matches!(
            self.field.data_type,
            Int8 | Int16 | Int32 | Int64 | Uint8 | Uint16 | Uint32 | Uint64 | Float32 | Float64 | Decimal(_)
        )
    }
}

pub(crate) struct Table {
    pub(crate) groups: Vec<u32>,
    pub(crate) columns: Vec<Column>,
}

impl Table {
    pub(crate) fn position(&self, name: &str) -> usize {
        self.columns.iter().position(|column| column.name == name).unwrap()
    }

    /// Group 0 has one row, group 1 nothing but NULL in columns that can hold it.
    pub(crate) fn random(random: &mut Random, kind: Kind) -> Self {
        let groups: Vec<u32> = (0..ROWS as u32).map(|row| if row == 0 { 0 } else { 1 + row % (GROUPS - 1) }).collect();
        let ci = match kind {
            Kind::MySql => "utf8mb4_0900_ai_ci",
            Kind::MariaDb => "utf8mb4_uca1400_nopad_ai_ci",
        };
        let decimal = |precision, scale| DataType::Decimal(DecimalType { precision, scale });
        let text = |collation: &str| format!("varchar(20) CHARACTER SET utf8mb4 COLLATE {collation}");
        let specifications = [
            ("b1", "tinyint(1)".to_owned(), DataType::Int8),
            ("t", "tinyint".to_owned(), DataType::Int8),
            ("tu", "tinyint unsigned".to_owned(), DataType::Uint8),
            ("s", "smallint".to_owned(), DataType::Int16),
            ("su", "smallint unsigned".to_owned(), DataType::Uint16),
            ("m", "mediumint".to_owned(), DataType::Int32),
            ("mu", "mediumint unsigned".to_owned(), DataType::Uint32),
            ("i", "int".to_owned(), DataType::Int32),
            ("iu", "int unsigned".to_owned(), DataType::Uint32),
            ("l", "bigint".to_owned(), DataType::Int64),
            ("lu", "bigint unsigned".to_owned(), DataType::Uint64),
            ("y", "year".to_owned(), DataType::Uint16),
            ("d", "decimal(10,2)".to_owned(), decimal(10, 2)),
            ("d5", "decimal(12,5)".to_owned(), decimal(12, 5)),
            ("d14", "decimal(20,14)".to_owned(), decimal(20, 14)),
            ("d38", "decimal(38,10)".to_owned(), decimal(38, 10)),
            ("d30", "decimal(60,30)".to_owned(), decimal(60, 30)),
            ("f", "float".to_owned(), DataType::Float32),
            ("x", "double".to_owned(), DataType::Float64),
            ("dt", "date".to_owned(), DataType::Date),
            ("ts", "datetime(3)".to_owned(), DataType::Datetime),
            ("tm", "time(2)".to_owned(), DataType::Time),
            ("c", text(ci), DataType::Utf8),
            ("cg", text("utf8mb4_general_ci"), DataType::Utf8),
            ("cb", text("utf8mb4_bin"), DataType::Utf8),
            ("bin", "varbinary(20)".to_owned(), DataType::Binary),
        ];
        let mut columns = vec![Column {
            name: "id",
            sql_type: "int NOT NULL PRIMARY KEY".to_owned(),
            field: Field { nullable: false, ..Field::new("id", DataType::Int32).with("mysql-type", "int") },
            cells: (0..ROWS as i32)
                .map(|id| Cell { raw: Some(id.to_le_bytes().to_vec()), sql: id.to_string() })
                .collect(),
        }];
        for (name, sql_type, data_type) in specifications {
            let short = sql_type.split(" CHARACTER").next().unwrap();
            let mut field = Field::new(name, data_type).with("mysql-type", short);
            if let Some((_, collation)) = sql_type.split_once("COLLATE ") {
                field = field.with("collation", collation);
            }
            if let Some(fsp) = fsp_of(name) {
                field = field.with("fsp", fsp.to_string());
            }
            let cells = groups.iter().map(|group| cell(random, *group, &field)).collect();
            columns.push(Column { name, sql_type, field, cells });
        }
        Self { groups, columns }
    }

    /// The statements that make the table anew.
    pub(crate) fn create(&self) -> String {
        let mut sql = String::from(
            "CREATE DATABASE IF NOT EXISTS shop; USE shop; SET time_zone = '+00:00'; DROP TABLE IF EXISTS t; CREATE TABLE t (g INT NOT NULL",
        );
        for column in &self.columns {
            write!(sql, ", {} {}", column.name, column.sql_type).unwrap();
        }
        sql.push_str(");\nINSERT INTO t VALUES ");
        for (row, group) in self.groups.iter().enumerate() {
            let cells: Vec<&str> = self.columns.iter().map(|column| column.cells[row].sql.as_str()).collect();
            write!(sql, "{}({group}, {})", if row == 0 { "" } else { ",\n" }, cells.join(", ")).unwrap();
        }
        sql + ";"
    }
}

fn fsp_of(name: &str) -> Option<u32> {
    match name {
        "ts" => Some(3),
        "tm" => Some(2),
        _ => None,
    }
}

fn cell(random: &mut Random, group: u32, field: &Field) -> Cell {
    if group == 1 || random.below(6) == 0 {
        return Cell { raw: None, sql: "NULL".to_owned() };
    }
    let raw = value(random, field);
    let shown = show(field, &raw);
    let sql = match field.data_type {
        DataType::Utf8 => format!("_utf8mb4 x'{}'", hex(&raw)),
        DataType::Binary => format!("x'{}'", hex(&raw)),
        DataType::Date | DataType::Datetime | DataType::Time => format!("'{shown}'"),
        // Shortest digits, as a double that is exact.
        DataType::Float32 | DataType::Float64 => format!("{:e}", shown.parse::<f64>().unwrap()),
        _ => shown,
    };
    Cell { raw: Some(raw), sql }
}

fn value(random: &mut Random, field: &Field) -> Vec<u8> {
    let within = |random: &mut Random, low: i64, high: i64| match random.below(8) {
        0 => low,
        1 => high,
        2..=4 => (random.below(9) as i64 - 4).clamp(low, high),
        _ => low + (random.bits() % (high - low + 1) as u64) as i64,
    };
    match (field.name.as_str(), field.data_type) {
        ("b1", _) => vec![random.below(2) as u8],
        ("m", _) => (within(random, -8_388_608, 8_388_607) as i32).to_le_bytes().to_vec(),
        ("mu", _) => (within(random, 0, 16_777_215) as u32).to_le_bytes().to_vec(),
        ("y", _) => (within(random, 1901, 2155) as u16).to_le_bytes().to_vec(),
        ("dt", _) => (within(random, -354_285, 2_932_896) as i32).to_le_bytes().to_vec(),
        ("ts", _) => (within(random, -30_610_224_000_000, 253_402_300_799_999) * 1000).to_le_bytes().to_vec(),
        ("tm", _) => (within(random, -302_039_900, 302_039_900) * 10_000).to_le_bytes().to_vec(),
        // The server adds up doubles as they come: what cancels out would be lost there.
        (_, DataType::Float32) => (within(random, 0, 8_000_000) as f32 / 64.0).to_le_bytes().to_vec(),
        (_, DataType::Float64) => {
            let number = within(random, 1, 1_000_000_007) as f64;
            (number * *random.one_of(&[0.01, 1.0, 1e-7, 1e9])).to_le_bytes().to_vec()
        }
        (_, DataType::Utf8) => {
            let letters = ["a", "A", "á", "b", "B", "ß", "ss", " ", "x", "é", "_", "Ö"];
            (0..random.below(4)).map(|_| *random.one_of(&letters)).collect::<String>().into_bytes()
        }
        (_, data_type) => random.value(data_type),
    }
}
