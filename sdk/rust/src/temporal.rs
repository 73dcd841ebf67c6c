//! Dates and times: MySQL's `DATE`, `TIME`, `DATETIME` and `TIMESTAMP`.
//!
//! All are plain numbers with a meaning: [`Date`] counts days, the others count µs. There are no
//! time zones: a [`Timestamp`] is UTC, a [`Datetime`] is whatever the column means. Parsing takes
//! MySQL's spelling (`2024-02-29`, `2024-02-29 12:30:00.5`, `-838:59:59`), also with `T` between
//! date and time; printing is MySQL's, with a fraction only where there is one.

use crate::calendar::{civil_from_days, days_from_civil, days_in_month};
use crate::contract::DataType;
use crate::fixed::wraps;
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A calendar day, counted from 1970-01-01.
///
/// ```
/// use rowmill_sdk::Date;
///
/// let day: Date = "2024-02-28".parse().unwrap();
/// assert_eq!(day.add_days(2).to_string(), "2024-03-01");
/// assert_eq!(day.add_months(12).to_string(), "2025-02-28");
/// assert_eq!(day.weekday(), 2); // a Wednesday
/// assert_eq!(Date::from_ymd(2023, 2, 29), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);
wraps!(Date, i32, DataType::Date);

impl Date {
    /// The date; `None` when there is no such day in the years 0 to 9999.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        let exists = (0..=9999).contains(&year) && day >= 1 && day <= days_in_month(year, month);
        exists.then(|| Self(days_from_civil(year, month, day)))
    }

    /// Year, month and day.
    pub fn ymd(self) -> (i32, u32, u32) {
        civil_from_days(self.0)
    }

    /// The day `days` later, or earlier when negative.
    #[must_use]
    pub fn add_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The same day of the month `months` later; the last day of that month when it is shorter.
    #[must_use]
    pub fn add_months(self, months: i32) -> Self {
        let (year, month, day) = self.ymd();
        let index = i64::from(year) * 12 + i64::from(month) - 1 + i64::from(months);
        let (year, month) = (index.div_euclid(12) as i32, index.rem_euclid(12) as u32 + 1);
        Self(days_from_civil(year, month, day.min(days_in_month(year, month))))
    }

    /// Days from `earlier` to `self`.
    pub fn days_since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    /// 0 = Monday to 6 = Sunday, as MySQL's `WEEKDAY()`.
    pub fn weekday(self) -> u32 {
        (i64::from(self.0) + 3).rem_euclid(7) as u32
    }

    /// Midnight of the day.
    pub fn midnight(self) -> Datetime {
        Datetime(i64::from(self.0) * DAY)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Date {
    type Err = ParseTemporalError;
    fn from_str(text: &str) -> Result<Self, ParseTemporalError> {
        let mut parts = text.splitn(3, '-').map(|part| number(part, 4));
        let (year, month, day) = (parts.next(), parts.next(), parts.next());
        match (year.flatten(), month.flatten(), day.flatten()) {
            (Some(y), Some(m), Some(d)) => Self::from_ymd(y as i32, m as u32, d as u32),
            _ => None,
        }
        .ok_or(ParseTemporalError("a date such as 2024-02-29"))
    }
}

/// A signed length of time in µs: MySQL's `TIME`, which also is a time of day.
///
/// ```
/// use rowmill_sdk::Time;
///
/// let time: Time = "-01:30:00.25".parse().unwrap();
/// assert_eq!(time.to_string(), "-01:30:00.250000");
/// assert_eq!((time + Time::hms(2, 0, 0)).to_string(), "00:29:59.750000");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);
wraps!(Time, i64, DataType::Time);

impl Time {
    /// Hours, minutes and seconds; the whole counts, 90 minutes are fine.
    pub const fn hms(hours: i64, minutes: i64, seconds: i64) -> Self {
        Self((hours * 3600 + minutes * 60 + seconds) * SECOND)
    }

    /// µs.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded towards zero.
    pub const fn seconds(self) -> i64 {
        self.0 / SECOND
    }
}

impl Add for Time {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Time {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, micros) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let seconds = micros / 1_000_000;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        write!(f, "{sign}{hours:02}:{minutes:02}:{:02}", seconds % 60)?;
        match micros % 1_000_000 {
            0 => Ok(()),
            fraction => write!(f, ".{fraction:06}"),
        }
    }
}

impl FromStr for Time {
    type Err = ParseTemporalError;
    fn from_str(text: &str) -> Result<Self, ParseTemporalError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let micros = clock(digits).ok_or(ParseTemporalError("a time such as 12:30:00.5"))?;
        Ok(Self(if negative { -micros } else { micros }))
    }
}

