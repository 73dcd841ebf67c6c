//! A constant beside a column, which MySQL makes a value of the column's own type if it is one
//! (`convert_constant_item` in its sources).
//!
//! Of integers only BIGINT does so, which a DOUBLE can't hold: `id = '1295772036504131620'` is one row. The constant has
//! to be that integer as a DOUBLE, too; `'1.5'` is none, and is compared as one. A DECIMAL is compared exactly with any
//! constant text, whether it is a column or computed. Beside a date a constant text has to be a date.

use std::sync::Arc;

use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Int64Array, UInt64Array};
use arrow_buffer::i256;
use arrow_schema::DataType;

use super::Result;
use crate::convert::calendar::DAY;
use crate::convert::{convert, number, read};
use crate::error::BindError;
use crate::eval::decimal as decimals;
use crate::expr::{Expr, Op};
use crate::types::{self, Type};
use crate::value::make_numbers;

/// Two sides, of which a constant beside a column may have become a value of the column's type.
pub(super) fn beside_column(left: Expr, right: Expr) -> Result<(Expr, Expr)> {
    let right = of_column(&left, &right)?.unwrap_or(right);
    let left = of_column(&right, &left)?.unwrap_or(left);
    Ok((left, right))
}

/// The constant as a value of the column's type; None if it is none, or if there is no need.
pub(crate) fn of_column(column: &Expr, constant: &Expr) -> Result<Option<Expr>> {
    if !matches!(column.op, Op::Column(_)) || constant.value().is_none() || constant.is_null_literal() {
        return Ok(None);
    }
    match (&column.ty, &column.data_type) {
        (Type::Int { .. }, DataType::Int64 | DataType::UInt64) => Ok(bigint(column, constant)),
        (Type::Time { fsp }, _) if constant.ty.is_text() => time(constant, *fsp).map(Some),
        (Type::Date | Type::DateTime { .. } | Type::Time { .. }, _) => Ok(moment_of_number(constant, &column.ty)),
        _ => Ok(None),
    }
}

/// The integer that a constant text, literal of bytes or double is, if both as an integer and as a double it is.
fn bigint(column: &Expr, constant: &Expr) -> Option<Expr> {
    let value = constant.value()?;
    let (whole, double) = match constant.ty {
        Type::Bytes { literal: Some(_), .. } => {
            let bytes = value.bytes().get(0)?;
            let number = number::of_bytes(bytes);
            (bytes.len() <= 8).then_some((i128::from(number), number as f64))?
        }
        Type::Text { .. } | Type::Bytes { .. } => {
            let text = String::from_utf8_lossy(value.bytes().get(0)?);
            (number::read_decimal(&text, 0).to_i128()?, number::read_double(&text))
        }
        Type::Double => {
            let double = value.numbers::<Float64Type>().get(0)?;
            // Outside of this the cast below would not be exact.
            (double.abs() < 1e30).then_some((double.round_ties_even() as i128, double))?
        }
        _ => return None,
    };
    let (array, again): (ArrayRef, f64) = if column.ty.is_unsigned() {
        let whole = u64::try_from(whole).ok()?;
        (Arc::new(UInt64Array::from(vec![whole])), whole as f64)
    } else {
        let whole = i64::try_from(whole).ok()?;
        (Arc::new(Int64Array::from(vec![whole])), whole as f64)
    };
    (again == double).then(|| Expr::literal(constant.span, column.ty.clone(), array))
}

/// A constant text beside a TIME column is a time of as many fractional digits.
fn time(constant: &Expr, fsp: u8) -> Result<Expr> {
    let text = text_of(constant);
    if text.as_deref().and_then(read::read_time).is_none() {
        let found = text.unwrap_or_default();
        let message = format!("found '{found}' beside a TIME; needed a time such as '10:20:30'");
        return Err(BindError::new(constant.span, message));
    }
    convert(constant.clone(), &Type::Time { fsp })
}

/// A constant number beside a date or a time is one of the column's type if it can be: 20240131, or 102030.5. What the
/// type does not keep is cut from a date, and rounded otherwise.
fn moment_of_number(constant: &Expr, ty: &Type) -> Option<Expr> {
    let exact = match constant.ty {
        Type::Int { .. } | Type::Decimal { .. } => constant.clone(),
        Type::Double => convert(constant.clone(), &types::decimal(30, 6)).ok()?,
        _ => return None,
    };
    let moment = match ty {
        // Beyond the last time it is a number like any other.
        Type::Time { .. } if !is_time(&exact) => return None,
        Type::Time { .. } => convert(exact, ty).ok()?,
        _ => convert(convert(exact, &Type::DateTime { fsp: 6 }).ok()?, ty).ok()?,
    };
    (!moment.is_null_literal()).then_some(moment)
}

