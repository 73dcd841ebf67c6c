//! NOT, IS, LIKE, and what is made of a single comparison.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray};

use super::Result;
use super::compare::{as_texts, compare, compare_values};
use crate::convert::{canonical, convert};
use crate::error::{BindError, Span};
use crate::eval::compare::Op;
use crate::eval::like::{self, Pattern};
use crate::eval::logic;
use crate::expr::Expr;
use crate::parse::Truth;
use crate::types::Type;

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
    if pattern.ty == Type::Null {
        return Ok(convert(Expr::null(span), &Type::Bool)?.after(expr));
    }
    let (expr, pattern, rule) = as_texts(span, expr, pattern)?;
    if let Some(text) = pattern.literal_text() {
        let pattern = Pattern::new(text, escape, rule);
        let kernel =
            move |args: &[_], rows: &mut crate::value::Rows| Ok(like::constant(&pattern, &args[0], negated, rows));
        return Expr::call(span, Type::Bool, false, vec![expr], Arc::new(kernel));
    }
    let kernel = move |args: &[_], rows: &mut crate::value::Rows| Ok(like::each(args, escape, rule, negated, rows));
    Ok(Expr::call(span, Type::Bool, false, vec![expr, pattern], Arc::new(kernel))?.until_null())
}

pub(crate) fn regexp(span: Span, _expr: Expr, _pattern: Expr, _negated: bool) -> Result<Expr> {
    let message = "REGEXP is not supported here; write LIKE, or call a function of a component of your own";
    Err(BindError::new(span, message))
}

/// NULLIF(a, b): `a`, or NULL where it equals `b`.
pub(crate) fn null_if(span: Span, a: Expr, b: Expr) -> Result<Expr> {
    let equal = compare_values(span, Op::Equal, a.clone(), b)?;
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
