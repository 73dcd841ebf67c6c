//! Aggregates that keep the rules.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::exports::rowmill::udf::aggregate_function::*;
use crate::rowmill::udf::types::{Attribute, DataType, DecimalType, Place, RowFact};
use crate::{Honest, Texts, field, i64s, strings, valid};

/// The accumulators of one binding, by group number.
enum Groups {
    /// Of int64: exact in between, the error of a sum that doesn't fit comes at the end.
    Sum(Vec<(u64, i128)>),
    /// How often each text is there.
    Texts(Vec<BTreeMap<String, i64>>),
    /// Can neither retract nor merge.
    Max(Vec<Option<i64>>),
    /// Reads no column, only a fact.
    Seeds(Vec<u64>),
}

pub(crate) struct Bound {
    config: String,
    groups: RefCell<Groups>,
}

impl Guest for Honest {
    type BoundAggregate = Bound;

    fn bind(name: String, _: Vec<Argument>, config: String) -> Result<BoundAggregate, BindError> {
        let groups = match name.as_str() {
            "sum" => Groups::Sum(Vec::new()),
            "texts" => Groups::Texts(Vec::new()),
            "max" => Groups::Max(Vec::new()),
            "seeds" => Groups::Seeds(Vec::new()),
            _ => return Err(BindError { place: Place::Call, message: format!("{name} is no aggregate") }),
        };
        Ok(BoundAggregate::new(Bound { config, groups: RefCell::new(groups) }))
    }
}

const WIDE: DataType = DataType::Decimal(DecimalType { precision: 38, scale: 0 });

fn numbers(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap()) as usize)
}

fn set(bits: &Option<Vec<u8>>, row: usize) -> bool {
    bits.as_ref().is_some_and(|bits| bits[row / 8] >> (row % 8) & 1 == 1)
}

fn bits(values: impl IntoIterator<Item = bool>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (row, value) in values.into_iter().enumerate() {
        if row % 8 == 0 {
            bytes.push(0);
        }
        bytes[row / 8] |= u8::from(value) << (row % 8);
    }
    bytes
}

fn fixed(values: Vec<u8>) -> Column {
    Column { validity: None, offsets: None, values }
}

fn nullable(values: &[Option<i64>]) -> Column {
    Column {
        validity: Some(bits(values.iter().map(Option::is_some))),
        offsets: None,
        values: values.iter().flat_map(|v| v.unwrap_or(0).to_le_bytes()).collect(),
    }
}

/// As many accumulators as there are numbers, the new ones empty.
fn room<T: Default + Clone>(groups: &mut Vec<T>, count: u32) {
    if groups.len() < count as usize {
        groups.resize(count as usize, T::default());
    }
}

/// The accumulators of these groups; a number never touched is empty.
fn of<T: Default + Clone>(all: &[T], groups: &[u8]) -> Vec<T> {
    numbers(groups).map(|group| all.get(group).cloned().unwrap_or_default()).collect()
}

fn forget<T: Default>(all: &mut [T], groups: &[u8]) {
    for group in numbers(groups) {
        if let Some(group) = all.get_mut(group) {
            *group = T::default();
        }
    }
}

fn u64s(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap()))
}

fn i128s(bytes: &[u8]) -> impl Iterator<Item = i128> + '_ {
    bytes.chunks_exact(16).map(|b| i128::from_le_bytes(b.try_into().unwrap()))
}

