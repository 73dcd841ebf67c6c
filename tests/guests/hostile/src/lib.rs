//! A component that breaks every rule, one function for each.
//!
//! Each function takes one `int64` column. With the configuration `{"when": N}` it
//! misbehaves only in a batch that holds the value N, and otherwise gives its input back,
//! so that a host that halves the batch can find the row.
#![cfg(target_family = "wasm")]
#![allow(missing_docs, unsafe_code, unconditional_recursion, clippy::all, clippy::unwrap_used)]
#![allow(clippy::print_stdout, unused_qualifications)]

wit_bindgen::generate!({ path: "../../../wit", world: "udf" });

mod aggregates;
mod answers;
mod attributes;
mod values;

use exports::rowmill::udf::catalog;
use exports::rowmill::udf::row_function::{self, BoundFunction, GuestBoundFunction};
use rowmill::udf::host;
use rowmill::udf::types::*;

struct Hostile;
export!(Hostile);

struct Bound {
    name: String,
    when: Option<i64>,
    n: usize,
    strange: usize,
    result: Field,
}

const SCALARS: &[&str] = &[
    "loop",
    "panic",
    "abort",
    "out-of-bounds",
    "recurse",
    "grow",
    "grow-politely",
    "short-values",
    "long-values",
    "too-many-columns",
    "offsets-fall",
    "offsets-start",
    "offsets-end",
    "offsets-missing",
    "offsets-extra",
    "utf8",
    "utf8-cut",
    "short-bitmap",
    "trailing-bits",
    "parents-extra",
    "output",
    "log",
    "print",
    "sleep",
    "clock",
    "random",
    "environment",
    "exit",
    "null-result",
    "decimal",
    "wide-decimal",
    "date",
    "datetime",
    "time",
    "json",
    "error-row",
    "refuse",
    "files",
    "network",
    "count",
    "row-error",
    "loop-in-bind",
    "panic-in-bind",
    "no-results",
    "reads-literal",
    "reads-nothing-there",
    "bad-decimal-type",
    "fields-200000",
    "reads-4000000",
    "say-controls",
    "print-controls",
    "panic-controls",
    "row-error-controls",
    "text-controls",
    "controls-in-bind",
    "controls-in-names",
];
const TABLES: &[&str] = &["parents-fall", "parents-range", "parents-missing", "parents-length"];

fn field(name: &str, data_type: DataType, nullable: bool) -> Field {
    Field { name: name.to_owned(), data_type, nullable, attributes: Vec::new() }
}

impl catalog::Guest for Hostile {
    fn describe() -> catalog::Description {
        let info = |name: &str, kind| catalog::FunctionInfo {
            name: name.to_owned(),
            kind,
            docs: String::new(),
            parameters: vec![catalog::Parameter {
                name: "x".to_owned(),
                docs: String::new(),
                accepts: vec![DataType::Int64],
                arity: catalog::Arity::One,
            }],
            results: String::new(),
            config: Vec::new(),
        };
        let mut functions: Vec<_> = SCALARS.iter().map(|n| info(n, catalog::Kind::Scalar)).collect();
        functions.extend(attributes::SCALARS.iter().map(|n| info(n, catalog::Kind::Scalar)));
        functions.extend(values::SCALARS.iter().map(|n| info(n, catalog::Kind::Scalar)));
        functions.extend(attributes::TABLES.iter().map(|n| info(n, catalog::Kind::Table)));
        functions.extend(answers::NAMES.iter().map(|n| info(n, catalog::Kind::Scalar)));
        functions.extend(TABLES.iter().map(|n| info(n, catalog::Kind::Table)));
        functions.push(info("filter-of-two", catalog::Kind::Filter));
        functions.extend(aggregates::NAMES.iter().map(|n| info(n, catalog::Kind::Aggregate)));
        functions.extend(answers::AGGREGATES.iter().map(|n| info(n, catalog::Kind::Aggregate)));
        let docs = "breaks every rule".to_owned();
        answers::description(catalog::Description { version: "0.1.0".to_owned(), docs, functions })
    }
}

