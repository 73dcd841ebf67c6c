//! Results whose name and attributes are the configuration's: whatever a test wants to be said to the host.
//!
//! `{"attributes": "…"}` is the hexadecimal of `key NUL value NUL …`, `{"name": "…"}` that of the
//! result's name, and `{"label": N}` adds a `mysql-type` with one label of N letters.

use crate::number;
use crate::rowmill::udf::types::{Attribute, DataType, Field};

pub(crate) const SCALARS: &[&str] = &["attributes", "attributes-of-text"];
pub(crate) const TABLES: &[&str] = &["named"];

pub(crate) fn result(function: &str, config: &str) -> Option<Field> {
    if !SCALARS.contains(&function) && !TABLES.contains(&function) {
        return None;
    }
    let texts = hex(config, "attributes");
    let mut attributes: Vec<Attribute> = texts
        .split_terminator('\0')
        .collect::<Vec<_>>()
        .chunks(2)
        .map(|pair| Attribute { key: pair[0].to_owned(), value: pair.get(1).unwrap_or(&"").to_string() })
        .collect();
    if let Some(letters) = number(config, "label") {
        let value = format!("enum('{}')", "x".repeat(letters as usize));
        attributes.push(Attribute { key: "mysql-type".to_owned(), value });
    }
    let data_type = if function == "attributes-of-text" { DataType::Utf8 } else { DataType::Int64 };
    let name = hex(config, "name");
    let name = if config.contains("\"name\":") { name } else { "r".to_owned() };
    Some(Field { name, data_type, nullable: true, attributes })
}

fn hex(config: &str, key: &str) -> String {
    let Some((_, rest)) = config.split_once(&format!("\"{key}\":\"")) else { return String::new() };
    let digits = rest.split('"').next().unwrap_or_default().as_bytes();
    let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
    let bytes = digits.chunks(2).map(|pair| digit(pair[0]) << 4 | pair.get(1).map_or(0, |b| digit(*b))).collect();
    String::from_utf8(bytes).unwrap_or_default()
}
