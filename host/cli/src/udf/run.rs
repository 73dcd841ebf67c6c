//! `rowmill udf run`: a function on the rows of a file, as a pipeline would call it.
//!
//! The same [`Function`], the same limits and the same search for a row that traps (halves, on a
//! fresh instance) as in a running pipeline under `on_error: skip`; only source and sink are a
//! file and stdout; aggregates run in `aggregate`. Row facts are made up, but the same in every run: all rows are inserts,
//! committed at the epoch, with the row's number as seed.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use arrow_array::{ArrayRef, TimestampMicrosecondArray, UInt8Array, UInt64Array};
use rowmill_plan::AGGREGATE_MEMORY;
use rowmill_plan::problem::{Fault, Problem};
use rowmill_plan::units::format_size;
use rowmill_wasm::{Aggregate, Argument, Function, Identity, Input, Meter, Output, RowFact, Signature};
use serde_json::Value;

use super::aggregate;
use super::open::{open, problem};
use super::rows::{self, Table};
use super::value::value;
use crate::args::{self, Arguments, UdfRun};
use crate::diagnostics::Exit;
use crate::live::grouped;
use crate::output::{self, Form, Rows};

/// Runs the function on every row. Rows that err are results; a trap makes the exit code 1.
pub(super) async fn run(call: UdfRun) -> Result<Exit, Box<Problem>> {
    let batch_rows = call.batch as usize;
    let opened = open(&call.function).await?;
    let (name, is_aggregate) = opened.function().await?;
    if let (false, Some(_)) = (is_aggregate, &call.by) {
        return Err(Box::new(
            Problem::configuration(format!("--by with {name}, which is no aggregate"))
                .needed("a function that has a result for each group")
                .fix("leave --by out"),
        ));
    }
    let table = rows::read(&call.input, &named_types(call.args.as_ref()))?;
    let arguments = arguments(call.args.as_ref(), &table)?;
    let offered: Vec<Argument> = arguments.iter().map(|argument| argument.offered.clone()).collect();
    let identity = Identity { pipeline: "udf-run".to_owned(), step: name.clone() };
    let columns = |reads: &[usize]| -> Result<Vec<ArrayRef>, Box<Problem>> {
        let read = reads.iter().map(|read| arguments.get(*read).and_then(|argument| argument.column.clone()));
        let message = format!("{name} reads an argument that is no column");
        read.collect::<Option<_>>().ok_or_else(|| Box::new(Problem::new(Fault::Component, message)))
    };
    if is_aggregate {
        let mut limits = call.limits.limits;
        if !call.limits.memory_named {
            limits.memory = AGGREGATE_MEMORY;
        }
        let limits = rowmill_operators::wasm_limits(limits);
        let aggregate = Aggregate::bind(&opened.component, &identity, &limits, &name, &offered, &call.config)
            .await
            .map_err(|error| problem(&error))?;
        let columns = columns(&aggregate.signature().call.reads)?;
        let groups = aggregate::Groups::of(&table, call.by.as_ref())?;
        return aggregate::run(aggregate, &columns, &groups, batch_rows).await;
    }
    let limits = rowmill_operators::wasm_limits(call.limits.limits);
    let mut function = Function::bind(&opened.component, &identity, &limits, &name, &offered, &call.config)
        .await
        .map_err(|error| problem(&error))?;
    let columns = columns(&function.signature().reads)?;

    let mut out = Rows::new();
    let mut tally = Tally::default();
    for start in (0..table.rows).step_by(batch_rows) {
        let end = (start + batch_rows).min(table.rows);
        let printed = batch(&mut function, &columns, start..end, &mut tally, &mut out).await?;
        if printed.is_err() {
            // A reader that has gone (`| head`) wants no more.
            return Ok(Exit::Done);
        }
    }
    if out.flush().is_ok() {
        let summary = summary(&function.meter(), &tally, table.rows);
        output::report(&summary, Form::Plain);
    }
    Ok(if tally.traps > 0 { Exit::Stopped } else { Exit::Done })
}

