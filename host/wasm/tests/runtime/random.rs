//! Answers that are random by a seed: each ends in an error of the component, or arrives as it was given.
//!
//! `guest-random` makes the same answers natively, so for each seed it is known which of the two must
//! come. A failure names the seed; `ROWMILL_SEEDS=100000` tries more of them, `ROWMILL_SEED=7` only one.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array, UInt64Array};
use arrow_schema::DataType;
use guest_random::{Column, FUNCTIONS, Field, Kind, SEED_MARK, Type, Verdict};
use rowmill_wasm::{Aggregate, Component, Error, Function, Input, Limits, RowError, RowFact, Signature};
use serde_json::json;

use crate::guests::{column, component, engine, groups, identity, wasm};

/// Cuts of a batch: none, one, a byte's worth of rows and one more, a few bytes.
const ROWS: [usize; 4] = [0, 1, 9, 40];

fn seeds(usual: u64) -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("ROWMILL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("ROWMILL_SEEDS").unwrap_or(usual),
    }
}

/// What came must be what the verdict says. Gives it, if there is something to compare.
#[track_caller]
fn judged<T>(what: &str, verdict: Verdict, came: Result<T, Error>) -> Option<T> {
    match (verdict, came) {
        (Verdict::Right | Verdict::Either, Ok(came)) => Some(came),
        (Verdict::Refused, Ok(_)) => panic!("{what}: a wrong answer was believed"),
        (Verdict::Right, Err(error)) => panic!("{what}: a right answer was refused: {error}"),
        (Verdict::Refused | Verdict::Either, Err(error)) => {
            let blamed = matches!(
                error,
                Error::Bind { .. }
                    | Error::Call { .. }
                    | Error::Trap { .. }
                    | Error::Limit { .. }
                    | Error::WrongAnswer { .. }
            );
            assert!(blamed, "{what}: {error:?}");
            assert!(error.to_string().len() < 100_000, "{what}: an error of {} bytes", error.to_string().len());
            None
        }
    }
}

/// A value's bytes; a boolean is one.
fn value(array: &ArrayRef, of: Type, row: usize) -> Option<Vec<u8>> {
    if array.is_null(row) {
        return None;
    }
    Some(match (array.data_type(), of.width()) {
        (DataType::Boolean, _) => vec![u8::from(array.as_boolean().value(row))],
        (DataType::Utf8, _) => array.as_string::<i32>().value(row).as_bytes().to_vec(),
        (DataType::Binary, _) => array.as_binary::<i32>().value(row).to_vec(),
        (_, width) => {
            let (data, width) = (array.to_data(), width.expect("a fixed width"));
            let start = (data.offset() + row) * width;
            data.buffers()[0].as_slice()[start..start + width].to_vec()
        }
    })
}

/// The columns hold what was given, in all rows but those left out.
fn same(what: &str, fields: &[Field], given: &[Column], came: &[ArrayRef], rows: impl Iterator<Item = usize> + Clone) {
    assert_eq!(given.len(), came.len(), "{what}");
    for ((field, given), came) in fields.iter().zip(given).zip(came) {
        for row in rows.clone() {
            let (wanted, found) = (given.value(field.data_type, row), value(came, field.data_type, row));
            assert_eq!(wanted, found, "{what}: {:?} in row {row}", field.data_type);
        }
    }
}

fn failing(errors: &[RowError]) -> BTreeSet<usize> {
    let rows: BTreeSet<usize> = errors.iter().map(|error| error.row).collect();
    assert_eq!(rows.len(), errors.len());
    rows
}

/// The input that a signature asks for.
struct Rows {
    columns: Vec<ArrayRef>,
    seeds: Option<UInt64Array>,
    rows: usize,
}

impl Rows {
    fn new(signature: &Signature, rows: usize) -> Self {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
        let seeds = || UInt64Array::from_iter_values(0..rows as u64);
        Self {
            columns: signature.reads.iter().map(|_| Arc::clone(&numbers)).collect(),
            seeds: signature.facts.contains(&RowFact::Seed).then(seeds),
            rows,
        }
    }

    fn input(&self) -> Input<'_> {
        Input { rows: self.rows, columns: &self.columns, seeds: self.seeds.as_ref(), ..Input::default() }
    }
}

