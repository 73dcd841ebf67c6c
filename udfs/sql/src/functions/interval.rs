//! Adding intervals, and the differences between dates.

use std::sync::Arc;

use arrow_array::types::{Date32Type, DurationMicrosecondType, Int64Type, TimestampMicrosecondType};

use super::{Call, Function, function, int};
use crate::bind::Result;
use crate::convert::calendar::{self, DAY, HOUR, MINUTE, SECOND, TIME_MAX};
use crate::convert::read::read_datetime;
use crate::convert::{canonical, convert};
use crate::error::{BindError, Span};
use crate::expr::Expr;
use crate::parse::Unit;
use crate::types::{self, Type};
use crate::value::make_numbers;

pub(super) const FUNCTIONS: &[Function] = &[
    function(&["DATE_ADD", "ADDDATE", "DATE_SUB", "SUBDATE"], 2, 2, days_added),
    function(&["DATEDIFF"], 2, 2, datediff),
    function(&["TIMESTAMPDIFF"], 3, 3, timestampdiff),
];

/// `ADDDATE(d, n)` adds days; the others need INTERVAL.
fn days_added(call: Call) -> Result<Expr> {
    let (span, name) = (call.span, call.name.clone());
    let [date, amount] = call.exactly()?;
    if name.starts_with("DATE_") {
        return Err(BindError::new(amount.span, format!("needed an interval: {name}(…, INTERVAL 1 DAY)")));
    }
    add(span, date, amount, Unit::Day, name == "SUBDATE")
}

fn micros(unit: Unit) -> Option<i64> {
    Some(match unit {
        Unit::Microsecond => 1,
        Unit::Second => SECOND,
        Unit::Minute => MINUTE,
        Unit::Hour => HOUR,
        Unit::Day => DAY,
        Unit::Week => 7 * DAY,
        Unit::Month | Unit::Quarter | Unit::Year => return None,
    })
}

fn months(unit: Unit) -> i64 {
    match unit {
        Unit::Quarter => 3,
        Unit::Year => 12,
        _ => 1,
    }
}

/// `date ± INTERVAL amount unit`; NULL where the result is no date between 0000 and 9999.
pub(crate) fn add(span: Span, date: Expr, amount: Expr, unit: Unit, subtract: bool) -> Result<Expr> {
    let whole_days = !matches!(unit, Unit::Microsecond | Unit::Second | Unit::Minute | Unit::Hour);
    let date = text_as_date(date)?;
    let fraction = match (&unit, &amount.ty) {
        (Unit::Second, Type::Decimal { .. } | Type::Double | Type::Text { .. }) => 6,
        _ => 0,
    };
    let fsp_more = match (unit, &amount.ty) {
        (Unit::Microsecond, _) => 6,
        (Unit::Second, Type::Decimal { scale, .. }) => (*scale).min(6),
        (Unit::Second, Type::Double | Type::Text { .. }) => 6,
        _ => 0,
    };
    // Seconds may have a fraction: they are counted in microseconds.
    let amount = if fraction > 0 {
        let micros = convert(amount, &types::decimal(38, 6))?;
        let million = Expr::literal(span, types::int(7), Arc::new(arrow_array::Int64Array::from(vec![1_000_000])));
        let product = crate::bind::operators::arithmetic_of(span, crate::eval::decimal::Op::Multiply, micros, million)?;
        convert(product, &types::bigint())?
    } else {
        int(amount)?
    };
    let unit_micros = if fraction > 0 { Some(1) } else { micros(unit) };
    let sign = if subtract { -1 } else { 1 };
    let move_by = move |moment: i64, amount: i64| -> Option<i64> {
        let amount = amount.checked_mul(sign)?;
        let moved = match unit_micros {
            Some(size) => moment.checked_add(amount.checked_mul(size)?)?,
            None => {
                let days = calendar::add_months(moment.div_euclid(DAY), amount.checked_mul(months(unit))?)?;
                days * DAY + moment.rem_euclid(DAY)
            }
        };
        calendar::in_range_micros(moved)
    };
    match date.ty.clone() {
        Type::Date if whole_days => Expr::call(
            span,
            Type::Date,
            true,
            vec![date, amount],
            Arc::new(move |args, rows| {
                let (dates, amounts) = (args[0].numbers::<Date32Type>(), args[1].numbers::<Int64Type>());
                Ok(make_numbers::<Date32Type>(rows.count, |row| {
                    move_by(i64::from(dates.get(row)?) * DAY, amounts.get(row)?)
                        .map(|moment| moment.div_euclid(DAY) as i32)
                }))
            }),
        ),
        Type::Time { fsp } => {
            let Some(size) = unit_micros.filter(|_| !matches!(unit, Unit::Month | Unit::Quarter | Unit::Year)) else {
                return Err(BindError::new(span, "months and years can't be added to a TIME"));
            };
            let ty = Type::Time { fsp: fsp.max(fsp_more) };
            let args = vec![canonical(date)?, amount];
            Expr::call(
                span,
                ty,
                true,
                args,
                Arc::new(move |args, rows| {
                    let (times, amounts) =
                        (args[0].numbers::<DurationMicrosecondType>(), args[1].numbers::<Int64Type>());
                    Ok(make_numbers::<DurationMicrosecondType>(rows.count, |row| {
                        let moved = times.get(row)?.checked_add(amounts.get(row)?.checked_mul(size * sign)?)?;
                        (moved.abs() <= TIME_MAX).then_some(moved)
                    }))
                }),
            )
        }
        other => {
            let fsp = if let Type::DateTime { fsp } = other { fsp } else { 0 };
            let date = convert(date, &Type::DateTime { fsp })?;
            let ty = Type::DateTime { fsp: fsp.max(fsp_more) };
            Expr::call(
                span,
                ty,
                true,
                vec![date, amount],
                Arc::new(move |args, rows| {
                    let (moments, amounts) =
                        (args[0].numbers::<TimestampMicrosecondType>(), args[1].numbers::<Int64Type>());
                    Ok(make_numbers::<TimestampMicrosecondType>(rows.count, |row| {
                        move_by(moments.get(row)?, amounts.get(row)?)
                    }))
                }),
            )
        }
    }
}

