//! Functions that measure texts and find in them.

use std::sync::Arc;

use arrow_array::types::Int64Type;

use super::{ANY, Call, Function, function, int};
use crate::bind::compare::{as_texts, text};
use crate::bind::{Result, conditionals, sets};
use crate::convert::canonical;
use crate::error::BindError;
use crate::expr::Expr;
use crate::types::{self, Type};
use crate::value::make_numbers;

pub(super) const FUNCTIONS: &[Function] = &[
    function(&["LENGTH", "OCTET_LENGTH"], 1, 1, |call| measure(call, |bytes| bytes.len() as i64)),
    function(&["BIT_LENGTH"], 1, 1, |call| measure(call, |bytes| bytes.len() as i64 * 8)),
    function(&["CHAR_LENGTH", "CHARACTER_LENGTH"], 1, 1, char_length),
    function(&["ASCII"], 1, 1, |call| measure(call, |bytes| bytes.first().map_or(0, |byte| i64::from(*byte)))),
    function(&["CRC32"], 1, 1, |call| {
        let expr = measure(call, |bytes| i64::from(crc32(bytes)))?;
        crate::convert::convert(expr, &Type::Int { unsigned: true, digits: 10 })
    }),
    function(&["LOCATE", "POSITION"], 2, 3, |call| locate(call, false)),
    function(&["INSTR"], 2, 2, |call| locate(call, true)),
    function(&["STRCMP"], 2, 2, strcmp),
    function(&["FIELD"], 2, ANY, field),
    function(&["FIND_IN_SET"], 2, 2, find_in_set),
];

fn measure(call: Call, f: fn(&[u8]) -> i64) -> Result<Expr> {
    let span = call.span;
    let [a] = call.exactly()?;
    let a = if a.ty.is_text() { canonical(a)? } else { text(a)? };
    Expr::call(
        span,
        types::int(10),
        false,
        vec![a],
        Arc::new(move |args, rows| {
            let bytes = args[0].bytes();
            Ok(make_numbers::<Int64Type>(rows.count, |row| bytes.get(row).map(f)))
        }),
    )
}

fn char_length(call: Call) -> Result<Expr> {
    if matches!(call.args[0].ty, Type::Bytes { .. }) {
        return measure(call, |bytes| bytes.len() as i64);
    }
    // Bytes that don't continue a character begin one.
    let count = |bytes: &[u8]| bytes.iter().filter(|byte| (**byte as i8) >= -0x40).count() as i64;
    measure(call, count)
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

/// `LOCATE(part, text[, from])`, `INSTR(text, part)`: characters from 1, 0 if not found.
fn locate(call: Call, text_first: bool) -> Result<Expr> {
    let span = call.span;
    let mut args = call.args.into_iter();
    let (Some(a), Some(b)) = (args.next(), args.next()) else {
        return Err(BindError::new(span, "needed two texts"));
    };
    let (part, whole) = if text_first { (b, a) } else { (a, b) };
    let (part, whole, rule) = as_texts(span, part, whole)?;
    let mut bound = vec![part, whole];
    for from in args {
        bound.push(int(from)?);
    }
    Expr::call(
        span,
        types::int(10),
        false,
        bound,
        Arc::new(move |args, rows| {
            let (parts, texts) = (args[0].texts(), args[1].texts());
            let starts = args.get(2).map(|arg| arg.numbers::<Int64Type>());
            Ok(make_numbers::<Int64Type>(rows.count, |row| {
                let (part, text) = (parts.get(row)?, texts.get(row)?);
                let from = match &starts {
                    Some(starts) => starts.get(row)?,
                    None => 1,
                };
                let Some(skip) = from.checked_sub(1).and_then(|skip| usize::try_from(skip).ok()) else {
                    return Some(0);
                };
                let start = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(skip);
                let Some(start) = start else { return Some(0) };
                let found = rule.find(&text[start..], part);
                Some(found.map_or(0, |at| (skip + text[start..start + at].chars().count()) as i64 + 1))
            }))
        }),
    )
}

fn strcmp(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a, b] = call.exactly()?;
    let (a, b, rule) = as_texts(span, a, b)?;
    Expr::call(
        span,
        types::int(1),
        false,
        vec![a, b],
        Arc::new(move |args, rows| {
            let (a, b) = (args[0].texts(), args[1].texts());
            Ok(make_numbers::<Int64Type>(rows.count, |row| Some(rule.compare(a.get(row)?, b.get(row)?) as i64)))
        }),
    )
}

/// The position of the first argument among the others, 0 if it is NULL or not there.
fn field(call: Call) -> Result<Expr> {
    let span = call.span;
    let mut args = call.args.into_iter();
    let Some(wanted) = args.next() else { return Err(BindError::new(span, "needed a value")) };
    let number = |n: i64| {
        let array = Arc::new(arrow_array::Int64Array::from(vec![n]));
        Expr::literal(span, types::int(4), array)
    };
    let conditions = sets::field_conditions(&wanted, args.collect())?;
    let mut results: Vec<Expr> = (1..=conditions.len()).map(|index| number(index as i64)).collect();
    results.push(number(0));
    conditionals::choose(span, conditions, results)
}

fn find_in_set(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a, b] = call.exactly()?;
    let (a, b, rule) = as_texts(span, a, b)?;
    Expr::call(
        span,
        types::int(4),
        false,
        vec![a, b],
        Arc::new(move |args, rows| {
            let (a, b) = (args[0].texts(), args[1].texts());
            Ok(make_numbers::<Int64Type>(rows.count, |row| {
                let (wanted, set) = (a.get(row)?, b.get(row)?);
                if set.is_empty() || wanted.contains(',') {
                    return Some(0);
                }
                let found = set.split(',').position(|item| rule.compare(item, wanted).is_eq());
                Some(found.map_or(0, |at| at as i64 + 1))
            }))
        }),
    )
}
