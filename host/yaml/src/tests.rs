//! Files as people write them, right and wrong, and files that nobody would write.

mod aggregates;
mod mistakes;
mod places;
mod plans;
mod views;
mod windows;

use super::*;

const FULL: &str = r#"
pipeline: clean-orders
source:
  url: mysql://reader:${SHOP_PASSWORD}@127.0.0.1:3306/shop
  tables: [orders]
  start: { file: binlog.000012, position: 4 }
  zero_dates: error
steps:
  - filter: "status <> 'test' AND amount > 0"
  - filter: { udf: ./fraud.wasm#not_fraud, args: [amount, country], config: { threshold: 0.9 } }
    id: fraud
    on_error: skip
    limits: { memory: 32MiB }
  - map:
      name:  "trim(name)"
      total: { udf: ../price.wasm, args: [{ column: price, as: float64 }, { value: 3 }] }
  - transform: { udf: std/text#split, args: [tags] }
  - drop: [internal_note]
  - rename: { customer: customer_id }
  - select: [id, customer_id, name, total]
sink:
  url: mysql://writer@127.0.0.1:3307/mart
  table: "${table}_clean"
  key: [id]
  existing: keep
  mode: append
  create: false
on_error: fail
limits: { memory: 64MiB, cpu_base: 200ms, cpu_per_row: 50us, wall: 5s, output: 64MiB }
schema_change: fail
parallel: 1
batch: { rows: 100, bytes: 1MiB }
epoch: { rows: ${ROWS} }
"#;

fn environment(name: &str) -> Option<String> {
    match name {
        "SHOP_PASSWORD" => Some("hunter2".to_owned()),
        "ROWS" => Some("1000".to_owned()),
        "COLUMN" => Some("amount".to_owned()),
        _ => None,
    }
}

fn read(text: &str) -> Result<Loaded, Refused> {
    parse(Path::new("conf/p.yaml"), text, &environment)
}

/// The problems as lines, without the file's name.
fn problems(text: &str) -> Vec<String> {
    let refused = read(text).expect_err("refused");
    refused
        .problems
        .iter()
        .map(|problem| {
            let line = refused.document.one_line(problem);
            line.trim_start_matches("conf/p.yaml:").trim().to_owned()
        })
        .collect()
}

/// A file that is right but for what is put in place of `from`.
fn changed(from: &str, to: &str) -> String {
    let text = FULL.replace("epoch: { rows: ${ROWS} }", "epoch: { rows: 1000 }");
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// One mistake, one problem.
#[track_caller]
fn one(from: &str, to: &str, expected: &str) {
    let found = problems(&changed(from, to));
    assert_eq!(found, [expected], "\n{to}");
}
