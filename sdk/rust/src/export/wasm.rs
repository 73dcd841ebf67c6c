//! The generated bindings, and what they call.

use super::glue::{self, Component};
use crate::aggregate::BoundAggregate;
use crate::bitmap::Bitmap;
use crate::contract::{self, Argument, Batch, BindError, FlaggedRow, Output, Signature};
use crate::function::{Arity, Bound, FunctionInfo, Kind};
use bindings::exports::rowmill::udf::{aggregate_function as aggregates, catalog, row_function};
use std::cell::RefCell;

/// The component of the crate that calls `export!`.
pub trait Registered: 'static {
    /// What `export!` lists.
    fn component() -> &'static Component;
}

#[allow(unsafe_code, missing_docs, unused_qualifications, unreachable_pub)]
#[allow(clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "udf",
        with: { "rowmill:udf/types@0.1.0": crate::contract::wit },
        pub_export_macro: true,
        export_macro_name: "__rowmill_export",
        default_bindings_module: "rowmill_sdk::__glue::bindings",
    });
}

impl<T: Registered> catalog::Guest for T {
    fn describe() -> catalog::Description {
        let component = T::component();
        catalog::Description {
            version: component.version.into(),
            docs: component.docs.into(),
            functions: component.functions.iter().map(|function| entry(function().info())).collect(),
        }
    }
}

fn entry(info: FunctionInfo) -> catalog::FunctionInfo {
    catalog::FunctionInfo {
        name: info.name,
        kind: match info.kind {
            Kind::Scalar => catalog::Kind::Scalar,
            Kind::Filter => catalog::Kind::Filter,
            Kind::Table => catalog::Kind::Table,
            Kind::Aggregate => catalog::Kind::Aggregate,
        },
        docs: info.docs,
        parameters: info
            .parameters
            .into_iter()
            .map(|p| catalog::Parameter {
                name: p.name,
                docs: p.docs,
                accepts: p.accepts,
                arity: match p.arity {
                    Arity::One => catalog::Arity::One,
                    Arity::Optional => catalog::Arity::Optional,
                    Arity::Repeated => catalog::Arity::Repeated,
                },
            })
            .collect(),
        results: info.results,
        config: info
            .config
            .into_iter()
            .map(|c| catalog::ConfigKey {
                name: c.name,
                docs: c.docs,
                required: c.required,
                default_json: c.default_json,
            })
            .collect(),
    }
}

/// The resource `bound-function`.
pub struct Binding(RefCell<Box<dyn Bound>>);

impl row_function::GuestBoundFunction for Binding {
    fn signature(&self) -> Signature {
        self.0.borrow().signature()
    }

    fn run(&self, input: Batch) -> Result<Output, String> {
        self.0.borrow_mut().run(input)
    }
}

impl<T: Registered> row_function::Guest for T {
    type BoundFunction = Binding;

    fn bind(name: String, args: Vec<Argument>, config: String) -> Result<row_function::BoundFunction, BindError> {
        let bound = glue::bind(T::component(), &name, &args, &config)?;
        Ok(row_function::BoundFunction::new(Binding(RefCell::new(bound))))
    }
}

/// The resource `bound-aggregate`.
pub struct Aggregate(RefCell<Inner>);

struct Inner {
    bound: Box<dyn BoundAggregate>,
    /// The group numbers of a call, kept so that no call allocates for them.
    groups: Vec<u32>,
}

impl Inner {
    /// The group numbers as numbers: the contract promises no alignment.
    fn read(&mut self, groups: &[u8]) {
        self.groups.clear();
        self.groups.extend(groups.as_chunks::<4>().0.iter().map(|group| u32::from_le_bytes(*group)));
    }
}

impl aggregates::GuestBoundAggregate for Aggregate {
    fn signature(&self) -> aggregates::AggregateSignature {
        let signature = self.0.borrow().bound.signature();
        let able = |yes, ability| if yes { ability } else { aggregates::Ability::empty() };
        let migration = |m: contract::Migration| aggregates::Migration { source: m.source, target: m.target };
        aggregates::AggregateSignature {
            call: signature.call,
            state: aggregates::StateSchema { version: signature.state.version, fields: signature.state.fields },
            migrations: signature.migrations.into_iter().map(migration).collect(),
            abilities: able(signature.retract, aggregates::Ability::RETRACT)
                | able(signature.merge, aggregates::Ability::MERGE),
        }
    }

    fn update(
        &self,
        count: u32,
        groups: Vec<u8>,
        retract: Option<Vec<u8>>,
        input: Batch,
    ) -> Result<Vec<FlaggedRow>, String> {
        let inner = &mut *self.0.borrow_mut();
        inner.read(&groups);
        let rows = inner.groups.len();
        let retract = match retract {
            Some(bits) => Some(Bitmap::from_bytes(bits, rows).ok_or("`retract` does not have one bit per row")?),
            None => None,
        };
        inner.bound.update(count, &inner.groups, retract.as_ref(), input)
    }

    fn evaluate(&self, groups: Vec<u8>) -> Result<Output, String> {
        let inner = &mut *self.0.borrow_mut();
        inner.read(&groups);
        inner.bound.evaluate(&inner.groups)
    }

    fn snapshot(&self, groups: Vec<u8>) -> Result<aggregates::State, String> {
        let inner = &mut *self.0.borrow_mut();
        inner.read(&groups);
        inner.bound.snapshot(&inner.groups).map(out)
    }

    fn merge(&self, count: u32, groups: Vec<u8>, states: aggregates::State) -> Result<(), String> {
        let inner = &mut *self.0.borrow_mut();
        inner.read(&groups);
        inner.bound.merge(count, &inner.groups, taken(states))
    }

    fn evict(&self, groups: Vec<u8>) {
        let inner = &mut *self.0.borrow_mut();
        inner.read(&groups);
        inner.bound.evict(&inner.groups);
    }

    fn migrate(
        &self,
        source: aggregates::StateSchema,
        target: aggregates::StateSchema,
        states: aggregates::State,
    ) -> Result<aggregates::State, String> {
        let schema = |s: aggregates::StateSchema| contract::StateSchema { version: s.version, fields: s.fields };
        let bound = &mut self.0.borrow_mut().bound;
        bound.migrate(&schema(source), &schema(target), taken(states)).map(out)
    }
}

/// States on their way out; no buffer is copied.
fn out(states: contract::State) -> aggregates::State {
    aggregates::State { rows: states.rows, columns: states.columns }
}

/// States on their way in.
fn taken(states: aggregates::State) -> contract::State {
    contract::State { rows: states.rows, columns: states.columns }
}

impl<T: Registered> aggregates::Guest for T {
    type BoundAggregate = Aggregate;

    fn bind(name: String, args: Vec<Argument>, config: String) -> Result<aggregates::BoundAggregate, BindError> {
        let bound = glue::bind_aggregate(T::component(), &name, &args, &config)?;
        Ok(aggregates::BoundAggregate::new(Aggregate(RefCell::new(Inner { bound, groups: Vec::new() }))))
    }
}
