//! Dates and times as texts and numbers, read and written as MySQL does.

use std::fmt::Write;

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND, TIME_MAX};

/// What a text says, and whether all of it was understood (MySQL warns if not).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Read<T> {
    pub(crate) value: T,
    pub(crate) clean: bool,
}

/// Microseconds since 1970 of `2024-01-31 10:20:30.5`, `20240131102030`, `24-1-31`, … None if there is no such moment.
pub(crate) fn read_datetime(text: &str) -> Option<Read<i64>> {
    let text = text.trim_start();
    let bytes = text.as_bytes();
    let run = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    if run == 0 {
        return None;
    }
    let after = bytes.get(run).copied();
    if after.is_none() || after == Some(b'.') || (after == Some(b'T') && run >= 6) || run >= 8 {
        return read_compact(bytes, run);
    }
    let mut at = 0;
    let mut fields = [0i64; 6];
    let mut widths = [0usize; 6];
    let mut count = 0;
    while count < 6 {
        let start = at;
        let most = if count == 0 { 4 } else { 2 };
        while at < bytes.len() && bytes[at].is_ascii_digit() && at - start < most {
            fields[count] = fields[count] * 10 + i64::from(bytes[at] - b'0');
            at += 1;
        }
        if at == start {
            break;
        }
        widths[count] = at - start;
        count += 1;
        let mark = at;
        if count == 3 {
            if bytes.get(at) == Some(&b'T') {
                at += 1;
            } else {
                while bytes.get(at).is_some_and(|b| b.is_ascii_whitespace() || b.is_ascii_punctuation()) {
                    at += 1;
                }
            }
        } else if count < 6 {
            while bytes.get(at).is_some_and(|b| b.is_ascii_punctuation() && !(count > 3 && *b == b'.')) {
                at += 1;
            }
        }
        if count == 6 || at == mark || !bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at = mark;
            break;
        }
    }
    if count < 3 {
        return None;
    }
    let mut micro = 0;
    if count == 6 && bytes.get(at) == Some(&b'.') {
        at += 1;
        micro = read_fraction(bytes, &mut at);
    }
    let mut clean = count != 4;
    let year = if widths[0] <= 2 { century(fields[0]) } else { fields[0] };
    let mut value = moment(year, &fields[1..], micro)?;
    if let Some(offset) = read_offset(&bytes[at..]).filter(|_| count >= 5) {
        value -= offset;
        at = bytes.len();
    }
    clean &= bytes[at..].iter().all(u8::is_ascii_whitespace);
    calendar::in_range_micros(value).map(|value| Read { value, clean })
}

/// Digits without separators: YYMMDD, YYYYMMDD, YYMMDDhhmmss, YYYYMMDDhhmmss.
fn read_compact(bytes: &[u8], run: usize) -> Option<Read<i64>> {
    let year_width = if run == 4 || run == 8 || run >= 14 { 4 } else { 2 };
    let mut at = 0;
    let mut fields = [0i64; 6];
    for (index, field) in fields.iter_mut().enumerate() {
        let width = if index == 0 { year_width } else { 2 };
        if index == 3 && bytes.get(at) == Some(&b'T') {
            at += 1;
        }
        let end = bytes.len().min(at + width);
        while at < end && bytes[at].is_ascii_digit() {
            *field = *field * 10 + i64::from(bytes[at] - b'0');
            at += 1;
        }
    }
    let mut micro = 0;
    if bytes.get(at) == Some(&b'.') && run >= 12 {
        at += 1;
        micro = read_fraction(bytes, &mut at);
    }
    let year = if year_width == 2 { century(fields[0]) } else { fields[0] };
    let value = moment(year, &fields[1..], micro)?;
    let clean = bytes[at..].iter().all(u8::is_ascii_whitespace);
    calendar::in_range_micros(value).map(|value| Read { value, clean })
}

/// Microseconds of the digits at `at`, rounded at the seventh.
fn read_fraction(bytes: &[u8], at: &mut usize) -> i64 {
    let start = *at;
    let mut micro = 0;
    while *at < bytes.len() && bytes[*at].is_ascii_digit() {
        match *at - start {
            0..6 => micro = micro * 10 + i64::from(bytes[*at] - b'0'),
            6 if bytes[*at] >= b'5' => micro += 1,
            _ => {}
        }
        *at += 1;
    }
    let digits = (*at - start).min(6) as u32;
    micro * 10i64.pow(6 - digits)
}

