//! `rowmill udf run` with an aggregate: rows in, a result per group out.
//!
//! Groups are numbered in the order in which they come first, as a pipeline numbers them, and each
//! batch is one call. Keys are compared as they are printed: by bytes, not by a collation. A trap
//! or a limit ends the run, since it takes the accumulators of all groups with it.

use std::collections::HashMap;

use arrow_array::{ArrayRef, UInt32Array};
use rowmill_plan::problem::Problem;
use rowmill_wasm::Aggregate;
use serde_json::{Map, Value};

use super::open::problem;
use super::rows::Table;
use super::run::{Facts, Tally, cut, error_row, summary};
use super::value::value;
use crate::args::Columns;
use crate::diagnostics::Exit;
use crate::output::{self, Form, Rows};

/// Groups asked for at once, as in a pipeline.
const GROUPS_AT_ONCE: usize = 8_192;

/// The group of each row, and the columns that tell a group.
pub(super) struct Groups {
    numbers: UInt32Array,
    keys: Vec<Map<String, Value>>,
}

impl Groups {
    /// By these columns; without any all rows are one group, also when there is no row.
    pub(super) fn of(table: &Table, by: Option<&Columns>) -> Result<Self, Box<Problem>> {
        let Some(Columns(names)) = by else {
            return Ok(Self { numbers: UInt32Array::from(vec![0; table.rows]), keys: vec![Map::new()] });
        };
        let found = |name: &String| {
            table.columns.iter().find(|(field, _)| field.name() == name).ok_or_else(|| {
                let names: Vec<&str> = table.columns.iter().map(|(field, _)| field.name().as_str()).collect();
                Box::new(
                    Problem::configuration(format!("--by {name}: the input has no such column"))
                        .needed(format!("one of {}", names.join(", "))),
                )
            })
        };
        let columns: Vec<_> = names.iter().map(found).collect::<Result<_, _>>()?;
        let (mut known, mut keys) = (HashMap::new(), Vec::new());
        let number = |row| {
            let key: Map<_, _> =
                columns.iter().map(|(field, array)| (field.name().clone(), value(field, array, row))).collect();
            *known.entry(Value::Object(key.clone()).to_string()).or_insert_with(|| {
                keys.push(key);
                // A file of 2^32 rows does not fit the memory of its columns.
                u32::try_from(keys.len() - 1).unwrap_or(u32::MAX)
            })
        };
        let numbers = (0..table.rows).map(number).collect::<Vec<u32>>().into();
        Ok(Self { numbers, keys })
    }

    fn count(&self) -> u32 {
        u32::try_from(self.keys.len()).unwrap_or(u32::MAX)
    }
}

/// Takes all rows in and prints the results, groups in the order of their first row.
pub(super) async fn run(
    mut aggregate: Aggregate,
    columns: &[ArrayRef],
    groups: &Groups,
    batch: usize,
) -> Result<Exit, Box<Problem>> {
    let mut out = Rows::new();
    let mut tally = Tally::default();
    let rows = groups.numbers.len();
    let mut written = Ok(());
    for start in (0..rows).step_by(batch) {
        let range = start..(start + batch).min(rows);
        let facts = Facts::of(&aggregate.signature().call, &range);
        let (cut, numbers) = (cut(columns, &range), groups.numbers.slice(start, range.len()));
        match aggregate.update(groups.count(), &numbers, None, &facts.input(&cut)).await {
            Ok(errors) => {
                tally.errors += errors.len() as u64;
                written = errors
                    .iter()
                    .try_for_each(|error| out.row(&error_row(start + error.row, &error.code, &error.message)));
            }
            Err(error) if error.is_trap() || error.is_limit() => {
                tally.traps += 1;
                let code = if error.is_limit() { "limit" } else { "trap" };
                let error = serde_json::json!({ "code": code, "message": error.to_string() });
                written = out.row(&serde_json::json!({ "rows": [start + 1, range.end], "error": error }));
            }
            Err(error) => return Err(problem(&error)),
        }
        if written.is_err() || tally.traps > 0 {
            break;
        }
    }
    if written.is_ok() && tally.traps == 0 {
        written = results(&mut aggregate, &groups.keys, &mut tally, &mut out).await?;
    }
    // A reader that has gone (`| head`) wants no more.
    if written.and_then(|()| out.flush()).is_ok() {
        let summary = summary(&aggregate.meter(), &tally, rows);
        output::report(&summary, Form::Plain);
    }
    Ok(if tally.traps > 0 { Exit::Stopped } else { Exit::Done })
}

/// A line per group: the columns that tell it, then its result or its error.
async fn results(
    aggregate: &mut Aggregate,
    keys: &[Map<String, Value>],
    tally: &mut Tally,
    out: &mut Rows,
) -> Result<std::io::Result<()>, Box<Problem>> {
    let fields = aggregate.signature().call.results.clone();
    for (chunk, keys) in keys.chunks(GROUPS_AT_ONCE).enumerate() {
        let first = u32::try_from(chunk * GROUPS_AT_ONCE).unwrap_or(u32::MAX);
        let asked: UInt32Array = (first..).take(keys.len()).collect::<Vec<u32>>().into();
        let output = match aggregate.evaluate(&asked).await {
            Ok(output) => output,
            Err(error) if error.is_trap() || error.is_limit() => {
                tally.traps += 1;
                let code = if error.is_limit() { "limit" } else { "trap" };
                let error = serde_json::json!({ "code": code, "message": error.to_string() });
                return Ok(out.row(&serde_json::json!({ "error": error })));
            }
            Err(error) => return Err(problem(&error)),
        };
        let mut errors = output.errors.iter().peekable();
        for (at, key) in keys.iter().enumerate() {
            let mut object = key.clone();
            match errors.next_if(|error| error.row == at) {
                Some(error) => {
                    tally.errors += 1;
                    let error = serde_json::json!({ "code": error.code, "message": error.message });
                    object.insert("error".to_owned(), error);
                }
                None => {
                    tally.results += 1;
                    for (field, column) in fields.iter().zip(&output.columns) {
                        object.insert(field.name().clone(), value(field, column, at));
                    }
                }
            }
            if let Err(error) = out.row(&Value::Object(object)) {
                return Ok(Err(error));
            }
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};
    use arrow_schema::{DataType, Field};

    use super::*;

    fn table() -> Table {
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("a"), Some("b")]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 1, 2]));
        Table {
            rows: 4,
            columns: vec![
                (Field::new("name", DataType::Utf8, true), names),
                (Field::new("number", DataType::Int64, true), numbers),
            ],
        }
    }

    #[test]
    fn groups_are_numbered_as_they_come_and_null_is_one() {
        let groups = Groups::of(&table(), Some(&Columns(vec!["name".to_owned()]))).expect("there");
        assert_eq!(groups.numbers.values(), &[0, 1, 0, 2]);
        assert_eq!(groups.keys[1]["name"], Value::Null);
        let all = Groups::of(&table(), None).expect("there");
        assert_eq!(all.numbers.values(), &[0, 0, 0, 0]);
        assert_eq!(all.count(), 1);
    }

    #[test]
    fn a_column_that_is_not_there_is_named() {
        let refused = Groups::of(&table(), Some(&Columns(vec!["nmae".to_owned()])));
        let problem = refused.err().expect("refused");
        assert!(problem.to_string().contains("no such column"), "{problem}");
    }
}
