//! What `bind` answers.

use crate::Verdict;
use crate::column::{Field, Type};
use crate::rng::Rng;
use crate::words;

/// What is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the contract says what they are")]
pub enum Kind {
    Scalar,
    Filter,
    Table,
    Aggregate,
}

/// A fact about rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the contract says what they are")]
pub enum Fact {
    ChangeKind,
    CommitTime,
    Seed,
}

/// A signature.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Arguments read, of one that is offered.
    pub reads: Vec<u32>,
    /// Facts read.
    pub facts: Vec<Fact>,
    /// Results.
    pub results: Vec<Field>,
}

/// What a refusal points at.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the contract says what they are")]
pub enum Place {
    Call,
    Argument(u32),
    Config(String),
    Text(String, u32, u32),
}

/// Why the component refuses to bind.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// At what.
    pub place: Place,
    /// In which words.
    pub message: String,
}

/// The answer to `bind`, and what must become of it.
#[derive(Clone, Debug)]
pub struct Bind {
    /// The signature, or a refusal.
    pub answer: Result<Signature, Refusal>,
    /// Panics instead.
    pub panics: bool,
    /// What a host must make of it.
    pub verdict: Verdict,
}

/// The layout of a state.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Its number.
    pub version: u32,
    /// Its columns.
    pub fields: Vec<Field>,
    /// What `migrate` is said to do.
    pub migrations: Vec<(u32, u32)>,
    /// What a host must make of it.
    pub verdict: Verdict,
}

/// The answer of a seed to `bind` with one argument.
pub fn bind(seed: u64, kind: Kind) -> Bind {
    let mut rng = Rng::new(seed, 1);
    let mut signature = Signature {
        reads: if rng.one_in(4) { Vec::new() } else { vec![0] },
        facts: if rng.one_in(4) { vec![Fact::Seed] } else { Vec::new() },
        results: fields(&mut rng, "r", if kind == Kind::Filter { Some(Type::Boolean) } else { None }),
    };
    let mut verdict = Verdict::Right;
    if rng.one_in(12) {
        let refusal = Refusal { place: place(&mut rng), message: words::message(&mut rng) };
        return Bind { answer: Err(refusal), panics: false, verdict: Verdict::Refused };
    }
    let panics = rng.one_in(40);
    if panics {
        verdict = Verdict::Refused;
    }
    if rng.one_in(4) {
        verdict = verdict.max(odd(&mut rng, &mut signature.results));
    }
    if rng.one_in(4) {
        bend(&mut rng, &mut signature, kind);
        verdict = Verdict::Refused;
    }
    Bind { answer: Ok(signature), panics, verdict }
}

/// The layout of the state of a seed's aggregate.
pub fn schema(seed: u64) -> Schema {
    let mut rng = Rng::new(seed, 2);
    let mut schema = Schema {
        version: rng.below(3) as u32,
        fields: fields(&mut rng, "s", None),
        migrations: Vec::new(),
        verdict: Verdict::Right,
    };
    if rng.one_in(6) {
        let twice = schema.fields[0].clone();
        schema.fields.push(twice);
        schema.verdict = Verdict::Refused;
    }
    if rng.one_in(8) {
        let from = schema.version + 1;
        schema.migrations.push((from, from + 1));
        schema.verdict = Verdict::Refused;
    }
    schema
}

/// One to three right fields.
fn fields(rng: &mut Rng, prefix: &str, of: Option<Type>) -> Vec<Field> {
    let count = if of.is_some() { 1 } else { 1 + rng.below(3) };
    let field = |rng: &mut Rng, n| Field {
        name: format!("{prefix}{n}"),
        data_type: of.unwrap_or_else(|| Type::any(rng)),
        nullable: !rng.one_in(3),
        attributes: Vec::new(),
    };
    (0..count).map(|n| field(rng, n)).collect()
}

/// Names and facts that a server may not take.
fn odd(rng: &mut Rng, fields: &mut [Field]) -> Verdict {
    let at = rng.below(fields.len());
    if rng.one_in(3) {
        fields[at].name = words::name(rng);
    } else {
        let count = if rng.one_in(10) { 1000 } else { 1 + rng.below(3) };
        fields[at].attributes = (0..count).map(|_| words::attribute(rng)).collect();
    }
    Verdict::Either
}

/// Breaks the contract or a limit.
fn bend(rng: &mut Rng, signature: &mut Signature, kind: Kind) {
    match rng.below(10) {
        0 => signature.results.clear(),
        1 => signature.reads = vec![0, 0],
        2 => signature.reads = vec![0; 100_000],
        3 => signature.reads.push(1 + rng.next() as u32 % 1000),
        4 => signature.reads.push(u32::MAX),
        5 => signature.facts = vec![Fact::Seed, Fact::Seed],
        6 => signature.results[0].name.clear(),
        7 => {
            let (precision, scale) = *rng.pick(&[(0, 0), (66, 0), (5, 6), (40, 31), (255, 255)]);
            signature.results[0].data_type = Type::Decimal { precision, scale };
        }
        8 => {
            let one = signature.results[0].clone();
            let field = |n| Field { name: format!("many{n}"), ..one.clone() };
            signature.results = (0..5000 + rng.below(5000)).map(field).collect();
        }
        _ => {
            let twice = signature.results[0].clone();
            signature.results.push(twice);
        }
    }
    if kind == Kind::Filter && rng.one_in(2) {
        signature.results.iter_mut().for_each(|field| field.data_type = Type::Int64);
    }
}

fn place(rng: &mut Rng) -> Place {
    match rng.below(4) {
        0 => Place::Call,
        1 => Place::Argument(*rng.pick(&[0, 1, 7, u32::MAX])),
        2 => Place::Config(words::name(rng)),
        _ => Place::Text("text".to_owned(), rng.next() as u32, rng.next() as u32),
    }
}
