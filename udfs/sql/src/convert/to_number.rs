//! To integers, doubles and decimals.

use arrow_array::ArrayRef;
use arrow_array::types::{
    Date32Type, DurationMicrosecondType, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_buffer::i256;

use super::{number, temporal};
use crate::eval::decimal::{self, Decimals};
use crate::types::Type;
use crate::value::{Value, make_numbers};

/// Rounded half away from zero (doubles: to even); what is too large becomes the largest. A signed number and an
/// unsigned one have the same bits, as in MySQL.
pub(super) fn integers(from: &Type, value: &Value, unsigned: bool, rows: usize) -> ArrayRef {
    if unsigned {
        make_numbers::<UInt64Type>(rows, reader(from, value, true, |n| n as u64))
    } else {
        make_numbers::<Int64Type>(rows, reader(from, value, false, |n| n as i64))
    }
}

fn reader<'a, T: 'a>(
    from: &Type,
    value: &'a Value,
    unsigned: bool,
    bits: impl Fn(i128) -> T + 'a,
) -> Box<dyn FnMut(usize) -> Option<T> + 'a> {
    // A number that is not one of 64 bits at all is clamped; one of the other signedness keeps its bits.
    let clamp = move |n: i128| {
        if unsigned {
            n.clamp(i128::from(i64::MIN), i128::from(u64::MAX))
        } else {
            n.clamp(i128::from(i64::MIN), i128::from(i64::MAX))
        }
    };
    match from {
        Type::Bool => {
            let values = value.bits();
            Box::new(move |row| values.get(row).map(|b| bits(i128::from(b))))
        }
        Type::Int { unsigned: true, .. } => {
            let values = value.numbers::<UInt64Type>();
            Box::new(move |row| values.get(row).map(|n| bits(i128::from(n))))
        }
        Type::Int { .. } => {
            let values = value.numbers::<Int64Type>();
            Box::new(move |row| values.get(row).map(|n| bits(i128::from(n))))
        }
        Type::Decimal { held, .. } => {
            let (values, held) = (Decimals::of(value), *held);
            Box::new(move |row| {
                let rounded = number::rescale(values.get(row)?, held, 0, true)?;
                let rounded = number::narrow(rounded);
                Some(bits(clamp(rounded)))
            })
        }
        Type::Double => {
            let values = value.numbers::<Float64Type>();
            Box::new(move |row| values.get(row).map(|x| bits(clamp(x.round_ties_even() as i128))))
        }
        Type::Bytes { literal: Some(_), .. } => {
            let values = value.bytes();
            Box::new(move |row| values.get(row).map(|b| bits(i128::from(number::of_bytes(b)))))
        }
        Type::Text { .. } | Type::Json | Type::Bytes { .. } | Type::Null => {
            let values = value.bytes();
            Box::new(move |row| {
                let n = number::read_integer(&String::from_utf8_lossy(values.get(row)?));
                Some(bits(if n > i128::from(i64::MAX) { n.min(i128::from(u64::MAX)) } else { clamp(n) }))
            })
        }
        Type::Date => {
            let values = value.numbers::<Date32Type>();
            Box::new(move |row| values.get(row).map(|d| bits(i128::from(temporal::number_of_days(i64::from(d))))))
        }
        Type::DateTime { .. } => {
            let values = value.numbers::<TimestampMicrosecondType>();
            Box::new(move |row| {
                let rounded = super::calendar::round_to(values.get(row)?, 0);
                Some(bits(temporal::number_of_datetime(rounded) / 1_000_000))
            })
        }
        Type::Time { .. } => {
            let values = value.numbers::<DurationMicrosecondType>();
            Box::new(move |row| {
                let rounded = super::calendar::round_to(values.get(row)?.abs(), 0);
                let number = temporal::number_of_time(rounded) / 1_000_000;
                Some(bits(if values.get(row)? < 0 { -number } else { number }))
            })
        }
    }
}

