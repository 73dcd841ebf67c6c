//! ROUND, TRUNCATE, CEIL, FLOOR: exact numbers half away from zero, doubles to the nearest even.

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_buffer::i256;

use super::{Call, Function, double, function, int};
use crate::bind::Result;
use crate::bind::operators::as_decimal;
use crate::convert::number::{power, rescale};
use crate::convert::{canonical, convert};
use crate::eval::arithmetic::wide;
use crate::eval::decimal::{self, Decimals};
use crate::expr::Expr;
use crate::types::{self, SCALE_MAX, Type};
use crate::value::make_numbers;

pub(super) const FUNCTIONS: &[Function] = &[
    function(&["ROUND"], 1, 2, |call| round(call, true)),
    function(&["TRUNCATE"], 2, 2, |call| round(call, false)),
    function(&["CEIL", "CEILING"], 1, 1, |call| whole(call, true)),
    function(&["FLOOR"], 1, 1, |call| whole(call, false)),
];

fn round(call: Call, half: bool) -> Result<Expr> {
    let span = call.span;
    let mut args = call.args.into_iter();
    let (number, digits) = (args.next(), args.next());
    let Some(number) = number else { return Ok(Expr::null(span)) };
    let digits = match digits {
        Some(digits) => int(digits)?,
        None => Expr::literal(span, types::int(1), Arc::new(arrow_array::Int64Array::from(vec![0]))),
    };
    let literal = digits.value().and_then(|value| value.numbers::<Int64Type>().get(0));
    match number.ty.clone() {
        Type::Bool | Type::Int { .. } => integers(span, number, digits, half),
        ty @ Type::Decimal { precision, scale, .. } => {
            let wanted = literal.unwrap_or(i64::from(scale)).clamp(0, i64::from(SCALE_MAX)) as u8;
            // Rounding may need one more digit before the point.
            let before = u32::from(precision - scale) + u32::from(half && wanted < scale);
            let result = types::decimal(before + u32::from(wanted), u32::from(wanted));
            let held = if let Type::Decimal { held, .. } = ty { held } else { scale };
            let target = result.clone();
            let number = canonical(number)?;
            Expr::call(
                span,
                result,
                false,
                vec![number, digits],
                Arc::new(move |args, rows| {
                    let (numbers, digits) = (Decimals::of(&args[0]), args[1].numbers::<Int64Type>());
                    let Type::Decimal { held: target_scale, .. } = target else { return Ok(args[0].array.clone()) };
                    Ok(decimal::make(rows.count, &target, |row| {
                        let (value, digits) = (numbers.get(row)?, digits.get(row)?);
                        let rounded = at(value, held, digits, half);
                        rescale(rounded, held, target_scale, true)
                    }))
                }),
            )
        }
        _ => doubles(span, double(number)?, digits, half),
    }
}

/// The value at its own scale with all digits after `digits` (counted from the point) rounded off.
fn at(value: i256, scale: u8, digits: i64, half: bool) -> i256 {
    let drop = i64::from(scale) - digits;
    if drop <= 0 {
        return value;
    }
    if drop > 76 {
        return i256::ZERO;
    }
    let drop = drop as u8;
    rescale(value, drop, 0, half).and_then(|v| v.checked_mul(power(drop))).unwrap_or(i256::ZERO)
}

fn integers(span: crate::error::Span, number: Expr, digits: Expr, half: bool) -> Result<Expr> {
    let number = if number.ty == Type::Bool { convert(number, &types::bigint())? } else { canonical(number)? };
    let ty = number.ty.clone();
    if digits.value().and_then(|value| value.numbers::<Int64Type>().get(0)).is_some_and(|digits| digits >= 0) {
        return Ok(Expr { span, ..number });
    }
    let unsigned = ty.is_unsigned();
    let ty = Type::Int { unsigned, digits: if unsigned { 20 } else { 19 } };
    Expr::call(
        span,
        ty,
        false,
        vec![number, digits],
        Arc::new(move |args, rows| {
            let (numbers, digits) = (wide(&args[0]), args[1].numbers::<Int64Type>());
            let mut bad = Vec::new();
            let mut value = |row: usize| {
                let (number, digits) = (numbers(row)?, digits.get(row)?);
                let rounded = crate::convert::number::narrow(at(i256::from_i128(number), 0, digits, half));
                let fits = if unsigned { u64::try_from(rounded).is_ok() } else { i64::try_from(rounded).is_ok() };
                if !fits {
                    bad.push(row);
                }
                Some(rounded)
            };
            let array = if unsigned {
                make_numbers::<UInt64Type>(rows.count, |row| value(row).map(|n| n as u64))
            } else {
                make_numbers::<Int64Type>(rows.count, |row| value(row).map(|n| n as i64))
            };
            for row in bad {
                rows.out_of_range(row, "the rounded number", "BIGINT");
            }
            Ok(array)
        }),
    )
}

fn doubles(span: crate::error::Span, number: Expr, digits: Expr, half: bool) -> Result<Expr> {
    Expr::call(
        span,
        Type::Double,
        false,
        vec![number, digits],
        Arc::new(move |args, rows| {
            let (numbers, digits) = (args[0].numbers::<Float64Type>(), args[1].numbers::<Int64Type>());
            Ok(make_numbers::<Float64Type>(rows.count, |row| {
                Some(round_double(numbers.get(row)?, digits.get(row)?, half))
            }))
        }),
    )
}

fn round_double(value: f64, digits: i64, half: bool) -> f64 {
    let size = digits.unsigned_abs().min(400) as i32;
    let tens = 10f64.powi(size);
    let scaled = if digits < 0 { value / tens } else { value * tens };
    if digits < 0 && tens.is_infinite() {
        return 0.0;
    }
    if digits >= 0 && !scaled.is_finite() {
        return value;
    }
    let rounded = if half { scaled.round_ties_even() } else { scaled.trunc() };
    if digits < 0 { rounded * tens } else { rounded / tens }
}

fn whole(call: Call, up: bool) -> Result<Expr> {
    let span = call.span;
    let [a] = call.exactly()?;
    match a.ty.clone() {
        Type::Bool => convert(a, &types::bigint()),
        Type::Int { .. } => Ok(Expr { span, ..canonical(a)? }),
        Type::Decimal { precision, scale, held } => {
            let digits = precision - scale + u8::from(scale > 0);
            let small = digits < 19;
            let ty = types::decimal(u32::from(digits), 0);
            let target = ty.clone();
            let expr = Expr::call(
                span,
                ty,
                false,
                vec![as_decimal(a)?],
                Arc::new(move |args, rows| {
                    let numbers = Decimals::of(&args[0]);
                    Ok(decimal::make(rows.count, &target, |row| {
                        let value = numbers.get(row)?;
                        let cut = rescale(value, held, 0, false)?;
                        let exact = rescale(cut, 0, held, false)? == value;
                        Some(match (exact, up) {
                            (false, true) if value > i256::ZERO => cut.wrapping_add(i256::ONE),
                            (false, false) if value < i256::ZERO => cut.wrapping_sub(i256::ONE),
                            _ => cut,
                        })
                    }))
                }),
            )?;
            if small { convert(expr, &types::bigint()) } else { Ok(expr) }
        }
        _ => {
            let a = double(a)?;
            Expr::call(
                span,
                Type::Double,
                false,
                vec![a],
                Arc::new(move |args, rows| {
                    let numbers = args[0].numbers::<Float64Type>();
                    Ok(make_numbers::<Float64Type>(rows.count, |row| {
                        numbers.get(row).map(|x| if up { x.ceil() } else { x.floor() })
                    }))
                }),
            )
        }
    }
}
