//! Comparisons and what is made of them: which type two sides are compared as.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray};
use arrow_schema::DataType;

use super::operators::{as_decimal, both};
use super::{Result, conditionals};
use crate::collation::{self, Rule, agree};
use crate::convert::{canonical, convert, temporal};
use crate::error::{BindError, Span};
use crate::eval::compare::Op;
use crate::eval::like::{self, Pattern};
use crate::eval::{compare as kernels, decimal, logic};
use crate::expr::Expr;
use crate::parse::Truth;
use crate::types::{self, Type};

pub(crate) fn compare(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    if left.ty == Type::Null || right.ty == Type::Null {
        if op == Op::NullSafeEqual {
            let other = if left.ty == Type::Null { right } else { left };
            return is(span, other, Truth::Null, false);
        }
        return convert(Expr::null(span), &Type::Bool);
    }
    let nullable = false;
    let call = |left, right, op| {
        let never_null = op == Op::NullSafeEqual;
        let expr = Expr::call(
            span,
            Type::Bool,
            nullable,
            vec![left, right],
            Arc::new(move |args, _| kernels::same_type(op, args)),
        )?;
        Ok(Expr { nullable: expr.nullable && !never_null, ..expr })
    };
    let flip = |op| match op {
        Op::Less => Op::Greater,
        Op::LessEqual => Op::GreaterEqual,
        Op::Greater => Op::Less,
        Op::GreaterEqual => Op::LessEqual,
        same => same,
    };
    let (l, r) = (left.ty.clone(), right.ty.clone());
    match (&l, &r) {
        (Type::Json, _) | (_, Type::Json) => {
            let at = if l == Type::Json { left.span } else { right.span };
            Err(BindError::new(at, "this is JSON; to compare it, write CAST(… AS CHAR)"))
        }
        (Type::Bool, Type::Bool) => call(left, right, op),
        _ if l.is_integer() && r.is_integer() => {
            if let Some((left, right)) = narrow_integers(&left, &right) {
                return call(left, right, op);
            }
            let as_int = |e: Expr| if e.ty == Type::Bool { convert(e, &types::bigint()) } else { canonical(e) };
            let (left, right) = (as_int(left)?, as_int(right)?);
            match (left.ty.is_unsigned(), right.ty.is_unsigned()) {
                (false, true) => mixed_sign(span, op, left, right),
                (true, false) => mixed_sign(span, flip(op), right, left),
                _ => call(left, right, op),
            }
        }
        _ if l.is_temporal() || r.is_temporal() => temporals(span, op, left, right),
        (Type::Bytes { .. }, Type::Text { .. } | Type::Bytes { .. }) | (Type::Text { .. }, Type::Bytes { .. }) => {
            let bytes = Type::Bytes { length: None };
            call(convert(left, &bytes)?, convert(right, &bytes)?, op)
        }
        (Type::Text { collation: a, strength: s, .. }, Type::Text { collation: b, strength: t, .. }) => {
            let (collation, _) = agree((a, *s), (b, *t)).map_err(|m| BindError::new(span, m))?;
            let rule = collation::rule(&collation).map_err(|m| BindError::new(span, m))?;
            let (left, right) = (canonical(left)?, canonical(right)?);
            if rule.is_bytes() {
                return call(left, right, op);
            }
            let expr = Expr::call(
                span,
                Type::Bool,
                false,
                vec![left, right],
                Arc::new(move |args, rows| kernels::texts(op, rule, args, rows)),
            )?;
            Ok(Expr { nullable: expr.nullable && op != Op::NullSafeEqual, ..expr })
        }
        _ if l.exact().is_some() && r.exact().is_some() => decimals(span, op, left, right),
        _ => call(convert(left, &Type::Double)?, convert(right, &Type::Double)?, op),
    }
}

fn mixed_sign(span: Span, op: Op, signed: Expr, unsigned: Expr) -> Result<Expr> {
    let kernel = move |args: &[_], rows: &mut _| kernels::mixed_sign(op, args, rows);
    let expr = Expr::call(span, Type::Bool, false, vec![signed, unsigned], Arc::new(kernel))?;
    Ok(Expr { nullable: expr.nullable && op != Op::NullSafeEqual, ..expr })
}

