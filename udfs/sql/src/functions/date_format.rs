//! DATE_FORMAT, TIME_FORMAT and STR_TO_DATE: the same letters in both directions.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::types::{DurationMicrosecondType, TimestampMicrosecondType};

use super::dates::{DAYS, MONTHS};
use super::interval::datetime;
use super::{Call, Function, function};
use crate::bind::Result;
use crate::bind::compare::text;
use crate::convert::calendar::{self, DAY, HOUR, MINUTE, SECOND};
use crate::convert::convert;
use crate::error::{BindError, Span};
use crate::expr::Expr;
use crate::types::{Type, literal_text};
use crate::value::{make_numbers, make_texts};

pub(super) const FUNCTIONS: &[Function] = &[
    function(&["DATE_FORMAT"], 2, 2, |call| {
        let span = call.span;
        let [date, pattern] = call.exactly()?;
        format(span, date, pattern)
    }),
    function(&["TIME_FORMAT"], 2, 2, time_format),
    function(&["STR_TO_DATE"], 2, 2, str_to_date),
];

pub(super) fn format(span: Span, date: Expr, pattern: Expr) -> Result<Expr> {
    let chars = pattern.ty.chars().map(|chars| chars.saturating_mul(10));
    let args = vec![datetime(date)?, text(pattern)?];
    Expr::call(
        span,
        literal_text(chars),
        true,
        args,
        Arc::new(|args, rows| {
            let (moments, patterns) = (args[0].numbers::<TimestampMicrosecondType>(), args[1].texts());
            Ok(make_texts(rows.count, |row, out| {
                let moment = moments.get(row)?;
                write_all(patterns.get(row)?, Some(moment.div_euclid(DAY)), moment.rem_euclid(DAY), out)
            }))
        }),
    )
}

fn time_format(call: Call) -> Result<Expr> {
    let span = call.span;
    let [time, pattern] = call.exactly()?;
    let chars = pattern.ty.chars().map(|chars| chars.saturating_mul(10));
    let args = vec![convert(time, &Type::Time { fsp: 6 })?, text(pattern)?];
    Expr::call(
        span,
        literal_text(chars),
        true,
        args,
        Arc::new(|args, rows| {
            let (times, patterns) = (args[0].numbers::<DurationMicrosecondType>(), args[1].texts());
            Ok(make_texts(rows.count, |row, out| {
                let time = times.get(row)?;
                if time < 0 {
                    out.push('-');
                }
                write_all(patterns.get(row)?, None, time.abs(), out)
            }))
        }),
    )
}

fn write_all(pattern: &str, days: Option<i64>, time: i64, out: &mut String) -> Option<()> {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            None => out.push('%'),
            Some(letter) => write_one(letter, days, time, out)?,
        }
    }
    Some(())
}

/// None where a date's letter stands for a time, which has no date: NULL.
fn write_one(letter: char, days: Option<i64>, time: i64, out: &mut String) -> Option<()> {
    let clock = calendar::clock(time);
    let twelve = (clock.hour % 24 + 11) % 12 + 1;
    let half = if clock.hour % 24 < 12 { "AM" } else { "PM" };
    match letter {
        'H' => return write!(out, "{:02}", clock.hour).ok(),
        'k' => return write!(out, "{}", clock.hour).ok(),
        'h' | 'I' => return write!(out, "{twelve:02}").ok(),
        'l' => return write!(out, "{twelve}").ok(),
        'i' => return write!(out, "{:02}", clock.minute).ok(),
        's' | 'S' => return write!(out, "{:02}", clock.second).ok(),
        'f' => return write!(out, "{:06}", clock.micro).ok(),
        'p' => return write!(out, "{half}").ok(),
        'T' => return write!(out, "{:02}:{:02}:{:02}", clock.hour, clock.minute, clock.second).ok(),
        'r' => return write!(out, "{twelve:02}:{:02}:{:02} {half}", clock.minute, clock.second).ok(),
        _ => {}
    }
    if !"YymcMbdejDWawUuVvXx".contains(letter) {
        out.push(letter);
        return Some(());
    }
    let days = days?;
    let date = calendar::date(days);
    let weekday = calendar::weekday_from_sunday(days) as usize;
    let month = MONTHS[(date.month - 1) as usize];
    match letter {
        'Y' => write!(out, "{:04}", date.year),
        'y' => write!(out, "{:02}", date.year % 100),
        'm' => write!(out, "{:02}", date.month),
        'c' => write!(out, "{}", date.month),
        'M' => write!(out, "{month}"),
        'b' => write!(out, "{}", &month[..3]),
        'd' => write!(out, "{:02}", date.day),
        'e' => write!(out, "{}", date.day),
        'D' => write!(out, "{}{}", date.day, ordinal(date.day)),
        'j' => write!(out, "{:03}", calendar::day_of_year(days)),
        'W' => write!(out, "{}", DAYS[weekday]),
        'a' => write!(out, "{}", &DAYS[weekday][..3]),
        'w' => write!(out, "{weekday}"),
        'U' => write!(out, "{:02}", calendar::week(days, 0).0),
        'u' => write!(out, "{:02}", calendar::week(days, 1).0),
        'V' => write!(out, "{:02}", calendar::week(days, 2).0),
        'v' => write!(out, "{:02}", calendar::week(days, 3).0),
        'X' => write!(out, "{:04}", calendar::week(days, 2).1),
        _ => write!(out, "{:04}", calendar::week(days, 3).1),
    }
    .ok()
}

