//! Numeric functions over doubles, and ABS, SIGN and MOD over all numbers.

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int64Type};
use arrow_buffer::i256;

use super::{Call, Function, double, function};
use crate::bind::Result;
use crate::bind::operators::{arithmetic_of, as_decimal};
use crate::convert::{canonical, convert};
use crate::eval::decimal::{self, Decimals};
use crate::expr::Expr;
use crate::types::{self, Type};
use crate::value::make_numbers;

pub(super) const FUNCTIONS: &[Function] = &[
    function(&["ABS"], 1, 1, abs),
    function(&["SIGN"], 1, 1, sign),
    function(&["MOD"], 2, 2, |call| {
        let span = call.span;
        let [a, b] = call.exactly()?;
        arithmetic_of(span, decimal::Op::Modulo, a, b)
    }),
    function(&["SQRT"], 1, 1, |call| one(call, |x| (x >= 0.0).then(|| x.sqrt()))),
    function(&["EXP"], 1, 1, |call| one(call, |x| Some(x.exp()))),
    function(&["LN"], 1, 1, |call| one(call, |x| (x > 0.0).then(|| x.ln()))),
    function(&["LOG2"], 1, 1, |call| one(call, |x| (x > 0.0).then(|| x.log2()))),
    function(&["LOG10"], 1, 1, |call| one(call, |x| (x > 0.0).then(|| x.log10()))),
    function(&["LOG"], 1, 2, log),
    function(&["POW", "POWER"], 2, 2, |call| two(call, |x, y| Some(x.powf(y)))),
    function(&["SIN"], 1, 1, |call| one(call, |x| Some(x.sin()))),
    function(&["COS"], 1, 1, |call| one(call, |x| Some(x.cos()))),
    function(&["TAN"], 1, 1, |call| one(call, |x| Some(x.tan()))),
    function(&["ASIN"], 1, 1, |call| one(call, |x| (x.abs() <= 1.0).then(|| x.asin()))),
    function(&["ACOS"], 1, 1, |call| one(call, |x| (x.abs() <= 1.0).then(|| x.acos()))),
    function(&["ATAN"], 1, 1, |call| one(call, |x| Some(x.atan()))),
    function(&["ATAN2"], 2, 2, |call| two(call, |y, x| Some(y.atan2(x)))),
    function(&["DEGREES"], 1, 1, |call| one(call, |x| Some(x * (180.0 / std::f64::consts::PI)))),
    function(&["RADIANS"], 1, 1, |call| one(call, |x| Some(x * (std::f64::consts::PI / 180.0)))),
    function(&["PI"], 0, 0, |call| {
        let pi = Arc::new(arrow_array::Float64Array::from(vec![std::f64::consts::PI]));
        Ok(Expr::literal(call.span, Type::Double, pi))
    }),
];

/// None is NULL; what is no finite number is out of range.
fn one(call: Call, f: fn(f64) -> Option<f64>) -> Result<Expr> {
    let (span, name) = (call.span, call.name.clone());
    let [a] = call.exactly()?;
    Expr::call(
        span,
        Type::Double,
        true,
        vec![double(a)?],
        Arc::new(move |args, rows| {
            let numbers = args[0].numbers::<Float64Type>();
            let mut bad = Vec::new();
            let array = make_numbers::<Float64Type>(rows.count, |row| {
                let value = f(numbers.get(row)?)?;
                if !value.is_finite() {
                    bad.push(row);
                }
                Some(value)
            });
            for row in bad {
                rows.out_of_range(row, &name, "DOUBLE");
            }
            Ok(array)
        }),
    )
}

fn two(call: Call, f: fn(f64, f64) -> Option<f64>) -> Result<Expr> {
    let (span, name) = (call.span, call.name.clone());
    let [a, b] = call.exactly()?;
    Expr::call(
        span,
        Type::Double,
        true,
        vec![double(a)?, double(b)?],
        Arc::new(move |args, rows| {
            let (a, b) = (args[0].numbers::<Float64Type>(), args[1].numbers::<Float64Type>());
            let mut bad = Vec::new();
            let array = make_numbers::<Float64Type>(rows.count, |row| {
                let value = f(a.get(row)?, b.get(row)?)?;
                if !value.is_finite() {
                    bad.push(row);
                }
                Some(value)
            });
            for row in bad {
                rows.out_of_range(row, &name, "DOUBLE");
            }
            Ok(array)
        }),
    )
}

/// `LOG(x)`, `LOG(base, x)`.
fn log(call: Call) -> Result<Expr> {
    if call.args.len() == 1 {
        return one(call, |x| (x > 0.0).then(|| x.ln()));
    }
    two(call, |base, x| (base > 0.0 && base != 1.0 && x > 0.0).then(|| x.ln() / base.ln()))
}

fn abs(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a] = call.exactly()?;
    let ty = a.ty.clone();
    if ty.is_unsigned() {
        return Ok(a);
    }
    if ty.is_integer() || ty == Type::Null {
        let args = vec![convert(a, &types::bigint())?];
        return Expr::call(
            span,
            types::bigint(),
            false,
            args,
            Arc::new(|args, rows| {
                let numbers = args[0].numbers::<Int64Type>();
                let mut bad = Vec::new();
                let array = make_numbers::<Int64Type>(rows.count, |row| {
                    let (value, overflow) = numbers.get(row)?.overflowing_abs();
                    if overflow {
                        bad.push(row);
                    }
                    Some(value)
                });
                for row in bad {
                    rows.out_of_range(row, "ABS", "BIGINT");
                }
                Ok(array)
            }),
        );
    }
    if let Type::Decimal { .. } = ty {
        let result = ty.clone();
        return Expr::call(
            span,
            ty,
            false,
            vec![canonical(a)?],
            Arc::new(move |args, rows| {
                let numbers = Decimals::of(&args[0]);
                Ok(decimal::make(rows.count, &result, |row| numbers.get(row).map(i256::wrapping_abs)))
            }),
        );
    }
    one(Call { name: "ABS".to_owned(), span, args: vec![a] }, |x| Some(x.abs()))
}

fn sign(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a] = call.exactly()?;
    let exact = a.ty.exact().is_some();
    let a = if exact { as_decimal(a)? } else { double(a)? };
    Expr::call(
        span,
        types::int(1),
        false,
        vec![a],
        Arc::new(move |args, rows| {
            Ok(if exact {
                let numbers = Decimals::of(&args[0]);
                make_numbers::<Int64Type>(rows.count, |row| numbers.get(row).map(|n| n.cmp(&i256::ZERO) as i64))
            } else {
                let numbers = args[0].numbers::<Float64Type>();
                make_numbers::<Int64Type>(rows.count, |row| {
                    numbers.get(row).map(|x| i64::from(x > 0.0) - i64::from(x < 0.0))
                })
            })
        }),
    )
}
