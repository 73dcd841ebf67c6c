//! Results that are right by the contract, and that no column of a server can hold: each in the rows
//! where the argument is the configuration's `when`.

use crate::rowmill::udf::types::{DataType, Field, Output};
use crate::{field, plain, text};

pub(crate) const SCALARS: &[&str] = &["nan", "infinity", "deep-json", "late-timestamp"];

/// 2040-01-01, after the last TIMESTAMP, and 2020-01-01.
const LATE: i64 = 2_208_988_800_000_000;
const FINE: i64 = 1_577_836_800_000_000;

/// Deeper than any server takes.
const DEPTH: usize = 120;

pub(crate) fn result(function: &str) -> Option<Field> {
    let data_type = match function {
        "nan" | "infinity" => DataType::Float64,
        "deep-json" => DataType::Json,
        "late-timestamp" => DataType::Timestamp,
        _ => return None,
    };
    Some(field("r", data_type, true))
}

pub(crate) fn run(function: &str, when: Option<i64>, x: &[i64]) -> Option<Output> {
    let bad = |value: &i64| Some(*value) == when;
    let floats = |strange: f64| {
        plain(x.iter().map(|v| if bad(v) { strange } else { *v as f64 }).flat_map(f64::to_le_bytes).collect())
    };
    Some(match function {
        "nan" => floats(f64::NAN),
        "infinity" => floats(f64::NEG_INFINITY),
        "late-timestamp" => {
            plain(x.iter().map(|v| if bad(v) { LATE } else { FINE }).flat_map(i64::to_le_bytes).collect())
        }
        "deep-json" => {
            let (mut offsets, mut values) = (vec![0], Vec::new());
            for v in x {
                let depth = if bad(v) { DEPTH } else { 2 };
                values.extend(std::iter::repeat_n(b'[', depth).chain(std::iter::repeat_n(b']', depth)));
                offsets.push(values.len() as i32);
            }
            text(offsets, &values)
        }
        _ => return None,
    })
}