/// A literal that is only a date is one; other texts are dates with times.
pub(crate) fn text_as_date(expr: Expr) -> Result<Expr> {
    if !matches!(expr.ty, Type::Text { .. }) {
        return Ok(expr);
    }
    let target = match expr.literal_text().map(read_datetime) {
        Some(Some(read)) if read.parts > 3 => Type::DateTime { fsp: read.fsp },
        Some(_) => Type::Date,
        None => Type::DateTime { fsp: 6 },
    };
    convert(expr, &target)
}

pub(crate) fn datetime(expr: Expr) -> Result<Expr> {
    convert(expr, &Type::DateTime { fsp: 6 })
}

fn datediff(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a, b] = call.exactly()?;
    let args = vec![convert(a, &Type::Date)?, convert(b, &Type::Date)?];
    Expr::call(
        span,
        types::int(7),
        false,
        args,
        Arc::new(|args, rows| {
            let (a, b) = (args[0].numbers::<Date32Type>(), args[1].numbers::<Date32Type>());
            Ok(make_numbers::<Int64Type>(rows.count, |row| Some(i64::from(a.get(row)?) - i64::from(b.get(row)?))))
        }),
    )
}

fn timestampdiff(call: Call) -> Result<Expr> {
    let span = call.span;
    let [unit, from, to] = call.exactly()?;
    let unit = unit
        .literal_text()
        .and_then(Unit::from_name)
        .ok_or_else(|| BindError::new(unit.span, "needed a unit, such as DAY"))?;
    let args = vec![datetime(from)?, datetime(to)?];
    Expr::call(
        span,
        types::bigint(),
        false,
        args,
        Arc::new(move |args, rows| {
            let (a, b) = (args[0].numbers::<TimestampMicrosecondType>(), args[1].numbers::<TimestampMicrosecondType>());
            Ok(make_numbers::<Int64Type>(rows.count, |row| {
                let (from, to) = (a.get(row)?, b.get(row)?);
                Some(match micros(unit) {
                    Some(size) => (to - from) / size,
                    None => whole_months(from, to) / months(unit),
                })
            }))
        }),
    )
}

/// Months that are over, towards zero.
fn whole_months(from: i64, to: i64) -> i64 {
    if to < from {
        return -whole_months(to, from);
    }
    let (a, b) = (calendar::date(from.div_euclid(DAY)), calendar::date(to.div_euclid(DAY)));
    let months = (b.year - a.year) * 12 + b.month - a.month;
    let unfinished = (b.day, to.rem_euclid(DAY)) < (a.day, from.rem_euclid(DAY));
    months - i64::from(unfinished)
}