/// Defines a point in time: µs since 1970-01-01 00:00:00.
macro_rules! instant {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);
        wraps!($name, i64, DataType::$name);

        impl $name {
            /// The calendar day.
            pub fn date(self) -> Date {
                Date(i32::try_from(self.0.div_euclid(DAY)).unwrap_or(if self.0 < 0 { i32::MIN } else { i32::MAX }))
            }

            /// The time of day.
            pub fn time(self) -> Time {
                Time(self.0.rem_euclid(DAY))
            }

            /// µs since 1970-01-01 00:00:00.
            pub const fn micros(self) -> i64 {
                self.0
            }

            /// Seconds since 1970-01-01 00:00:00, rounded down.
            pub const fn unix_seconds(self) -> i64 {
                self.0.div_euclid(SECOND)
            }

            /// The start of the interval of length `step` that holds this point, counted from
            /// 1970-01-01 00:00:00; the point itself when `step` is not positive.
            #[must_use]
            pub fn truncate_to(self, step: Time) -> Self {
                if step.0 <= 0 {
                    return self;
                }
                Self(self.0 - self.0.rem_euclid(step.0))
            }
        }

        impl Add<Time> for $name {
            type Output = Self;
            fn add(self, time: Time) -> Self {
                Self(self.0.saturating_add(time.0))
            }
        }

        impl Sub<Time> for $name {
            type Output = Self;
            fn sub(self, time: Time) -> Self {
                Self(self.0.saturating_sub(time.0))
            }
        }

        impl Sub for $name {
            type Output = Time;
            fn sub(self, other: Self) -> Time {
                Time(self.0.saturating_sub(other.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", self.date(), self.time())
            }
        }

        impl FromStr for $name {
            type Err = ParseTemporalError;
            fn from_str(text: &str) -> Result<Self, ParseTemporalError> {
                point(text)
                    .map(Self)
                    .ok_or(ParseTemporalError("a date and time such as 2024-02-29 12:30:00.5"))
            }
        }
    };
}

instant! {
    /// A point on a calendar without a time zone.
    ///
    /// ```
    /// use rowmill_sdk::{Datetime, Time};
    ///
    /// let at: Datetime = "2024-02-29T23:59:59.5".parse().unwrap();
    /// assert_eq!((at + Time::hms(0, 0, 1)).to_string(), "2024-03-01 00:00:00.500000");
    /// assert_eq!(at.truncate_to(Time::hms(1, 0, 0)).to_string(), "2024-02-29 23:00:00");
    /// ```
    Datetime
}
instant! {
    /// A moment, in UTC.
    Timestamp
}

/// The text is no date or time of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseTemporalError(&'static str);

impl fmt::Display for ParseTemporalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "needed {}", self.0)
    }
}

impl std::error::Error for ParseTemporalError {}

/// One to `digits` digits as a number.
fn number(text: &str, digits: usize) -> Option<i64> {
    let fits = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

/// `hh:mm:ss[.ffffff]` in µs; up to 838 hours. Digits after the sixth are cut.
fn clock(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.splitn(3, ':').map(|part| number(part, 3));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = &fraction[..fraction.len().min(6)];
    let micros = number(kept, 6)? * 10i64.pow(6 - kept.len() as u32);
    let exists = hours <= 838 && minutes < 60 && seconds < 60;
    exists.then_some(Time::hms(hours, minutes, seconds).0 + micros)
}

/// A date, or a date and a time of day, in µs.
fn point(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, clock(time).filter(|micros| *micros < DAY)?),
        None => (text, 0),
    };
    Some(date.parse::<Date>().ok()?.midnight().0 + time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_parses_to_the_same() {
        for text in ["0000-01-01 00:00:00", "1969-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"] {
            assert_eq!(text.parse::<Datetime>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        for text in ["-838:59:59", "838:59:59", "00:00:00.000001", "-00:00:00.500000"] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn texts_that_are_no_dates_are_refused() {
        for text in ["", "2024-02-30", "2024-13-01", "2024-00-10", "10000-01-01", "2024-1", "+2024-1-1", "2024-01-01x"]
        {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        for text in ["24:00", "12:60:00", "12:00:60", "1:2:3.", "--1:00:00", "839:00:00", "1:2:3.x"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
        assert!("2024-01-01 24:00:00".parse::<Datetime>().is_err());
        assert_eq!("2024-01-01".parse::<Datetime>().unwrap().time(), Time(0));
    }
}