/// What is offered to `bind`, and for a column its values.
struct Bound {
    offered: Argument,
    column: Option<ArrayRef>,
}

fn named_types(args: Option<&Arguments>) -> HashMap<String, arrow_schema::DataType> {
    args.iter()
        .flat_map(|args| &args.0)
        .filter_map(|argument| match argument {
            args::Argument::Column { name, data_type: Some(data_type) } => Some((name.clone(), data_type.clone())),
            _ => None,
        })
        .collect()
}

fn arguments(args: Option<&Arguments>, table: &Table) -> Result<Vec<Bound>, Box<Problem>> {
    let column = |field: &arrow_schema::Field, array: &ArrayRef| Bound {
        offered: Argument { field: field.clone(), literal: None },
        column: Some(array.clone()),
    };
    let Some(args) = args else {
        return Ok(table.columns.iter().map(|(field, array)| column(field, array)).collect());
    };
    args.0
        .iter()
        .map(|argument| match argument {
            args::Argument::Literal(value) => {
                let (field, array) = rows::literal(value)?;
                Ok(Bound { offered: Argument { field, literal: Some(array) }, column: None })
            }
            args::Argument::Column { name, .. } => {
                let found = table.columns.iter().find(|(field, _)| field.name() == name);
                found.map(|(field, array)| column(field, array)).ok_or_else(|| {
                    let names: Vec<&str> = table.columns.iter().map(|(field, _)| field.name().as_str()).collect();
                    Box::new(
                        Problem::configuration(format!("the input has no column {name}"))
                            .needed(format!("one of {}", names.join(", "))),
                    )
                })
            }
        })
        .collect()
}

/// What the meter doesn't know.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) results: u64,
    pub(super) errors: u64,
    pub(super) traps: u64,
}

/// Runs rows and prints their results in order; halves what traps until single rows are left.
async fn batch(
    function: &mut Function,
    columns: &[ArrayRef],
    rows: Range<usize>,
    tally: &mut Tally,
    out: &mut Rows,
) -> Result<std::io::Result<()>, Box<Problem>> {
    let mut ranges = vec![rows];
    while let Some(rows) = ranges.pop() {
        match one(function, columns, &rows).await {
            Ok(output) => {
                if let Err(error) = print(function, &output, &rows, tally, out) {
                    return Ok(Err(error));
                }
            }
            Err(error) if rows.len() > 1 && (error.is_trap() || error.is_limit()) => {
                let middle = rows.start + rows.len() / 2;
                ranges.push(middle..rows.end);
                ranges.push(rows.start..middle);
            }
            Err(error) if error.is_trap() || error.is_limit() => {
                tally.traps += 1;
                let code = if error.is_limit() { "limit" } else { "trap" };
                if let Err(error) = out.row(&error_row(rows.start, code, &error.to_string())) {
                    return Ok(Err(error));
                }
            }
            Err(error) => return Err(problem(&error)),
        }
    }
    Ok(Ok(()))
}

async fn one(
    function: &mut Function,
    columns: &[ArrayRef],
    rows: &Range<usize>,
) -> Result<Output, rowmill_wasm::Error> {
    let facts = Facts::of(function.signature(), rows);
    let columns = cut(columns, rows);
    function.run(&facts.input(&columns)).await
}

/// The rows of a range.
pub(super) fn cut(columns: &[ArrayRef], rows: &Range<usize>) -> Vec<ArrayRef> {
    columns.iter().map(|column| column.slice(rows.start, rows.len())).collect()
}

/// What a function asks for beside columns, made up.
pub(super) struct Facts {
    rows: usize,
    ops: Option<UInt8Array>,
    commit_time: Option<TimestampMicrosecondArray>,
    seeds: Option<UInt64Array>,
}

