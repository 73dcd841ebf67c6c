//! Answers that are too much: too many, too long, twice, or named to do harm. How much is configured:
//! `{"n": 200000}`.

use crate::exports::rowmill::udf::aggregate_function::{Migration, State, StateSchema};
use crate::exports::rowmill::udf::catalog::{Arity, ConfigKey, Description, FunctionInfo, Kind, Parameter};
use crate::rowmill::udf::host;
use crate::rowmill::udf::types::*;
use crate::{field, int32s, plain};

/// Functions of rows.
pub(crate) const NAMES: &[&str] = &[
    "many-results",
    "many-reads",
    "many-attributes",
    "long-attribute",
    "attribute-twice",
    "result-named",
    "results-named-twice",
    "long-bind-error",
    "long-refusal",
    "many-row-errors",
    "loud-row-error",
    "loud-panic",
    "loud-log",
    "loud-counters",
];

/// Aggregates.
pub(crate) const AGGREGATES: &[&str] = &["many-migrations", "many-state-fields", "many-state-dates"];

/// Names that `{"name": i}` chooses from.
const STRANGE: &[&str] = &[
    "",
    "x\0y",
    "ends with a space ",
    "x🎉",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "x`, y INT); DROP TABLE t; -- y",
    "x\n\u{1b}[2J",
];

/// What of a terminal is moved by printing it: C0, C1, bidirectional controls, line ends.
pub(crate) fn loud(bytes: usize) -> String {
    "\u{1b}[2J\r\n\u{9b}31m\u{202e}level=ERROR forged\0\u{2028}".chars().cycle().take(bytes).collect()
}

/// What `describe` does: another word is written over this in the compiled component.
static DESCRIBE: [u8; 40] = *b"describe-as:                            ";

/// A description that is wrong, if one was asked for.
pub(crate) fn description(right: Description) -> Description {
    // Volatile: what the compiler sees here is not what runs.
    let asked = unsafe { std::ptr::read_volatile(&raw const DESCRIBE) };
    let asked = String::from_utf8_lossy(&asked["describe-as:".len()..]).trim().to_owned();
    let (mode, count) = asked.split_once('=').unwrap_or((&asked, "0"));
    let count: usize = count.parse().unwrap_or(0);
    let mut wrong = right.clone();
    wrong.functions.truncate(1);
    let first = &mut wrong.functions[0];
    match mode {
        "functions" => wrong.functions = (0..count).map(|i| info(&format!("f{i}"))).collect(),
        "twice" => {
            let again = first.clone();
            wrong.functions.push(again);
        }
        "name" => first.name = STRANGE[count].to_owned(),
        "docs" => first.docs = "d".repeat(count),
        "component-docs" => wrong.docs = "d".repeat(count),
        "version" => wrong.version = "9".repeat(count),
        "parameters" => {
            let one = Parameter { name: "p".to_owned(), docs: String::new(), accepts: Vec::new(), arity: Arity::One };
            first.parameters = vec![one; count];
        }
        "accepts" => first.parameters[0].accepts = vec![DataType::Int8; count],
        "keys" => {
            let key = |i| ConfigKey { name: format!("k{i}"), docs: String::new(), required: false, default_json: None };
            first.config = (0..count).map(key).collect();
        }
        "trap" => panic!("{}", loud(count)),
        _ => return right,
    }
    wrong
}

fn info(name: &str) -> FunctionInfo {
    FunctionInfo {
        name: name.to_owned(),
        kind: Kind::Scalar,
        docs: String::new(),
        parameters: Vec::new(),
        results: String::new(),
        config: Vec::new(),
    }
}

/// A refusal to bind, if the function is one that refuses.
pub(crate) fn refusal(name: &str, n: usize) -> Option<BindError> {
    (name == "long-bind-error").then(|| BindError { place: Place::Config(loud(n)), message: loud(n) })
}

/// Makes a signature wrong.
pub(crate) fn signature(name: &str, n: usize, strange: usize, signature: &mut Signature) {
    let attribute = |key: String, value: String| Attribute { key, value };
    match name {
        "many-results" => signature.results = (0..n).map(|i| field(&format!("f{i}"), DataType::Int8, true)).collect(),
        "many-reads" => signature.reads = vec![0; n],
        "many-attributes" => {
            signature.results[0].attributes = (0..n).map(|i| attribute(i.to_string(), String::new())).collect()
        }
        "long-attribute" => signature.results[0].attributes = vec![attribute("mysql-type".to_owned(), "x".repeat(n))],
        "attribute-twice" => signature.results[0].attributes = vec![attribute("a".to_owned(), "b".to_owned()); 2],
        "result-named" => signature.results[0].name = STRANGE[strange].to_owned(),
        "results-named-twice" => {
            signature.results = ["total", "Total"].map(|name| field(name, DataType::Int8, true)).to_vec()
        }
        _ => {}
    }
}

/// An answer to a batch that is wrong, if the function is one of these.
pub(crate) fn run(name: &str, n: usize, right: &Output) -> Option<Result<Output, String>> {
    let error = |code: String, message: String| RowError { row: 0, code, message };
    let mut output = right.clone();
    match name {
        "long-refusal" => return Some(Err(loud(n))),
        "many-row-errors" => output.errors = vec![error(String::new(), String::new()); n],
        "loud-row-error" => output.errors = vec![error(loud(n), loud(n))],
        "loud-panic" => panic!("{}", loud(n)),
        "loud-log" => {
            host::log(host::Level::Error, &loud(n));
            eprintln!("{}", loud(n));
        }
        "loud-counters" => {
            for i in 0..64 {
                host::count(&format!("{n}-{i}"), 1);
                host::count(&loud(i + 1), 1);
            }
        }
        _ => return None,
    }
    Some(Ok(output))
}

/// Makes the signature of an aggregate wrong.
pub(crate) fn state_schema(name: &str, n: usize, schema: &mut StateSchema, migrations: &mut Vec<Migration>) {
    match name {
        "many-migrations" => *migrations = vec![Migration { source: 1, target: 2 }; n],
        "many-state-fields" => schema.fields = (0..n).map(|i| field(&format!("s{i}"), DataType::Int8, false)).collect(),
        "many-state-dates" => schema.fields = vec![field("s", DataType::Date, false)],
        _ => {}
    }
}

/// States of `groups` groups, the first of which has `n` rows, none of them a date.
pub(crate) fn state_dates(groups: usize, n: usize) -> State {
    let rows = (0..groups).map(|group| if group == 0 { n as i32 } else { 0 });
    State { rows: Some(int32s(rows)), columns: plain(int32s(vec![i32::MAX; n])).columns }
}
