//! The component: the answers as the contract's types.
#![allow(missing_docs, unsafe_code, clippy::all, clippy::unwrap_used, unused_qualifications, unreachable_pub)]

wit_bindgen::generate!({ path: "../../../wit", world: "udf" });

use exports::rowmill::udf::aggregate_function::{self as aggregate, GuestBoundAggregate};
use exports::rowmill::udf::catalog;
use exports::rowmill::udf::row_function::{self as row, GuestBoundFunction};
use rowmill::udf::types as wit;

use crate as plan;
use crate::{Fact, Kind, Type};

struct Random;
export!(Random);

/// What was bound.
pub struct Bound {
    seed: u64,
    kind: Kind,
    signature: plan::Signature,
}

fn seed(config: &str) -> u64 {
    let digits = config.split_once("\"seed\":").map_or("", |(_, rest)| rest);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().unwrap_or(0)
}

fn kind(name: &str) -> Kind {
    plan::FUNCTIONS.iter().find(|(known, _)| *known == name).map_or(Kind::Scalar, |(_, kind)| *kind)
}

fn bound(name: &str, config: &str) -> Result<Bound, wit::BindError> {
    let (seed, kind) = (seed(config), kind(name));
    let bind = plan::bind(seed, kind);
    assert!(!bind.panics, "a panic of seed {seed} in bind");
    match bind.answer {
        Ok(signature) => Ok(Bound { seed, kind, signature }),
        Err(refusal) => Err(wit::BindError {
            place: match refusal.place {
                plan::Place::Call => wit::Place::Call,
                plan::Place::Argument(n) => wit::Place::Argument(n),
                plan::Place::Config(key) => wit::Place::Config(key),
                plan::Place::Text(key, start, end) => wit::Place::Text(wit::Span { key, start, end }),
            },
            message: refusal.message,
        }),
    }
}

fn data_type(of: Type) -> wit::DataType {
    match of {
        Type::Boolean => wit::DataType::Boolean,
        Type::Int8 => wit::DataType::Int8,
        Type::Int16 => wit::DataType::Int16,
        Type::Int32 => wit::DataType::Int32,
        Type::Int64 => wit::DataType::Int64,
        Type::Uint8 => wit::DataType::Uint8,
        Type::Uint16 => wit::DataType::Uint16,
        Type::Uint32 => wit::DataType::Uint32,
        Type::Uint64 => wit::DataType::Uint64,
        Type::Float32 => wit::DataType::Float32,
        Type::Float64 => wit::DataType::Float64,
        Type::Decimal { precision, scale } => wit::DataType::Decimal(wit::DecimalType { precision, scale }),
        Type::Utf8 => wit::DataType::Utf8,
        Type::Binary => wit::DataType::Binary,
        Type::Json => wit::DataType::Json,
        Type::Date => wit::DataType::Date,
        Type::Time => wit::DataType::Time,
        Type::Datetime => wit::DataType::Datetime,
        Type::Timestamp => wit::DataType::Timestamp,
    }
}

fn field(field: &plan::Field) -> wit::Field {
    let attribute = |(key, value): &(String, String)| wit::Attribute { key: key.clone(), value: value.clone() };
    wit::Field {
        name: field.name.clone(),
        data_type: data_type(field.data_type),
        nullable: field.nullable,
        attributes: field.attributes.iter().map(attribute).collect(),
    }
}

fn signature(of: &plan::Signature) -> wit::Signature {
    let fact = |fact: &Fact| match fact {
        Fact::ChangeKind => wit::RowFact::ChangeKind,
        Fact::CommitTime => wit::RowFact::CommitTime,
        Fact::Seed => wit::RowFact::Seed,
    };
    wit::Signature {
        reads: of.reads.clone(),
        facts: of.facts.iter().map(fact).collect(),
        results: of.results.iter().map(field).collect(),
    }
}

fn columns(columns: Vec<plan::Column>) -> Vec<wit::Column> {
    let column = |of: plan::Column| wit::Column { validity: of.validity, offsets: of.offsets, values: of.values };
    columns.into_iter().map(column).collect()
}

fn errors(errors: Vec<(u32, String, String)>) -> Vec<wit::RowError> {
    errors.into_iter().map(|(row, code, message)| wit::RowError { row, code, message }).collect()
}