fn ordinal(day: i64) -> &'static str {
    match (day % 10, day / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

/// The result's type follows from the letters, so the pattern is a literal.
fn str_to_date(call: Call) -> Result<Expr> {
    let span = call.span;
    let [from, pattern] = call.exactly()?;
    let needed = || BindError::new(pattern.span, "STR_TO_DATE needs its format as a literal, such as '%Y-%m-%d'");
    let format = pattern.literal_text().ok_or_else(needed)?.to_owned();
    let has = |letters: &str| {
        let mut chars = format.chars();
        let mut found = false;
        while let Some(c) = chars.next() {
            if c == '%'
                && let Some(letter) = chars.next()
            {
                found |= letters.contains(letter);
            }
        }
        found
    };
    if has("UuVvXxwWa") {
        let message = "weeks and weekdays are not supported in the format of STR_TO_DATE; needed %Y %y %m %c %d %e %j %H %h %i %s %f %p %M %b %T %r";
        return Err(BindError::new(pattern.span, message));
    }
    let date = has("YymcMbdejD");
    let time = has("HkhIlisSfpTr");
    let fsp = if has("f") { 6 } else { 0 };
    let from = text(from)?;
    match (date, time) {
        (true, true) => Expr::call(
            span,
            Type::DateTime { fsp },
            true,
            vec![from],
            Arc::new(move |args, rows| {
                let texts = args[0].texts();
                Ok(make_numbers::<TimestampMicrosecondType>(rows.count, |row| {
                    let (days, time) = read_all(texts.get(row)?, &format)?;
                    Some(days? * DAY + time)
                }))
            }),
        ),
        (false, true) => Expr::call(
            span,
            Type::Time { fsp },
            true,
            vec![from],
            Arc::new(move |args, rows| {
                let texts = args[0].texts();
                Ok(make_numbers::<DurationMicrosecondType>(rows.count, |row| {
                    Some(read_all(texts.get(row)?, &format)?.1)
                }))
            }),
        ),
        _ => Expr::call(
            span,
            Type::Date,
            true,
            vec![from],
            Arc::new(move |args, rows| {
                let texts = args[0].texts();
                Ok(make_numbers::<arrow_array::types::Date32Type>(rows.count, |row| {
                    read_all(texts.get(row)?, &format)?.0.map(|days| days as i32)
                }))
            }),
        ),
    }
}

/// Days (None if they are no date) and time of day; None if the text doesn't follow the format.
fn read_all(text: &str, format: &str) -> Option<(Option<i64>, i64)> {
    let mut rest = text.trim_start();
    let (mut year, mut month, mut day, mut day_of_year) = (0, 0, 0, None);
    let (mut hour, mut minute, mut second, mut micro) = (0, 0, 0, 0);
    let mut afternoon = None;
    let mut chars = format.replace("%T", "%H:%i:%s").replace("%r", "%I:%i:%s %p");
    chars.push('\0');
    let mut letters = chars.chars();
    while let Some(c) = letters.next().filter(|c| *c != '\0') {
        if rest.trim_start().is_empty() {
            break;
        }
        if c != '%' {
            if c.is_whitespace() {
                rest = rest.trim_start();
            } else {
                rest = rest.trim_start().strip_prefix(c)?;
            }
            continue;
        }
        let letter = letters.next()?;
        let before = rest.trim_start();
        rest = before;
        match letter {
            'Y' => {
                year = digits(&mut rest, 4)?;
                if before.len() - rest.len() <= 2 {
                    year += if year < 70 { 2000 } else { 1900 };
                }
            }
            'y' => {
                let short = digits(&mut rest, 2)?;
                year = if short < 70 { short + 2000 } else { short + 1900 };
            }
            'm' | 'c' => month = digits(&mut rest, 2)?,
            'd' | 'e' => day = digits(&mut rest, 2)?,
            'D' => {
                day = digits(&mut rest, 2)?;
                rest = rest.get(2..)?;
            }
            'j' => day_of_year = Some(digits(&mut rest, 3)?),
            'M' => month = name(&mut rest, |full| full)?,
            'b' => month = name(&mut rest, |full| &full[..3])?,
            'H' | 'k' => hour = digits(&mut rest, 2)?,
            'h' | 'I' | 'l' => {
                hour = digits(&mut rest, 2)?;
                if !(1..=12).contains(&hour) {
                    return None;
                }
                hour %= 12;
            }
            'i' => minute = digits(&mut rest, 2)?,
            's' | 'S' => second = digits(&mut rest, 2)?,
            'f' => {
                let length = rest.bytes().take_while(u8::is_ascii_digit).count().min(6);
                micro = digits(&mut rest, 6)? * 10i64.pow(6 - length as u32);
            }
            'p' => {
                let half = rest.get(..2)?;
                afternoon = Some(if half.eq_ignore_ascii_case("PM") {
                    true
                } else if half.eq_ignore_ascii_case("AM") {
                    false
                } else {
                    return None;
                });
                rest = &rest[2..];
            }
            '%' => rest = rest.strip_prefix('%')?,
            _ => return None,
        }
    }
    if afternoon == Some(true) {
        hour += 12;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = match day_of_year {
        Some(of_year) => calendar::checked_days(year, 1, 1).filter(|_| of_year >= 1).map(|first| first + of_year - 1),
        None => calendar::checked_days(year, month, day),
    };
    Some((days, hour * HOUR + minute * MINUTE + second * SECOND + micro))
}

fn digits(rest: &mut &str, most: usize) -> Option<i64> {
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let number = rest.get(..length)?.parse().ok()?;
    *rest = &rest[length..];
    Some(number)
}

fn name(rest: &mut &str, part: impl Fn(&'static str) -> &'static str) -> Option<i64> {
    let found = MONTHS.iter().position(|month| {
        let wanted = part(month);
        rest.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted))
    })?;
    *rest = &rest[part(MONTHS[found]).len()..];
    Some(found as i64 + 1)
}
