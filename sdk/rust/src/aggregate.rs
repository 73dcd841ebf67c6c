//! Aggregates: one result per group of rows.
//!
//! An aggregate is an accumulator, a struct that derives [`State`](macro@crate::State), with
//! methods that say how a row comes in and goes out, under the attribute
//! [`#[aggregate]`](macro@crate::aggregate):
//!
//! ```
//! use rowmill_sdk::{RowError, State, aggregate, export};
//!
//! /// What a group adds up to.
//! #[derive(Default, State)]
//! struct MeanPrice {
//!     cents: i128,
//!     pieces: i128,
//! }
//!
//! /// The price per piece in cents, NULL when nothing was sold.
//! #[aggregate]
//! impl MeanPrice {
//!     fn update(&mut self, cents: i64, pieces: u32) {
//!         self.cents += i128::from(cents) * i128::from(pieces);
//!         self.pieces += i128::from(pieces);
//!     }
//!
//!     fn retract(&mut self, cents: i64, pieces: u32) {
//!         self.cents -= i128::from(cents) * i128::from(pieces);
//!         self.pieces -= i128::from(pieces);
//!     }
//!
//!     fn merge(&mut self, other: Self) {
//!         self.cents += other.cents;
//!         self.pieces += other.pieces;
//!     }
//!
//!     fn finish(&self) -> Result<Option<i64>, RowError> {
//!         let Some(mean) = self.cents.checked_div(self.pieces) else { return Ok(None) };
//!         let mean = i64::try_from(mean);
//!         mean.map(Some).map_err(|_| RowError::new("overflow", "the mean has more than 64 bits"))
//!     }
//! }
//!
//! export!(mean_price);
//!
//! # fn main() {
//! // One line checks what the host relies on, on random rows.
//! rowmill_sdk::test::aggregate::<mean_price>().check();
//!
//! let folded = rowmill_sdk::test::fold::<mean_price>()
//!     .arg([500i64, 700, 100]).arg([Some(1u32), Some(3), None]).groups([0, 0, 1]).run();
//! assert_eq!(folded.values::<i64>(), [Some(650), None]);
//! # }
//! ```
//!
//! The function is named after the type in snake case (`mean_price`), in `export!` and in pipeline
//! files.
//!
//! # Methods
//!
//! | method | | without it |
//! |---|---|---|
//! | `update(&mut self, …)` | takes a row in | needed |
//! | `finish(&self) -> …` | the result of the group | needed |
//! | `retract(&mut self, …)` | takes a row out, with the parameters of `update` | only sources that never change or delete rows can feed it |
//! | `merge(&mut self, other: Self)` | adds what another accumulator has; also `other: &Self` | no session and hopping windows |
//! | `#[migrate(from = 1)] fn …(old: V1) -> Self` | takes over states of version 1 | a new version starts anew |
//! | `#[migrate(to = 1)] fn …(self) -> V1` | the way back | no rollback to version 1 |
//!
//! Parameters of `update` are those of [`scalar`](macro@crate::scalar): a row with a NULL in a
//! parameter that is no `Option` is skipped, `Err(RowError)` refuses the row (before anything was
//! changed). Such an error follows from the row alone, since the row will err again when it is
//! taken out; what depends on the state, such as an overflow, errs in `finish`. `#[literal]` and
//! `#[config]` parameters are open to all methods but migrations; a literal that only `finish`
//! names comes after the arguments of `update`.
//!
//! `finish` returns what a scalar returns; a tuple is several results, named by
//! `#[aggregate(results(a, b))]`.
//!
//! # State
//!
//! The fields of the struct are the columns in which a state is stored, so their types are those
//! of columns, `i128`, `u128`, `Option` of these, tuples, and structs that derive `State`
//! themselves. `Default` is the group without rows. One field can be a collection marked
//! `#[rows]`, which takes a row per element:
//!
//! ```
//! use rowmill_sdk::{State, aggregate};
//! use std::collections::BTreeMap;
//!
//! /// How often each tag occurs.
//! #[derive(Default, State)]
//! struct TopTags {
//!     #[rows(tag, times)]
//!     times: BTreeMap<String, u64>,
//! }
//!
//! /// The `k` most frequent tags; of equally frequent ones the first in the alphabet.
//! #[aggregate]
//! impl TopTags {
//!     fn update(&mut self, tag: &str) {
//!         *self.times.entry(tag.to_owned()).or_default() += 1;
//!     }
//!
//!     fn finish(&self, #[literal] k: u32) -> String {
//!         let mut tags: Vec<(&String, &u64)> = self.times.iter().collect();
//!         tags.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
//!         let tags: Vec<&str> = tags.iter().take(k as usize).map(|(tag, _)| tag.as_str()).collect();
//!         tags.join(" ")
//!     }
//! }
//! # use rowmill_sdk::test::{aggregate, fold};
//! # aggregate::<top_tags>().any().literal(2u32).check();
//! # let folded = fold::<top_tags>().arg(["b", "c", "b", "a"]).literal(2u32).run();
//! # assert_eq!(folded.values::<String>(), [Some("b a".to_owned())]);
//! ```
//!
//! A new layout is a new `#[aggregate(version = 2)]`. What shapes a state without being in it, a
//! precision or a number of buckets, is named as `#[aggregate(shape(buckets))]`: a literal or a key
//! of the configuration; states of another shape are then told apart.
//!
//! # Groups
//!
//! The host maps keys to group numbers, dense from 0, and calls with vectors of them; a bound
//! aggregate keeps one accumulator per number ([`Accumulators`]). So a batch is one call, however
//! many groups it touches. A number that was never touched, or that was evicted, has the empty
//! accumulator; the host reuses the numbers of groups that ended.
//!
//! # By hand
//!
//! An aggregate whose parameters or state depend on its arguments implements [`AggregateFunction`]
//! and [`BoundAggregate`]:
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
    note = "write `#[aggregate]` above `impl`, or implement `AggregateFunction`"
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
