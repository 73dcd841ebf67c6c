//! One value against several: BETWEEN, IN, the operand of CASE, FIELD. MySQL decides for all of them together how they
//! are compared, each of the four in its own way.
//!
//! - BETWEEN has one kind of comparison for all three. With a date among them all are moments.
//! - IN of one item is `=`. Of several that have one kind with the operand, constants are values of the operand's column
//!   if they can be, of a list of constants all or none; with a date among them all are moments, with a TIME times. Items
//!   of several kinds are compared as each one's kind says, and not as `=` would: a quoted number is a DOUBLE then.
//! - CASE compares each WHEN with the operand as the two kinds say. A text beside a date operand is a moment, a date
//!   beside a text operand is a text.
//! - FIELD has one kind for all, and dates are texts for it.
//!
//! But for an IN of one item, nowhere here does a constant text have to be a date: one that is none is before all dates,
//! like a row's.

use std::sync::Arc;

use super::compare::{Kind, alike, compare, moments, of_kind, refuse_time, spelt_out, text, times};
use super::conditionals::choose;
use super::operators::both;
use super::predicates::{is, not};
use super::{Result, constants};
use crate::collation::{self, agree};
use crate::convert::{canonical, convert};
use crate::error::{BindError, Span};
use crate::eval::compare::Op;
use crate::eval::logic;
use crate::expr::{self, Expr};
use crate::parse::Truth;
use crate::types::{self, Type};
use crate::value::make_bits;

pub(crate) fn between(span: Span, expr: Expr, low: Expr, high: Expr, negated: bool) -> Result<Expr> {
    // MySQL makes an equality of bounds that are the same constant.
    if !negated && is_same_constant(&low, &high) {
        return compare(span, Op::Equal, expr, low);
    }
    refuse_mixture(span, &expr, &low, &high)?;
    let mut kind = together(&[&expr, &low, &high]);
    let (mut low, mut high, mut expr) = (low, high, expr);
    if kind != Kind::Texts || !any_date(&[&expr, &low, &high]) {
        match (constants::of_column(&expr, &low)?, constants::of_column(&expr, &high)?) {
            (Some(l), Some(h)) => {
                kind = together(&[&expr, &l, &h]);
                (low, high) = (l, h);
            }
            (Some(time), None) if is_time(&time) && is_time(&high) => low = time,
            (None, Some(time)) if is_time(&time) && is_time(&low) => high = time,
            // One bound is a time, the other none: MySQL compares the numbers that they are.
            (Some(time), None) if is_time(&time) => {
                (expr, low, high) = (number(expr)?, number(time)?, number(high)?);
                kind = Kind::Integers;
            }
            (None, Some(time)) if is_time(&time) => {
                (expr, low, high) = (number(expr)?, number(low)?, number(time)?);
                kind = Kind::Integers;
            }
            _ => {}
        }
    }
    let (above, below) = if kind == Kind::Texts && any_date(&[&expr, &low, &high]) {
        refuse_time(span, &[&expr, &low, &high])?;
        (moments_or_null(span, Op::GreaterEqual, &expr, low)?, moments_or_null(span, Op::LessEqual, &expr, high)?)
    } else {
        if kind == Kind::Texts {
            let [e, l, h] = <[Expr; 3]>::try_from(alike(span, vec![expr, low, high])?)
                .map_err(|_| BindError::new(span, "BETWEEN has three operands"))?;
            (expr, low, high) = (e, l, h);
        }
        (of_kind(span, Op::GreaterEqual, kind, expr.clone(), low)?, of_kind(span, Op::LessEqual, kind, expr, high)?)
    };
    let inside = within(span, above, below)?;
    if negated { not(span, inside) } else { Ok(inside) }
}

/// Of a date or a time, a number, and what is neither, MySQL makes a comparison that goes by their order.
fn refuse_mixture(span: Span, expr: &Expr, low: &Expr, high: &Expr) -> Result<()> {
    let is_number = |expr: &Expr| Kind::of(&expr.ty) != Kind::Texts;
    let all = [expr, low, high].into_iter().filter(|expr| expr.ty != Type::Null);
    let moments = all.clone().any(|expr| expr.ty.is_temporal());
    let bounds = [low, high].into_iter().filter(|bound| bound.ty != Type::Null);
    let sound = match is_number(expr) {
        true => bounds.clone().all(|bound| bound.ty.is_temporal()),
        false => bounds.clone().all(is_number) || !bounds.clone().any(is_number),
    };
    if moments && all.clone().any(is_number) && !sound {
        let message =
            "BETWEEN has a date or a time, a number and something else; needed two dates or two numbers as bounds";
        return Err(BindError::new(span, message));
    }
    Ok(())
}

