//! The calls that an aggregate step makes of std/stats, in the component and natively.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type};
use arrow_array::{ArrayRef, UInt32Array};
use rowmill_change::ChangeBatch;
use rowmill_sdk::{AggregateFunction, BoundAggregate, Column, DataType, DecimalType, Field};
use rowmill_wasm::{Aggregate, Argument, Engine, Identity, Input, Limits};
use serde_json::json;

use crate::report::{Limit, Report};

/// Each call is timed so often in each form; the fastest counts.
const ROUNDS: usize = 9;
/// Groups of one call to evaluate.
const GROUPS_PER_CALL: usize = 8192;
/// The columns of the orders.
const CUSTOMER: usize = 1;
const PRICE: usize = 3;

/// What is asked of both functions.
enum Ask {
    Update { count: u32, groups: UInt32Array, price: ArrayRef },
    Evaluate(UInt32Array),
}

/// One ask in both forms. ns, the fastest so far: of sum and count.
struct Timed {
    ask: Ask,
    component: [f64; 2],
    native: [f64; 2],
}

/// Both functions in both forms, with the calls of a whole run.
pub(crate) struct Race {
    asks: Vec<Timed>,
    component: [Aggregate; 2],
    native: [Box<dyn BoundAggregate>; 2],
}

impl Race {
    /// `epoch_rows`: after so many rows an epoch ends.
    pub(crate) async fn new(engine: &Engine, batches: &[ChangeBatch], epoch_rows: usize) -> Race {
        let stats = engine.load("std/stats", rowmill_udfs::component("stats").unwrap().0).await.unwrap();
        let identity = Identity { pipeline: "bench".to_owned(), step: "aggregate-1".to_owned() };
        let price = batches[0].rows.schema().field(PRICE).clone();
        let argument = Argument { field: price.clone(), literal: None };
        let (limits, none) = (Limits::default(), json!({}));
        let sum = Aggregate::bind(&stats, &identity, &limits, "sum", &[argument], &none).await.unwrap();
        let count = Aggregate::bind(&stats, &identity, &limits, "count", &[], &none).await.unwrap();

        let data_type = DataType::Decimal(DecimalType { precision: 10, scale: 2 });
        let field = Field { nullable: false, ..Field::new(price.name(), data_type) };
        let argument = rowmill_sdk::Argument { field, literal: None };
        let native_sum = rowmill_udf_stats::Sum.bind(&[argument], none.clone()).unwrap();
        let native_count = rowmill_udf_stats::Count.bind(&[], none).unwrap();
        Race { asks: asks(batches, epoch_rows), component: [sum, count], native: [native_sum, native_count] }
    }

    pub(crate) async fn run(&mut self) {
        for _ in 0..ROUNDS {
            for timed in &mut self.asks {
                for (at, function) in self.component.iter_mut().enumerate() {
                    timed.component[at] = timed.component[at].min(ask_component(function, at, &timed.ask).await);
                }
            }
            for timed in &mut self.asks {
                for (at, function) in self.native.iter_mut().enumerate() {
                    timed.native[at] = timed.native[at].min(ask_native(function.as_mut(), at, &timed.ask));
                }
            }
        }
        self.compare().await;
    }

    /// Both forms have taken in the same rows as often.
    async fn compare(&mut self) {
        let groups = UInt32Array::from_iter_values(0..100);
        for (component, native) in self.component.iter_mut().zip(&mut self.native) {
            let component = component.evaluate(&groups).await.unwrap().columns[0].to_data();
            let native = native.evaluate(groups.values()).unwrap().columns[0].values.clone();
            assert_eq!(component.buffers()[0].as_slice(), native);
        }
    }

