//! Functions in components, through the whole production path, against the same code natively.
//!
//! Samples of the three (column form, row form, native) alternate, so that a change of the
//! machine's speed hits all alike. The native run is the column form called on columns that are
//! there already: it pays for its result, not for getting at its arguments.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::Field;
use rowmill_sdk::column::{F64s, I64s, Texts};
use rowmill_wasm::{Argument, Component, Engine, EngineOptions, Function, Identity, Input, Limits};

use crate::report::{Limit, Report, median};

const SECTION: &str = "boundary: a component's function, against the same code compiled natively";
const ROWS: [usize; 5] = [1, 16, 256, 1024, 8192];
const SAMPLES: usize = 61;
/// Rows of one sample, at least: enough to be well above the clock's resolution.
const SAMPLE_ROWS: usize = 16_384;

/// ns per row of one form of one function, by rows per batch.
pub(crate) struct Curve {
    pub(crate) function: &'static str,
    pub(crate) form: &'static str,
    pub(crate) points: Vec<(usize, f64)>,
}

/// The inputs, as the host and as native code has them.
struct Rows {
    price: Float64Array,
    qty: Int64Array,
    text: StringArray,
}

impl Rows {
    fn new(rows: usize) -> Rows {
        Rows {
            price: (0..rows).map(|i| Some((i * 7 % 200) as f64 / 8.0)).collect(),
            qty: (0..rows).map(|i| (i % 10 != 3).then_some((i % 9) as i64)).collect(),
            text: (0..rows).map(|i| Some(format!("  customer {} of rowmill ", i * 31 % 1000))).collect(),
        }
    }

    fn price_and_qty(&self) -> Vec<ArrayRef> {
        vec![Arc::new(self.price.clone()), Arc::new(self.qty.clone())]
    }
}

/// A function to compare: its name as a component's (`_by_row` is its row form), its columns, what
/// it may cost at 8,192 rows, and its native twin.
struct Subject {
    name: &'static str,
    title: &'static str,
    limit: f64,
    columns: fn(&Rows) -> Vec<ArrayRef>,
    native: fn(&Rows) -> Box<dyn Fn()>,
}

const SUBJECTS: [Subject; 3] = [
    Subject {
        name: "worth",
        title: "filter price > 10 and qty is not null",
        limit: 2.3,
        columns: Rows::price_and_qty,
        native: |rows| {
            let (price, qty): (F64s, I64s) = (rows.price.iter().collect(), rows.qty.iter().collect());
            Box::new(move || drop(black_box(guest_bench::worth(black_box(&price), black_box(&qty)))))
        },
    },
    Subject {
        name: "shout",
        title: "trim + upper of a text",
        limit: 2.7,
        columns: |rows| vec![Arc::new(rows.text.clone())],
        native: |rows| {
            let text: Texts = rows.text.iter().collect();
            Box::new(move || drop(black_box(guest_bench::shout(black_box(&text)))))
        },
    },
    Subject {
        name: "total",
        title: "price * qty",
        limit: 6.2,
        columns: Rows::price_and_qty,
        native: |rows| {
            let (price, qty): (F64s, I64s) = (rows.price.iter().collect(), rows.qty.iter().collect());
            Box::new(move || drop(black_box(guest_bench::total(black_box(&price), black_box(&qty)))))
        },
    },
];

/// Measures all functions at all sizes.
pub(crate) async fn measure(report: &mut Report) -> Vec<Curve> {
    let engine = Engine::new(EngineOptions { cache: None }).unwrap();
    let component = engine.load("bench", rowmill_test_guests::BENCH).await.unwrap();
    let mut curves = Vec::new();
    for subject in &SUBJECTS {
        let mut forms = ["column form", "row form", "native"].map(|form| Curve {
            function: subject.title,
            form,
            points: Vec::new(),
        });
        for rows in ROWS {
            let times = compare(&component, subject, rows).await;
            let [column, row, native] = times;
            let name = format!("{}, {rows} rows", subject.title);
            let per_batch = |form: &str| format!("{name}: {form}, ns per batch");
            report.note(SECTION, per_batch("native"), native, "ns");
            report.note(SECTION, per_batch("row form"), row, "ns");
            if rows == 1 && subject.name == "total" {
                report.judge(SECTION, per_batch("column form"), column, "ns", Limit::AtMost(1500.0));
            } else {
                report.note(SECTION, per_batch("column form"), column, "ns");
            }
            if rows == 8192 {
                report.note(SECTION, format!("{name}: row form / native"), row / native, "x");
                let name = format!("{name}: column form / native");
                report.judge(SECTION, name, column / native, "x", Limit::AtMost(subject.limit));
            }
            for (form, time) in forms.iter_mut().zip(times) {
                form.points.push((rows, time / rows as f64));
            }
        }
        curves.extend(forms);
    }
    curves
}

/// ns per batch: column form, row form, native.
async fn compare(component: &Component, subject: &Subject, rows: usize) -> [f64; 3] {
    let values = Rows::new(rows);
    let columns = (subject.columns)(&values);
    let native = (subject.native)(&values);
    let mut by_column = bind(component, subject.name, &columns).await;
    let mut by_row = bind(component, &format!("{}_by_row", subject.name), &columns).await;
    let input = Input { rows, columns: &columns, ..Input::default() };
    let repeat = SAMPLE_ROWS.div_ceil(rows).min(2000);
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..SAMPLES {
        for (function, samples) in [&mut by_column, &mut by_row].into_iter().zip(&mut samples) {
            let start = Instant::now();
            for _ in 0..repeat {
                black_box(function.run(black_box(&input)).await.unwrap());
            }
            samples.push(start.elapsed().as_nanos() as f64 / repeat as f64);
        }
        let start = Instant::now();
        for _ in 0..repeat {
            native();
        }
        samples[2].push(start.elapsed().as_nanos() as f64 / repeat as f64);
    }
    samples.map(median)
}

async fn bind(component: &Component, name: &str, columns: &[ArrayRef]) -> Function {
    let identity = Identity { pipeline: "bench".to_owned(), step: "map-1".to_owned() };
    let argument = |(i, column): (usize, &ArrayRef)| Argument {
        field: Field::new(format!("c{i}"), column.data_type().clone(), true),
        literal: None,
    };
    let args: Vec<Argument> = columns.iter().enumerate().map(argument).collect();
    Function::bind(component, &identity, &Limits::default(), name, &args, &serde_json::Value::Null).await.unwrap()
}
