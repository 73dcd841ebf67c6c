//! Parts of dates and times, and what is made of them.

use std::sync::Arc;

use arrow_array::types::{Date32Type, DurationMicrosecondType, Int64Type, TimestampMicrosecondType};

use super::interval::datetime;
use super::{Call, Function, function, int, to_text};
use crate::bind::Result;
use crate::convert::calendar::{self, DAY, HOUR, MINUTE, SECOND, TIME_MAX};
use crate::convert::convert;
use crate::error::BindError;
use crate::expr::Expr;
use crate::parse::Unit;
use crate::types::{self, Type, literal_text};
use crate::value::make_numbers;

pub(super) const FUNCTIONS: &[Function] = &[
    function(&["DATE"], 1, 1, |call| {
        let [a] = no_time(call)?.exactly()?;
        convert(a, &Type::Date)
    }),
    function(&["TIMESTAMP"], 1, 1, |call| {
        let [a] = no_time(call)?.exactly()?;
        let fsp = if let Type::DateTime { fsp } = a.ty {
            fsp
        } else if a.ty.is_text() {
            6
        } else {
            0
        };
        convert(a, &Type::DateTime { fsp })
    }),
    function(&["TIME"], 1, 1, |call| {
        let [a] = call.exactly()?;
        let fsp = match a.ty {
            Type::DateTime { fsp } | Type::Time { fsp } => fsp,
            Type::Text { .. } => 6,
            _ => 0,
        };
        convert(a, &Type::Time { fsp })
    }),
    function(&["YEAR"], 1, 1, |call| of_date(call, 4, |days| calendar::date(days).year)),
    function(&["MONTH"], 1, 1, |call| of_date(call, 2, |days| calendar::date(days).month)),
    function(&["DAY", "DAYOFMONTH"], 1, 1, |call| of_date(call, 2, |days| calendar::date(days).day)),
    function(&["QUARTER"], 1, 1, |call| of_date(call, 1, |days| (calendar::date(days).month + 2) / 3)),
    function(&["DAYOFWEEK"], 1, 1, |call| of_date(call, 1, |days| calendar::weekday_from_sunday(days) + 1)),
    function(&["WEEKDAY"], 1, 1, |call| of_date(call, 1, |days| (calendar::weekday_from_sunday(days) + 6) % 7)),
    function(&["DAYOFYEAR"], 1, 1, |call| of_date(call, 3, calendar::day_of_year)),
    function(&["WEEKOFYEAR"], 1, 1, |call| of_date(call, 2, |days| calendar::week(days, 3).0)),
    function(&["WEEK"], 1, 2, |call| week(call, false)),
    function(&["YEARWEEK"], 1, 2, |call| week(call, true)),
    function(&["TO_DAYS"], 1, 1, |call| of_date(call, 6, |days| days + 719_528)),
    function(&["LAST_DAY"], 1, 1, last_day),
    function(&["DAYNAME"], 1, 1, |call| named(call, |days| DAYS[calendar::weekday_from_sunday(days) as usize])),
    function(&["MONTHNAME"], 1, 1, |call| named(call, |days| MONTHS[calendar::date(days).month as usize - 1])),
    function(&["HOUR"], 1, 1, |call| of_time(call, 3, |t| t / HOUR)),
    function(&["MINUTE"], 1, 1, |call| of_time(call, 2, |t| t / MINUTE % 60)),
    function(&["SECOND"], 1, 1, |call| of_time(call, 2, |t| t / SECOND % 60)),
    function(&["MICROSECOND"], 1, 1, |call| of_time(call, 6, |t| t % SECOND)),
    function(&["EXTRACT"], 2, 2, extract),
    function(&["TIME_TO_SEC"], 1, 1, time_to_sec),
    function(&["SEC_TO_TIME"], 1, 1, sec_to_time),
    function(&["UNIX_TIMESTAMP"], 1, 1, unix_timestamp),
    function(&["FROM_UNIXTIME"], 1, 2, from_unixtime),
    function(&["FROM_DAYS"], 1, 1, from_days),
    function(&["MAKEDATE"], 2, 2, makedate),
];

pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn no_time(call: Call) -> Result<Call> {
    match call.args.iter().find(|arg| matches!(arg.ty, Type::Time { .. })) {
        Some(arg) => Err(BindError::new(arg.span, "a TIME has no date (MySQL would take the current one)")),
        None => Ok(call),
    }
}

fn of_date(call: Call, digits: u8, f: fn(i64) -> i64) -> Result<Expr> {
    let span = call.span;
    let [a] = no_time(call)?.exactly()?;
    Expr::call(
        span,
        types::int(digits),
        true,
        vec![convert(a, &Type::Date)?],
        Arc::new(move |args, rows| {
            let dates = args[0].numbers::<Date32Type>();
            Ok(make_numbers::<Int64Type>(rows.count, |row| dates.get(row).map(|days| f(i64::from(days)))))
        }),
    )
}

