//! A component that keeps the rules, written against the contract without the SDK.
#![cfg(target_family = "wasm")]
#![allow(missing_docs, unsafe_code, clippy::all, clippy::unwrap_used, unused_qualifications)]

wit_bindgen::generate!({ path: "../../../wit", world: "udf" });

mod aggregates;

use exports::rowmill::udf::catalog;
use exports::rowmill::udf::row_function::{self, BoundFunction, GuestBoundFunction};
use rowmill::udf::types::*;

struct Honest;
export!(Honest);

struct Bound {
    name: String,
    args: Vec<Argument>,
    config: String,
}

impl catalog::Guest for Honest {
    fn describe() -> catalog::Description {
        let parameter = |name: &str, accepts: &[DataType], arity| catalog::Parameter {
            name: name.to_owned(),
            docs: format!("the {name}"),
            accepts: accepts.to_vec(),
            arity,
        };
        let info = |name: &str, kind, parameters| catalog::FunctionInfo {
            name: name.to_owned(),
            kind,
            docs: format!("does {name}"),
            parameters,
            results: "one".to_owned(),
            config: Vec::new(),
        };
        use catalog::{Arity, Kind};
        let any = || vec![parameter("all", &[], Arity::Repeated)];
        let price = || parameter("price", &[DataType::Float64], Arity::One);
        let qty = || parameter("qty", &[DataType::Int64], Arity::One);
        let text = || vec![parameter("text", &[DataType::Utf8], Arity::One)];
        let decimal = vec![parameter("d", &[DataType::Decimal(DecimalType { precision: 40, scale: 4 })], Arity::One)];
        catalog::Description {
            version: "1.2.3".to_owned(),
            docs: "keeps the rules".to_owned(),
            functions: vec![
                info("identity", Kind::Scalar, any()),
                info("mul", Kind::Scalar, vec![price(), qty()]),
                info("dear", Kind::Filter, vec![price(), qty()]),
                info("sampled", Kind::Filter, Vec::new()),
                info("upper", Kind::Scalar, text()),
                info("explode", Kind::Table, text()),
                info("facts", Kind::Scalar, any()),
                info("literal", Kind::Scalar, any()),
                info("wide", Kind::Scalar, decimal),
                info("sum", Kind::Aggregate, vec![qty()]),
                info("max", Kind::Aggregate, vec![qty()]),
                info("texts", Kind::Aggregate, text()),
                info("seeds", Kind::Aggregate, Vec::new()),
            ],
        }
    }
}

impl row_function::Guest for Honest {
    type BoundFunction = Bound;

    fn bind(name: String, args: Vec<Argument>, config: String) -> Result<BoundFunction, BindError> {
        Ok(BoundFunction::new(Bound { name, args, config }))
    }
}

fn field(name: &str, data_type: DataType, nullable: bool) -> Field {
    Field { name: name.to_owned(), data_type, nullable, attributes: Vec::new() }
}

fn valid(column: &Column, row: usize) -> bool {
    column.validity.as_ref().is_none_or(|bits| bits[row / 8] >> (row % 8) & 1 == 1)
}

fn both(a: &Option<Vec<u8>>, b: &Option<Vec<u8>>) -> Option<Vec<u8>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.iter().zip(b).map(|(a, b)| a & b).collect()),
        (a, b) => a.clone().or_else(|| b.clone()),
    }
}

fn f64s(bytes: &[u8]) -> impl Iterator<Item = f64> + '_ {
    bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap()))
}

fn i64s(bytes: &[u8]) -> impl Iterator<Item = i64> + '_ {
    bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()))
}

fn strings(column: &Column) -> impl Iterator<Item = &str> + '_ {
    let offsets: Vec<usize> = column
        .offsets
        .as_ref()
        .unwrap()
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes(b.try_into().unwrap()) as usize)
        .collect();
    (0..offsets.len() - 1).map(move |i| std::str::from_utf8(&column.values[offsets[i]..offsets[i + 1]]).unwrap())
}

struct Texts {
    offsets: Vec<u8>,
    values: Vec<u8>,
}

impl Texts {
    fn new() -> Texts {
        Texts { offsets: vec![0; 4], values: Vec::new() }
    }