/// Two integers carried alike, or a column and a literal that fits the column's own type: no widening.
fn narrow_integers(left: &Expr, right: &Expr) -> Option<(Expr, Expr)> {
    if left.data_type == right.data_type {
        return Some((left.clone(), right.clone()));
    }
    let fit = |column: &Expr, literal: &Expr| -> Option<Expr> {
        let value = literal.value()?;
        let number = match literal.data_type {
            DataType::Int64 => i128::from(value.numbers::<Int64Type>().get(0)?),
            DataType::UInt64 => i128::from(value.numbers::<UInt64Type>().get(0)?),
            _ => return None,
        };
        macro_rules! one {
            ($t:ty) => {
                Arc::new(PrimitiveArray::<$t>::from_value(number.try_into().ok()?, 1)) as ArrayRef
            };
        }
        let array = match column.data_type {
            DataType::Int8 => one!(Int8Type),
            DataType::Int16 => one!(Int16Type),
            DataType::Int32 => one!(Int32Type),
            DataType::Int64 => one!(Int64Type),
            DataType::UInt8 => one!(UInt8Type),
            DataType::UInt16 => one!(UInt16Type),
            DataType::UInt32 => one!(UInt32Type),
            DataType::UInt64 => one!(UInt64Type),
            _ => return None,
        };
        Some(Expr::literal(literal.span, column.ty.clone(), array))
    };
    if let Some(literal) = fit(left, right) {
        return Some((left.clone(), literal));
    }
    fit(right, left).map(|literal| (literal, right.clone()))
}

fn decimals(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    let finish = |left, right| {
        let expr = Expr::call(
            span,
            Type::Bool,
            false,
            vec![left, right],
            Arc::new(move |args, _| kernels::same_type(op, args)),
        )?;
        Ok(Expr { nullable: expr.nullable && op != Op::NullSafeEqual, ..expr })
    };
    // A literal that the column's own type holds exactly is compared as it is.
    let literal_like = |column: &Expr, literal: &Expr| -> Option<Expr> {
        let Type::Decimal { held, .. } = column.ty else { return None };
        literal.value()?;
        let (precision, scale) = literal.ty.exact()?;
        if scale > held || precision - scale + held > 38 || column.ty.is_wide() {
            return None;
        }
        let target = Type::Decimal { precision: 38, scale: held, held };
        let converted = convert(literal.clone(), &target).ok()?;
        let array = decimal::retag(converted.value()?.array.clone(), &column.data_type);
        (array.data_type() == &column.data_type).then(|| Expr::literal(literal.span, column.ty.clone(), array))
    };
    if left.data_type == right.data_type && matches!(left.ty, Type::Decimal { .. }) {
        return finish(left, right);
    }
    if let Some(literal) = literal_like(&left, &right) {
        return finish(left, literal);
    }
    if let Some(literal) = literal_like(&right, &left) {
        return finish(literal, right);
    }
    let (left, right) = (as_decimal(left)?, as_decimal(right)?);
    let held = |ty: &Type| if let Type::Decimal { held, .. } = ty { *held } else { 0 };
    let whole = |ty: &Type| ty.exact().map_or(35, |(p, s)| p - s);
    let scale = held(&left.ty).max(held(&right.ty));
    let digits = whole(&left.ty).max(whole(&right.ty));
    let common = Type::Decimal { precision: digits.min(76 - scale) + scale, scale, held: scale };
    finish(convert(left, &common)?, convert(right, &common)?)
}

/// A date or time against something: literals become dates here, other texts row by row.
fn temporals(span: Span, op: Op, left: Expr, right: Expr) -> Result<Expr> {
    let finish = |left, right| {
        let expr = Expr::call(
            span,
            Type::Bool,
            false,
            vec![left, right],
            Arc::new(move |args, _| kernels::same_type(op, args)),
        )?;
        Ok(Expr { nullable: expr.nullable && op != Op::NullSafeEqual, ..expr })
    };
    for (expr, other) in [(&left, &right), (&right, &left)] {
        if let Some(text) = expr.literal_text() {
            check_temporal_text(expr.span, text, &other.ty)?;
        }
    }
    // A literal number is a date if it can be one: 20240131.
    let as_moment = |expr: &Expr, other: &Expr| -> Option<Expr> {
        expr.value()?;
        let exact = matches!(expr.ty, Type::Int { .. } | Type::Decimal { .. });
        let fits = exact && matches!(other.ty, Type::Date | Type::DateTime { .. });
        let moment = if fits { convert(expr.clone(), &Type::DateTime { fsp: 6 }).ok()? } else { return None };
        (!moment.is_null_literal()).then_some(moment)
    };
    let left = as_moment(&left, &right).unwrap_or(left);
    let right = as_moment(&right, &left).unwrap_or(right);
    let target = match (&left.ty, &right.ty) {
        (Type::Date, Type::Date) => Type::Date,
        (Type::Time { .. }, Type::Time { .. }) => Type::Time { fsp: 6 },
        (Type::Date | Type::DateTime { .. }, Type::Date | Type::DateTime { .. }) => Type::DateTime { fsp: 6 },
        (Type::Time { .. }, Type::Text { .. }) | (Type::Text { .. }, Type::Time { .. }) => Type::Time { fsp: 6 },
        (Type::Time { .. }, Type::Date | Type::DateTime { .. })
        | (Type::Date | Type::DateTime { .. }, Type::Time { .. }) => {
            let message = "a TIME can't be compared with a date (MySQL would add the current date, which changes from run to run)";
            return Err(BindError::new(span, message));
        }
        (Type::Text { .. }, _) | (_, Type::Text { .. }) => Type::DateTime { fsp: 6 },
        // Against a number: YYYYMMDDhhmmss.
        (l, r) if l.exact().is_some() && r.exact().is_some() => return decimals(span, op, left, right),
        _ => return finish(convert(left, &Type::Double)?, convert(right, &Type::Double)?),
    };
    finish(convert(left, &target)?, convert(right, &target)?)
}

