//! One call of a component on a frame, and the rows that it can't survive.
//!
//! A component can flag rows without failing the call. When the call itself fails by a trap, a
//! limit or a malformed answer, the batch is run again in pieces, each on a fresh instance, until
//! single rows are left that fail: those are row errors, the others have their results. Functions
//! are pure, so running rows again changes nothing. What that may cost is bounded: [`super::search`].

use std::collections::BTreeMap;
use std::time::Duration;

use arrow_array::{ArrayRef, UInt32Array, new_null_array};
use arrow_schema::{DataType, Field};
use rowmill_wasm::{Function, Identity, Input, Kind, Limit, Meter, Output, RowError, RowFact};
use xxhash_rust::xxh3::xxh3_64;

use super::facts::{Facts, RowFacts};
use super::search::{Search, Subject, pieces};
use super::{Failure, Frame};
use crate::error::Error;
use crate::limits::wasm_limits;
use rowmill_plan::{OnError, Step};

/// The code of an error that a single row may be the reason of; `None`: running pieces can't help.
fn code(error: &rowmill_wasm::Error) -> Option<&'static str> {
    Some(match error {
        rowmill_wasm::Error::Trap { .. } => "trap",
        rowmill_wasm::Error::WrongAnswer { .. } => "wrong-answer",
        rowmill_wasm::Error::Call { .. } => "refused",
        error => match error.limit()? {
            Limit::Memory => "limit-memory",
            Limit::Cpu => "limit-cpu",
            Limit::Wall => "limit-wall",
            Limit::Output => "limit-output",
        },
    })
}

/// What calls on a batch share.
pub struct CallContext<'a> {
    /// What is known of its rows.
    pub(crate) facts: &'a RowFacts<'a>,
    /// What the batch has spent on calls that failed.
    pub(crate) search: &'a mut Search,
}

/// Where an argument comes from.
struct ArgSource {
    /// Column of the step's input.
    column: usize,
    /// A lossy conversion that the file asks for.
    cast: Option<DataType>,
}

/// What a call has cost and said so far.
pub struct Used<'a> {
    /// `std/sql#filter`.
    pub function: &'a str,
    /// What the calls have cost.
    pub meter: Meter,
    /// Rows that it flagged.
    pub errors: u64,
    /// What it counted through `host.count`.
    pub counters: &'a BTreeMap<String, u64>,
}

/// A function with the columns that it reads.
pub struct BoundCall {
    /// `std/sql#filter`.
    pub name: String,
    /// SHA-256 of the component.
    pub(crate) digest: String,
    pub(crate) function: Function,
    step: String,
    step_seed: u64,
    /// In the order of the signature's `reads`.
    reads: Vec<ArgSource>,
    /// Rows flagged so far.
    pub(crate) errors: u64,
    /// Upstream of an aggregate: a row that a limit kept out could not be taken out later. A limit
    /// depends on the machine, not on the row, so it is tried once more and then stops the pipeline.
    pub must_not_miss_rows: bool,
    /// The step stops at its first failing row; those after it need not be run.
    stops_at_first: bool,
    limits: rowmill_wasm::Limits,
}

impl BoundCall {
    /// `offered`: where each argument given to bind comes from. A signature that reads a literal is refused.
    pub fn new(
        name: String,
        digest: String,
        identity: &Identity,
        function: Function,
        offered: &[(Option<usize>, Option<DataType>)],
        step: &Step,
    ) -> Result<Self, String> {
        let mut reads = Vec::new();
        for &position in &function.signature().reads {
            match offered.get(position) {
                Some((Some(column), cast)) => reads.push(ArgSource { column: *column, cast: cast.clone() }),
                _ => return Err(format!("{name} reads argument {position}, which is not a column")),
            }
        }
        let step_seed = xxh3_64(format!("{}/{}", identity.pipeline, identity.step).as_bytes());
        Ok(Self {
            name,
            digest,
            function,
            step: identity.step.clone(),
            step_seed,
            reads,
            errors: 0,
            must_not_miss_rows: false,
            stops_at_first: step.on_error == OnError::Fail,
            limits: wasm_limits(step.limits),
        })
    }

