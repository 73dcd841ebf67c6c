//! Dates and times as numbers, read and written as MySQL does, and written as texts; `read` reads those.

use std::fmt::Write;

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND, TIME_MAX};

/// Microseconds since 1970 of 20240131, 240131, 20240131102030, 240131102030.
pub(crate) fn datetime_of_number(number: i64) -> Option<i64> {
    let full = match number {
        101..=691_231 => (number + 20_000_000) * 1_000_000,
        700_101..=991_231 => (number + 19_000_000) * 1_000_000,
        10_000_101..=99_991_231 => number * 1_000_000,
        101_000_000..=691_231_235_959 => number + 20_000_000_000_000,
        700_101_000_000..=991_231_235_959 => number + 19_000_000_000_000,
        10_000_101_000_000..=99_991_231_235_959 => number,
        _ => return None,
    };
    let (date, time) = (full / 1_000_000, full % 1_000_000);
    moment(date / 10_000, [date / 100 % 100, date % 100, time / 10_000, time / 100 % 100, time % 100])
}

fn moment(year: i64, rest: [i64; 5]) -> Option<i64> {
    let [month, day, hour, minute, second] = rest;
    let days = calendar::checked_days(year, month, day)?;
    let in_day = hour <= 23 && minute <= 59 && second <= 59;
    in_day.then_some(days * DAY + hour * HOUR + minute * MINUTE + second * SECOND)
}

pub(crate) fn time_of_number(number: i64) -> Option<i64> {
    let size = number.abs();
    if size > 8_385_959 {
        return if size >= 10_000_000_000 {
            datetime_of_number(number).map(|micros| micros.rem_euclid(DAY))
        } else {
            Some(TIME_MAX * number.signum())
        };
    }
    let (hours, minutes, seconds) = (size / 10_000, size / 100 % 100, size % 100);
    (minutes < 60 && seconds < 60).then(|| number.signum() * (hours * HOUR + minutes * MINUTE + seconds * SECOND))
}

/// YYYYMMDD.
pub(crate) fn number_of_days(days: i64) -> i64 {
    let d = calendar::date(days);
    d.year * 10_000 + d.month * 100 + d.day
}

/// YYYYMMDDhhmmss, times a million, plus the microseconds.
pub(crate) fn number_of_datetime(micros: i64) -> i128 {
    let clock = calendar::clock(micros.rem_euclid(DAY));
    let number =
        number_of_days(micros.div_euclid(DAY)) * 1_000_000 + clock.hour * 10_000 + clock.minute * 100 + clock.second;
    i128::from(number) * 1_000_000 + i128::from(clock.micro)
}

/// hhmmss, times a million, plus the microseconds.
pub(crate) fn number_of_time(micros: i64) -> i128 {
    let clock = calendar::clock(micros.abs());
    let number = clock.hour * 10_000 + clock.minute * 100 + clock.second;
    i128::from(micros.signum()) * (i128::from(number) * 1_000_000 + i128::from(clock.micro))
}

pub(crate) fn write_date(days: i64, out: &mut String) {
    let d = calendar::date(days);
    let _ = write!(out, "{:04}-{:02}-{:02}", d.year, d.month, d.day);
}

pub(crate) fn write_datetime(micros: i64, fsp: u8, out: &mut String) {
    write_date(micros.div_euclid(DAY), out);
    out.push(' ');
    write_clock(micros.rem_euclid(DAY), fsp, out);
}

pub(crate) fn write_time(micros: i64, fsp: u8, out: &mut String) {
    if micros < 0 {
        out.push('-');
    }
    write_clock(micros.abs(), fsp, out);
}

fn write_clock(micros: i64, fsp: u8, out: &mut String) {
    let c = calendar::clock(micros);
    let _ = write!(out, "{:02}:{:02}:{:02}", c.hour, c.minute, c.second);
    if fsp > 0 {
        let _ = write!(out, ".{:0width$}", c.micro / 10i64.pow(6 - u32::from(fsp)), width = usize::from(fsp));
    }
}
