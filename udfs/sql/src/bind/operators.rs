//! Arithmetic, bits, COLLATE, and the casts with a rule of their own: which type computes, and what the result is.

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int64Type, UInt64Type};

use super::{Result, compare};
use crate::collation::{Collation, Strength};
use crate::convert::convert;
use crate::error::{BindError, Span};
use crate::eval::compare::Op as Comparison;
use crate::eval::decimal::Op as Arithmetic;
use crate::eval::{arithmetic, decimal, logic};
use crate::expr::{Expr, Op};
use crate::parse::BinaryOp;
use crate::types::{self, Digits, PRECISION_MAX, SCALE_MAX, Type};
use crate::value::{make_bytes, make_numbers, make_texts};

pub(crate) fn binary(span: Span, op: BinaryOp, left: Expr, right: Expr) -> Result<Expr> {
    let comparison = match op {
        BinaryOp::Add => return arithmetic_of(span, Arithmetic::Add, left, right),
        BinaryOp::Subtract => return arithmetic_of(span, Arithmetic::Subtract, left, right),
        BinaryOp::Multiply => return arithmetic_of(span, Arithmetic::Multiply, left, right),
        BinaryOp::Divide => return arithmetic_of(span, Arithmetic::Divide, left, right),
        BinaryOp::Modulo => return arithmetic_of(span, Arithmetic::Modulo, left, right),
        BinaryOp::IntegerDivide => return integer_divide(span, left, right),
        BinaryOp::And | BinaryOp::Or => return both(span, op == BinaryOp::Or, left, right),
        BinaryOp::Xor => {
            let args = vec![convert(left, &Type::Bool)?, convert(right, &Type::Bool)?];
            return Ok(Expr::call(span, Type::Bool, false, args, Arc::new(logic::xor))?.until_null());
        }
        BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor | BinaryOp::ShiftLeft | BinaryOp::ShiftRight => {
            return bits(span, op, left, right);
        }
        BinaryOp::Equal => Comparison::Equal,
        BinaryOp::NullSafeEqual => Comparison::NullSafeEqual,
        BinaryOp::NotEqual => Comparison::NotEqual,
        BinaryOp::Less => Comparison::Less,
        BinaryOp::LessEqual => Comparison::LessEqual,
        BinaryOp::Greater => Comparison::Greater,
        BinaryOp::GreaterEqual => Comparison::GreaterEqual,
    };
    compare::compare(span, comparison, left, right)
}

/// AND and OR; a side known beforehand decides or drops out. MySQL evaluates the left side even where the right one is
/// a constant that decides.
pub(crate) fn both(span: Span, decides: bool, left: Expr, right: Expr) -> Result<Expr> {
    let (left, right) = (convert(left, &Type::Bool)?, convert(right, &Type::Bool)?);
    let known = |side: &Expr| side.value().and_then(|value| value.bits().get(0));
    match (known(&left), known(&right)) {
        (Some(value), _) if value == decides => return Ok(Expr { span, ..left }),
        (Some(_), _) => return Ok(Expr { span, ..right }),
        (_, Some(value)) if value == decides => return Ok(Expr { span, ..right.after(left) }),
        (_, Some(_)) => return Ok(Expr { span, ..left }),
        _ => {}
    }
    let nullable = left.nullable || right.nullable;
    let (left, right) = (Box::new(left), Box::new(right));
    let op = if decides { Op::Or(left, right) } else { Op::And(left, right) };
    Ok(Expr { ty: Type::Bool, data_type: Type::Bool.canonical(), nullable, span, op })
}

/// A literal of bytes as the integer that it is among numbers; anything else as it is.
fn number_of_bytes(expr: Expr) -> Result<Expr> {
    match expr.ty {
        Type::Bytes { literal: Some(Digits::Binary), .. } => convert(expr, &types::bigint()),
        Type::Bytes { literal: Some(_), .. } => convert(expr, &Type::Int { unsigned: true, digits: 20 }),
        _ => Ok(expr),
    }
}

