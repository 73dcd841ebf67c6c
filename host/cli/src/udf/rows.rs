//! Rows of a JSON-lines or CSV file as Arrow columns.
//!
//! Each column gets the narrowest of boolean, int64, uint64, float64 and utf8 that holds all its
//! values; a JSON object or array in a value makes the column JSON text. A type that was named
//! on the command line wins: then the values are read as texts and converted, and one that
//! doesn't fit is an error with its line.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field};
use rowmill_plan::problem::Problem;
use rowmill_plan::type_name;
use serde_json::Value;

/// Rows to try a function on: their columns are held in memory, at several times the size of the file.
const INPUT_BYTES_MAX: u64 = 256 << 20;

/// Columns of the input: as many as a table of MySQL can have.
const COLUMNS_MAX: usize = 4096;

/// Values of the input, rows times columns. A key in one row is a value in all of them, so the size of the
/// file is no bound.
const CELLS_MAX: usize = 16_000_000;

/// Columns of the same length.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) rows: usize,
    pub(super) columns: Vec<(Field, ArrayRef)>,
}

/// Values by column, and the line of the file that each row stands in.
struct Raw {
    names: Vec<String>,
    values: Vec<Vec<Value>>,
    lines: Vec<u64>,
}

/// Reads the file; `types` are those named on the command line.
pub(super) fn read(path: &Path, types: &HashMap<String, DataType>) -> Result<Table, Box<Problem>> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let raw = match extension.to_ascii_lowercase().as_str() {
        "jsonl" | "ndjson" => json_lines(path)?,
        "csv" => comma_separated(path)?,
        _ => {
            return Err(Box::new(
                Problem::configuration(format!("the input {} is of a kind that is not known", path.display()))
                    .found(format!("the ending {extension:?}"))
                    .needed(".jsonl (a JSON object per line) or .csv (names in the first line)"),
            ));
        }
    };
    let columns = raw
        .names
        .iter()
        .zip(&raw.values)
        .map(|(name, values)| {
            match types.get(name) {
                Some(data_type) => converted(name, values, data_type, &raw.lines),
                None => inferred(name, values, &raw.lines),
            }
            .map_err(|problem| {
                Box::new(Problem { message: format!("{}: {}", path.display(), problem.message), ..*problem })
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Table { rows: raw.lines.len(), columns })
}

fn unreadable(path: &Path, found: impl ToString) -> Box<Problem> {
    Box::new(Problem::configuration(format!("the input {} can't be read", path.display())).found(found.to_string()))
}

/// Checks, before anything grows, that so many columns and rows may be held.
fn ensure_size(path: &Path, columns: usize, rows: usize, line: u64) -> Result<(), Box<Problem>> {
    let (found, needed) = if columns > COLUMNS_MAX {
        (format!("{columns} columns"), format!("at most {COLUMNS_MAX} columns"))
    } else if columns.saturating_mul(rows) > CELLS_MAX {
        (format!("{rows} rows of {columns} columns"), format!("at most {CELLS_MAX} values, rows times columns"))
    } else {
        return Ok(());
    };
    Err(Box::new(
        Problem::configuration(format!("the input {} is too large", path.display()))
            .found(format!("{found} up to line {line}"))
            .needed(needed)
            .fix("try the function on a part of the rows, or leave out columns that it does not read"),
    ))
}

fn json_lines(path: &Path) -> Result<Raw, Box<Problem>> {
    let text = rowmill_foreign::read_text(path, INPUT_BYTES_MAX).map_err(|error| unreadable(path, error))?;
    let mut raw = Raw { names: Vec::new(), values: Vec::new(), lines: Vec::new() };
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: serde_json::Map<String, Value> =
            serde_json::from_str(line).map_err(|error| unreadable(path, format!("line {}: {error}", index + 1)))?;
        let before = raw.lines.len();
        let number = index as u64 + 1;
        let new = row.keys().filter(|name| !by_name.contains_key(*name)).count();
        ensure_size(path, raw.names.len() + new, before + 1, number)?;
        for (name, value) in row {
            let column = *by_name.entry(name).or_insert_with_key(|name| {
                raw.names.push(name.clone());
                raw.values.push(vec![Value::Null; before]);
                raw.names.len() - 1
            });
            raw.values[column].push(value);
        }
        raw.lines.push(number);
        // A key that is left out is NULL.
        for values in &mut raw.values {
            values.resize(before + 1, Value::Null);
        }
    }
    Ok(raw)
}

fn comma_separated(path: &Path) -> Result<Raw, Box<Problem>> {
    let bytes = rowmill_foreign::read(path, INPUT_BYTES_MAX).map_err(|error| unreadable(path, error))?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let headers = reader.headers().map_err(|error| unreadable(path, error))?;
    ensure_size(path, headers.len(), 0, 1)?;
    let names: Vec<String> = headers.iter().map(str::to_owned).collect();
    let mut cells: Vec<Vec<Option<String>>> = vec![Vec::new(); names.len()];
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(path, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        ensure_size(path, names.len(), lines.len() + 1, line)?;
        for (column, cell) in cells.iter_mut().zip(&record) {
            column.push((!cell.is_empty()).then(|| cell.to_owned()));
        }
        lines.push(line);
    }
    let values = cells.into_iter().map(|cells| typed(&cells)).collect();
    Ok(Raw { names, values, lines })
}

/// Cells as numbers or booleans if all of them are, otherwise as texts.
fn typed(cells: &[Option<String>]) -> Vec<Value> {
    let parse = |as_value: &dyn Fn(&str) -> Option<Value>| -> Option<Vec<Value>> {
        cells.iter().map(|cell| cell.as_deref().map_or(Some(Value::Null), as_value)).collect()
    };
    // `007` is a code, not a number.
    let number = |text: &str| {
        let digits = text.trim_start_matches('-');
        let code = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
        if code { None } else { text.parse::<serde_json::Number>().ok().map(Value::Number) }
    };
    let boolean = |text: &str| text.parse::<bool>().ok().map(Value::Bool);
    parse(&number).or_else(|| parse(&boolean)).or_else(|| parse(&|text| Some(text.into()))).unwrap_or_default()
}

/// The text of a value, to be converted.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// One column whose type was named.
pub(super) fn converted(
    name: &str,
    values: &[Value],
    data_type: &DataType,
    lines: &[u64],
) -> Result<(Field, ArrayRef), Box<Problem>> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let cast = |values: &[Value]| {
        let texts: StringArray = values.iter().map(text).collect();
        cast_with_options(&texts, data_type, &options)
    };
    let array = cast(values).map_err(|error| {
        let wrong = values.iter().position(|value| cast(std::slice::from_ref(value)).is_err());
        let line = wrong.and_then(|row| lines.get(row)).map_or_else(String::new, |line| format!(" in line {line}"));
        Box::new(
            Problem::configuration(format!("column {name} can't be read as {}{line}", type_name::format(data_type)))
                .found(wrong.map_or_else(|| error.to_string(), |row| values[row].to_string())),
        )
    })?;
    Ok((Field::new(name, data_type.clone(), true), array))
}

