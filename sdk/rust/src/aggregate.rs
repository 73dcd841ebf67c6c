//! Aggregates: one result per group of rows.
//!
//! The host maps keys to group numbers, dense from 0, and calls with vectors of them; a bound
//! aggregate keeps one accumulator per number. So a batch is one call, however many groups it
//! touches. A number that was never touched, or that was evicted, has the empty accumulator, that
//! of no rows; the host reuses the numbers of groups that ended.
//!
//! An aggregate by hand implements [`AggregateFunction`] and [`BoundAggregate`]:
//!
//! ```
//! use rowmill_sdk::bitmap::Bitmap;
//! use rowmill_sdk::column::{I64s, IntoColumn, View};
//! use rowmill_sdk::{AggregateFunction, AggregateSignature, Argument, Batch, BindError,
//!     BoundAggregate, DataType, Field, FlaggedRow, FunctionInfo, Kind, Output, Signature, State,
//!     StateSchema};
//!
//! /// How many rows.
//! struct Rows;
//!
//! impl AggregateFunction for Rows {
//!     fn info(&self) -> FunctionInfo {
//!         FunctionInfo::new("rows", Kind::Aggregate, "How many rows.")
//!     }
//!     fn bind(&self, _: &[Argument], _: serde_json::Value) -> Result<Box<dyn BoundAggregate>, BindError> {
//!         Ok(Box::new(Counts(Vec::new())))
//!     }
//! }
//!
//! struct Counts(Vec<i64>);
//!
//! impl Counts {
//!     fn of(&self, groups: &[u32]) -> I64s {
//!         I64s::from_values(groups.iter().map(|group| self.0.get(*group as usize).copied().unwrap_or(0)))
//!     }
//! }
//!
//! impl BoundAggregate for Counts {
//!     fn signature(&self) -> AggregateSignature {
//!         let field = Field { nullable: false, ..Field::new("rows", DataType::Int64) };
//!         let call = Signature { results: vec![field.clone()], ..Signature::default() };
//!         AggregateSignature::new(call, StateSchema::new(1, vec![field])).with_retract().with_merge()
//!     }
//!     fn update(&mut self, count: u32, groups: &[u32], retract: Option<&Bitmap>, _: Batch)
//!         -> Result<Vec<FlaggedRow>, String> {
//!         self.0.resize(self.0.len().max(count as usize), 0);
//!         for (row, group) in groups.iter().enumerate() {
//!             let out = retract.is_some_and(|bits| bits.get(row));
//!             self.0[*group as usize] += if out { -1 } else { 1 };
//!         }
//!         Ok(Vec::new())
//!     }
//!     fn evaluate(&mut self, groups: &[u32]) -> Result<Output, String> {
//!         Ok(Output { columns: vec![self.of(groups).into_column()], ..Output::default() })
//!     }
//!     fn snapshot(&mut self, groups: &[u32]) -> Result<State, String> {
//!         Ok(State::single(vec![self.of(groups).into_column()]))
//!     }
//!     fn merge(&mut self, count: u32, groups: &[u32], mut states: State) -> Result<(), String> {
//!         self.0.resize(self.0.len().max(count as usize), 0);
//!         let column = states.columns.pop().ok_or("the state has no column")?;
//!         let counts = I64s::open(column, groups.len(), DataType::Int64)?;
//!         groups.iter().zip(counts.iter()).for_each(|(group, n)| self.0[*group as usize] += n.unwrap_or(0));
//!         Ok(())
//!     }
//!     fn evict(&mut self, groups: &[u32]) {
//!         groups.iter().for_each(|group| if let Some(n) = self.0.get_mut(*group as usize) { *n = 0 });
//!     }
//! }
//!
//! rowmill_sdk::export!(Rows);
//! # fn main() {}
//! ```

mod accumulators;
mod fold;
pub(crate) mod state;
mod stored;

use crate::bitmap::Bitmap;
use crate::contract::{AggregateSignature, Argument, Batch, BindError, FlaggedRow, Output, State, StateSchema};
use crate::function::FunctionInfo;

pub use accumulators::Accumulators;
pub use state::{Accumulator, Stored, StoredRows};
pub use stored::Columns;

/// An aggregate function.
///
/// Results follow from the rows of a group, the arguments and the configuration alone: however the
/// rows are cut into batches, whatever the group's number, and on whichever instance they run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    label = "not an aggregate",
    note = "implement `AggregateFunction` by hand"
)]
pub trait AggregateFunction: Sync {
    /// The entry in the catalog, of kind [`Kind::Aggregate`](crate::Kind::Aggregate).
    fn info(&self) -> FunctionInfo;

    /// Prepares the function for these arguments and this configuration, a JSON object whose keys
    /// keep the order of the pipeline file.
    fn bind(&self, args: &[Argument], config: serde_json::Value) -> Result<Box<dyn BoundAggregate>, BindError>;
}

/// An aggregate bound to arguments and configuration, with its accumulators.
///
/// `groups` are group numbers; an `update` names a group as often as it has rows, the other calls
/// name a group once.
pub trait BoundAggregate {
    /// What it reads, returns and keeps; the same at each call.
    fn signature(&self) -> AggregateSignature;

    /// Takes rows in, or out again: row i goes to `groups[i]`, in the order of the rows. `count` is
    /// above every number in `groups`: make room for as many. Where `retract` has a bit, the row is
    /// taken out. Returns the refused rows, by rising row; they leave no trace. That a row is
    /// refused must follow from the row and the binding alone: what depends on the state, such as
    /// the overflow of a sum, errs in [`Self::evaluate`]. An error refuses the whole batch and
    /// leaves no trace either.
    fn update(
        &mut self,
        count: u32,
        groups: &[u32],
        retract: Option<&Bitmap>,
        batch: Batch,
    ) -> Result<Vec<FlaggedRow>, String>;

    /// The results of these groups, one output row each, in their order; the row of an error is a
    /// position in `groups`. Changes nothing.
    fn evaluate(&mut self, groups: &[u32]) -> Result<Output, String>;

    /// The states of these groups, which are distinct. Changes nothing, not even by compacting: a
    /// later result must not depend on whether a snapshot was taken.
    fn snapshot(&mut self, groups: &[u32]) -> Result<State, String>;

    /// Takes states in: state i into `groups[i]`. With the ability to merge a group may occur
    /// several times and need not be empty; without it, each occurs once and is empty, which is a
    /// restore. `count` is above every number in `groups`.
    fn merge(&mut self, count: u32, groups: &[u32], states: State) -> Result<(), String>;

    /// Forgets these groups: they are empty afterwards. Numbers never touched are no mistake.
    fn evict(&mut self, groups: &[u32]);

    /// Turns states of one schema into states of another, as many groups in the same order. One
    /// of the two is this binding's own; the versions are a pair of
    /// [`AggregateSignature::migrations`], so an aggregate without any never sees a call.
    fn migrate(&mut self, source: &StateSchema, target: &StateSchema, states: State) -> Result<State, String> {
        let _ = states;
        Err(format!("there is no migration from state version {} to {}", source.version, target.version))
    }
}