/// Both bounds hold. Unlike AND, BETWEEN evaluates all its operands, unless the first is NULL.
fn within(span: Span, above: Expr, below: Expr) -> Result<Expr> {
    let args = vec![convert(above, &Type::Bool)?.until_null(), convert(below, &Type::Bool)?.until_null()];
    Expr::call(span, Type::Bool, false, args, Arc::new(logic::and))
}

pub(crate) fn is_in(span: Span, expr: Expr, list: Vec<Expr>, negated: bool) -> Result<Expr> {
    if let [_] = list[..] {
        let op = if negated { Op::NotEqual } else { Op::Equal };
        let only = list.into_iter().next().unwrap_or(Expr::null(span));
        return compare(span, op, expr, only);
    }
    let found = match set_of_texts(span, &expr, &list)? {
        Some(found) => found,
        None => {
            let equal = equals_in_list(span, &expr, list)?;
            let either = |found, equal| both(span, true, found?, equal?);
            let found = equal.into_iter().reduce(either);
            found.ok_or_else(|| BindError::new(span, "IN needs at least one value"))??
        }
    };
    if negated { not(span, found) } else { Ok(found) }
}

/// `expr = item` for each item of an IN of several.
fn equals_in_list(span: Span, expr: &Expr, list: Vec<Expr>) -> Result<Vec<Result<Expr>>> {
    let items: Vec<&Expr> = list.iter().filter(|item| item.ty != Type::Null).collect();
    let mut kinds: Vec<Kind> = items.iter().map(|item| Kind::of(&expr.ty).with(Kind::of(&item.ty))).collect();
    kinds.dedup();
    let all: Vec<&Expr> = items.iter().copied().chain([expr]).collect();
    let [kind] = kinds[..] else {
        return Ok(list.into_iter().map(|item| equals_operand(expr, item)).collect());
    };
    if kind == Kind::Texts && any_date(&all) {
        refuse_time(span, &all)?;
        return Ok(list.into_iter().map(|item| moments_or_null(item.span, Op::Equal, expr, item)).collect());
    }
    if kind == Kind::Texts && all.iter().any(|expr| is_time(expr)) {
        let equal = |item: Expr| match item.ty {
            Type::Null => null_of(item.span),
            _ => times_or_unequal(item.span, expr, item),
        };
        return Ok(list.into_iter().map(equal).collect());
    }
    let constant = items.iter().all(|item| item.value().is_some());
    if kind == Kind::Texts {
        let mut all = alike(span, [vec![expr.clone()], list].concat())?;
        let rest = all.split_off(1);
        let expr = all.pop().unwrap_or(Expr::null(span));
        return Ok(rest.into_iter().map(|item| of_kind(item.span, Op::Equal, kind, expr.clone(), item)).collect());
    }
    let values = list.iter().map(|item| value_in_list(expr, item, kind, constant)).collect::<Result<Vec<_>>>()?;
    let is_set = values.iter().zip(&list).all(|(value, item)| value.is_some() || item.ty == Type::Null);
    let equal = |(item, value): (Expr, Option<Expr>)| match value.filter(|_| is_set || !constant) {
        Some(value) => {
            let kind = Kind::of(&expr.ty).with(Kind::of(&value.ty));
            of_kind(value.span, Op::Equal, kind, expr.clone(), value)
        }
        None => of_kind(item.span, Op::Equal, kind, expr.clone(), item),
    };
    Ok(list.into_iter().zip(values).map(equal).collect())
}

/// An item as what MySQL makes of it, if all of them are such: a value of the operand's column, or, where all are
/// constants and the operand is an integer, but no column, an integer.
fn value_in_list(operand: &Expr, item: &Expr, kind: Kind, constant: bool) -> Result<Option<Expr>> {
    let computed = !matches!(operand.op, expr::Op::Column(_)) && Kind::of(&operand.ty) == Kind::Integers;
    if item.ty != Type::Null && computed && constant && kind == Kind::Doubles {
        return convert(item.clone(), &types::bigint()).map(Some);
    }
    if kind == Kind::Integers { Ok(None) } else { constants::of_column(operand, item) }
}

