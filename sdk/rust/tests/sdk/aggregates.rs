//! Aggregates of the typed layer, run and checked natively.

use rowmill_sdk::test::{aggregate, fold};
use rowmill_sdk::{
    AggregateFunction, DataType, Decimal, Kind, RowError, State, StateSchema, aggregate, config, serde_json::json,
};
use std::collections::BTreeMap;

/// Weighted sums.
#[derive(Debug, Default, State)]
struct Vwap {
    value: i128,
    volume: i128,
    rows: u64,
}

/// The price per piece.
///
/// NULL without rows.
#[aggregate(version = 2, results(price, rows))]
impl Vwap {
    fn update(
        &mut self,
        /** In cents. */
        price: i64,
        volume: Option<u32>,
    ) -> Result<(), RowError> {
        self.add(1, price, volume)
    }

    fn retract(&mut self, price: i64, volume: Option<u32>) -> Result<(), RowError> {
        self.add(-1, price, volume)
    }

    fn merge(&mut self, other: &Self) {
        self.value += other.value;
        self.volume += other.volume;
        self.rows += other.rows;
    }

    fn finish(&self) -> (Option<i64>, u64) {
        (self.value.checked_div(self.volume).and_then(|price| price.try_into().ok()), self.rows)
    }

    #[migrate(from = 1)]
    fn from_v1(old: V1) -> Self {
        Self { value: old.value.into(), volume: 1, rows: 0 }
    }

    #[migrate(to = 1)]
    fn to_v1(&self) -> Result<V1, String> {
        Ok(V1 { value: self.value.try_into().map_err(|_| format!("{} is too much", self.value))? })
    }

    fn add(&mut self, sign: i128, price: i64, volume: Option<u32>) -> Result<(), RowError> {
        if price == i64::MIN {
            return Err(RowError::new("too-small", "found the smallest price"));
        }
        let volume = sign * i128::from(volume.unwrap_or(1));
        self.value += volume * i128::from(price);
        self.volume += volume;
        self.rows = self.rows.wrapping_add_signed(sign as i64);
        Ok(())
    }
}

#[derive(Default, State)]
struct V1 {
    value: i64,
}

#[test]
fn an_aggregate_runs_over_groups() {
    let folded = fold::<vwap>()
        .arg([Some(10i32), Some(20), None, Some(7)])
        .arg([Some(1u32), Some(3), Some(4), None])
        .groups([0, 0, 0, 2])
        .run();
    assert_eq!(folded.column::<i64>("price"), [Some(17), None, Some(7)]);
    assert_eq!(folded.column::<u64>("rows"), [Some(2), Some(0), Some(1)]);
    let folded = fold::<vwap>().arg([i64::MIN, 3]).arg([None, Some(1u32)]).retract([true]).run();
    assert_eq!(folded.refused, [(0, "too-small".to_owned())]);
    let info = vwap {}.info();
    assert_eq!((info.name.as_str(), info.kind), ("vwap", Kind::Aggregate));
    assert_eq!(info.docs, "The price per piece.\n\nNULL without rows.");
    assert_eq!((info.parameters[0].docs.as_str(), info.results.as_str()), ("In cents.", "price: int64, rows: uint64"));
}

#[test]
fn an_aggregate_keeps_the_laws() {
    aggregate::<vwap>().check();
    aggregate::<top>().any().attribute("collation", "utf8mb4_bin").literal(3u32).check();
    aggregate::<top>().arg(["a", "b", "c"]).literal(2u32).check();
    aggregate::<latest>().check();
    aggregate::<exact>().check();
    aggregate::<seen>().config(json!({"longest": 3})).check();
}

#[test]
fn the_signature_says_what_the_methods_can_do() {
    let signature = fold::<vwap>().arg([1i64]).arg([1u32]).bind().unwrap().signature();
    assert!(signature.retract && signature.merge);
    assert_eq!((signature.state.version, signature.call.reads.as_slice()), (2, &[0, 1][..]));
    let migrations: Vec<(u32, u32)> = signature.migrations.iter().map(|m| (m.source, m.target)).collect();
    assert_eq!(migrations, [(1, 2), (2, 1)]);
    let fields: Vec<(&str, DataType, bool)> =
        signature.state.fields.iter().map(|f| (f.name.as_str(), f.data_type, f.nullable)).collect();
    let expected =
        [("value", DataType::Binary, false), ("volume", DataType::Binary, false), ("rows", DataType::Uint64, false)];
    assert_eq!(fields, expected);
    let signature = fold::<latest>().arg([1i64]).arg(["x"]).bind().unwrap().signature();
    assert!(!signature.retract && !signature.merge && signature.migrations.is_empty());
}

#[test]
fn states_of_another_version_are_migrated() {
    let mut bound = fold::<vwap>().arg([1i64]).arg([1u32]).bind().unwrap();
    let own = bound.signature().state;
    let mut old = StateSchema::new(1, vec![rowmill_sdk::Field::new("value", DataType::Int64)]);
    let values: Vec<u8> = [5i64, -6].iter().flat_map(|value| value.to_le_bytes()).collect();
    let states = State::single(vec![rowmill_sdk::Column { values, ..Default::default() }]);
    let new = bound.migrate(&old, &own, states.clone()).unwrap();
    bound.merge(2, &[1, 0], new).unwrap();
    let state = bound.snapshot(&[1, 0]).unwrap();
    assert_eq!(bound.migrate(&own, &old, state.clone()).unwrap(), states);
    old.fields[0].name = "sum".to_owned();
    let refused = bound.migrate(&old, &own, states).unwrap_err();
    assert_eq!(refused, "found a state of the columns sum: int64, needed value: int64");
    let refused = bound.migrate(&own, &StateSchema::new(3, vec![]), state).unwrap_err();
    assert_eq!(refused, "there is no migration from state version 2 to 3");
}