impl Facts {
    pub(super) fn of(signature: &Signature, rows: &Range<usize>) -> Self {
        let asked = |fact| signature.facts.contains(&fact);
        Self {
            rows: rows.len(),
            ops: asked(RowFact::ChangeKind).then(|| UInt8Array::from(vec![0; rows.len()])),
            commit_time: asked(RowFact::CommitTime).then(|| TimestampMicrosecondArray::from(vec![0; rows.len()])),
            seeds: asked(RowFact::Seed).then(|| rows.clone().map(|row| row as u64).collect()),
        }
    }

    pub(super) fn input<'a>(&'a self, columns: &'a [ArrayRef]) -> Input<'a> {
        Input {
            rows: self.rows,
            columns,
            ops: self.ops.as_ref(),
            commit_time: self.commit_time.as_ref(),
            seeds: self.seeds.as_ref(),
        }
    }
}

/// Results and row errors as JSON lines. Rows of a table function name their input row.
fn print(
    function: &Function,
    output: &Output,
    rows: &Range<usize>,
    tally: &mut Tally,
    out: &mut Rows,
) -> std::io::Result<()> {
    let fields = &function.signature().results;
    let result = |at: usize, object: &mut serde_json::Map<String, Value>| {
        for (field, column) in fields.iter().zip(&output.columns) {
            object.insert(field.name().clone(), value(field, column, at));
        }
    };
    let mut errors = output.errors.iter().peekable();
    let mut next = 0;
    for row in 0..rows.len() {
        let error = errors.next_if(|error| error.row == row);
        if let Some(error) = error {
            tally.errors += 1;
            out.row(&error_row(rows.start + row, &error.code, &error.message))?;
        }
        match &output.parents {
            None if error.is_none() => {
                let mut object = serde_json::Map::new();
                result(row, &mut object);
                tally.results += 1;
                out.row(&Value::Object(object))?;
            }
            None => {}
            Some(parents) => {
                while next < parents.len() && parents.value(next) as usize == row {
                    if error.is_none() {
                        let mut object = serde_json::Map::new();
                        object.insert("row".to_owned(), (rows.start + row + 1).into());
                        result(next, &mut object);
                        tally.results += 1;
                        out.row(&Value::Object(object))?;
                    }
                    next += 1;
                }
            }
        }
    }
    Ok(())
}

pub(super) fn error_row(row: usize, code: &str, message: &str) -> Value {
    serde_json::json!({ "row": row + 1, "error": { "code": code, "message": message } })
}

/// `8,192 rows in 1 call: 12.3 ns/row, CPU 0.10 ms, …`.
pub(super) fn summary(meter: &Meter, tally: &Tally, rows: usize) -> String {
    let per_row = if meter.rows == 0 { 0.0 } else { nanos(meter.cpu) / count(meter.rows) };
    format!(
        "{} in {}: {per_row:.1} ns/row, CPU {:.2} ms, wall {:.2} ms, peak memory {}, output {}\n\
         {}, {}, {}\n",
        counted(rows as u64, "row"),
        counted(meter.calls, "call"),
        nanos(meter.cpu) / 1e6,
        nanos(meter.wall) / 1e6,
        format_size(meter.memory_peak),
        format_size(meter.output_bytes),
        counted(tally.results, "result"),
        counted(tally.errors, "row error"),
        counted(tally.traps, "trap"),
    )
}

/// `1 row`, `2 rows`.
fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

#[allow(clippy::cast_precision_loss, reason = "for a figure with one decimal")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_a_figure_per_row() {
        let meter = Meter {
            calls: 2,
            rows: 1000,
            cpu: Duration::from_micros(12),
            wall: Duration::from_micros(20),
            memory_peak: 1 << 20,
            ..Meter::default()
        };
        let tally = Tally { results: 999, errors: 1, traps: 0 };
        assert_eq!(
            summary(&meter, &tally, 1000),
            "1,000 rows in 2 calls: 12.0 ns/row, CPU 0.01 ms, wall 0.02 ms, peak memory 1MiB, output 0B\n\
             999 results, 1 row error, 0 traps\n"
        );
    }
}