/// `operand = item` as CASE and an IN of several kinds have it: a temporal operand makes a text one of its kind, and a
/// text makes a date one.
fn equals_operand(operand: &Expr, item: Expr) -> Result<Expr> {
    let span = item.span;
    let kind = Kind::of(&operand.ty).with(Kind::of(&item.ty));
    if kind != Kind::Texts || item.ty == Type::Null {
        return of_kind(span, Op::Equal, kind, operand.clone(), item);
    }
    match operand.ty {
        Type::Date | Type::DateTime { .. } => moments_or_null(span, Op::Equal, operand, item),
        Type::Time { .. } => times_or_unequal(span, operand, item),
        _ if item.ty.is_temporal() => of_kind(span, Op::Equal, kind, operand.clone(), text(item)?),
        _ => of_kind(span, Op::Equal, kind, operand.clone(), item),
    }
}

/// The conditions of `CASE operand WHEN …`.
pub(crate) fn case_conditions(operand: &Expr, whens: Vec<Expr>) -> Result<Vec<Expr>> {
    whens.into_iter().map(|when| Ok(equals_operand(operand, when)?.until_null())).collect()
}

/// `wanted = item` for each item of a FIELD.
pub(crate) fn field_conditions(wanted: &Expr, items: Vec<Expr>) -> Result<Vec<Expr>> {
    let kind = items.iter().fold(Kind::of(&wanted.ty), |kind, item| kind.with(Kind::of(&item.ty)));
    let shown = |expr: Expr| match expr.ty {
        _ if kind != Kind::Texts => Ok(expr),
        Type::Date | Type::DateTime { .. } | Type::Time { .. } => text(expr),
        Type::Bytes { literal: Some(_), .. } => spelt_out(expr),
        _ => Ok(expr),
    };
    let wanted = shown(wanted.clone())?;
    let equal = |item: Expr| {
        let item = shown(item)?;
        Ok(of_kind(item.span, Op::Equal, kind, wanted.clone(), item)?.until_null())
    };
    items.into_iter().map(equal).collect()
}

/// One kind for all; NULL counts as a text, as in MySQL.
fn together(exprs: &[&Expr]) -> Kind {
    let kinds = exprs.iter().map(|expr| Kind::of(&expr.ty));
    kinds.reduce(Kind::with).unwrap_or(Kind::Texts)
}

fn any_date(exprs: &[&Expr]) -> bool {
    exprs.iter().any(|expr| expr.ty.is_date())
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr.ty, Type::Time { .. })
}

fn null_of(span: Span) -> Result<Expr> {
    convert(Expr::null(span), &Type::Bool)
}

fn moments_or_null(span: Span, op: Op, left: &Expr, right: Expr) -> Result<Expr> {
    if left.ty == Type::Null || right.ty == Type::Null {
        return null_of(span);
    }
    moments(span, op, left.clone(), right)
}

/// A text that is no time equals none, and is not NULL.
fn times_or_unequal(span: Span, operand: &Expr, item: Expr) -> Result<Expr> {
    let shown = |expr: Expr| if expr.ty.is_date() { text(expr) } else { Ok(expr) };
    let (operand, item) = (shown(operand.clone())?, shown(item)?);
    let equal = times(span, Op::Equal, operand.clone(), item.clone())?;
    if is_time(&operand) && is_time(&item) {
        return Ok(equal);
    }
    let unknown = both(span, true, is(span, item, Truth::Null, false)?, is(span, operand, Truth::Null, false)?)?;
    let sure = is(span, equal, Truth::True, false)?;
    choose(span, vec![unknown], vec![null_of(span)?, sure])
}

/// An operand as the integer that MySQL takes it for.
fn number(expr: Expr) -> Result<Expr> {
    if expr.ty == Type::Null { Ok(expr) } else { convert(expr, &types::bigint()) }
}

/// Two constants that MySQL takes for one: of one type, with the same value.
fn is_same_constant(a: &Expr, b: &Expr) -> bool {
    match (a.value(), b.value()) {
        (Some(x), Some(y)) if a.ty == Type::Null || b.ty == Type::Null => x.array.data_type() == y.array.data_type(),
        (Some(x), Some(y)) => Kind::of(&a.ty) == Kind::of(&b.ty) && x.array.as_ref() == y.array.as_ref(),
        _ => false,
    }
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
    let kernel = move |args: &[crate::value::Value], rows: &mut crate::value::Rows| {
        let texts = args[0].texts();
        Ok(make_bits(rows.count, |row| {
            let text = texts.get(row)?;
            Some(if rule.is_bytes() {
                wanted.iter().any(|w| w == text)
            } else {
                wanted.iter().any(|w| rule.compare(text, w).is_eq())
            })
        }))
    };
    Expr::call(span, Type::Bool, false, vec![expr], Arc::new(kernel)).map(Some)
}