fn check_temporal_text(span: Span, text: &str, against: &Type) -> Result<()> {
    let (valid, example) = match against {
        Type::Time { .. } => (temporal::read_time(text).is_some_and(|r| r.clean), "a time such as '10:20:30'"),
        _ => (
            temporal::read_datetime(text).is_some_and(|r| r.clean),
            "a date such as '2024-01-31' or '2024-01-31 10:20:30'",
        ),
    };
    if valid {
        return Ok(());
    }
    Err(BindError::new(span, format!("found '{text}' beside {}; needed {example}", against.name())))
}

pub(crate) fn not(span: Span, expr: Expr) -> Result<Expr> {
    let args = vec![convert(expr, &Type::Bool)?];
    Expr::call(span, Type::Bool, false, args, Arc::new(logic::not))
}

pub(crate) fn is(span: Span, expr: Expr, what: Truth, negated: bool) -> Result<Expr> {
    let known = |value: bool| Ok(Expr::literal(span, Type::Bool, Arc::new(BooleanArray::from(vec![value]))));
    let result = match what {
        Truth::Null if expr.value().is_some() => return known(expr.is_null_literal() != negated),
        Truth::Null => Expr::call(
            span,
            Type::Bool,
            false,
            vec![expr],
            Arc::new(move |args, rows| logic::is_null(args, negated, rows)),
        )?,
        Truth::True | Truth::False => {
            let args = vec![convert(expr, &Type::Bool)?];
            let wanted = what == Truth::True;
            Expr::call(
                span,
                Type::Bool,
                false,
                args,
                Arc::new(move |args, rows| logic::is_truth(args, wanted, negated, rows)),
            )?
        }
    };
    Ok(Expr { nullable: false, ..result })
}

pub(crate) fn between(span: Span, expr: Expr, low: Expr, high: Expr, negated: bool) -> Result<Expr> {
    let above = compare(span, Op::GreaterEqual, expr.clone(), low)?;
    let below = compare(span, Op::LessEqual, expr, high)?;
    let inside = both(span, false, above, below)?;
    if negated { not(span, inside) } else { Ok(inside) }
}

pub(crate) fn is_in(span: Span, expr: Expr, list: Vec<Expr>, negated: bool) -> Result<Expr> {
    let found = match set_of_texts(span, &expr, &list)? {
        Some(found) => found,
        None => {
            let mut found: Option<Expr> = None;
            for item in list {
                let equal = compare(item.span, Op::Equal, expr.clone(), item)?;
                found = Some(match found {
                    None => equal,
                    Some(found) => both(span, true, found, equal)?,
                });
            }
            found.ok_or_else(|| BindError::new(span, "IN needs at least one value"))?
        }
    };
    if negated { not(span, found) } else { Ok(found) }
}

