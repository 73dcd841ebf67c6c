//! One aggregate call: which rows it takes, and its accumulators in a component.

use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow_buffer::BooleanBuffer;
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, Field};
use rowmill_wasm::{AggregateSignature, Input, RowError, States};

use super::distinct::Pairs;
use super::record::{self, Record};
use crate::error::Error;
use crate::step::Used;

/// Groups named in one call at most, so that what crosses stays small.
pub(crate) const GROUPS_PER_CALL: usize = 8_192;

/// Where an argument comes from.
pub struct ArgSource {
    /// A column of the step's input with its hidden columns.
    pub column: usize,
    /// A lossy conversion that the file asks for.
    pub cast: Option<DataType>,
}

/// A bound aggregate function with the columns that it reads.
pub struct Call {
    /// `std/stats#sum`.
    pub(crate) name: String,
    /// SHA-256 of the component.
    pub(crate) digest: String,
    /// The result column.
    pub(crate) column: String,
    step: String,
    aggregate: rowmill_wasm::Aggregate,
    reads: Vec<ArgSource>,
    /// The hidden column that says which rows take part.
    pub(crate) filter: Option<usize>,
    /// Counts the pairs of group and arguments, where only different ones take part.
    pub(crate) distinct: Option<Pairs>,
    state: RowConverter,
    /// Rows refused so far.
    pub(crate) errors: u64,
}

/// Rows for the groups.
pub(super) struct Rows<'a> {
    /// All columns of the step's input and the hidden ones.
    pub(super) columns: &'a [ArrayRef],
    pub(super) groups: &'a UInt32Array,
    /// The rows that are taken out.
    pub(super) retract: Option<&'a BooleanBuffer>,
    /// Above every group number.
    pub(super) count: u32,
}

/// Rows that take part in a call.
pub(super) struct Selected {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) groups: UInt32Array,
    pub(super) retract: Option<BooleanBuffer>,
    /// Their places among all rows; `None`: all of them.
    places: Option<Vec<usize>>,
}

impl Selected {
    /// Where the selected row `row` was.
    pub(super) fn place(&self, row: usize) -> usize {
        self.places.as_ref().map_or(row, |places| places[row])
    }
}

impl Call {
    /// An accumulator of this function, called with these arguments.
    pub fn new(
        name: String,
        step: String,
        column: String,
        aggregate: rowmill_wasm::Aggregate,
        reads: Vec<ArgSource>,
        filter: Option<usize>,
        distinct: Option<Pairs>,
    ) -> Result<Self, Error> {
        let sort = |field: &Field| SortField::new(field.data_type().clone());
        let state = RowConverter::new(aggregate.signature().state.fields.iter().map(sort).collect())?;
        let digest = aggregate.component().digest().to_owned();
        Ok(Self { name, digest, column, step, aggregate, reads, filter, distinct, state, errors: 0 })
    }

    /// What it takes and gives, as bound.
    pub fn signature(&self) -> &AggregateSignature {
        self.aggregate.signature()
    }