async fn rows(component: &Component, seed: u64, name: &str, kind: Kind) {
    let planned = guest_random::bind(seed, kind);
    let (args, config) = ([column("x", DataType::Int64)], json!({ "seed": seed }));
    let bound = Function::bind(component, &identity(), &Limits::default(), name, &args, &config).await;
    let Some(mut function) = judged(&format!("seed {seed}, bind {name}"), planned.verdict, bound) else { return };
    let fields = planned.answer.expect("a refusal was refused").results;
    for n in ROWS {
        let what = format!("seed {seed}, {name} of {n} rows");
        let planned = guest_random::run(seed, &fields, n, kind == Kind::Table);
        let input = Rows::new(function.signature(), n);
        let came = function.run(&input.input()).await;
        let Some(came) = judged(&what, planned.verdict, came) else { continue };
        let given = planned.answer.expect("a refusal was refused");
        assert_eq!(failing(&came.errors), planned.failing, "{what}");
        let parent = |row: usize| came.parents.as_ref().map_or(row, |parents| parents.value(row) as usize);
        let out = came.parents.as_ref().map_or(n, Array::len);
        let sound = (0..out).filter(|row| !planned.failing.contains(&parent(*row)));
        same(&what, &fields, &given.columns, &came.columns, sound);
    }
}

async fn aggregate(component: &Component, seed: u64) {
    let (planned, schema) = (guest_random::bind(seed, Kind::Aggregate), guest_random::schema(seed));
    let (args, config) = ([column("x", DataType::Int64)], json!({ "seed": seed }));
    let bound = Aggregate::bind(component, &identity(), &Limits::default(), "sum", &args, &config).await;
    let verdict = planned.verdict.max(schema.verdict);
    let Some(mut sum) = judged(&format!("seed {seed}, bind sum"), verdict, bound) else { return };
    let fields = planned.answer.expect("a refusal was refused").results;
    for n in ROWS {
        let what = format!("seed {seed}, sum of {n} rows");
        // An answer that can't be read ends the instance.
        if sum.is_spent() {
            sum.renew().await.expect("the same binding");
        }
        let all = groups(0..n as u32);
        let input = Rows::new(&sum.signature().call, n);
        let (errors, verdict) = guest_random::errors(seed, n);
        if let Some(came) = judged(&what, verdict, sum.update(100, &all, None, &input.input()).await) {
            let wanted: BTreeSet<usize> = errors.iter().map(|(row, ..)| *row as usize).collect();
            assert_eq!(failing(&came), wanted, "{what}");
        }
        if sum.is_spent() {
            sum.renew().await.expect("the same binding");
        }
        let planned = guest_random::run(seed, &fields, n, false);
        if let Some(came) = judged(&what, planned.verdict, sum.evaluate(&all).await) {
            assert_eq!(failing(&came.errors), planned.failing, "{what}");
            let sound = (0..n).filter(|row| !planned.failing.contains(row));
            same(&what, &fields, &planned.answer.expect("a refusal was refused").columns, &came.columns, sound);
        }
        if sum.is_spent() {
            sum.renew().await.expect("the same binding");
        }
        let planned = guest_random::snapshot(seed, &schema.fields, n);
        if let Some(came) = judged(&what, planned.verdict, sum.snapshot(&all).await) {
            same(&what, &schema.fields, &planned.columns, &came.columns, 0..planned.len);
            if n > 0 && !sum.is_spent() {
                sum.merge(100, &all, &came).await.expect("what was given can be taken back");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_answers_are_refused_or_right() {
    let component = component("random").await;
    for seed in seeds(500) {
        for (name, kind) in FUNCTIONS {
            match kind {
                Kind::Aggregate => aggregate(&component, seed).await,
                kind => rows(&component, seed, name, kind).await,
            }
        }
    }
}

/// The seed stands in the component's bytes, since `describe` is given nothing.
#[tokio::test(flavor = "multi_thread")]
async fn random_catalogs_are_refused_or_right() {
    let bytes = wasm("random");
    let marks: Vec<usize> =
        bytes.windows(SEED_MARK.len()).enumerate().filter(|(_, w)| w == SEED_MARK).map(|(at, _)| at).collect();
    let [mark] = marks[..] else { panic!("{} places for the seed", marks.len()) };
    // Each is compiled.
    for seed in seeds(500).step_by(25) {
        let mut bytes = bytes.clone();
        bytes[mark + 16..mark + 24].copy_from_slice(&seed.to_le_bytes());
        let planned = guest_random::description(seed);
        let described = async { engine().load("random", &bytes).await?.describe().await };
        let Some(came) = judged(&format!("seed {seed}, describe"), planned.verdict, described.await) else { continue };
        let names: Vec<&str> = came.functions.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(names, FUNCTIONS.map(|(name, _)| name), "seed {seed}");
        assert_eq!(came.docs, planned.docs, "seed {seed}");
    }
}