pub(crate) fn number(config: &str, key: &str) -> Option<i64> {
    let rest = config.split_once(&format!("\"{key}\":"))?.1;
    let end = rest.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn size(config: &str, key: &str) -> usize {
    number(config, key).unwrap_or(0) as usize
}

impl row_function::Guest for Hostile {
    type BoundFunction = Bound;

    fn bind(name: String, _: Vec<Argument>, config: String) -> Result<BoundFunction, BindError> {
        if let Some(start) = number(&config, "refuse-at") {
            let span = Span { key: "text".to_owned(), start: start as u32, end: start as u32 + 3 };
            return Err(BindError { place: Place::Text(span), message: "no such thing".to_owned() });
        }
        if let Some(refusal) = answers::refusal(&name, size(&config, "n")) {
            return Err(refusal);
        }
        match name.as_str() {
            "loop-in-bind" => spin(),
            "panic-in-bind" => panic!("cannot bind"),
            "controls-in-bind" => {
                return Err(BindError { place: Place::Config(controls()), message: controls() });
            }
            _ => {}
        }
        let result = match name.as_str() {
            of if values::result(of).is_some() => values::result(of).unwrap(),
            of if attributes::result(of, &config).is_some() => attributes::result(of, &config).unwrap(),
            "offsets-fall" | "offsets-start" | "offsets-end" | "offsets-missing" | "utf8" | "utf8-cut" => {
                field("r", DataType::Utf8, true)
            }
            "json" => field("r", DataType::Json, true),
            "text-controls" => field("r", DataType::Utf8, true),
            "controls-in-names" => field(&controls(), DataType::Int64, true),
            "decimal" => field("r", DataType::Decimal(DecimalType { precision: 5, scale: 2 }), true),
            "wide-decimal" => field("r", DataType::Decimal(DecimalType { precision: 40, scale: 2 }), true),
            "bad-decimal-type" => field("r", DataType::Decimal(DecimalType { precision: 70, scale: 2 }), true),
            "date" => field("r", DataType::Date, true),
            "datetime" => field("r", DataType::Datetime, true),
            "time" => field("r", DataType::Time, true),
            "null-result" => field("r", DataType::Int64, false),
            _ => field("r", DataType::Int64, true),
        };
        let (n, strange) = (size(&config, "n"), size(&config, "name"));
        Ok(BoundFunction::new(Bound { when: number(&config, "when"), n, strange, name, result }))
    }
}

/// Every character that acts on a terminal rather than being shown.
fn controls() -> String {
    let acts = |c: &char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let all: String = ('\0'..='\u{2069}').filter(acts).collect();
    format!("said\u{1b}[2J\u{1b}]0;owned\u{7}{all}\r\n2026-01-01T00:00:00Z ERROR forged")
}

fn spin() {
    let mut x = 1_u64;
    loop {
        x = std::hint::black_box(x.wrapping_mul(3));
        if x == 0 {
            break;
        }
    }
}

fn recurse(depth: u64) -> u64 {
    let local = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + local[(depth % 64) as usize]
}

fn plain(values: Vec<u8>) -> Output {
    let column = Column { validity: None, offsets: None, values };
    Output { parents: None, columns: vec![column], errors: Vec::new() }
}

fn int64s(values: impl IntoIterator<Item = i64>) -> Output {
    plain(values.into_iter().flat_map(i64::to_le_bytes).collect())
}

fn int32s(values: impl IntoIterator<Item = i32>) -> Vec<u8> {
    values.into_iter().flat_map(i32::to_le_bytes).collect()
}

fn text(offsets: impl IntoIterator<Item = i32>, values: &[u8]) -> Output {
    let column = Column { validity: None, offsets: Some(int32s(offsets)), values: values.to_vec() };
    Output { parents: None, columns: vec![column], errors: Vec::new() }
}

fn bits(rows: usize) -> Vec<u8> {
    let mut bits = vec![0xff_u8; rows.div_ceil(8)];
    if rows % 8 != 0 {
        *bits.last_mut().unwrap() = 0xff >> (8 - rows % 8);
    }
    bits
}

impl GuestBoundFunction for Bound {
    fn signature(&self) -> Signature {
        let mut signature = Signature { reads: vec![0], facts: Vec::new(), results: vec![self.result.clone()] };
        match self.name.as_str() {
            "no-results" => signature.results.clear(),
            "fields-200000" => {
                signature.results = (0..200_000).map(|n| field(&format!("r{n}"), DataType::Int64, true)).collect();
            }
            "reads-4000000" => signature.reads = vec![0; 4_000_000],
            "reads-nothing-there" => signature.reads = vec![7],
            _ => answers::signature(&self.name, self.n, self.strange, &mut signature),
        }
        signature
    }

    fn run(&self, input: Batch) -> Result<Output, String> {
        let n = input.rows as usize;
        let x: Vec<i64> =
            input.columns[0].values.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect();
        let same = || int64s(x.iter().copied());
        if let Some(output) = values::run(&self.name, self.when, &x) {
            return Ok(output);
        }
        if self.when.is_some_and(|when| !x.contains(&when)) {
            return Ok(match self.result.data_type {
                DataType::Int64 => same(),
                DataType::Utf8 | DataType::Json => text((0..=n).map(|i| i as i32), &vec![b'1'; n]),
                DataType::Decimal(DecimalType { precision: 5, .. }) => plain(vec![0; n * 16]),
                DataType::Date => plain(vec![0; n * 4]),
                _ => plain(vec![0; n * 8]),
            });
        }
        if let Some(answer) = answers::run(&self.name, self.n, &same()) {
            return answer;
        }
        Ok(match self.name.as_str() {
            "loop" => {
                spin();
                same()
            }
            "panic" => panic!("the third wheel came off at {n}"),
            "abort" => std::process::abort(),
            "out-of-bounds" => {
                let address = std::hint::black_box(0xffff_0000_u32);
                let byte = unsafe { std::ptr::read_volatile(address as *const u8) };
                int64s(vec![byte as i64; n])
            }
            "recurse" => int64s(vec![recurse(0) as i64; n]),
            "grow" => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(std::hint::black_box(vec![1; 1 << 20]));
                }
            }
            "grow-politely" => {
                while core::arch::wasm32::memory_grow(0, 16) != usize::MAX {}
                same()
            }
            "short-values" => plain(vec![0; n * 8 - 1]),
            "long-values" => plain(vec![0; n * 8 + 8]),
            "too-many-columns" => {
                let mut output = same();
                output.columns.push(output.columns[0].clone());
                output
            }
            "offsets-fall" => text((0..=n).map(|i| if i == 1 { n as i32 } else { i as i32 }), &vec![b'a'; n]),
            "offsets-start" => text((0..=n).map(|i| i as i32 + 1), &vec![b'a'; n + 1]),
            "offsets-end" => text((0..=n).map(|i| i as i32 * 2), &vec![b'a'; n]),
            "offsets-missing" => plain(vec![b'a'; n]),
            "offsets-extra" => {
                let mut output = same();
                output.columns[0].offsets = Some(int32s((0..=n).map(|i| i as i32)));
                output
            }
            "utf8" => {
                let mut values = vec![b'a'; n];
                values[n / 2] = 0xff;
                text((0..=n).map(|i| i as i32), &values)
            }
            // Valid UTF-8 as a whole, but each value is half a letter.
            "utf8-cut" => text((0..=n).map(|i| i as i32), "ä".repeat(n).as_bytes().get(..n).unwrap()),
            "short-bitmap" => {
                let mut output = same();
                output.columns[0].validity = Some(bits(n)[1..].to_vec());
                output
            }
            "trailing-bits" => {
                let mut output = same();
                output.columns[0].validity = Some(vec![0xff; n.div_ceil(8)]);
                output
            }
            "parents-extra" => {
                let mut output = same();
                output.parents = Some(int32s(0..n as i32));
                output
            }
            "output" => plain(vec![7; 256 << 20]),
            "log" => loop {
                host::log(host::Level::Info, "again");
            },
            "print" => {
                for i in 0..1000 {
                    println!("line {i}");
                }
                eprintln!("and one to stderr");
                same()
            }
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_secs(3600));
                same()
            }
            "clock" => {
                let start = std::time::Instant::now();
                let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
                let later = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
                assert_eq!(wall, later, "the wall clock moves");
                let passed = start.elapsed().as_nanos() as i64;
                int64s((0..n).map(|i| if i == 0 { wall.as_secs() as i64 } else { passed }))
            }
            "random" => {
                use std::hash::{BuildHasher, RandomState};
                let value = RandomState::new().hash_one(1) as i64;
                int64s(vec![value; n])
            }
            "environment" => {
                let count = std::env::vars().count() + std::env::args().count();
                int64s(vec![count as i64; n])
            }
            "exit" => std::process::exit(3),
            "null-result" => {
                let mut output = same();
                let mut validity = bits(n);
                validity[0] &= !2;
                output.columns[0].validity = Some(validity);
                output
            }
            "decimal" => {
                plain((0..n).flat_map(|i| if i == 1 { 100_000_i128 } else { -99_999 }.to_le_bytes()).collect())
            }
            "wide-decimal" => plain(vec![0x7f; n * 32]),
            "date" => plain(int32s((0..n).map(|i| [0, i32::MAX, -719_528, 2_932_896][i % 4]))),
            "datetime" => int64s((0..n).map(|i| [0, i64::MIN][i % 2])),
            "time" => int64s((0..n).map(|i| [0, 839 * 3_600_000_000][i % 2])),
            "json" => text((0..=n).map(|i| i as i32), &(0..n).map(|i| b"1x"[(i == 1) as usize]).collect::<Vec<_>>()),
            "error-row" => {
                let mut output = same();
                output.errors.push(RowError { row: n as u32, code: "c".to_owned(), message: "m".to_owned() });
                output
            }
            "row-error" => {
                let mut output = same();
                for row in [2, 0, 2] {
                    output.errors.push(RowError { row, code: "odd".to_owned(), message: format!("row {row}") });
                }
                output
            }
            "refuse" => return Err("not today".to_owned()),
            "files" => {
                let denied = std::fs::read("/etc/passwd").is_err() && std::fs::read_dir(".").is_err();
                int64s(vec![denied as i64; n])
            }
            "network" => {
                let denied = std::net::TcpStream::connect("127.0.0.1:3306").is_err()
                    && std::net::UdpSocket::bind("127.0.0.1:0").is_err();
                int64s(vec![denied as i64; n])
            }
            "count" => {
                host::count("seen", n as u64);
                for i in 0..1000 {
                    host::count(&format!("counter {i}"), 1);
                }
                same()
            }
            "say-controls" => {
                for level in [host::Level::Info, host::Level::Warn, host::Level::Error] {
                    host::log(level, &controls());
                }
                same()
            }
            "print-controls" => {
                println!("{}", controls());
                eprintln!("{}", controls());
                same()
            }
            "panic-controls" => panic!("{}", controls()),
            "row-error-controls" => {
                let mut output = same();
                output.errors.push(RowError { row: 0, code: format!("row-error{}", controls()), message: controls() });
                output
            }
            "text-controls" => {
                let said = controls();
                text((0..=n).map(|i| (i * said.len()) as i32), said.repeat(n).as_bytes())
            }
            "parents-fall" => table(vec![1, 0]),
            "parents-range" => table(vec![n as i32]),
            "parents-missing" => same(),
            "parents-length" => {
                let mut output = table(vec![0]);
                output.parents.as_mut().unwrap().pop();
                output
            }
            _ => same(),
        })
    }
}

fn table(parents: Vec<i32>) -> Output {
    let mut output = int64s(parents.iter().map(|p| i64::from(*p)));
    output.parents = Some(int32s(parents));
    output
}