pub(super) fn doubles(from: &Type, value: &Value, rows: usize) -> ArrayRef {
    match from {
        Type::Bool => {
            let values = value.bits();
            make_numbers::<Float64Type>(rows, |row| values.get(row).map(|b| f64::from(u8::from(b))))
        }
        Type::Int { unsigned: true, .. } => {
            let values = value.numbers::<UInt64Type>();
            make_numbers::<Float64Type>(rows, |row| values.get(row).map(|n| n as f64))
        }
        Type::Int { .. } => {
            let values = value.numbers::<Int64Type>();
            make_numbers::<Float64Type>(rows, |row| values.get(row).map(|n| n as f64))
        }
        Type::Decimal { held, .. } => {
            let values = Decimals::of(value);
            make_numbers::<Float64Type>(rows, |row| values.get(row).map(|n| number::decimal_to_double(n, *held)))
        }
        Type::Double => value.array.clone(),
        Type::Bytes { literal: Some(_), .. } => {
            let values = value.bytes();
            make_numbers::<Float64Type>(rows, |row| values.get(row).map(|b| number::of_bytes(b) as f64))
        }
        Type::Text { .. } | Type::Json | Type::Bytes { .. } | Type::Null => {
            let values = value.bytes();
            make_numbers::<Float64Type>(rows, |row| {
                values.get(row).map(|b| number::read_double(&String::from_utf8_lossy(b)))
            })
        }
        Type::Date => {
            let values = value.numbers::<Date32Type>();
            make_numbers::<Float64Type>(rows, |row| {
                values.get(row).map(|d| temporal::number_of_days(i64::from(d)) as f64)
            })
        }
        Type::DateTime { .. } => {
            let values = value.numbers::<TimestampMicrosecondType>();
            make_numbers::<Float64Type>(rows, |row| {
                values.get(row).map(|t| number::decimal_to_double(i256::from_i128(temporal::number_of_datetime(t)), 6))
            })
        }
        Type::Time { .. } => {
            let values = value.numbers::<DurationMicrosecondType>();
            make_numbers::<Float64Type>(rows, |row| {
                values.get(row).map(|t| number::decimal_to_double(i256::from_i128(temporal::number_of_time(t)), 6))
            })
        }
    }
}

pub(super) fn decimals(from: &Type, value: &Value, to: &Type, rows: usize) -> ArrayRef {
    let Type::Decimal { precision, scale, held } = *to else { return value.array.clone() };
    let limit = number::largest(precision - scale + held);
    let fit = |n: i256| n.clamp(-limit, limit);
    let up = |n: i128, digits: u8| {
        number::rescale(i256::from_i128(n), digits, held, true).map_or(if n < 0 { -limit } else { limit }, fit)
    };
    match from {
        Type::Decimal { .. } => decimal::change(value, to, rows),
        Type::Bool => {
            let values = value.bits();
            decimal::make(rows, to, |row| values.get(row).map(|b| up(i128::from(b), 0)))
        }
        Type::Int { unsigned: true, .. } => {
            let values = value.numbers::<UInt64Type>();
            decimal::make(rows, to, |row| values.get(row).map(|n| up(i128::from(n), 0)))
        }
        Type::Int { .. } => {
            let values = value.numbers::<Int64Type>();
            decimal::make(rows, to, |row| values.get(row).map(|n| up(i128::from(n), 0)))
        }
        Type::Double => {
            let values = value.numbers::<Float64Type>();
            decimal::make(rows, to, |row| values.get(row).map(|x| fit(number::read_decimal(&format!("{x:e}"), held))))
        }
        Type::Bytes { literal: Some(_), .. } => {
            let values = value.bytes();
            decimal::make(rows, to, |row| values.get(row).map(|b| up(i128::from(number::of_bytes(b)), 0)))
        }
        Type::Text { .. } | Type::Json | Type::Bytes { .. } | Type::Null => {
            let values = value.bytes();
            decimal::make(rows, to, |row| {
                values.get(row).map(|b| fit(number::read_decimal(&String::from_utf8_lossy(b), held)))
            })
        }
        Type::Date => {
            let values = value.numbers::<Date32Type>();
            decimal::make(rows, to, |row| {
                values.get(row).map(|d| up(i128::from(temporal::number_of_days(i64::from(d))), 0))
            })
        }
        Type::DateTime { .. } => {
            let values = value.numbers::<TimestampMicrosecondType>();
            decimal::make(rows, to, |row| values.get(row).map(|t| up(temporal::number_of_datetime(t), 6)))
        }
        Type::Time { .. } => {
            let values = value.numbers::<DurationMicrosecondType>();
            decimal::make(rows, to, |row| values.get(row).map(|t| up(temporal::number_of_time(t), 6)))
        }
    }
}