/// What a value needs its column to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    Boolean,
    Int,
    UInt,
    Float,
    Text,
    Json,
}

fn seen(value: &Value) -> Option<Seen> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some(Seen::Boolean),
        Value::Number(number) if number.is_i64() => Some(Seen::Int),
        Value::Number(number) if number.is_u64() => Some(Seen::UInt),
        Value::Number(_) => Some(Seen::Float),
        Value::String(_) => Some(Seen::Text),
        Value::Array(_) | Value::Object(_) => Some(Seen::Json),
    }
}

/// The narrowest that holds both; none for a number beside a text.
fn both(one: Seen, other: Seen) -> Option<Seen> {
    use Seen::{Boolean, Float, Int, Json, Text, UInt};
    match (one, other) {
        _ if one == other => Some(one),
        (Json, _) | (_, Json) => Some(Json),
        (Boolean | Text, _) | (_, Boolean | Text) => None,
        (Float, _) | (_, Float) => Some(Float),
        (Int, UInt) | (UInt, Int) => Some(UInt),
        _ => None,
    }
}

/// One column whose type follows from its values.
fn inferred(name: &str, values: &[Value], lines: &[u64]) -> Result<(Field, ArrayRef), Box<Problem>> {
    let mut kind: Option<Seen> = None;
    for (row, value) in values.iter().enumerate() {
        let Some(next) = seen(value) else { continue };
        kind = match kind {
            None => Some(next),
            Some(before) => match both(before, next) {
                Some(kind) => Some(kind),
                None => {
                    let line = lines.get(row).copied().unwrap_or_default();
                    return Err(Box::new(
                        Problem::configuration(format!("column {name} has values of different types"))
                            .found(format!("{value} in line {line}"))
                            .fix(format!("name its type: --args {name}:utf8")),
                    ));
                }
            },
        };
    }
    // Below zero and above int64 in one column: only texts hold both exactly.
    let negative = values.iter().any(|value| value.as_i64().is_some_and(|number| number < 0));
    let kind = match kind {
        Some(Seen::UInt) if negative => Some(Seen::Float),
        other => other,
    };
    let (data_type, array): (DataType, ArrayRef) = match kind {
        Some(Seen::Boolean) => {
            (DataType::Boolean, Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>()))
        }
        Some(Seen::Int) => (DataType::Int64, Arc::new(values.iter().map(Value::as_i64).collect::<Int64Array>())),
        Some(Seen::UInt) => (DataType::UInt64, Arc::new(values.iter().map(Value::as_u64).collect::<UInt64Array>())),
        Some(Seen::Float) => (DataType::Float64, Arc::new(values.iter().map(Value::as_f64).collect::<Float64Array>())),
        Some(Seen::Json) => {
            let texts: StringArray = values.iter().map(|value| (!value.is_null()).then(|| value.to_string())).collect();
            let field = Field::new(name, DataType::Utf8, true)
                .with_metadata(HashMap::from([("type".to_owned(), "json".to_owned())]));
            return Ok((field, Arc::new(texts)));
        }
        Some(Seen::Text) | None => (DataType::Utf8, Arc::new(values.iter().map(text).collect::<StringArray>())),
    };
    Ok((Field::new(name, data_type, true), array))
}