    pub(crate) fn tell(&self, report: &mut Report, section: &'static str, rows: f64) {
        let total = |asks: fn(&Ask) -> bool, times: fn(&Timed) -> [f64; 2]| -> f64 {
            self.asks.iter().filter(|timed| asks(&timed.ask)).flat_map(times).sum::<f64>() / rows
        };
        let component: fn(&Timed) -> [f64; 2] = |timed| timed.component;
        let native: fn(&Timed) -> [f64; 2] = |timed| timed.native;
        let update: fn(&Ask) -> bool = |ask| matches!(ask, Ask::Update { .. });
        let evaluate: fn(&Ask) -> bool = |ask| matches!(ask, Ask::Evaluate(_));
        for (name, asks) in [("taking rows in", update), ("results", evaluate)] {
            let (component, native) = (total(asks, component), total(asks, native));
            report.note(section, format!("{name}: native"), native, "ns/row");
            report.note(section, format!("{name}: component"), component, "ns/row");
            report.note(section, format!("{name}: component / native"), component / native, "x");
        }
        let ratio = total(|_| true, component) / total(|_| true, native);
        report.judge(section, "all calls: component / native", ratio, "x", Limit::AtMost(2.5));
    }
}

/// The calls of a run, as the step makes them: before a group first changes in an epoch it is
/// evaluated, and at the epoch's end again.
fn asks(batches: &[ChangeBatch], epoch_rows: usize) -> Vec<Timed> {
    let mut numbers: HashMap<i32, u32> = HashMap::new();
    // The epoch in which a group changed last.
    let mut touched: Vec<usize> = Vec::new();
    let mut changed: Vec<u32> = Vec::new();
    let (mut epoch, mut open) = (1, 0);
    let mut asks = Vec::new();
    let evaluate = |asks: &mut Vec<Ask>, groups: &[u32]| {
        asks.extend(groups.chunks(GROUPS_PER_CALL).map(|part| Ask::Evaluate(UInt32Array::from(part.to_vec()))));
    };
    for (at, batch) in batches.iter().enumerate() {
        let mut shown = Vec::new();
        let mut groups = Vec::with_capacity(batch.ops.len());
        for customer in batch.rows.column(CUSTOMER).as_primitive::<Int32Type>().values() {
            let next = numbers.len() as u32;
            let group = *numbers.entry(*customer).or_insert(next);
            if group == next {
                touched.push(0);
            }
            let last = std::mem::replace(&mut touched[group as usize], epoch);
            if last != epoch {
                changed.push(group);
                if last > 0 {
                    shown.push(group);
                }
            }
            groups.push(group);
        }
        evaluate(&mut asks, &shown);
        let (count, price) = (numbers.len() as u32, batch.rows.column(PRICE).clone());
        asks.push(Ask::Update { count, groups: UInt32Array::from(groups), price });
        open += batch.ops.len();
        if open >= epoch_rows || at + 1 == batches.len() {
            changed.sort_unstable();
            evaluate(&mut asks, &changed);
            changed.clear();
            (epoch, open) = (epoch + 1, 0);
        }
    }
    let timed = |ask| Timed { ask, component: [f64::INFINITY; 2], native: [f64::INFINITY; 2] };
    asks.into_iter().map(timed).collect()
}

/// `at`: 0 is the sum, which reads the price; the count reads nothing.
async fn ask_component(function: &mut Aggregate, at: usize, ask: &Ask) -> f64 {
    let start = Instant::now();
    match ask {
        Ask::Update { count, groups, price } => {
            let columns = std::slice::from_ref(price);
            let columns = if at == 0 { columns } else { &[] };
            let input = Input { rows: groups.len(), columns, ..Input::default() };
            black_box(function.update(*count, groups, None, &input).await.unwrap());
        }
        Ask::Evaluate(groups) => drop(black_box(function.evaluate(groups).await.unwrap())),
    }
    start.elapsed().as_nanos() as f64
}

fn ask_native(function: &mut dyn BoundAggregate, at: usize, ask: &Ask) -> f64 {
    match ask {
        Ask::Update { count, groups, price } => {
            let price = price.as_primitive::<Decimal128Type>();
            let values = || price.values().iter().flat_map(|value| value.to_le_bytes()).collect();
            let column = || Column { values: values(), ..Column::default() };
            let columns = if at == 0 { vec![column()] } else { Vec::new() };
            let batch = rowmill_sdk::Batch { rows: groups.len() as u32, columns };
            let start = Instant::now();
            black_box(function.update(*count, groups.values(), None, batch).unwrap());
            start.elapsed().as_nanos() as f64
        }
        Ask::Evaluate(groups) => {
            let start = Instant::now();
            drop(black_box(function.evaluate(groups.values()).unwrap()));
            start.elapsed().as_nanos() as f64
        }
    }
}