/// How often each value occurs.
#[derive(Default, State)]
struct Top {
    #[rows(value, times)]
    counts: BTreeMap<String, u64>,
}

/// The most frequent values.
#[aggregate(like = value, shape(k))]
impl Top {
    fn update(&mut self, value: &str, #[literal] _k: u32) {
        *self.counts.entry(value.to_owned()).or_default() += 1;
    }

    fn retract(&mut self, value: &str, #[literal] _k: u32) {
        if let Some(times) = self.counts.get_mut(value) {
            *times -= 1;
            if *times == 0 {
                self.counts.remove(value);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        for (value, times) in other.counts {
            *self.counts.entry(value).or_default() += times;
        }
    }

    fn finish(&self, #[literal] k: u32) -> String {
        let mut all: Vec<(&String, &u64)> = self.counts.iter().collect();
        all.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        all.truncate(k as usize);
        all.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>().join(",")
    }
}

#[test]
fn a_state_can_have_several_rows() {
    let top_of = || fold::<top>().arg(["b", "a", "b", "c", "c", "c"]);
    let folded = top_of().literal(2u32).attribute("note", "x").groups([0, 0, 0, 0, 0, 1]).run();
    // b and c are equally frequent in group 0: the first in order comes first.
    assert_eq!(folded.values::<String>(), ["b,c", "c"].map(|text| Some(text.to_owned())));
    let signature = top_of().literal(7u32).bind().unwrap().signature();
    let names: Vec<&str> = signature.state.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["value", "times"]);
    assert_eq!(signature.state.fields[0].attribute("k"), Some("7"));
    assert_eq!(top_of().bind_error().to_string(), "`top` takes 2 arguments (value, k), found 1");
}

/// The value with the highest number; of equal ones the first.
#[derive(Default, State)]
struct Latest {
    at: Option<i64>,
    value: Option<String>,
}

#[aggregate]
impl Latest {
    fn update(&mut self, at: i64, value: Option<&str>) {
        if self.at.is_none_or(|before| at > before) {
            (self.at, self.value) = (Some(at), value.map(str::to_owned));
        }
    }

    fn finish(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

/// A sum of decimals that overflows in `finish` only.
#[derive(Default, State)]
struct Exact {
    sum: i128,
}

#[aggregate(name = "exact_sum")]
impl Exact {
    fn update(&mut self, amount: Decimal<12, 2>) {
        self.sum += amount.unscaled();
    }

    fn retract(&mut self, amount: Decimal<12, 2>) {
        self.sum -= amount.unscaled();
    }

    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
    }

    fn finish(&self) -> Result<Decimal<12, 2>, RowError> {
        Decimal::from_unscaled(self.sum).ok_or_else(|| RowError::new("overflow", "the sum has more than 12 digits"))
    }
}

#[test]
fn what_depends_on_state_errs_in_finish() {
    let most = || Decimal::<12, 2>::from_unscaled(999_999_999_999);
    let folded = fold::<exact>().arg([most(), most(), most()]).groups([0, 1, 1]).run();
    assert_eq!(folded.error_codes(), [(1, "overflow")]);
    assert_eq!(exact {}.info().name, "exact_sum");
    assert_eq!(folded.values::<Decimal<12, 2>>()[0], most());
}

/// What is remembered.
#[config]
#[derive(Debug)]
struct Memory {
    /// Characters of the longest text.
    longest: usize,
}

/// A head beside rows, and nested fields.
#[derive(Default, State)]
struct Seen {
    total: Counts,
    last: Option<bool>,
    #[rows(text)]
    texts: std::collections::BTreeSet<String>,
}

#[derive(Default, State)]
struct Counts {
    rows: u64,
    long: u64,
}

#[aggregate(shape(longest))]
impl Seen {
    fn update(&mut self, #[config] config: &Memory, text: &str) {
        self.total.rows += 1;
        match text.chars().count() <= config.longest {
            true => _ = self.texts.insert(text.to_owned()),
            false => self.total.long += 1,
        }
    }

    fn merge(&mut self, mut other: Self, #[config] _memory: &Memory) {
        self.total.rows += other.total.rows;
        self.total.long += other.total.long;
        self.texts.append(&mut other.texts);
    }

    fn finish(&self, out: &mut rowmill_sdk::Text, #[config] config: &Memory) -> Option<()> {
        out.push_str(&format!("{}/{}/{} <= {}", self.texts.len(), self.total.long, self.total.rows, config.longest));
        (self.total.rows > 0).then_some(())
    }
}

#[test]
fn a_configuration_shapes_the_state() {
    let folded = fold::<seen>().arg(["a", "abcd", "a"]).groups([1, 1, 1]).config(json!({"longest": 3})).run();
    assert_eq!(folded.values::<String>(), [None, Some("1/1/3 <= 3".to_owned())]);
    let signature = fold::<seen>().arg(["a"]).config(json!({"longest": 3})).bind().unwrap().signature();
    let names: Vec<&str> = signature.state.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["total_rows", "total_long", "last", "text"]);
    assert!(signature.state.fields.iter().all(|field| field.nullable && field.attribute("longest") == Some("3")));
    assert_eq!(seen {}.info().config[0].name, "longest");
}