impl Bound {
    fn output(&self, rows: usize) -> Result<wit::Output, String> {
        let run = plan::run(self.seed, &self.signature.results, rows, self.kind == Kind::Table);
        assert!(!run.panics, "a panic of seed {}", self.seed);
        let output = run.answer?;
        Ok(wit::Output { parents: output.parents, columns: columns(output.columns), errors: errors(output.errors) })
    }
}

impl catalog::Guest for Random {
    fn describe() -> catalog::Description {
        // It is overwritten behind the compiler's back.
        let bytes = unsafe { std::ptr::read_volatile(&plan::SEED) };
        let seed = u64::from_le_bytes(bytes[16..].try_into().unwrap());
        let description = plan::description(seed);
        assert!(!description.panics, "a panic of seed {seed} in describe");
        let parameter = |n| catalog::Parameter {
            name: format!("p{n}"),
            docs: String::new(),
            accepts: vec![wit::DataType::Int64],
            arity: catalog::Arity::One,
        };
        let key = |n| catalog::ConfigKey {
            name: if n == 0 { "seed".to_owned() } else { format!("k{n}") },
            docs: String::new(),
            required: false,
            default_json: None,
        };
        let function = |of: plan::Function| catalog::FunctionInfo {
            name: of.name,
            kind: match of.kind {
                Kind::Scalar => catalog::Kind::Scalar,
                Kind::Filter => catalog::Kind::Filter,
                Kind::Table => catalog::Kind::Table,
                Kind::Aggregate => catalog::Kind::Aggregate,
            },
            docs: of.docs,
            parameters: (0..of.parameters).map(parameter).collect(),
            results: String::new(),
            config: (0..of.keys).map(key).collect(),
        };
        catalog::Description {
            version: "0.1.0".to_owned(),
            docs: description.docs,
            functions: description.functions.into_iter().map(function).collect(),
        }
    }
}

impl row::Guest for Random {
    type BoundFunction = Bound;

    fn bind(name: String, _: Vec<wit::Argument>, config: String) -> Result<row::BoundFunction, wit::BindError> {
        bound(&name, &config).map(row::BoundFunction::new)
    }
}

impl GuestBoundFunction for Bound {
    fn signature(&self) -> wit::Signature {
        signature(&self.signature)
    }

    fn run(&self, input: wit::Batch) -> Result<wit::Output, String> {
        self.output(input.rows as usize)
    }
}

impl aggregate::Guest for Random {
    type BoundAggregate = Bound;

    fn bind(name: String, _: Vec<wit::Argument>, config: String) -> Result<aggregate::BoundAggregate, wit::BindError> {
        bound(&name, &config).map(aggregate::BoundAggregate::new)
    }
}

impl GuestBoundAggregate for Bound {
    fn signature(&self) -> aggregate::AggregateSignature {
        let schema = plan::schema(self.seed);
        aggregate::AggregateSignature {
            call: signature(&self.signature),
            state: aggregate::StateSchema {
                version: schema.version,
                fields: schema.fields.iter().map(field).collect(),
            },
            migrations: schema
                .migrations
                .into_iter()
                .map(|(source, target)| aggregate::Migration { source, target })
                .collect(),
            abilities: aggregate::Ability::RETRACT,
        }
    }

    fn update(&self, _: u32, _: Vec<u8>, _: Option<Vec<u8>>, input: wit::Batch) -> Result<Vec<wit::RowError>, String> {
        Ok(errors(plan::errors(self.seed, input.rows as usize).0))
    }

    fn evaluate(&self, groups: Vec<u8>) -> Result<wit::Output, String> {
        self.output(groups.len() / 4)
    }

    fn snapshot(&self, groups: Vec<u8>) -> Result<aggregate::State, String> {
        let state = plan::snapshot(self.seed, &plan::schema(self.seed).fields, groups.len() / 4);
        Ok(aggregate::State { rows: state.rows, columns: columns(state.columns) })
    }

    fn merge(&self, _: u32, _: Vec<u8>, _: aggregate::State) -> Result<(), String> {
        Ok(())
    }

    fn evict(&self, _: Vec<u8>) {}

    fn migrate(
        &self,
        _: aggregate::StateSchema,
        _: aggregate::StateSchema,
        states: aggregate::State,
    ) -> Result<aggregate::State, String> {
        Ok(states)
    }
}