/// A literal as one row; NULL has no type of its own and is a text.
pub(super) fn literal(value: &Value) -> Result<(Field, ArrayRef), Box<Problem>> {
    inferred("literal", std::slice::from_ref(value), &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        (folder, path)
    }

    fn types(table: &Table) -> Vec<(String, String)> {
        table
            .columns
            .iter()
            .map(|(field, array)| {
                assert_eq!(array.len(), table.rows);
                (field.name().clone(), type_name::format(field.data_type()))
            })
            .collect()
    }

    fn expected(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned())).collect()
    }

    #[test]
    fn json_lines_become_columns() {
        let (_folder, path) = file(
            "r.jsonl",
            "{\"id\": 1, \"big\": 18446744073709551615, \"price\": 1, \"ok\": true, \"name\": \"a\"}\n\n{\"id\": -2, \"price\": 2.5, \"tags\": [1]}\n",
        );
        let table = read(&path, &HashMap::new()).expect("read");
        assert_eq!(table.rows, 2);
        assert_eq!(
            types(&table),
            expected(&[
                ("id", "int64"),
                ("big", "uint64"),
                ("price", "float64"),
                ("ok", "boolean"),
                ("name", "utf8"),
                ("tags", "utf8")
            ])
        );
        assert_eq!(table.columns[5].0.metadata().get("type").map(String::as_str), Some("json"));
        assert!(table.columns[5].1.is_null(0));
    }

    #[test]
    fn csv_becomes_columns() {
        let (_folder, path) = file("r.csv", "id,price,code,ok,note\n1,1.50,007,true,\"a, b\"\n2,,08,false,\n");
        let table = read(&path, &HashMap::new()).expect("read");
        assert_eq!(
            types(&table),
            expected(&[("id", "int64"), ("price", "float64"), ("code", "utf8"), ("ok", "boolean"), ("note", "utf8")])
        );
        assert!(table.columns[1].1.is_null(1));
        assert!(table.columns[4].1.is_null(1));
    }

    #[test]
    fn named_types_convert() {
        let (_folder, path) = file("r.csv", "price,day,at\n1.50,2026-02-03,2026-02-03 04:05:06.5\n,,\n");
        let named = [("price", "decimal(10,2)"), ("day", "date"), ("at", "timestamp")]
            .map(|(name, of)| (name.to_owned(), type_name::parse(of).expect(of)))
            .into();
        let table = read(&path, &named).expect("read");
        assert_eq!(types(&table), expected(&[("price", "decimal(10,2)"), ("day", "date"), ("at", "timestamp")]));
    }

    #[test]
    fn what_does_not_fit_names_column_and_line() {
        let (_folder, path) = file("r.csv", "day\n2026-02-03\nyesterday\n");
        let named = HashMap::from([("day".to_owned(), DataType::Date32)]);
        let problem = read(&path, &named).expect_err("refused");
        assert!(problem.message.ends_with("column day can't be read as date in line 3"), "{problem}");
        assert_eq!(problem.found.as_deref(), Some("\"yesterday\""));

        let (_folder, path) = file("r.jsonl", "{\"a\": 1}\n{\"a\": \"x\"}\n");
        let problem = read(&path, &HashMap::new()).expect_err("refused");
        assert!(problem.message.ends_with("column a has values of different types"), "{problem}");
        assert_eq!(problem.found.as_deref(), Some("\"x\" in line 2"));

        let (_folder, path) = file("r.jsonl", "{\"a\": 1}\n[1]\n");
        assert!(read(&path, &HashMap::new()).expect_err("refused").to_string().contains("line 2"));
        for name in ["r.csv", "r.jsonl"] {
            let (folder, _) = file("x", "");
            let path = folder.path().join(name);
            std::os::unix::fs::symlink("/dev/zero", &path).expect("linked");
            let problem = read(&path, &HashMap::new()).expect_err("refused");
            assert_eq!(problem.found.as_deref(), Some("a device, not a regular file"));
            std::fs::remove_file(&path).expect("removed");
            std::fs::File::create(&path).expect("made").set_len(INPUT_BYTES_MAX + 1).expect("sparse");
            let problem = read(&path, &HashMap::new()).expect_err("refused").to_string();
            assert!(problem.contains("at most 268435456 are read"), "{problem}");
        }
        let (_folder, path) = file("r.txt", "");
        assert!(read(&path, &HashMap::new()).expect_err("refused").to_string().contains(".jsonl"));
    }

    #[test]
    fn columns_and_values_have_bounds() {
        let object = |keys: usize| (0..keys).map(|i| format!("\"k{i}\": 1")).collect::<Vec<_>>().join(",");
        let header = |columns: usize| (0..columns).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",") + "\n";
        for (name, text, found) in [
            ("r.jsonl", format!("{{\"a\": 1}}\n{{{}}}\n", object(4096)), "4097 columns up to line 2"),
            ("r.csv", header(4097), "4097 columns up to line 1"),
        ] {
            let (_folder, path) = file(name, &text);
            let problem = read(&path, &HashMap::new()).expect_err("refused");
            assert!(problem.message.ends_with("is too large") && problem.fix.is_some(), "{problem}");
            assert_eq!(problem.found.as_deref(), Some(found));
            assert_eq!(problem.needed.as_deref(), Some("at most 4096 columns"));
        }
        assert!(ensure_size(Path::new("r"), 3900, 4102, 4102).is_ok());
        let problem = ensure_size(Path::new("r"), 3900, 4103, 4103).expect_err("refused");
        assert_eq!(problem.found.as_deref(), Some("4103 rows of 3900 columns up to line 4103"));
        assert_eq!(problem.needed.as_deref(), Some("at most 16000000 values, rows times columns"));
        let (_folder, path) = file("r.csv", &header(4096));
        assert_eq!(read(&path, &HashMap::new()).expect("read").columns.len(), 4096);
    }
}