fn is_time(number: &Expr) -> bool {
    let double = convert(number.clone(), &Type::Double).ok();
    let value = double.as_ref().and_then(|double| double.value()?.numbers::<Float64Type>().get(0));
    value.is_some_and(|value| value.abs() < 8_385_960.0)
}

/// Beside a date or a time a constant number is written in full: with a fraction only behind a time of day, and of no
/// more than six digits. Of others MySQL makes now one thing, now another.
pub(super) fn refuse_odd_number(left: &Expr, right: &Expr) -> Result<()> {
    for (moment, number) in [(left, right), (right, left)] {
        let Type::Decimal { scale: fraction @ 1.., .. } = number.ty else { continue };
        if !moment.ty.is_temporal() || number.value().is_none() {
            continue;
        }
        let whole = convert(number.clone(), &types::bigint()).ok();
        let whole = whole.as_ref().and_then(|whole| whole.value()?.numbers::<Int64Type>().get(0)).unwrap_or(0);
        if fraction > 6 || (moment.ty.is_date() && whole < 10_000_000_000) {
            let message = "found a number with an odd fraction beside a date or a time; needed one such as 20240131 or \
                           20240131102030.5";
            return Err(BindError::new(number.span, message));
        }
    }
    Ok(())
}

/// A constant text beside a date as the date that it has to be; anything else as it is.
pub(super) fn date(constant: Expr, beside: &Type) -> Result<Expr> {
    if !beside.is_date() || !constant.ty.is_text() || constant.value().is_none() || constant.is_null_literal() {
        return Ok(constant);
    }
    let span = constant.span;
    let text = text_of(&constant);
    let Some(read) = text.as_deref().and_then(read::read_datetime) else {
        let found = text.unwrap_or_default();
        let needed = "a date such as '2024-01-31' or '2024-01-31 10:20:30'";
        let message = format!("found '{found}' beside {}; needed {needed}", beside.name());
        return Err(BindError::new(span, message));
    };
    Ok(if *beside == Type::Date && read.micros.rem_euclid(DAY) == 0 {
        let days = read.micros.div_euclid(DAY) as i32;
        Expr::literal(span, Type::Date, make_numbers::<Date32Type>(1, |_| Some(days)))
    } else {
        let ty = Type::DateTime { fsp: 6 };
        Expr::literal(span, ty, make_numbers::<TimestampMicrosecondType>(1, |_| Some(read.micros)))
    })
}

/// A constant text beside an exact number that varies, as a decimal that compares with it as the whole text does.
pub(super) fn decimal(constant: &Expr, beside: &Expr) -> Option<Expr> {
    let Type::Decimal { precision, scale, held } = beside.ty else { return None };
    if beside.value().is_some() || !matches!(constant.ty, Type::Text { .. } | Type::Bytes { .. }) {
        return None;
    }
    let value = constant.value()?;
    let whole = precision - scale;
    // One digit more on both ends: for what comes after the other's last digit, and for what is larger than it can be.
    if usize::from(whole) + usize::from(held) + 2 > 76 {
        return None;
    }
    let found = if constant.ty.is_byte_literal() {
        let number = i256::from_i128(i128::from(number::of_bytes(value.bytes().get(0)?)));
        number::rescale(number, 0, held + 1, false)
    } else {
        Some(number::read_marked(&String::from_utf8_lossy(value.bytes().get(0)?), held))
    };
    let limit = number::power(whole + held + 1);
    let found = found.map_or(limit, |found| found.clamp(-limit, limit));
    let ten = i256::from(10);
    let fits = found.wrapping_rem(ten) == i256::ZERO && found > -limit && found < limit;
    let ty = if fits {
        beside.ty.clone()
    } else {
        Type::Decimal { precision: whole + held + 2, scale: held + 1, held: held + 1 }
    };
    let found = if fits { found.wrapping_div(ten) } else { found };
    Some(Expr::literal(constant.span, ty.clone(), decimals::make(1, &ty, |_| Some(found))))
}

/// The text that a constant text or binary string is.
fn text_of(constant: &Expr) -> Option<String> {
    let value = constant.value()?;
    value.bytes().get(0).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}