    fn push(&mut self, text: &str) {
        self.values.extend_from_slice(text.as_bytes());
        self.offsets.extend_from_slice(&(self.values.len() as u32).to_le_bytes());
    }

    fn column(self, validity: Option<Vec<u8>>) -> Column {
        Column { validity, offsets: Some(self.offsets), values: self.values }
    }
}

impl GuestBoundFunction for Bound {
    fn signature(&self) -> Signature {
        let mut reads: Vec<u32> = (0..self.args.len() as u32).collect();
        let mut facts = Vec::new();
        let results = match self.name.as_str() {
            "mul" => vec![field("product", DataType::Float64, true)],
            "dear" => vec![field("keep", DataType::Boolean, true)],
            "upper" => vec![field("upper", DataType::Utf8, true)],
            "explode" => vec![field("part", DataType::Utf8, false)],
            "wide" | "identity" => self.args.iter().map(|a| a.field.clone()).collect(),
            "sampled" => {
                reads.clear();
                facts = vec![RowFact::Seed];
                vec![field("keep", DataType::Boolean, false)]
            }
            "facts" => {
                reads.clear();
                facts = vec![RowFact::Seed, RowFact::ChangeKind, RowFact::CommitTime];
                vec![
                    field("seed", DataType::Uint64, false),
                    field("kind", DataType::Uint8, false),
                    field("time", DataType::Timestamp, false),
                ]
            }
            _ => {
                reads.clear();
                let mut field = field("config", DataType::Utf8, false);
                field.attributes.push(Attribute { key: "max-chars".to_owned(), value: "40".to_owned() });
                vec![field]
            }
        };
        Signature { reads, facts, results }
    }

    fn run(&self, input: Batch) -> Result<Output, String> {
        let n = input.rows as usize;
        let mut columns = input.columns;
        let mut parents = None;
        let columns = match self.name.as_str() {
            "mul" => {
                let (p, q) = (&columns[0], &columns[1]);
                let values = f64s(&p.values).zip(i64s(&q.values)).flat_map(|(p, q)| (p * q as f64).to_le_bytes());
                vec![Column { validity: both(&p.validity, &q.validity), offsets: None, values: values.collect() }]
            }
            "dear" => {
                let (p, q) = (&columns[0], &columns[1]);
                let mut bits = vec![0_u8; n.div_ceil(8)];
                for (row, price) in f64s(&p.values).enumerate() {
                    if price > 10.0 && valid(p, row) && valid(q, row) {
                        bits[row / 8] |= 1 << (row % 8);
                    }
                }
                vec![Column { validity: None, offsets: None, values: bits }]
            }
            "sampled" => {
                let mut bits = vec![0_u8; n.div_ceil(8)];
                for row in (0..n).filter(|row| columns[0].values[row * 8] % 2 == 0) {
                    bits[row / 8] |= 1 << (row % 8);
                }
                vec![Column { validity: None, offsets: None, values: bits }]
            }
            "upper" => {
                let column = columns.remove(0);
                let mut texts = Texts::new();
                strings(&column).for_each(|text| texts.push(&text.trim().to_uppercase()));
                vec![texts.column(column.validity)]
            }
            "explode" => {
                let column = columns.remove(0);
                let mut texts = Texts::new();
                let mut rows = Vec::new();
                for (row, text) in strings(&column).enumerate() {
                    for part in text.split(',').filter(|p| valid(&column, row) && !p.is_empty()) {
                        texts.push(part);
                        rows.extend_from_slice(&(row as u32).to_le_bytes());
                    }
                }
                parents = Some(rows);
                vec![texts.column(None)]
            }
            "literal" => {
                let mut texts = Texts::new();
                let literals: Vec<String> = self
                    .args
                    .iter()
                    .map(|a| format!("{}={:?}", a.field.name, a.literal.as_ref().map(|l| &l.values)))
                    .collect();
                (0..n).for_each(|_| texts.push(&format!("{} {}", self.config, literals.join(" "))));
                vec![texts.column(None)]
            }
            _ => columns,
        };
        Ok(Output { parents, columns, errors: Vec::new() })
    }
}