/// The numeric type that stands for an operand: texts count as doubles, dates as YYYYMMDD.
fn as_number(expr: Expr) -> Result<Expr> {
    match expr.ty.clone() {
        Type::Bool => convert(expr, &types::int(1)),
        Type::Bytes { literal: Some(_), .. } => number_of_bytes(expr),
        Type::Text { .. } | Type::Bytes { .. } => convert(expr, &Type::Double),
        Type::Date => convert(expr, &types::int(8)),
        Type::DateTime { fsp: 0 } => convert(expr, &types::int(14)),
        Type::DateTime { fsp } => convert(expr, &types::decimal(14 + u32::from(fsp), u32::from(fsp))),
        Type::Time { fsp: 0 } => convert(expr, &types::int(7)),
        Type::Time { fsp } => convert(expr, &types::decimal(7 + u32::from(fsp), u32::from(fsp))),
        Type::Json => {
            Err(BindError::new(expr.span, "this is JSON; arithmetic needs a number, write CAST(… AS CHAR) first"))
        }
        _ => Ok(expr),
    }
}

pub(crate) fn arithmetic_of(span: Span, op: Arithmetic, left: Expr, right: Expr) -> Result<Expr> {
    let (left, right) = (as_number(left)?, as_number(right)?);
    let nullable = matches!(op, Arithmetic::Divide | Arithmetic::Modulo);
    let is_double = |expr: &Expr| expr.ty == Type::Double;
    if is_double(&left) || is_double(&right) {
        let args = vec![convert(left, &Type::Double)?, convert(right, &Type::Double)?];
        return Expr::call(
            span,
            Type::Double,
            nullable,
            args,
            Arc::new(move |args, rows| arithmetic::doubles(op, args, rows)),
        );
    }
    let integers = (left.ty.is_integer() || left.ty == Type::Null) && (right.ty.is_integer() || right.ty == Type::Null);
    if integers && op != Arithmetic::Divide {
        return integers_of(span, op, left, right);
    }
    let ty = decimal_result(op, &left.ty, &right.ty);
    let args = vec![as_decimal(left)?, as_decimal(right)?];
    let result = ty.clone();
    Expr::call(span, ty, nullable, args, Arc::new(move |args, rows| decimal::compute(op, args, &result, rows)))
}

fn integers_of(span: Span, op: Arithmetic, left: Expr, right: Expr) -> Result<Expr> {
    let nullable = op == Arithmetic::Modulo;
    let (l, r) = (left.ty.is_unsigned(), right.ty.is_unsigned());
    let unsigned = if op == Arithmetic::Modulo { l } else { l || r };
    let digits = |expr: &Expr| expr.ty.exact().map_or(19, |(p, _)| p);
    let most = if unsigned { 20 } else { 19 };
    let result_digits = match op {
        Arithmetic::Multiply => digits(&left) + digits(&right),
        Arithmetic::Modulo => digits(&left).max(digits(&right)),
        _ => digits(&left).max(digits(&right)) + 1,
    };
    let ty = Type::Int { unsigned, digits: result_digits.min(most) };
    let target = Type::Int { unsigned, digits: most };
    // A literal that is not negative goes along with the other side; otherwise the signs stay apart.
    let goes = |expr: &Expr| {
        expr.ty.is_unsigned() == unsigned
            || expr.ty == Type::Null
            || (unsigned
                && expr.value().is_some_and(|value| value.numbers::<Int64Type>().get(0).is_some_and(|n| n >= 0)))
    };
    let own = |expr: Expr| if expr.ty == Type::Null { convert(expr, &target) } else { crate::convert::canonical(expr) };
    if goes(&left) && goes(&right) {
        let args = vec![convert(left, &target)?, convert(right, &target)?];
        return Expr::call(
            span,
            ty,
            nullable,
            args,
            Arc::new(
                move |args, rows| {
                    if unsigned { arithmetic::unsigned(op, args, rows) } else { arithmetic::signed(op, args, rows) }
                },
            ),
        );
    }
    let args = vec![own(left)?, own(right)?];
    Expr::call(span, ty, nullable, args, Arc::new(move |args, rows| arithmetic::mixed(op, args, unsigned, rows)))
}

