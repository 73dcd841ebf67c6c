//! The Gregorian calendar from year 0 to 9999, as days and microseconds since 1970.

pub(crate) const DAY: i64 = 86_400_000_000;
pub(crate) const HOUR: i64 = 3_600_000_000;
pub(crate) const MINUTE: i64 = 60_000_000;
pub(crate) const SECOND: i64 = 1_000_000;
/// The largest TIME, 838:59:59.
pub(crate) const TIME_MAX: i64 = 838 * HOUR + 59 * MINUTE + 59 * SECOND;
/// 0000-01-01 and 9999-12-31.
const DAYS_MIN: i64 = -719_528;
const DAYS_MAX: i64 = 2_932_896;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

/// The parts of a time of day, or of a duration without its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) micro: i64,
}

pub(crate) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(crate) fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date that exists (Hinnant's algorithm: years begin in March).
pub(crate) fn days(date: Date) -> i64 {
    let year = date.year - i64::from(date.month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

pub(crate) fn date(days: i64) -> Date {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = (shifted_month + 2) % 12 + 1;
    Date {
        year: era * 400 + year_of_era + i64::from(month <= 2),
        month,
        day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
    }
}

/// None if there is no such day.
pub(crate) fn checked_days(year: i64, month: i64, day: i64) -> Option<i64> {
    let exists =
        (0..=9999).contains(&year) && (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
    exists.then(|| days(Date { year, month, day }))
}

pub(crate) fn in_range_days(days: i64) -> Option<i64> {
    (DAYS_MIN..=DAYS_MAX).contains(&days).then_some(days)
}

pub(crate) fn in_range_micros(micros: i64) -> Option<i64> {
    in_range_days(micros.div_euclid(DAY)).map(|_| micros)
}

pub(crate) fn clock(micros: i64) -> Clock {
    Clock { hour: micros / HOUR, minute: micros / MINUTE % 60, second: micros / SECOND % 60, micro: micros % SECOND }
}

/// Adds months; a day that the new month hasn't becomes its last.
pub(crate) fn add_months(days_since: i64, months: i64) -> Option<i64> {
    let from = date(days_since);
    let total = (from.year * 12 + from.month - 1).checked_add(months)?;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    if !(0..=9999).contains(&year) {
        return None;
    }
    Some(days(Date { year, month, day: from.day.min(month_days(year, month)) }))
}

/// Sunday is 0.
pub(crate) fn weekday_from_sunday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

pub(crate) fn day_of_year(days_since: i64) -> i64 {
    let at = date(days_since);
    days_since - days(Date { year: at.year, month: 1, day: 1 }) + 1
}

/// Rounds microseconds half away from zero to `fsp` fractional digits.
pub(crate) fn round_to(micros: i64, fsp: u8) -> i64 {
    let unit = 10i64.pow(6 - u32::from(fsp.min(6)));
    let rest = micros.rem_euclid(unit);
    let down = micros - rest;
    let up = rest * 2 > unit || (rest * 2 == unit && (micros >= 0 || unit == 1));
    if up && rest > 0 { down + unit } else { down }
}

/// MySQL's week number: `mode` as of WEEK(). Gives the week and the year it belongs to.
pub(crate) fn week(days_since: i64, mode: i64) -> (i64, i64) {
    let monday_first = mode & 1 != 0;
    let mut week_year = mode & 2 != 0;
    let mut first_weekday = mode & 4 != 0;
    if !monday_first {
        first_weekday = !first_weekday;
    }
    let at = date(days_since);
    let mut year = at.year;
    let weekday_of = |d: i64| {
        let sunday = weekday_from_sunday(d);
        if monday_first { (sunday + 6) % 7 } else { sunday }
    };
    let mut first = days(Date { year, month: 1, day: 1 });
    let mut weekday = weekday_of(first);
    if at.month == 1 && at.day <= 7 - weekday {
        if !week_year && ((first_weekday && weekday != 0) || (!first_weekday && weekday >= 4)) {
            return (0, year);
        }
        week_year = true;
        year -= 1;
        let length = 365 + i64::from(is_leap(year));
        first -= length;
        weekday = (weekday + 53 * 7 - length).rem_euclid(7);
    }
    let since = if (first_weekday && weekday != 0) || (!first_weekday && weekday >= 4) {
        days_since - (first + 7 - weekday)
    } else {
        days_since - (first - weekday)
    };
    if week_year && since >= 52 * 7 {
        let weekday = (weekday + 365 + i64::from(is_leap(year))) % 7;
        if (!first_weekday && weekday < 4) || (first_weekday && weekday == 0) {
            return (1, year + 1);
        }
    }
    (since / 7 + 1, year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_comes_back() {
        for at in DAYS_MIN..=DAYS_MAX {
            let d = date(at);
            assert_eq!(days(d), at);
            assert_eq!(checked_days(d.year, d.month, d.day), Some(at));
        }
        assert_eq!(date(DAYS_MIN), Date { year: 0, month: 1, day: 1 });
        assert_eq!(date(DAYS_MAX), Date { year: 9999, month: 12, day: 31 });
    }
}
