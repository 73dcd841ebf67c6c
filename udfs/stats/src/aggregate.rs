//! What the functions have in common: from the host's vectors of groups to accumulators.
//!
//! A function says what an accumulator is, how a row goes in and out of it, and how it becomes a
//! result and a state; [`Bound`] does the rest. Types are settled in `bind`, by which [`Function`]
//! it takes: nothing on the way of a row asks for a type.

use rowmill_sdk::bitmap::Bitmap;
use rowmill_sdk::{
    AggregateSignature, Batch, BoundAggregate, Field, FlaggedRow, Output, RowError, Signature, State, StateSchema,
};

use crate::columns::{Reader, Writer};
use crate::groups::{Groups, Rows, walk};

/// A function whose argument types are known.
///
/// # Order-free
///
/// Accumulators are sums in a commutative group as far as rows can be taken out: a row taken out
/// before it went in leaves the same accumulator as the other way round. Equal multisets of rows
/// have equal states, byte by byte, however they came about.
pub(crate) trait Function: 'static {
    /// The columns of a batch.
    type Rows: Rows;
    /// One accumulator; its default is that of no rows.
    type Group: Default;

    /// Opens the columns of a batch. Rows that the function refuses are pushed to `errors` and
    /// take no part.
    fn open(&self, batch: Batch, errors: &mut Vec<FlaggedRow>) -> Result<Self::Rows, String>;

    /// Takes a row in.
    fn add(&self, group: &mut Self::Group, value: <Self::Rows as Rows>::Value<'_>);

    /// Takes a row out.
    fn retract(&self, group: &mut Self::Group, value: <Self::Rows as Rows>::Value<'_>);

    /// Appends the group's result. After an error nothing may have been appended.
    fn evaluate(&self, group: &Self::Group, out: &mut Writer) -> Result<(), RowError>;

    /// Appends the group's state to the columns of the schema and returns its rows.
    fn snapshot(&self, group: &Self::Group, out: &mut [Writer]) -> u32;

    /// Adds a row of a state.
    fn merge(&self, group: &mut Self::Group, state: &[Reader], row: usize) -> Result<(), String>;
}

/// How the states of a function are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One row for each group.
    Single,
    /// Any number of rows for each group.
    Several,
}

/// A function with its accumulators.
pub(crate) struct Bound<F: Function> {
    function: F,
    signature: AggregateSignature,
    layout: Layout,
    groups: Groups<F::Group>,
}

impl<F: Function> Bound<F> {
    /// A function that reads the arguments `reads`, returns `result` and keeps `state`. It can
    /// retract and merge.
    pub(crate) fn new(function: F, reads: Vec<u32>, result: Field, layout: Layout, state: Vec<Field>) -> Self {
        let call = Signature { reads, facts: Vec::new(), results: vec![result] };
        let signature = AggregateSignature::new(call, StateSchema::new(1, state)).with_retract().with_merge();
        Self { function, signature, layout, groups: Groups::new() }
    }

    /// The same function, which cannot take rows out.
    pub(crate) fn append_only(mut self) -> Self {
        self.signature.retract = false;
        self
    }

    pub(crate) fn boxed(self) -> Box<dyn BoundAggregate> {
        Box::new(self)
    }
}

impl<F: Function> BoundAggregate for Bound<F> {
    fn signature(&self) -> AggregateSignature {
        self.signature.clone()
    }

    fn update(
        &mut self,
        count: u32,
        groups: &[u32],
        retract: Option<&Bitmap>,
        batch: Batch,
    ) -> Result<Vec<FlaggedRow>, String> {
        let mut errors = Vec::new();
        let rows = self.function.open(batch, &mut errors)?;
        self.groups.reserve(count);
        let function = &self.function;
        let add = |group: &mut F::Group, value: <F::Rows as Rows>::Value<'_>| function.add(group, value);
        let take = |group: &mut F::Group, value: <F::Rows as Rows>::Value<'_>| function.retract(group, value);
        walk(&mut self.groups, groups, retract, &rows, add, take);
        Ok(errors)
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<Output, String> {
        let result = self.signature.call.results.first().ok_or("the function has no result")?;
        let mut out = Writer::new(result.data_type);
        let mut errors = Vec::new();
        for (row, group) in (0u32..).zip(groups) {
            if let Err(error) = self.function.evaluate(self.groups.get(*group), &mut out) {
                out.push_null();
                let (code, message) = (error.code.into_owned(), error.message.into_owned());
                errors.push(FlaggedRow { row, code, message });
            }
        }
        Ok(Output { parents: None, columns: vec![out.finish()], errors })
    }

    fn snapshot(&mut self, groups: &[u32]) -> Result<State, String> {
        let fields = &self.signature.state.fields;
        let mut out: Vec<Writer> = fields.iter().map(|field| Writer::new(field.data_type)).collect();
        let mut counts = Vec::with_capacity(groups.len());
        for group in groups {
            counts.push(self.function.snapshot(self.groups.get(*group), &mut out));
        }
        let columns = out.into_iter().map(Writer::finish).collect();
        Ok(match self.layout {
            Layout::Single => State::single(columns),
            Layout::Several => State::several(counts, columns),
        })
    }

    fn merge(&mut self, count: u32, groups: &[u32], states: State) -> Result<(), String> {
        let counts = states.counts(groups.len())?;
        let rows = counts.iter().map(|count| *count as usize).sum();
        let fields = &self.signature.state.fields;
        if states.columns.len() != fields.len() {
            return Err(format!("the state has {} columns; needed {}", states.columns.len(), fields.len()));
        }
        let columns = states.columns.into_iter().zip(fields);
        let columns: Vec<Reader> =
            columns.map(|(column, field)| Reader::open(column, field.data_type, rows)).collect::<Result<_, _>>()?;
        self.groups.reserve(count);
        let mut row = 0;
        for (group, count) in groups.iter().zip(counts) {
            for _ in 0..count {
                self.function.merge(self.groups.get_mut(*group), &columns, row)?;
                row += 1;
            }
        }
        Ok(())
    }

    fn evict(&mut self, groups: &[u32]) {
        groups.iter().for_each(|group| self.groups.evict(*group));
    }
}
