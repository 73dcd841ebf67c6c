//! Functions in components, through the whole production path, against the same code natively.
//!
//! Samples of the forms (column form, row form, the expression in std/sql, native) and of all sizes alternate, so that a change
//! of the machine's speed hits all alike; each figure, in ns per batch, is the fastest sample, which
//! nothing interrupted. The native run is the column form called on columns that are
//! there already: it pays for its result, not for getting at its arguments.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::Field;
use rowmill_sdk::column::{F64s, I64s, Texts};
use rowmill_wasm::{Argument, Component, Engine, EngineOptions, Function, Identity, Input, Limits};

use crate::report::{Limit, Report};

const SECTION: &str = "boundary: a component's function, against the same code compiled natively";
const ROWS: [usize; 5] = [1, 16, 256, 1024, 8192];
const FORMS: [&str; 4] = ["column form", "row form", "std/sql", "native"];
const ROUNDS: usize = 15;
const SAMPLES: usize = 15;
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
    /// The same in std/sql: the function, and its configuration's key and text.
    sql: [&'static str; 3],
    native: fn(&Rows) -> Box<dyn Fn()>,
}

const SUBJECTS: [Subject; 3] = [
    Subject {
        name: "worth",
        title: "filter price > 10 and qty is not null",
        limit: 2.3,
        columns: Rows::price_and_qty,
        sql: ["filter", "where", "c0 > 10 AND c1 IS NOT NULL"],
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
        sql: ["map", "x", "UPPER(TRIM(c0))"],
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
        sql: ["map", "x", "c0 * c1"],
        native: |rows| {
            let (price, qty): (F64s, I64s) = (rows.price.iter().collect(), rows.qty.iter().collect());
            Box::new(move || drop(black_box(guest_bench::total(black_box(&price), black_box(&qty)))))
        },
    },
];

/// Measures all functions at all sizes.
pub(crate) async fn measure(report: &mut Report) -> Vec<Curve> {
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let guest = engine.load("bench", rowmill_test_guests::BENCH).await.unwrap();
    let sql = engine.load("std/sql", rowmill_udfs::component("sql").unwrap().0).await.unwrap();
    let mut races = Vec::new();
    for subject in &SUBJECTS {
        for rows in ROWS {
            races.push(Race::new(&guest, &sql, subject, rows).await);
        }
    }
    for _ in 0..ROUNDS {
        for race in &mut races {
            race.sample().await;
        }
    }
    let mut curves = Vec::new();
    for (subject, races) in SUBJECTS.iter().zip(races.chunks(ROWS.len())) {
        for race in races {
            race.tell(report);
        }
        for (i, form) in FORMS.into_iter().enumerate() {
            let points = races.iter().map(|race| (race.rows, race.fastest[i] / race.rows as f64)).collect();
            curves.push(Curve { function: subject.title, form, points });
        }
    }
    curves
}

/// The forms of one function on batches of one size, again and again.
struct Race {
    subject: &'static Subject,
    rows: usize,
    columns: Vec<ArrayRef>,
    functions: [Function; 3],
    native: Box<dyn Fn()>,
    /// ns per batch, in the order of [`FORMS`].
    fastest: [f64; 4],
}

impl Race {
    async fn new(guest: &Component, sql: &Component, subject: &'static Subject, rows: usize) -> Race {
        let values = Rows::new(rows);
        let columns = (subject.columns)(&values);
        let none = serde_json::Value::Null;
        let by_column = bind(guest, subject.name, &columns, &none).await;
        let by_row = bind(guest, &format!("{}_by_row", subject.name), &columns, &none).await;
        let [function, key, text] = subject.sql;
        let in_sql = bind(sql, function, &columns, &serde_json::json!({ key: text })).await;
        let native = (subject.native)(&values);
        Race { subject, rows, columns, functions: [by_column, by_row, in_sql], native, fastest: [f64::INFINITY; 4] }
    }

    async fn sample(&mut self) {
        let input = Input { rows: self.rows, columns: &self.columns, ..Input::default() };
        let repeat = SAMPLE_ROWS.div_ceil(self.rows).min(2000);
        let per_batch = |start: Instant| start.elapsed().as_nanos() as f64 / repeat as f64;
        for _ in 0..SAMPLES {
            for (function, fastest) in self.functions.iter_mut().zip(&mut self.fastest) {
                let start = Instant::now();
                for _ in 0..repeat {
                    black_box(function.run(black_box(&input)).await.unwrap());
                }
                *fastest = fastest.min(per_batch(start));
            }
            let start = Instant::now();
            for _ in 0..repeat {
                (self.native)();
            }
            self.fastest[3] = self.fastest[3].min(per_batch(start));
        }
    }

    fn tell(&self, report: &mut Report) {
        let (rows, [column, row, sql, native]) = (self.rows, self.fastest);
        let name = format!("{}, {rows} rows", self.subject.title);
        report.note(SECTION, format!("{name}: native"), native, "ns");
        report.note(SECTION, format!("{name}: row form"), row, "ns");
        report.note(SECTION, format!("{name}: std/sql"), sql, "ns");
        let column_form = format!("{name}: column form");
        if rows == 1 && self.subject.name == "total" {
            report.judge(SECTION, column_form, column, "ns", Limit::AtMost(1500.0));
        } else {
            report.note(SECTION, column_form, column, "ns");
        }
        if rows == 8192 {
            report.note(SECTION, format!("{name}: row form / native"), row / native, "x");
            report.note(SECTION, format!("{name}: std/sql / native"), sql / native, "x");
            let limit = Limit::AtMost(self.subject.limit);
            report.judge(SECTION, format!("{name}: column form / native"), column / native, "x", limit);
        }
    }
}

async fn bind(component: &Component, name: &str, columns: &[ArrayRef], config: &serde_json::Value) -> Function {
    let identity = Identity { pipeline: "bench".to_owned(), step: "map-1".to_owned() };
    let argument = |(i, column): (usize, &ArrayRef)| Argument {
        field: Field::new(format!("c{i}"), column.data_type().clone(), true),
        literal: None,
    };
    let args: Vec<Argument> = columns.iter().enumerate().map(argument).collect();
    Function::bind(component, &identity, &Limits::default(), name, &args, config).await.unwrap()
}