/// Of the time without its sign.
fn of_time(call: Call, digits: u8, f: fn(i64) -> i64) -> Result<Expr> {
    let span = call.span;
    let [a] = call.exactly()?;
    Expr::call(
        span,
        types::int(digits),
        true,
        vec![convert(a, &Type::Time { fsp: 6 })?],
        Arc::new(move |args, rows| {
            let times = args[0].numbers::<DurationMicrosecondType>();
            Ok(make_numbers::<Int64Type>(rows.count, |row| times.get(row).map(|t| f(t.abs()))))
        }),
    )
}

/// EXTRACT keeps the sign of a TIME.
fn signed_time(call: Call, digits: u8, f: fn(i64) -> i64) -> Result<Expr> {
    let span = call.span;
    let [a] = call.exactly()?;
    let args = vec![convert(a, &Type::Time { fsp: 6 })?];
    let kernel = move |args: &[crate::value::Value], rows: &mut crate::value::Rows| {
        let times = args[0].numbers::<DurationMicrosecondType>();
        Ok(make_numbers::<Int64Type>(rows.count, |row| times.get(row).map(|t| f(t.abs()) * t.signum())))
    };
    Expr::call(span, types::int(digits), true, args, Arc::new(kernel))
}

fn named(call: Call, f: fn(i64) -> &'static str) -> Result<Expr> {
    let span = call.span;
    let [a] = no_time(call)?.exactly()?;
    to_text(span, literal_text(Some(9)), true, vec![convert(a, &Type::Date)?], move |args, row, out| {
        out.push_str(f(i64::from(args[0].numbers::<Date32Type>().get(row)?)));
        Some(())
    })
}

fn week(call: Call, with_year: bool) -> Result<Expr> {
    let span = call.span;
    let mut args = no_time(call)?.args.into_iter();
    let Some(date) = args.next() else { return Ok(Expr::null(span)) };
    let mode = match args.next() {
        Some(mode) => int(mode)?,
        None => Expr::literal(span, types::int(1), Arc::new(arrow_array::Int64Array::from(vec![0]))),
    };
    Expr::call(
        span,
        types::int(6),
        true,
        vec![convert(date, &Type::Date)?, mode],
        Arc::new(move |args, rows| {
            let (dates, modes) = (args[0].numbers::<Date32Type>(), args[1].numbers::<Int64Type>());
            Ok(make_numbers::<Int64Type>(rows.count, |row| {
                let mode = modes.get(row)? | if with_year { 2 } else { 0 };
                let (week, year) = calendar::week(i64::from(dates.get(row)?), mode);
                Some(if with_year { year * 100 + week } else { week })
            }))
        }),
    )
}

fn last_day(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a] = no_time(call)?.exactly()?;
    Expr::call(
        span,
        Type::Date,
        true,
        vec![convert(a, &Type::Date)?],
        Arc::new(|args, rows| {
            let dates = args[0].numbers::<Date32Type>();
            Ok(make_numbers::<Date32Type>(rows.count, |row| {
                let date = calendar::date(i64::from(dates.get(row)?));
                let day = calendar::month_days(date.year, date.month);
                Some(calendar::days(calendar::Date { day, ..date }) as i32)
            }))
        }),
    )
}

/// `EXTRACT(unit FROM …)`.
fn extract(call: Call) -> Result<Expr> {
    let (span, name) = (call.span, call.name.clone());
    let [unit, from] = call.exactly()?;
    let unit = unit.literal_text().and_then(Unit::from_name);
    let is_time = matches!(from.ty, Type::Time { .. });
    let call = Call { name, span, args: vec![from] };
    match unit {
        Some(Unit::Year) => of_date(call, 4, |days| calendar::date(days).year),
        Some(Unit::Quarter) => of_date(call, 1, |days| (calendar::date(days).month + 2) / 3),
        Some(Unit::Month) => of_date(call, 2, |days| calendar::date(days).month),
        Some(Unit::Week) => of_date(call, 2, |days| calendar::week(days, 0).0),
        Some(Unit::Day) if is_time => signed_time(call, 2, |t| t / DAY),
        Some(Unit::Day) => of_date(call, 2, |days| calendar::date(days).day),
        Some(Unit::Hour) => signed_time(call, 3, |t| t / HOUR),
        Some(Unit::Minute) => signed_time(call, 2, |t| t / MINUTE % 60),
        Some(Unit::Second) => signed_time(call, 2, |t| t / SECOND % 60),
        Some(Unit::Microsecond) => signed_time(call, 6, |t| t % SECOND),
        None => Err(BindError::new(span, "needed a unit, such as EXTRACT(YEAR FROM …)")),
    }
}