    /// The result fields.
    pub fn results(&self) -> &[Field] {
        &self.function.signature().results
    }

    /// Whether it asks for a hash of the row's key.
    pub(crate) fn reads_seed(&self) -> bool {
        self.function.signature().facts.contains(&RowFact::Seed)
    }

    /// Whether its results depend on more than the row: they can't be recomputed from a snapshot.
    pub fn reads_history(&self) -> bool {
        let facts = &self.function.signature().facts;
        facts.contains(&RowFact::ChangeKind) || facts.contains(&RowFact::CommitTime)
    }

    /// What it has cost and said so far.
    pub(crate) fn used(&self) -> Used<'_> {
        let (meter, counters) = (self.function.meter(), self.function.counters());
        Used { function: &self.name, meter, errors: self.errors, counters }
    }

    /// Runs the function on all rows of `frame`.
    pub(crate) async fn run(&mut self, frame: &Frame, context: &mut CallContext<'_>) -> Result<Output, Error> {
        let mut columns = Vec::with_capacity(self.reads.len());
        for read in &self.reads {
            let column = &frame.columns[read.column];
            columns.push(match &read.cast {
                Some(data_type) => arrow_cast::cast(column, data_type)?,
                None => column.clone(),
            });
        }
        let facts = Facts::gather(&self.function.signature().facts, frame, context.facts, self.step_seed)?;
        let whole = Part { columns: &columns, facts: &facts, start: 0, rows: frame.rows };
        let before = self.function.meter().cpu;
        match whole.run(&mut self.function).await {
            Ok(output) => Ok(output),
            Err(error) if self.must_not_miss_rows && error.is_limit() => {
                tracing::warn!(step = self.step, function = self.name, %error, "limit hit; trying once more");
                let again = context.search.overseer.unless_stopped(whole.run(&mut self.function)).await?;
                again.map_err(|error| self.stop(error))
            }
            Err(error) => {
                let cpu = self.function.meter().cpu - before;
                self.function.count_checks(true);
                let output = self.isolate(frame, &whole, (error, cpu), context.search).await;
                self.function.count_checks(false);
                context.search.end();
                output
            }
        }
    }

    /// Turns the answer's row errors into failures of source rows.
    pub(crate) fn report(&mut self, frame: &Frame, errors: Vec<RowError>, failures: &mut Vec<Failure>) {
        self.errors += errors.len() as u64;
        failures.extend(errors.into_iter().map(|error| Failure {
            origin: frame.origin(error.row),
            code: error.code,
            message: error.message,
            function: self.name.clone(),
        }));
    }

    /// Runs the rows of a call that failed in pieces; `first` is how, and what it cost.
    async fn isolate(
        &mut self,
        frame: &Frame,
        whole: &Part<'_>,
        first: (rowmill_wasm::Error, Duration),
        search: &mut Search,
    ) -> Result<Output, Error> {
        let (step, name) = (self.step.clone(), self.name.clone());
        let subject = Subject { step: &step, function: &name, rows: whole.rows };
        let mut allowed = self.limits.cpu(whole.rows);
        let mut outputs: Vec<(usize, Output)> = Vec::new();
        let mut todo = vec![(whole.start, whole.rows)];
        let mut attempt = Some(first);
        while let Some((start, rows)) = todo.pop() {
            let part = Part { start, rows, ..*whole };
            let (result, cpu) = match attempt.take() {
                Some((error, cpu)) => (Err(error), cpu),
                None => {
                    let before = self.function.meter().cpu;
                    let result = search.overseer.unless_stopped(part.run(&mut self.function)).await?;
                    (result, self.function.meter().cpu - before)
                }
            };
            let error = match result {
                Ok(output) => {
                    outputs.push((start, output));
                    search.succeeded(&subject, cpu, &mut allowed)?;
                    continue;
                }
                Err(error) => error,
            };
            let Some(code) = code(&error) else { return Err(self.stop(error)) };
            if self.must_not_miss_rows && error.is_limit() {
                return Err(self.stop(error));
            }
            if outputs.is_empty() && rows == whole.rows {
                tracing::warn!(step, function = name, rows, %error, "call failed; looking for the row");
            }
            search.failed(&subject, (rows == 1).then(|| frame.origin(start)), cpu, code, &error)?;
            search.tell(&subject, whole.rows - (start - whole.start));
            if rows > 1 {
                todo.extend(pieces(start, rows));
                continue;
            }
            outputs.push((start, self.left_out(1, Some((code, &error)))));
            if self.stops_at_first {
                let after = start + 1;
                outputs.push((after, self.left_out(whole.start + whole.rows - after, None)));
                break;
            }
        }
        join(outputs, self.function.signature().results.len())
    }

    fn stop(&self, error: rowmill_wasm::Error) -> Error {
        Error::Component { step: self.step.clone(), source: error }
    }

    /// Rows without results: one that failed, or those that are not run any more.
    fn left_out(&self, rows: usize, failed: Option<(&str, &rowmill_wasm::Error)>) -> Output {
        let table = self.function.kind() == Kind::Table;
        let results = if table { 0 } else { rows };
        let errors = failed.map(|(code, error)| RowError { row: 0, code: code.to_owned(), message: error.to_string() });
        Output {
            parents: table.then(|| UInt32Array::from(Vec::<u32>::new())),
            columns: self.results().iter().map(|field| new_null_array(field.data_type(), results)).collect(),
            errors: errors.into_iter().collect(),
        }
    }
}