impl GuestBoundAggregate for Bound {
    fn signature(&self) -> AggregateSignature {
        let mut call = Signature { reads: vec![0], facts: Vec::new(), results: Vec::new() };
        let mut state = StateSchema { version: 1, fields: Vec::new() };
        let mut migrations = Vec::new();
        let mut abilities = Ability::RETRACT | Ability::MERGE;
        match &*self.groups.borrow() {
            Groups::Sum(_) => {
                call.results = vec![field("sum", DataType::Int64, true)];
                let mut sum = field("sum", WIDE, false);
                sum.attributes.push(Attribute { key: "config".to_owned(), value: self.config.clone() });
                state = StateSchema { version: 2, fields: vec![field("count", DataType::Uint64, false), sum] };
                migrations = vec![Migration { source: 1, target: 2 }, Migration { source: 2, target: 1 }];
            }
            Groups::Texts(_) => {
                call.results = vec![field("texts", DataType::Utf8, true), field("distinct", DataType::Uint64, false)];
                state.fields = vec![field("text", DataType::Utf8, false), field("times", DataType::Int64, false)];
            }
            Groups::Max(_) => {
                call.results = vec![field("max", DataType::Int64, true)];
                state.fields = call.results.clone();
                abilities = Ability::empty();
            }
            Groups::Seeds(_) => {
                call.reads.clear();
                call.facts = vec![RowFact::Seed];
                call.results = vec![field("seeds", DataType::Uint64, false)];
                state.fields = call.results.clone();
            }
        }
        AggregateSignature { call, state, migrations, abilities }
    }

    fn update(
        &self,
        count: u32,
        groups: Vec<u8>,
        retract: Option<Vec<u8>>,
        input: Batch,
    ) -> Result<Vec<RowError>, String> {
        let column = &input.columns[0];
        let mut errors = Vec::new();
        match &mut *self.groups.borrow_mut() {
            Groups::Sum(all) => {
                room(all, count);
                for (row, (group, value)) in numbers(&groups).zip(i64s(&column.values)).enumerate() {
                    if !valid(column, row) {
                        continue;
                    }
                    if value == i64::MIN {
                        let message = format!("{value}, needed a number with a counterpart");
                        errors.push(RowError { row: row as u32, code: "lowest".to_owned(), message });
                    } else if set(&retract, row) {
                        all[group] = (all[group].0 - 1, all[group].1 - i128::from(value));
                    } else {
                        all[group] = (all[group].0 + 1, all[group].1 + i128::from(value));
                    }
                }
            }
            Groups::Texts(all) => {
                room(all, count);
                for (row, (group, text)) in numbers(&groups).zip(strings(column)).enumerate() {
                    if valid(column, row) {
                        let step = if set(&retract, row) { -1 } else { 1 };
                        add(&mut all[group], text, step);
                    }
                }
            }
            Groups::Max(all) => {
                room(all, count);
                for (row, (group, value)) in numbers(&groups).zip(i64s(&column.values)).enumerate() {
                    if valid(column, row) {
                        all[group] = all[group].max(Some(value));
                    }
                }
            }
            Groups::Seeds(all) => {
                room(all, count);
                numbers(&groups).zip(u64s(&column.values)).for_each(|(group, seed)| all[group] ^= seed);
            }
        }
        Ok(errors)
    }

    fn evaluate(&self, groups: Vec<u8>) -> Result<Output, String> {
        let mut errors = Vec::new();
        let columns = match &*self.groups.borrow() {
            Groups::Sum(all) => {
                let mut sums = Vec::new();
                for (position, (count, sum)) in of(all, &groups).into_iter().enumerate() {
                    let fits = i64::try_from(sum);
                    if fits.is_err() {
                        let message = format!("{sum}, needed a sum within int64");
                        errors.push(RowError { row: position as u32, code: "overflow".to_owned(), message });
                    }
                    sums.push(fits.ok().filter(|_| count > 0));
                }
                vec![nullable(&sums)]
            }
            Groups::Texts(all) => {
                let (mut texts, mut filled, mut distinct) = (Texts::new(), Vec::new(), Vec::new());
                for set in of(all, &groups) {
                    texts.push(&set.keys().cloned().collect::<Vec<_>>().join(","));
                    filled.push(!set.is_empty());
                    distinct.extend_from_slice(&(set.len() as u64).to_le_bytes());
                }
                vec![texts.column(Some(bits(filled))), fixed(distinct)]
            }
            Groups::Max(all) => vec![nullable(&of(all, &groups))],
            Groups::Seeds(all) => vec![fixed(of(all, &groups).into_iter().flat_map(u64::to_le_bytes).collect())],
        };
        Ok(Output { parents: None, columns, errors })
    }