/// A text in a list of literals: looked for in one pass over the rows.
fn set_of_texts(span: Span, expr: &Expr, list: &[Expr]) -> Result<Option<Expr>> {
    let Type::Text { collation, strength, .. } = &expr.ty else { return Ok(None) };
    let mut wanted = Vec::new();
    for item in list {
        let (Some(text), Type::Text { collation: c, strength: s, .. }) = (item.literal_text(), &item.ty) else {
            return Ok(None);
        };
        if agree((collation, *strength), (c, *s)).map(|(c, _)| c) != Ok(collation.clone()) {
            return Ok(None);
        }
        wanted.push(text.to_owned());
    }
    let rule = collation::rule(collation).map_err(|m| BindError::new(span, m))?;
    let expr = canonical(expr.clone())?;
    Expr::call(
        span,
        Type::Bool,
        false,
        vec![expr],
        Arc::new(move |args, rows| {
            let texts = args[0].texts();
            Ok(crate::value::make_bits(rows.count, |row| {
                let text = texts.get(row)?;
                Some(if rule.is_bytes() {
                    wanted.iter().any(|w| w == text)
                } else {
                    wanted.iter().any(|w| rule.compare(text, w).is_eq())
                })
            }))
        }),
    )
    .map(Some)
}

/// The rule by which two texts are compared, and both as texts.
pub(crate) fn as_texts(span: Span, left: Expr, right: Expr) -> Result<(Expr, Expr, Rule)> {
    let rule = if matches!(left.ty, Type::Bytes { .. }) || matches!(right.ty, Type::Bytes { .. }) {
        Rule::BYTES
    } else {
        match conditionals::text_of(span, &[&left, &right], None)? {
            Type::Text { collation, .. } => collation::rule(&collation).map_err(|m| BindError::new(span, m))?,
            _ => Rule::BYTES,
        }
    };
    Ok((text(left)?, text(right)?, rule))
}

/// The expression as a text, keeping its collation.
pub(crate) fn text(expr: Expr) -> Result<Expr> {
    match expr.ty.clone() {
        Type::Text { .. } => canonical(expr),
        other => convert(expr, &types::literal_text(other.chars())),
    }
}

pub(crate) fn like(span: Span, expr: Expr, pattern: Expr, escape: Option<Expr>, negated: bool) -> Result<Expr> {
    let escape = match &escape {
        None => Some('\\'),
        Some(escape) => {
            let needed = || BindError::new(escape.span, "ESCAPE needs a text of one character, or an empty one");
            let text = escape.literal_text().ok_or_else(needed)?;
            if text.chars().count() > 1 {
                return Err(needed());
            }
            text.chars().next()
        }
    };
    let (expr, pattern, rule) = as_texts(span, expr, pattern)?;
    if let Some(text) = pattern.literal_text() {
        let pattern = Pattern::new(text, escape, rule);
        let kernel =
            move |args: &[_], rows: &mut crate::value::Rows| Ok(like::constant(&pattern, &args[0], negated, rows));
        return Expr::call(span, Type::Bool, false, vec![expr], Arc::new(kernel));
    }
    Expr::call(
        span,
        Type::Bool,
        false,
        vec![expr, pattern],
        Arc::new(move |args, rows| Ok(like::each(args, escape, rule, negated, rows))),
    )
}

pub(crate) fn regexp(span: Span, _expr: Expr, _pattern: Expr, _negated: bool) -> Result<Expr> {
    let message = "REGEXP is not supported here; write LIKE, or call a function of a component of your own";
    Err(BindError::new(span, message))
}

/// NULLIF(a, b): `a`, or NULL where it equals `b`.
pub(crate) fn null_if(span: Span, a: Expr, b: Expr) -> Result<Expr> {
    let equal = compare(span, Op::Equal, a.clone(), b)?;
    if equal.is_null_literal() {
        return Ok(a);
    }
    let a = canonical(a)?;
    let ty = a.ty.clone();
    Expr::call(span, ty, true, vec![a, equal], Arc::new(crate::eval::choose::null_where))
}

/// The greater (or lesser) of two values of one type, NULL if either is.
pub(crate) fn extreme(span: Span, a: Expr, b: Expr, greatest: bool) -> Result<Expr> {
    let ty = a.ty.clone();
    let op = if greatest { Op::Greater } else { Op::Less };
    let better = compare(span, op, b.clone(), a.clone())?;
    let (a, b) = (convert(a, &ty)?, convert(b, &ty)?);
    Expr::call(
        span,
        ty,
        false,
        vec![a, b, better],
        Arc::new(|args, rows| {
            let better = logic::spread(&args[2], rows.count);
            let mask = better.as_boolean();
            let picked = arrow_select::zip::zip(mask, &args[1], &args[0])?;
            match mask.nulls() {
                Some(nulls) => {
                    let unknown = BooleanArray::new(!nulls.inner(), None);
                    Ok(arrow_select::nullif::nullif(&picked, &unknown)?)
                }
                None => Ok(picked),
            }
        }),
    )
}
