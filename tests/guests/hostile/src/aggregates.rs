//! Aggregates that break every rule, one function for each.
//!
//! Each sums one `int64` column and misbehaves in the call that the configuration names:
//! `{"in": "update"}`. The names that begin with a call misbehave only there.

use std::cell::RefCell;

use crate::exports::rowmill::udf::aggregate_function::*;
use crate::rowmill::udf::types::{Attribute, DataType, DecimalType, Place, Signature};
use crate::{Hostile, answers, bits, field, int32s, int64s, number, plain, size, spin, text};

pub(crate) const NAMES: &[&str] = &[
    "sum",
    "agg-panic",
    "agg-loop",
    "agg-grow",
    "agg-exit",
    "agg-refuse",
    "agg-output",
    "agg-panic-in-bind",
    "update-error-row",
    "update-row-errors",
    "evaluate-short",
    "evaluate-long",
    "evaluate-columns",
    "evaluate-parents",
    "evaluate-error-row",
    "evaluate-row-errors",
    "evaluate-utf8",
    "state-short",
    "state-long",
    "state-columns",
    "state-counts",
    "state-counts-odd",
    "state-counts-few",
    "state-counts-huge",
    "state-null",
    "state-date",
    "state-utf8",
    "state-json",
    "strange-migration",
    "strange-state-type",
    "state-named-twice",
    "state-of-taken-attribute",
    "no-results-of-groups",
];

pub(crate) struct Bound {
    name: String,
    config: String,
    sums: RefCell<Vec<i64>>,
}

impl Guest for Hostile {
    type BoundAggregate = Bound;

    fn bind(name: String, _: Vec<Argument>, config: String) -> Result<BoundAggregate, BindError> {
        if number(&config, "refuse-at").is_some() {
            return Err(BindError { place: Place::Argument(0), message: "no such sum".to_owned() });
        }
        if name == "agg-panic-in-bind" {
            panic!("cannot bind");
        }
        Ok(BoundAggregate::new(Bound { name, config, sums: RefCell::default() }))
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap()) as usize)
}

fn errors(rows: impl IntoIterator<Item = u32>) -> Vec<RowError> {
    rows.into_iter().map(|row| RowError { row, code: "odd".to_owned(), message: format!("row {row}") }).collect()
}

fn state(rows: Option<Vec<u8>>, column: Output) -> State {
    State { rows, columns: column.columns }
}