fn held(ty: &Type) -> u8 {
    if let Type::Decimal { held, .. } = ty { *held } else { 0 }
}

/// An exact number as a decimal with room for all its values.
pub(crate) fn as_decimal(expr: Expr) -> Result<Expr> {
    match expr.ty.exact() {
        _ if matches!(expr.ty, Type::Decimal { .. }) => crate::convert::canonical(expr),
        Some((precision, scale)) => convert(expr, &types::decimal(u32::from(precision), u32::from(scale))),
        None => convert(expr, &types::decimal(u32::from(PRECISION_MAX), u32::from(SCALE_MAX))),
    }
}

/// Precision and scale of MySQL's manual, "Precision Math", and the digits held inside.
fn decimal_result(op: Arithmetic, left: &Type, right: &Type) -> Type {
    let ((p1, s1), (p2, s2)) = (left.exact().unwrap_or((65, 30)), right.exact().unwrap_or((65, 30)));
    let (h1, h2) = (held(left), held(right));
    let wide = |n: u8| u32::from(n);
    let (precision, scale, held) = match op {
        Arithmetic::Add | Arithmetic::Subtract => {
            let scale = s1.max(s2);
            (wide((p1 - s1).max(p2 - s2)) + 1 + wide(scale), scale, h1.max(h2))
        }
        Arithmetic::Multiply => (wide(p1) + wide(p2), (s1 + s2).min(SCALE_MAX), h1.saturating_add(h2)),
        Arithmetic::Modulo => {
            let scale = s1.max(s2);
            (wide((p1 - s1).max(p2 - s2)) + wide(scale), scale, h1.max(h2))
        }
        Arithmetic::Divide | Arithmetic::DivideWhole => {
            let scale = (s1 + 4).min(SCALE_MAX);
            (wide(p1) + wide(s2) + 4, scale, scale)
        }
    };
    let precision = precision.clamp(1, wide(PRECISION_MAX)) as u8;
    let precision = precision.max(scale);
    let room = 76 - (precision - scale);
    Type::Decimal { precision, scale, held: held.max(scale).min(room) }
}

fn integer_divide(span: Span, left: Expr, right: Expr) -> Result<Expr> {
    let (left, right) = (as_number(left)?, as_number(right)?);
    let unsigned = left.ty.is_unsigned() || right.ty.is_unsigned();
    let ty = Type::Int { unsigned, digits: if unsigned { 20 } else { 19 } };
    if left.ty.is_integer() && right.ty.is_integer() {
        let args = vec![crate::convert::canonical(left)?, crate::convert::canonical(right)?];
        let kernel = move |args: &[_], rows: &mut _| arithmetic::mixed(Arithmetic::Divide, args, unsigned, rows);
        return Expr::call(span, ty, true, args, Arc::new(kernel));
    }
    let args = vec![as_decimal(left)?, as_decimal(right)?];
    let whole = Type::Decimal { precision: 65, scale: 0, held: 0 };
    Expr::call(
        span,
        ty,
        true,
        args,
        Arc::new(move |args, rows| {
            let quotient = crate::value::Value::array(decimal::compute(Arithmetic::DivideWhole, args, &whole, rows)?);
            let quotients = decimal::Decimals::of(&quotient);
            let (low, high) =
                if unsigned { (0, i128::from(u64::MAX)) } else { (i128::from(i64::MIN), i128::from(i64::MAX)) };
            let mut bad = Vec::new();
            let mut get = |row: usize| {
                let n = crate::convert::number::narrow(quotients.get(row)?);
                if !(low..=high).contains(&n) {
                    bad.push(row);
                }
                Some(n)
            };
            let array = if unsigned {
                make_numbers::<UInt64Type>(rows.count, |row| get(row).map(|n| n as u64))
            } else {
                make_numbers::<Int64Type>(rows.count, |row| get(row).map(|n| n as i64))
            };
            for row in bad {
                rows.out_of_range(row, "the quotient", "BIGINT");
            }
            Ok(array)
        }),
    )
}