    fn snapshot(&self, groups: Vec<u8>) -> Result<State, String> {
        Ok(match &*self.groups.borrow() {
            Groups::Sum(all) => {
                let groups = of(all, &groups);
                let counts = groups.iter().flat_map(|(count, _)| count.to_le_bytes()).collect();
                let sums = groups.iter().flat_map(|(_, sum)| sum.to_le_bytes()).collect();
                State { rows: None, columns: vec![fixed(counts), fixed(sums)] }
            }
            Groups::Texts(all) => {
                let (mut rows, mut texts, mut times) = (Vec::new(), Texts::new(), Vec::new());
                for set in of(all, &groups) {
                    rows.extend_from_slice(&(set.len() as u32).to_le_bytes());
                    for (text, count) in set {
                        texts.push(&text);
                        times.extend_from_slice(&count.to_le_bytes());
                    }
                }
                State { rows: Some(rows), columns: vec![texts.column(None), fixed(times)] }
            }
            Groups::Max(all) => State { rows: None, columns: vec![nullable(&of(all, &groups))] },
            Groups::Seeds(all) => {
                let seeds = of(all, &groups).into_iter().flat_map(u64::to_le_bytes).collect();
                State { rows: None, columns: vec![fixed(seeds)] }
            }
        })
    }

    fn merge(&self, count: u32, groups: Vec<u8>, states: State) -> Result<(), String> {
        let columns = &states.columns;
        match &mut *self.groups.borrow_mut() {
            Groups::Sum(all) => {
                room(all, count);
                let states = u64s(&columns[0].values).zip(i128s(&columns[1].values));
                for (group, (count, sum)) in numbers(&groups).zip(states) {
                    all[group] = (all[group].0 + count, all[group].1 + sum);
                }
            }
            Groups::Texts(all) => {
                room(all, count);
                let mut rows_of_all = strings(&columns[0]).zip(i64s(&columns[1].values));
                let rows = states.rows.as_ref().unwrap();
                for (group, rows) in numbers(&groups).zip(numbers(rows)) {
                    rows_of_all.by_ref().take(rows).for_each(|(text, times)| add(&mut all[group], text, times));
                }
            }
            Groups::Max(all) => {
                room(all, count);
                for (row, (group, value)) in numbers(&groups).zip(i64s(&columns[0].values)).enumerate() {
                    if all[group].is_some() {
                        return Err("a state for a group that is not empty".to_owned());
                    }
                    all[group] = valid(&columns[0], row).then_some(value);
                }
            }
            Groups::Seeds(all) => {
                room(all, count);
                numbers(&groups).zip(u64s(&columns[0].values)).for_each(|(group, seed)| all[group] ^= seed);
            }
        }
        Ok(())
    }

    fn evict(&self, groups: Vec<u8>) {
        match &mut *self.groups.borrow_mut() {
            Groups::Sum(all) => forget(all, &groups),
            Groups::Texts(all) => forget(all, &groups),
            Groups::Max(all) => forget(all, &groups),
            Groups::Seeds(all) => forget(all, &groups),
        }
    }

    fn migrate(&self, source: StateSchema, target: StateSchema, states: State) -> Result<State, String> {
        let (counts, sums) = (states.columns[0].clone(), &states.columns[1]);
        // Version 1 kept the sum as an int64.
        let sums = match (source.version, target.version) {
            (1, 2) => fixed(i64s(&sums.values).flat_map(|sum| i128::from(sum).to_le_bytes()).collect()),
            (2, 1) => {
                let narrow: Result<Vec<i64>, _> = i128s(&sums.values).map(i64::try_from).collect();
                let narrow = narrow.map_err(|_| "a sum that version 1 cannot hold".to_owned())?;
                fixed(narrow.into_iter().flat_map(i64::to_le_bytes).collect())
            }
            (from, to) => return Err(format!("a migration from {from} to {to}")),
        };
        Ok(State { rows: None, columns: vec![counts, sums] })
    }
}

/// Counts a text; one that is there no more leaves.
fn add(set: &mut BTreeMap<String, i64>, text: &str, step: i64) {
    let times = set.get(text).copied().unwrap_or(0) + step;
    match times {
        0 => set.remove(text),
        times => set.insert(text.to_owned(), times),
    };
}
