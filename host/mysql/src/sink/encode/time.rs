//! Dates and times as text, in UTC.

/// Microseconds of a day.
pub(super) const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 3_600 * SECOND;
const SECOND: i64 = 1_000_000;

/// TIME holds -838:59:59.000000 to 838:59:59.000000.
pub(super) const TIME_MAX: i64 = 839 * HOUR - SECOND;

/// 0000-02-29, in days since 1970-01-01: the calendar has it, the servers don't take the year 0 for a leap year.
pub(super) const NO_DAY: i64 = -719_469;

fn two(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]);
}

/// Appends `2024-01-31` for days since 1970-01-01.
#[inline]
pub(super) fn date(days: i64, out: &mut Vec<u8>) -> Result<(), String> {
    // Howard Hinnant's civil_from_days: years begin in March, so that a leap day is a year's last.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return Err(format!("is in the year {year}, and MySQL's dates end with 0000 and 9999"));
    }
    if days == NO_DAY {
        return Err("is 0000-02-29, and MySQL's year 0000 has no such day".to_owned());
    }
    two(year / 100, out);
    two(year % 100, out);
    out.push(b'-');
    two(month, out);
    out.push(b'-');
    two(day, out);
    Ok(())
}

/// Appends `12:34:56` and, if there is one, a fraction.
fn clock(micros: i64, unit: i64, out: &mut Vec<u8>) -> Result<(), String> {
    let hours = micros / HOUR;
    if hours >= 100 {
        out.push(b'0' + (hours / 100) as u8);
    }
    two(hours % 100, out);
    out.push(b':');
    two(micros / (60 * SECOND) % 60, out);
    out.push(b':');
    two(micros / SECOND % 60, out);
    let fraction = micros % SECOND;
    if fraction != 0 {
        if micros % unit != 0 {
            return Err(format!("has the fraction .{fraction:06}, of which the column keeps less"));
        }
        out.push(b'.');
        two(fraction / 10_000, out);
        two(fraction / 100 % 100, out);
        two(fraction % 100, out);
    }
    Ok(())
}

/// Appends `2024-01-31 12:34:56.000001` for microseconds since 1970-01-01 00:00:00.
#[inline]
pub(super) fn date_time(micros: i64, unit: i64, out: &mut Vec<u8>) -> Result<(), String> {
    date(micros.div_euclid(DAY), out)?;
    let of_day = micros.rem_euclid(DAY);
    if unit == DAY && of_day != 0 {
        return Err("has a time of day, and the column is a DATE".to_owned());
    }
    out.push(b' ');
    clock(of_day, unit, out)
}

/// Appends `-838:59:59`.
#[inline]
pub(super) fn time(micros: i64, unit: i64, out: &mut Vec<u8>) -> Result<(), String> {
    if !(-TIME_MAX..=TIME_MAX).contains(&micros) {
        return Err(format!("is {micros} µs, and TIME ends with -838:59:59 and 838:59:59"));
    }
    if micros < 0 {
        out.push(b'-');
    }
    clock(micros.abs(), unit, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(write: impl FnOnce(&mut Vec<u8>) -> Result<(), String>) -> Result<String, String> {
        let mut out = Vec::new();
        write(&mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn dates_over_the_whole_range() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-719_528, "0000-01-01"),
            (-719_470, "0000-02-28"),
            (-719_468, "0000-03-01"),
            (-719_162, "0001-01-01"),
            (2_932_896, "9999-12-31"),
            (19_782, "2024-02-29"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(shown(|o| date(days, o)).as_deref(), Ok(text));
        }
        assert!(shown(|o| date(2_932_897, o)).is_err());
        assert!(shown(|o| date(-719_529, o)).is_err());
        assert!(shown(|o| date(NO_DAY, o)).is_err());
    }

    #[test]
    fn times_keep_their_sign_and_fraction() {
        assert_eq!(shown(|o| time(-TIME_MAX, 1, o)).as_deref(), Ok("-838:59:59"));
        assert_eq!(shown(|o| time(-1, 1, o)).as_deref(), Ok("-00:00:00.000001"));
        assert_eq!(shown(|o| date_time(-1, 1, o)).as_deref(), Ok("1969-12-31 23:59:59.999999"));
        assert!(shown(|o| date_time(1, 10, o)).is_err());
        assert!(shown(|o| time(TIME_MAX + 1, 1, o)).is_err());
    }
}