impl Bound {
    /// What every call does first.
    fn misbehave(&self, call: &str) -> Result<(), String> {
        if !self.config.contains(&format!("\"in\":\"{call}\"")) {
            return Ok(());
        }
        match self.name.as_str() {
            "agg-panic" => panic!("the wheel of {call} came off"),
            "agg-loop" => spin(),
            "agg-exit" => std::process::exit(3),
            "agg-refuse" => return Err("not today".to_owned()),
            "agg-grow" => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(std::hint::black_box(vec![1; 1 << 20]));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn sums(&self, groups: &[u8]) -> Vec<i64> {
        let sums = self.sums.borrow();
        numbers(groups).map(|group| sums.get(group).copied().unwrap_or(0)).collect()
    }

    /// What `snapshot` and `migrate` give.
    fn states(&self, n: usize, right: State) -> State {
        let zeros = |rows: usize| int64s(vec![0; rows]);
        match self.name.as_str() {
            "state-short" => state(None, plain(vec![0; n * 8 - 1])),
            "state-long" => state(None, zeros(n + 1)),
            "state-columns" => State { rows: None, columns: Vec::new() },
            "state-counts" => state(Some(int32s(vec![2; n])), zeros(n)),
            "state-counts-odd" => state(Some(vec![0; n * 4 + 1]), zeros(0)),
            "state-counts-few" => state(Some(int32s(vec![1; n - 1])), zeros(n - 1)),
            "state-counts-huge" => state(Some(int32s(vec![-1; n])), zeros(n)),
            "state-null" => {
                let mut output = zeros(n);
                let mut validity = bits(n);
                validity[0] &= !2;
                output.columns[0].validity = Some(validity);
                state(None, output)
            }
            "state-date" => state(None, plain(int32s((0..n).map(|i| [0, i32::MAX][i % 2])))),
            "state-utf8" => state(None, text((0..=n).map(|i| i as i32), &vec![0xff; n])),
            "state-json" => state(None, text((0..=n).map(|i| i as i32), &vec![b'x'; n])),
            "agg-output" => state(None, plain(vec![7; 256 << 20])),
            "many-state-dates" => answers::state_dates(n, size(&self.config, "n")),
            _ => right,
        }
    }
}

impl GuestBoundAggregate for Bound {
    fn signature(&self) -> AggregateSignature {
        let result = match self.name.as_str() {
            "evaluate-utf8" => DataType::Utf8,
            _ => DataType::Int64,
        };
        let kept = match self.name.as_str() {
            "state-date" => DataType::Date,
            "state-utf8" => DataType::Utf8,
            "state-json" => DataType::Json,
            "strange-state-type" => DataType::Decimal(DecimalType { precision: 9, scale: 10 }),
            _ => DataType::Int64,
        };
        let mut signature = AggregateSignature {
            call: Signature { reads: vec![0], facts: Vec::new(), results: vec![field("r", result, true)] },
            state: StateSchema { version: 2, fields: vec![field("s", kept, false)] },
            migrations: vec![Migration { source: 1, target: 2 }],
            abilities: Ability::empty(),
        };
        match self.name.as_str() {
            "strange-migration" => signature.migrations.push(Migration { source: 3, target: 4 }),
            "state-named-twice" => signature.state.fields.push(signature.state.fields[0].clone()),
            "state-of-taken-attribute" => {
                let attribute = Attribute { key: "type".to_owned(), value: "wide".to_owned() };
                signature.state.fields[0].attributes.push(attribute);
            }
            "no-results-of-groups" => signature.call.results.clear(),
            name => {
                answers::state_schema(name, size(&self.config, "n"), &mut signature.state, &mut signature.migrations)
            }
        }
        signature
    }

    fn update(
        &self,
        count: u32,
        groups: Vec<u8>,
        retract: Option<Vec<u8>>,
        input: Batch,
    ) -> Result<Vec<RowError>, String> {
        self.misbehave("update")?;
        assert!(retract.is_none(), "asked to retract");
        let mut sums = self.sums.borrow_mut();
        let room = sums.len().max(count as usize);
        sums.resize(room, 0);
        let values = input.columns[0].values.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()));
        numbers(&groups).zip(values).for_each(|(group, value)| sums[group] += value);
        Ok(match self.name.as_str() {
            "update-error-row" => errors([input.rows]),
            "update-row-errors" => errors([2, 0, 2]),
            _ => Vec::new(),
        })
    }

    fn evaluate(&self, groups: Vec<u8>) -> Result<Output, String> {
        self.misbehave("evaluate")?;
        let n = groups.len() / 4;
        let mut output = int64s(self.sums(&groups));
        match self.name.as_str() {
            "evaluate-short" => output = int64s(vec![0; n - 1]),
            "evaluate-long" => output = int64s(vec![0; n + 1]),
            "evaluate-columns" => output.columns.clear(),
            "evaluate-parents" => output.parents = Some(int32s(0..n as i32)),
            "evaluate-error-row" => output.errors = errors([n as u32]),
            "evaluate-row-errors" => output.errors = errors([1, 0, 1]),
            "evaluate-utf8" => output = text((0..=n).map(|i| i as i32), &vec![0xff; n]),
            "agg-output" => output = plain(vec![7; 256 << 20]),
            _ => {}
        }
        Ok(output)
    }

    fn snapshot(&self, groups: Vec<u8>) -> Result<State, String> {
        self.misbehave("snapshot")?;
        let right = state(None, int64s(self.sums(&groups)));
        Ok(self.states(groups.len() / 4, right))
    }

    fn merge(&self, _: u32, _: Vec<u8>, _: State) -> Result<(), String> {
        self.misbehave("merge")
    }

    fn evict(&self, _: Vec<u8>) {
        // Has no way to refuse.
        let _ = self.misbehave("evict");
    }

    fn migrate(&self, _: StateSchema, _: StateSchema, states: State) -> Result<State, String> {
        self.misbehave("migrate")?;
        let n = states.columns[0].values.len() / 8;
        Ok(self.states(n, states))
    }
}
