//! What `#[aggregate]` and `#[derive(State)]` expand to calls of.

use crate::aggregate::{Accumulator, Accumulators, BoundAggregate, state};
use crate::bitmap::Bitmap;
use crate::contract::{
    AggregateSignature, Attribute, Batch, Field, FlaggedRow, Migration, Output, Signature, State, StateSchema,
};
use crate::error::RowError;
use crate::rows::{Fits, Rows, Shape};

/// The arguments of an update.
pub struct Update<'a> {
    pub count: u32,
    pub groups: &'a [u32],
    pub retract: Option<&'a Bitmap>,
    pub batch: Batch,
}

/// An aggregate made of closures.
struct Aggregate<S, U, M, F, G> {
    signature: AggregateSignature,
    states: Accumulators<S>,
    update: U,
    merge: M,
    finish: F,
    migrate: G,
}

/// Makes an aggregate of closures.
pub fn aggregate<S: Accumulator>(
    signature: AggregateSignature,
    update: impl FnMut(&mut Accumulators<S>, Update<'_>) -> Result<Vec<FlaggedRow>, String> + 'static,
    merge: impl Fn(&mut S, S) + 'static,
    finish: impl Fn(&[&S]) -> Output + 'static,
    migrate: impl Fn(u32, u32, &[Field], State) -> Result<State, String> + 'static,
) -> Box<dyn BoundAggregate> {
    Box::new(Aggregate { signature, states: Accumulators::new(), update, merge, finish, migrate })
}

impl<S, U, M, F, G> BoundAggregate for Aggregate<S, U, M, F, G>
where
    S: Accumulator,
    U: FnMut(&mut Accumulators<S>, Update<'_>) -> Result<Vec<FlaggedRow>, String>,
    M: Fn(&mut S, S),
    F: Fn(&[&S]) -> Output,
    G: Fn(u32, u32, &[Field], State) -> Result<State, String>,
{
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
        if groups.len() != batch.rows as usize {
            return Err(format!("{} group numbers for {} rows", groups.len(), batch.rows));
        }
        if retract.is_some() && !self.signature.retract {
            return Err("this aggregate cannot take rows out".to_owned());
        }
        (self.update)(&mut self.states, Update { count, groups, retract, batch })
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<Output, String> {
        let states: Vec<&S> = groups.iter().map(|group| self.states.get(*group)).collect();
        Ok((self.finish)(&states))
    }

    fn snapshot(&mut self, groups: &[u32]) -> Result<State, String> {
        Ok(self.states.snapshot(groups))
    }

    fn merge(&mut self, count: u32, groups: &[u32], states: State) -> Result<(), String> {
        self.states.merge(count, groups, states, &self.merge)
    }

    fn evict(&mut self, groups: &[u32]) {
        self.states.evict(groups);
    }

    fn migrate(&mut self, source: &StateSchema, target: &StateSchema, states: State) -> Result<State, String> {
        (self.migrate)(source.version, target.version, &source.fields, states)
    }
}

/// The signature of an aggregate over the state `S`; `shape` becomes attributes of its fields.
pub fn aggregate_signature<S: Accumulator>(
    call: Signature,
    version: u32,
    shape: &[(&str, String)],
    retract: bool,
    merge: bool,
    migrations: &[(u32, u32)],
) -> AggregateSignature {
    let mut fields = S::fields();
    for field in &mut fields {
        let attributes = shape.iter().map(|(key, value)| Attribute { key: (*key).to_owned(), value: value.clone() });
        field.attributes.extend(attributes);
    }
    AggregateSignature {
        call,
        state: StateSchema { version, fields },
        migrations: migrations.iter().map(|(source, target)| Migration { source: *source, target: *target }).collect(),
        retract,
        merge,
    }
}

/// Never called: an update with rows to take out was refused before.
#[cold]
pub fn no_retract<D>() -> D {
    unreachable!("an aggregate without `retract` was asked to take a row out")
}

/// There is no such migration.
#[cold]
pub fn no_migration(source: u32, target: u32) -> Result<State, String> {
    Err(format!("there is no migration from state version {source} to {target}"))
}

/// Turns states of `A` into states of `B`. `found` are the fields of the states given.
pub fn migrate<A: Accumulator, B: Accumulator>(
    found: &[Field],
    states: State,
    f: impl FnMut(A) -> Result<B, String>,
) -> Result<State, String> {
    let needed = A::fields();
    let words = |fields: &[Field]| {
        let fields: Vec<String> = fields.iter().map(|field| format!("{}: {}", field.name, field.data_type)).collect();
        fields.join(", ")
    };
    if words(found) != words(&needed) {
        return Err(format!("found a state of the columns {}, needed {}", words(found), words(&needed)));
    }
    let count = state::count(&states, &needed)?;
    let states = state::read::<A>(states, count)?;
    let turned = states.into_iter().map(f).collect::<Result<Vec<B>, String>>()?;
    Ok(state::write(turned.iter(), turned.len()))
}

/// Several results per state.
pub fn several<T: Shape, R: Fits<T>>(rows: usize, mut f: impl FnMut(usize) -> Result<R, RowError>) -> Output {
    let mut out = Rows::<T>::with_capacity(rows);
    let mut errors = Vec::new();
    for row in 0..rows {
        match f(row) {
            Ok(result) => out.push(result),
            Err(error) => {
                out.push_default();
                errors.push(super::run::flagged(row, error));
            }
        }
    }
    Output { parents: None, columns: out.finish().1, errors }
}

/// The name of a column of a struct inside a state.
pub fn column_name(outer: &str, name: &str) -> String {
    match outer {
        "" => name.to_owned(),
        outer => format!("{outer}_{name}"),
    }
}

/// The same fields with these names, as far as there are some.
pub fn renamed(mut fields: Vec<Field>, names: &[&str]) -> Vec<Field> {
    for (field, name) in fields.iter_mut().zip(names) {
        field.name = (*name).to_owned();
    }
    fields
}