/// `+01:00` at the end of a text.
fn read_offset(bytes: &[u8]) -> Option<i64> {
    let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = bytes else { return None };
    let digit = |b: &u8| b.is_ascii_digit().then(|| i64::from(b - b'0'));
    let offset = (digit(h1)? * 10 + digit(h2)?) * HOUR + (digit(m1)? * 10 + digit(m2)?) * MINUTE;
    Some(if *sign == b'+' { offset } else { -offset })
}

fn century(year: i64) -> i64 {
    if year < 70 { year + 2000 } else { year + 1900 }
}

fn moment(year: i64, rest: &[i64], micro: i64) -> Option<i64> {
    let days = calendar::checked_days(year, rest[0], rest[1])?;
    if rest[2] > 23 || rest[3] > 59 || rest[4] > 59 {
        return None;
    }
    Some(days * DAY + rest[2] * HOUR + rest[3] * MINUTE + rest[4] * SECOND + micro)
}

/// Microseconds of `-12:34:56.5`, `1 02:03`, `123456`, or the time in a full date and time.
pub(crate) fn read_time(text: &str) -> Option<Read<i64>> {
    let text = text.trim_start();
    let (negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let bytes = body.as_bytes();
    let run = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let looks_like_date = !negative && (run >= 12 || (bytes.get(run) == Some(&b'-') && run > 0));
    if looks_like_date && let Some(read) = read_datetime(body) {
        return Some(Read { value: read.value.rem_euclid(DAY), clean: read.clean });
    }
    if run == 0 && bytes.first() != Some(&b'.') {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().fold(0i64, |n, b| n.saturating_mul(10).saturating_add(i64::from(b - b'0')))
    };
    let mut at = run;
    let mut days = 0;
    let mut parts = vec![number(0, run)];
    if bytes.get(at) == Some(&b' ') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        days = parts[0];
        let start = at + 1;
        at = start + bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
        parts = vec![number(start, at)];
    }
    let with_days = at != run;
    while parts.len() < 3 && bytes.get(at) == Some(&b':') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        let start = at + 1;
        at = start + bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
        parts.push(number(start, at));
    }
    let (hours, minutes, seconds) = match (parts.as_slice(), with_days) {
        ([all], false) => (all / 10_000, all / 100 % 100, all % 100),
        ([hours], true) => (*hours, 0, 0),
        ([hours, minutes], _) => (*hours, *minutes, 0),
        (parts, _) => (parts[0], parts[1], parts[2]),
    };
    let mut micro = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        micro = read_fraction(bytes, &mut at);
    }
    if minutes > 59 || seconds > 59 {
        return None;
    }
    let total = (days * 24 + hours).min(100_000) * HOUR + minutes * MINUTE + seconds * SECOND + micro;
    let clean = bytes[at..].iter().all(u8::is_ascii_whitespace) && total <= TIME_MAX;
    let total = total.min(TIME_MAX);
    Some(Read { value: if negative { -total } else { total }, clean })
}

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
    moment(date / 10_000, &[date / 100 % 100, date % 100, time / 10_000, time / 100 % 100, time % 100], 0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_mysql_reads_them() {
        for (text, shown, clean) in [
            ("2024-01-31", "2024-01-31 00:00:00.000000", true),
            ("24-1-3", "2024-01-03 00:00:00.000000", true),
            ("20240131", "2024-01-31 00:00:00.000000", true),
            ("20240131102030.5", "2024-01-31 10:20:30.500000", true),
            ("2024-01-31T10:20:30.1234567", "2024-01-31 10:20:30.123457", true),
            ("2024/01/31 10:20", "2024-01-31 10:20:00.000000", true),
            ("2024-01-31 10:20:30+02:00", "2024-01-31 08:20:30.000000", true),
            ("2024-01-31xyz", "2024-01-31 00:00:00.000000", false),
        ] {
            let read = read_datetime(text).unwrap();
            let mut out = String::new();
            write_datetime(read.value, 6, &mut out);
            assert_eq!((out.as_str(), read.clean), (shown, clean), "{text}");
        }
        for text in ["", "abc", "2024-02-30", "2024-13-01", "2024-01-01 25:00:00", "0000-00-00"] {
            assert_eq!(read_datetime(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_mysql_reads_them() {
        for (text, shown) in [
            ("10:20:30", "10:20:30"),
            ("-1 02:03", "-26:03:00"),
            ("123456", "12:34:56"),
            ("12", "00:00:12"),
            ("900:00:00", "838:59:59"),
            ("2024-01-31 10:20:30", "10:20:30"),
        ] {
            let mut out = String::new();
            write_time(read_time(text).unwrap().value, 0, &mut out);
            assert_eq!(out, shown, "{text}");
        }
        assert_eq!(read_time("10:61:00"), None);
    }
}