pub(crate) fn negate(span: Span, expr: Expr) -> Result<Expr> {
    let expr = as_number(expr)?;
    if expr.ty == Type::Double {
        let args = vec![convert(expr, &Type::Double)?];
        return Expr::call(
            span,
            Type::Double,
            false,
            args,
            Arc::new(|args, rows| {
                let numbers = args[0].numbers::<Float64Type>();
                Ok(make_numbers::<Float64Type>(rows.count, |row| numbers.get(row).map(|x| -x)))
            }),
        );
    }
    if expr.ty.is_integer() || expr.ty == Type::Null {
        let zero = Expr::literal(span, types::int(1), Arc::new(arrow_array::Int64Array::from(vec![0])));
        let args = vec![
            zero,
            if expr.ty == Type::Null { convert(expr, &types::bigint())? } else { crate::convert::canonical(expr)? },
        ];
        let kernel = |args: &[_], rows: &mut _| arithmetic::mixed(Arithmetic::Subtract, args, false, rows);
        return Expr::call(span, types::bigint(), false, args, Arc::new(kernel));
    }
    let ty = expr.ty.clone();
    let zero = Expr::literal(span, types::int(1), Arc::new(arrow_array::Int64Array::from(vec![0])));
    let args = vec![as_decimal(zero)?, as_decimal(expr)?];
    let result = ty.clone();
    let kernel = move |args: &[_], rows: &mut _| decimal::compute(Arithmetic::Subtract, args, &result, rows);
    Expr::call(span, ty, false, args, Arc::new(kernel))
}

/// Bits of binary strings are a kind of their own, unless a literal says a number.
fn refuse_bits_of_bytes(expr: &Expr) -> Result<()> {
    match expr.ty {
        Type::Bytes { literal: None, .. } => {
            let message = "this is a binary string, whose bits can't be computed with here; needed a number, write CAST(… AS UNSIGNED)";
            Err(BindError::new(expr.span, message))
        }
        _ => Ok(()),
    }
}

fn bits(span: Span, op: BinaryOp, left: Expr, right: Expr) -> Result<Expr> {
    let both_bytes = matches!((&left.ty, &right.ty), (Type::Bytes { .. }, Type::Bytes { .. }));
    if both_bytes || matches!(op, BinaryOp::ShiftLeft | BinaryOp::ShiftRight) {
        refuse_bits_of_bytes(&left)?;
    }
    if both_bytes {
        refuse_bits_of_bytes(&right)?;
    }
    let unsigned = Type::Int { unsigned: true, digits: 20 };
    let args = vec![convert(left, &unsigned)?, convert(right, &unsigned)?];
    Expr::call(
        span,
        unsigned,
        false,
        args,
        Arc::new(move |args, rows| {
            let (a, b) = (args[0].numbers::<UInt64Type>(), args[1].numbers::<UInt64Type>());
            Ok(make_numbers::<UInt64Type>(rows.count, |row| {
                let (x, y) = (a.get(row)?, b.get(row)?);
                let shift = u32::try_from(y).unwrap_or(u32::MAX);
                Some(match op {
                    BinaryOp::BitAnd => x & y,
                    BinaryOp::BitOr => x | y,
                    BinaryOp::BitXor => x ^ y,
                    BinaryOp::ShiftLeft => x.checked_shl(shift).unwrap_or(0),
                    _ => x.checked_shr(shift).unwrap_or(0),
                })
            }))
        }),
    )
}