/// Some rows of a call.
#[derive(Clone, Copy)]
struct Part<'a> {
    columns: &'a [ArrayRef],
    facts: &'a Facts,
    start: usize,
    rows: usize,
}

impl Part<'_> {
    async fn run(&self, function: &mut Function) -> Result<Output, rowmill_wasm::Error> {
        if self.start == 0 && self.columns.iter().all(|column| column.len() == self.rows) && !self.columns.is_empty() {
            return function
                .run(&Input {
                    rows: self.rows,
                    columns: self.columns,
                    ops: self.facts.ops.as_ref(),
                    commit_time: self.facts.commit_time.as_ref(),
                    seeds: self.facts.seeds.as_ref(),
                })
                .await;
        }
        let columns: Vec<ArrayRef> = self.columns.iter().map(|column| column.slice(self.start, self.rows)).collect();
        let ops = self.facts.ops.as_ref().map(|array| array.slice(self.start, self.rows));
        let commit_time = self.facts.commit_time.as_ref().map(|array| array.slice(self.start, self.rows));
        let seeds = self.facts.seeds.as_ref().map(|array| array.slice(self.start, self.rows));
        function
            .run(&Input {
                rows: self.rows,
                columns: &columns,
                ops: ops.as_ref(),
                commit_time: commit_time.as_ref(),
                seeds: seeds.as_ref(),
            })
            .await
    }
}

/// The answers of consecutive parts as one answer.
fn join(parts: Vec<(usize, Output)>, results: usize) -> Result<Output, Error> {
    let mut columns = Vec::with_capacity(results);
    for result in 0..results {
        let arrays: Vec<_> = parts.iter().map(|(_, output)| output.columns[result].as_ref()).collect();
        columns.push(arrow_select::concat::concat(&arrays)?);
    }
    let table = parts.iter().any(|(_, output)| output.parents.is_some());
    let parents = table.then(|| {
        let shifted = parts.iter().flat_map(|(start, output)| {
            output.parents.iter().flat_map(|parents| parents.values().iter().map(|parent| parent + *start as u32))
        });
        UInt32Array::from(shifted.collect::<Vec<_>>())
    });
    let errors = parts
        .into_iter()
        .flat_map(|(start, output)| {
            output.errors.into_iter().map(move |error| RowError { row: error.row + start, ..error })
        })
        .collect();
    Ok(Output { parents, columns, errors })
}