fn time_to_sec(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a] = call.exactly()?;
    Expr::call(
        span,
        types::int(10),
        true,
        vec![convert(a, &Type::Time { fsp: 6 })?],
        Arc::new(|args, rows| {
            let times = args[0].numbers::<DurationMicrosecondType>();
            Ok(make_numbers::<Int64Type>(rows.count, |row| times.get(row).map(|t| t / SECOND)))
        }),
    )
}

fn sec_to_time(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a] = call.exactly()?;
    Expr::call(
        span,
        Type::Time { fsp: 0 },
        false,
        vec![int(a)?],
        Arc::new(|args, rows| {
            let seconds = args[0].numbers::<Int64Type>();
            Ok(make_numbers::<DurationMicrosecondType>(rows.count, |row| {
                Some(seconds.get(row)?.saturating_mul(SECOND).clamp(-TIME_MAX, TIME_MAX))
            }))
        }),
    )
}

/// Seconds since 1970 in UTC; 0 outside of the years of TIMESTAMP.
fn unix_timestamp(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a] = no_time(call)?.exactly()?;
    let fsp = match a.ty {
        Type::DateTime { fsp } => fsp,
        Type::Text { .. } if a.value().is_none() => 6,
        _ => a.literal_text().and_then(|t| t.rsplit_once('.')).map_or(0, |(_, f)| f.len().min(6) as u8),
    };
    let ty = if fsp == 0 { types::int(11) } else { types::decimal(11 + u32::from(fsp), u32::from(fsp)) };
    // 3001-01-18 23:59:59.999999, the last moment of 64-bit timestamps in MySQL.
    let most = 32_536_771_199i64 * SECOND + 999_999;
    let seconds = move |t: i64| if t < 0 || t > most { 0 } else { t };
    let target = ty.clone();
    Expr::call(
        span,
        ty,
        true,
        vec![datetime(a)?],
        Arc::new(move |args, rows| {
            let moments = args[0].numbers::<TimestampMicrosecondType>();
            if fsp == 0 {
                return Ok(make_numbers::<Int64Type>(rows.count, |row| moments.get(row).map(|t| seconds(t) / SECOND)));
            }
            let unit = 10i64.pow(6 - u32::from(fsp));
            Ok(crate::eval::decimal::make(rows.count, &target, |row| {
                moments.get(row).map(|t| arrow_buffer::i256::from(seconds(t) / unit))
            }))
        }),
    )
}

fn from_unixtime(call: Call) -> Result<Expr> {
    let span = call.span;
    let mut args = call.args.into_iter();
    let Some(a) = args.next() else { return Ok(Expr::null(span)) };
    let fsp = match a.ty {
        Type::Decimal { scale, .. } => scale.min(6),
        Type::Double | Type::Text { .. } => 6,
        _ => 0,
    };
    let micros = convert(a, &types::decimal(38, 6))?;
    let moment = Expr::call(
        span,
        Type::DateTime { fsp },
        true,
        vec![micros],
        Arc::new(move |args, rows| {
            let numbers = crate::eval::decimal::Decimals::of(&args[0]);
            Ok(make_numbers::<TimestampMicrosecondType>(rows.count, |row| {
                let micros = i64::try_from(crate::convert::number::narrow(numbers.get(row)?)).ok()?;
                (0..=32_536_771_199 * SECOND + 999_999).contains(&micros).then(|| calendar::round_to(micros, fsp))
            }))
        }),
    )?;
    match args.next() {
        None => Ok(moment),
        Some(format) => super::date_format::format(span, moment, format),
    }
}

fn from_days(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a] = call.exactly()?;
    Expr::call(
        span,
        Type::Date,
        true,
        vec![int(a)?],
        Arc::new(|args, rows| {
            let numbers = args[0].numbers::<Int64Type>();
            Ok(make_numbers::<Date32Type>(rows.count, |row| {
                let number = numbers.get(row)?;
                if number <= 365 {
                    return None;
                }
                calendar::in_range_days(number.checked_sub(719_528)?).map(|days| days as i32)
            }))
        }),
    )
}

fn makedate(call: Call) -> Result<Expr> {
    let span = call.span;
    let [year, day] = call.exactly()?;
    Expr::call(
        span,
        Type::Date,
        true,
        vec![int(year)?, int(day)?],
        Arc::new(|args, rows| {
            let (years, days) = (args[0].numbers::<Int64Type>(), args[1].numbers::<Int64Type>());
            Ok(make_numbers::<Date32Type>(rows.count, |row| {
                let (year, day) = (years.get(row)?, days.get(row)?);
                if day <= 0 || !(0..=9999).contains(&year) {
                    return None;
                }
                let year = match year {
                    0..70 => year + 2000,
                    70..100 => year + 1900,
                    _ => year,
                };
                let first = calendar::checked_days(year, 1, 1)?;
                calendar::in_range_days(first.checked_add(day - 1)?).map(|days| days as i32)
            }))
        }),
    )
}