    /// What it has cost and said so far.
    pub(crate) fn used(&self) -> Used<'_> {
        let (meter, counters) = (self.aggregate.meter(), self.aggregate.counters());
        Used { function: &self.name, meter, errors: self.errors, counters }
    }

    /// Bytes of the component's memory, which never shrinks.
    pub(super) fn memory(&self) -> usize {
        usize::try_from(self.aggregate.memory()).unwrap_or(usize::MAX)
    }

    fn failed(&self, source: rowmill_wasm::Error) -> Error {
        Error::Aggregate { step: self.step.clone(), column: self.column.clone(), source }
    }

    /// The arguments of all rows.
    pub(super) fn arguments(&self, columns: &[ArrayRef]) -> Result<Vec<ArrayRef>, Error> {
        let argument = |read: &ArgSource| match &read.cast {
            Some(to) => Ok(arrow_cast::cast(&columns[read.column], to)?),
            None => Ok(columns[read.column].clone()),
        };
        self.reads.iter().map(argument).collect()
    }

    /// Takes rows in and out. Rows that the function refuses are left out; they are answered by
    /// their places in `rows`.
    pub(super) async fn update(&mut self, rows: &Rows<'_>) -> Result<Vec<RowError>, Error> {
        if self.filter.is_none() {
            let arguments = self.arguments(rows.columns)?;
            return self.run(rows.count, rows.groups, rows.retract, &arguments).await;
        }
        let selected = self.select(rows)?;
        if selected.groups.is_empty() {
            return Ok(Vec::new());
        }
        let arguments = self.arguments(&selected.columns)?;
        let mut errors = self.run(rows.count, &selected.groups, selected.retract.as_ref(), &arguments).await?;
        errors.iter_mut().for_each(|error| error.row = selected.place(error.row));
        Ok(errors)
    }

    /// The rows that the call's filter keeps.
    pub(super) fn select(&self, rows: &Rows<'_>) -> Result<Selected, Error> {
        let kept = self.filter.map(|filter| kept(&rows.columns[filter]));
        let Some(kept) = kept.filter(|kept| kept.true_count() < kept.len()) else {
            let (columns, retract) = (rows.columns.to_vec(), rows.retract.cloned());
            return Ok(Selected { columns, groups: rows.groups.clone(), retract, places: None });
        };
        let places: Vec<usize> = kept.values().set_indices().collect();
        Ok(Selected {
            columns: filter_all(rows.columns, &kept)?,
            groups: UInt32Array::from_iter_values(places.iter().map(|&at| rows.groups.value(at))),
            retract: rows.retract.map(|bits| places.iter().map(|&at| bits.value(at)).collect()),
            places: Some(places),
        })
    }

    /// Hands rows to the component.
    pub async fn run(
        &mut self,
        count: u32,
        groups: &UInt32Array,
        retract: Option<&BooleanBuffer>,
        arguments: &[ArrayRef],
    ) -> Result<Vec<RowError>, Error> {
        let retract = retract.filter(|bits| bits.count_set_bits() > 0);
        let input = Input { rows: groups.len(), columns: arguments, ..Input::default() };
        let errors = self.aggregate.update(count, groups, retract, &input).await.map_err(|error| self.failed(error))?;
        self.errors += errors.len() as u64;
        Ok(errors)
    }

    /// The results of groups, and the groups (by their place) that have none.
    pub(super) async fn evaluate(&mut self, groups: &UInt32Array) -> Result<(Vec<ArrayRef>, Vec<RowError>), Error> {
        let output = self.aggregate.evaluate(groups).await.map_err(|error| self.failed(error))?;
        Ok((output.columns, output.errors))
    }

    /// Appends the states of groups to their records.
    pub(super) async fn save(&mut self, groups: &UInt32Array, records: &mut [Vec<u8>]) -> Result<(), Error> {
        let states = self.aggregate.snapshot(groups).await.map_err(|error| self.failed(error))?;
        let rows = self.state.convert_columns(&states.columns)?;
        let mut next = 0;
        for (at, record) in records.iter_mut().enumerate() {
            let count = states.rows.as_ref().map_or(1, |rows| rows.value(at) as usize);
            record::number(record, count);
            for row in next..next + count {
                record::part(record, rows.row(row).data());
            }
            next += count;
        }
        Ok(())
    }

    /// Puts saved states into empty groups. Reads each record up to the end of this call's part.
    pub(super) async fn load(
        &mut self,
        count: u32,
        groups: &UInt32Array,
        records: &mut [Record<'_>],
    ) -> Result<(), Error> {
        let mut rows = Vec::with_capacity(records.len());
        let mut parts = Vec::new();
        for record in records {
            let count = record.number()?;
            rows.push(count);
            for _ in 0..count {
                parts.push(record.part()?);
            }
        }
        let parser = self.state.parser();
        let columns = self.state.convert_rows(parts.iter().map(|part| parser.parse(part)))?;
        self.merge(count, groups, &States { rows: Some(UInt32Array::from(rows)), columns }).await
    }

    /// The states of groups as they leave the component.
    pub(super) async fn states(&mut self, groups: &UInt32Array) -> Result<States, Error> {
        self.aggregate.snapshot(groups).await.map_err(|error| self.failed(error))
    }

    pub(super) async fn merge(&mut self, count: u32, groups: &UInt32Array, states: &States) -> Result<(), Error> {
        self.aggregate.merge(count, groups, states).await.map_err(|error| self.failed(error))
    }

    pub(super) async fn evict(&mut self, groups: &UInt32Array) -> Result<(), Error> {
        self.aggregate.evict(groups).await.map_err(|error| self.failed(error))
    }
}

/// Which rows a filter's hidden column keeps; NULL counts as false.
fn kept(column: &ArrayRef) -> BooleanArray {
    let verdict = arrow_array::cast::AsArray::as_boolean(column);
    match verdict.nulls() {
        None => verdict.clone(),
        Some(nulls) => BooleanArray::new(verdict.values() & nulls.inner(), None),
    }
}

fn filter_all(columns: &[ArrayRef], kept: &BooleanArray) -> Result<Vec<ArrayRef>, Error> {
    let filter = arrow_select::filter::FilterBuilder::new(kept).optimize().build();
    Ok(columns.iter().map(|column| filter.filter(column)).collect::<Result<_, _>>()?)
}
