//! To dates and times; what is none becomes NULL.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, DurationMicrosecondType, Float64Type, TimestampMicrosecondType};

use super::calendar::{self, DAY, TIME_MAX};
use super::{number, read, temporal};
use crate::eval::decimal::Decimals;
use crate::types::Type;
use crate::value::{Value, make_numbers};

type Reader<'a> = Box<dyn Fn(usize) -> Option<i64> + 'a>;

/// Whole part and microseconds of a number.
fn numbers<'a>(from: &Type, value: &'a Value, rows: usize) -> Box<dyn Fn(usize) -> Option<(i64, i64)> + 'a> {
    match from {
        Type::Decimal { held, .. } => {
            let (values, held) = (Decimals::of(value), *held);
            Box::new(move |row| {
                let scaled = number::narrow(number::rescale(values.get(row)?, held, 6, true)?);
                Some((i64::try_from(scaled / 1_000_000).ok()?, (scaled % 1_000_000) as i64))
            })
        }
        Type::Double => {
            let values = value.numbers::<Float64Type>();
            Box::new(move |row| {
                let x = values.get(row)?;
                Some((x.trunc() as i64, ((x - x.trunc()) * 1e6).round() as i64))
            })
        }
        _ => {
            let array = super::to_number::integers(from, value, false, rows);
            Box::new(move |row| {
                let array = array.as_primitive::<arrow_array::types::Int64Type>();
                arrow_array::Array::is_valid(array, row).then(|| (array.value(row), 0))
            })
        }
    }
}

/// Microseconds since 1970, not rounded. `written`: of texts as they are written, whatever offset follows.
fn moments<'a>(from: &Type, value: &'a Value, written: bool, rows: usize) -> Reader<'a> {
    match from {
        Type::Text { .. } | Type::Bytes { .. } | Type::Json | Type::Null => {
            let values = value.bytes();
            Box::new(move |row| {
                let text = std::str::from_utf8(values.get(row)?).ok()?;
                let read = read::read_datetime(text)?;
                if written { Some(read.micros) } else { read.utc() }
            })
        }
        Type::Date => {
            let values = value.numbers::<Date32Type>();
            Box::new(move |row| values.get(row).map(|d| i64::from(d) * DAY))
        }
        Type::DateTime { .. } => {
            let values = value.numbers::<TimestampMicrosecondType>();
            Box::new(move |row| values.get(row))
        }
        Type::Time { .. } => Box::new(|_| None),
        _ => {
            let numbers = numbers(from, value, rows);
            Box::new(move |row| {
                let (whole, micros) = numbers(row)?;
                temporal::datetime_of_number(whole).map(|moment| moment + micros)
            })
        }
    }
}

pub(super) fn dates(from: &Type, value: &Value, rows: usize) -> ArrayRef {
    let moments = moments(from, value, false, rows);
    make_numbers::<Date32Type>(rows, |row| moments(row).map(|t| t.div_euclid(DAY) as i32))
}

pub(super) fn datetimes(from: &Type, value: &Value, fsp: u8, rows: usize) -> ArrayRef {
    let moments = moments(from, value, false, rows);
    make_numbers::<TimestampMicrosecondType>(rows, |row| {
        calendar::in_range_micros(calendar::round_to(moments(row)?, fsp))
    })
}

/// What of a text is compared with dates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Compared {
    /// The moment as it is written, whatever offset follows.
    Written,
    /// The moment in UTC.
    Utc,
    /// The day of that.
    Day,
}

/// Texts to compare dates by: one that is no date is before all dates, and is not NULL.
pub(super) fn comparable(from: &Type, value: &Value, what: Compared, rows: usize) -> ArrayRef {
    let moments = moments(from, value, what == Compared::Written, rows);
    let known = |row: usize| !value.is_null(row);
    if what == Compared::Day {
        let day = |row| moments(row).map_or(i32::MIN, |t| t.div_euclid(DAY) as i32);
        return make_numbers::<Date32Type>(rows, |row| known(row).then(|| day(row)));
    }
    make_numbers::<TimestampMicrosecondType>(rows, |row| known(row).then(|| moments(row).unwrap_or(i64::MIN)))
}

pub(super) fn times(from: &Type, value: &Value, fsp: u8, rows: usize) -> ArrayRef {
    let read: Reader<'_> = match from {
        Type::Text { .. } | Type::Bytes { .. } | Type::Json | Type::Null => {
            let values = value.bytes();
            Box::new(move |row| {
                let text = std::str::from_utf8(values.get(row)?).ok()?;
                read::read_time(text).map(|read| read.micros)
            })
        }
        Type::Date => Box::new(move |row| (!value.is_null(row)).then_some(0)),
        Type::DateTime { .. } => {
            let values = value.numbers::<TimestampMicrosecondType>();
            Box::new(move |row| values.get(row).map(|t| t.rem_euclid(DAY)))
        }
        Type::Time { .. } => {
            let values = value.numbers::<DurationMicrosecondType>();
            Box::new(move |row| values.get(row))
        }
        _ => {
            let numbers = numbers(from, value, rows);
            Box::new(move |row| {
                let (whole, micros) = numbers(row)?;
                temporal::time_of_number(whole).map(|t| t + micros)
            })
        }
    };
    make_numbers::<DurationMicrosecondType>(rows, |row| {
        let time = read(row)?;
        let rounded = calendar::round_to(time.abs(), fsp).min(TIME_MAX);
        Some(if time < 0 { -rounded } else { rounded })
    })
}
