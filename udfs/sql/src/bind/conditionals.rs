//! CASE, IF, COALESCE and what else gives one of several values: the type that holds them all.

use super::{Result, compare, sets};
use crate::collation::{Collation, Strength, agree};
use crate::convert::convert;
use crate::error::{BindError, Span};
use crate::expr::{Expr, Op};
use crate::types::{self, Type};

/// The type of `CASE … THEN a ELSE b`, as MySQL aggregates types.
pub(crate) fn common(span: Span, exprs: &[&Expr]) -> Result<Type> {
    if let Some(spelt) = compare::all_spelt(exprs)? {
        return common(span, &spelt.iter().collect::<Vec<_>>());
    }
    let types: Vec<&Type> = exprs.iter().map(|expr| &expr.ty).filter(|ty| **ty != Type::Null).collect();
    let Some(first) = types.first() else { return Ok(Type::Null) };
    if types.iter().all(|ty| matches!(ty, Type::Bool)) {
        return Ok(Type::Bool);
    }
    if types.iter().all(|ty| ty.is_integer()) {
        let digits = types.iter().filter_map(|ty| ty.exact()).map(|(p, _)| p).max().unwrap_or(19);
        let unsigned = types.iter().filter(|ty| ty.is_unsigned()).count();
        return Ok(match unsigned {
            0 => Type::Int { unsigned: false, digits },
            n if n == types.len() => Type::Int { unsigned: true, digits },
            // A signed and an unsigned one: BIGINT holds both if the unsigned one is small.
            _ if types.iter().filter(|ty| ty.is_unsigned()).all(|ty| ty.exact().is_some_and(|(p, _)| p < 19)) => {
                Type::Int { unsigned: false, digits }
            }
            _ => types::decimal(u32::from(digits), 0),
        });
    }
    let is_number = |expr: &&&Expr| matches!(expr.ty, Type::Int { .. } | Type::Decimal { .. } | Type::Double);
    if types.iter().any(|ty| ty.is_byte_literal())
        && let Some(number) = exprs.iter().find(is_number)
    {
        let message = "a number and a literal of bytes, which is a number or a text; \
                       write CAST(… AS UNSIGNED) or CAST(… AS CHAR) around the literal";
        return Err(BindError::new(number.span, message));
    }
    if types.iter().any(|ty| matches!(ty, Type::Time { .. })) && types.iter().any(|ty| ty.is_date()) {
        let message =
            "a TIME and a date have no common type (MySQL would add the current date, which changes from run to run)";
        return Err(BindError::new(span, message));
    }
    let numeric = |ty: &Type| ty.is_integer() || matches!(ty, Type::Decimal { .. } | Type::Double);
    if types.iter().all(|ty| numeric(ty)) {
        if types.iter().any(|ty| matches!(ty, Type::Double)) {
            return Ok(Type::Double);
        }
        let whole = types.iter().filter_map(|ty| ty.exact()).map(|(p, s)| p - s).max().unwrap_or(1);
        let scale = types.iter().filter_map(|ty| ty.exact()).map(|(_, s)| s).max().unwrap_or(0);
        let held =
            types.iter().map(|ty| if let Type::Decimal { held, .. } = ty { *held } else { 0 }).max().unwrap_or(0);
        let precision = (whole + scale).min(types::PRECISION_MAX);
        return Ok(Type::Decimal { precision, scale, held: held.max(scale).min(76 - (precision - scale)) });
    }
    if types.iter().all(|ty| matches!(ty, Type::Date)) {
        return Ok(Type::Date);
    }
    if types.iter().all(|ty| matches!(ty, Type::Date | Type::DateTime { .. })) {
        let fsp = types.iter().map(|ty| if let Type::DateTime { fsp } = ty { *fsp } else { 0 }).max().unwrap_or(0);
        return Ok(Type::DateTime { fsp });
    }
    if types.iter().all(|ty| matches!(ty, Type::Time { .. })) {
        let fsp = types.iter().map(|ty| if let Type::Time { fsp } = ty { *fsp } else { 0 }).max().unwrap_or(0);
        return Ok(Type::Time { fsp });
    }
    if types.iter().all(|ty| matches!(ty, Type::Json)) {
        return Ok(Type::Json);
    }
    let chars = types.iter().map(|ty| ty.chars()).try_fold(0, |most, chars| chars.map(|chars| most.max(chars)));
    if types.iter().any(|ty| matches!(ty, Type::Bytes { .. })) {
        let digits = |ty: &&Type| if let Type::Bytes { literal, .. } = ty { *literal } else { None };
        let literal = types.iter().all(|ty| ty.is_byte_literal()).then(|| digits(first)).flatten();
        return Ok(Type::Bytes { length: chars, literal });
    }
    let mixed = Type::Text { chars, collation: Collation::mixed(), strength: Strength::Implicit };
    Ok(text_of(span, exprs, chars).unwrap_or(mixed))
}