pub(crate) fn bit_not(span: Span, expr: Expr) -> Result<Expr> {
    refuse_bits_of_bytes(&expr)?;
    let unsigned = Type::Int { unsigned: true, digits: 20 };
    let args = vec![convert(expr, &unsigned)?];
    Expr::call(
        span,
        unsigned,
        false,
        args,
        Arc::new(|args, rows| {
            let numbers = args[0].numbers::<UInt64Type>();
            Ok(make_numbers::<UInt64Type>(rows.count, |row| numbers.get(row).map(|n| !n)))
        }),
    )
}

pub(crate) fn collate(span: Span, expr: Expr, name: &str, name_span: Span) -> Result<Expr> {
    let collation = Collation::named(name);
    collation.rule().map_err(|_| {
        let message = format!(
            "the collation {name} is not supported; there are utf8mb4_0900_ai_ci, utf8mb4_unicode_ci, \
             utf8mb4_general_ci, latin1_swedish_ci, utf8mb4_bin and binary"
        );
        BindError::new(name_span, message)
    })?;
    let chars = expr.ty.chars();
    let ty = Type::Text { chars, collation, strength: Strength::Explicit };
    let expr = convert(expr, &types::literal_text(chars))?;
    Ok(Expr { span, ty, ..expr })
}

pub(crate) fn cast_char(span: Span, expr: Expr, size: Option<u32>) -> Result<Expr> {
    let chars = match (size, expr.ty.chars()) {
        (Some(size), Some(chars)) => Some(size.min(chars)),
        (size, chars) => size.or(chars),
    };
    let ty = match &expr.ty {
        Type::Text { collation, strength, .. } => {
            Type::Text { chars, collation: collation.clone(), strength: *strength }
        }
        _ => types::literal_text(chars),
    };
    let expr = Expr { span, ..convert(expr, &ty)? };
    let Some(size) = size else { return Ok(expr) };
    Expr::call(
        span,
        ty,
        false,
        vec![expr],
        Arc::new(move |args, rows| {
            let texts = args[0].texts();
            Ok(make_texts(rows.count, |row, out| {
                out.extend(texts.get(row)?.chars().take(size as usize));
                Some(())
            }))
        }),
    )
}

pub(crate) fn cast_binary(span: Span, expr: Expr, size: Option<u32>) -> Result<Expr> {
    // A character takes at most four bytes.
    let length = size.or(expr.ty.chars().map(|chars| chars.saturating_mul(4)));
    let ty = types::bytes(length);
    let expr = Expr { span, ..convert(expr, &ty)? };
    let Some(size) = size else { return Ok(expr) };
    Expr::call(
        span,
        ty,
        false,
        vec![expr],
        Arc::new(move |args, rows| {
            let bytes = args[0].bytes();
            Ok(make_bytes(rows.count, |row, out| {
                let start = out.len();
                out.extend(bytes.get(row)?.iter().take(size as usize));
                out.resize(start + size as usize, 0);
                Some(())
            }))
        }),
    )
}

/// Single precision, held as a double from there on.
pub(crate) fn cast_float(span: Span, expr: Expr) -> Result<Expr> {
    let args = vec![convert(expr, &Type::Double)?];
    Expr::call(
        span,
        Type::Double,
        false,
        args,
        Arc::new(|args, rows| {
            let numbers = args[0].numbers::<Float64Type>();
            let mut bad = Vec::new();
            let array = make_numbers::<Float64Type>(rows.count, |row| {
                let value = f64::from(numbers.get(row)? as f32);
                if !value.is_finite() {
                    bad.push(row);
                }
                Some(value)
            });
            for row in bad {
                rows.out_of_range(row, "the number", "FLOAT");
            }
            Ok(array)
        }),
    )
}