/// A text with the collation of all texts among the arguments.
pub(crate) fn text_of(span: Span, exprs: &[&Expr], chars: Option<u32>) -> Result<Type> {
    let mut found = None;
    for expr in exprs {
        if let Type::Text { collation, strength, .. } = &expr.ty {
            found = Some(match found {
                None => (collation.clone(), *strength),
                Some((c, s)) => agree((&c, s), (collation, *strength)).map_err(|m| BindError::new(span, m))?,
            });
        }
    }
    Ok(match found {
        Some((collation, strength)) => Type::Text { chars, collation, strength },
        None => types::literal_text(chars),
    })
}

pub(crate) fn case(
    span: Span,
    operand: Option<Expr>,
    whens: Vec<(Expr, Expr)>,
    otherwise: Option<Expr>,
) -> Result<Expr> {
    let (whens, mut results): (Vec<Expr>, Vec<Expr>) = whens.into_iter().unzip();
    let conditions = match &operand {
        Some(operand) => sets::case_conditions(operand, whens)?,
        None => whens,
    };
    results.push(otherwise.unwrap_or_else(|| Expr::null(span)));
    choose(span, conditions, results)
}

/// One more result than conditions.
pub(crate) fn choose(span: Span, conditions: Vec<Expr>, results: Vec<Expr>) -> Result<Expr> {
    let ty = common(span, &results.iter().collect::<Vec<_>>())?;
    if ty == Type::Null {
        return Ok(Expr::null(span));
    }
    let conditions =
        conditions.into_iter().map(|condition| convert(condition, &Type::Bool)).collect::<Result<Vec<_>>>()?;
    let mut results = results.into_iter().map(|result| convert(result, &ty)).collect::<Result<Vec<_>>>()?;
    // Conditions known beforehand decide here.
    let mut open = Vec::new();
    let mut kept = Vec::new();
    let mut rest = results.drain(..);
    for condition in conditions {
        let result = rest.next();
        match condition.value().map(|value| value.bits().get(0)) {
            Some(Some(true)) => {
                kept.extend(result);
                return finish(span, ty, open, kept);
            }
            Some(_) => {}
            None => {
                open.push(condition);
                kept.extend(result);
            }
        }
    }
    kept.extend(rest.next());
    finish(span, ty, open, kept)
}

fn finish(span: Span, ty: Type, conditions: Vec<Expr>, mut results: Vec<Expr>) -> Result<Expr> {
    if conditions.is_empty() && results.len() == 1 {
        return Ok(Expr { span, ty, ..results.remove(0) });
    }
    let nullable = results.iter().any(|result| result.nullable);
    let data_type = ty.canonical();
    Ok(Expr { ty, data_type, nullable, span, op: Op::Choose { conditions, results } })
}

pub(crate) fn coalesce(span: Span, args: Vec<Expr>) -> Result<Expr> {
    let ty = common(span, &args.iter().collect::<Vec<_>>())?;
    if ty == Type::Null {
        return Ok(Expr::null(span));
    }
    let mut kept = Vec::new();
    for arg in args.into_iter().filter(|arg| !arg.is_null_literal()) {
        let arg = convert(arg, &ty)?;
        let last = !arg.nullable;
        kept.push(arg);
        if last {
            break;
        }
    }
    if kept.len() == 1 {
        return Ok(Expr { span, ty, ..kept.remove(0) });
    }
    let nullable = kept.iter().all(|arg| arg.nullable);
    let data_type = ty.canonical();
    Ok(Expr { ty, data_type, nullable, span, op: Op::Coalesce(kept) })
}
