//! Texts as dates and times, read as MySQL 9.7 reads them (`str_to_datetime` and `str_to_time` in its sources).
//!
//! A part of a date runs over all its digits: `29-02-2024` is the year 29 with the day 2024, and so no date. Only a
//! text of nothing but digits, or of digits before a point, has parts of a fixed width. Whatever stands between two
//! parts is punctuation; spaces stand only after the day. A text that goes on behind its last part still counts, with a
//! warning in MySQL; one whose parts make no date doesn't.

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND, TIME_MAX};

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Read {
    /// Microseconds as written: since 1970, or of the time.
    pub(crate) micros: i64,
    /// How far east of UTC that is, in microseconds, if the text says so.
    offset: Option<i64>,
    /// How many parts of a date and its time were written, 0 of a mere time.
    pub(crate) parts: usize,
    /// Digits of the fraction, at most 6.
    pub(crate) fsp: u8,
    /// Whether all of it was understood; MySQL warns if not.
    pub(crate) clean: bool,
}

impl Read {
    /// Microseconds since 1970 in UTC, the zone of every session. MySQL knows offsets of the years since 1901.
    pub(crate) fn utc(&self) -> Option<i64> {
        /// 1901-01-01.
        const FIRST: i64 = -25_202 * DAY;
        match self.offset {
            None => Some(self.micros),
            Some(_) if self.micros < FIRST => None,
            Some(offset) => calendar::in_range_micros(self.micros - offset),
        }
    }
}

/// Why a text is no date.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unread {
    /// It has not the form of one.
    Form,
    /// It has, but there is no such date.
    Value,
}

/// What `2024-01-31 10:20:30.5`, `20240131102030`, `24-1-31`, `2024-01-31T10:20:30+01:00`, … say. None if there is no
/// such moment.
pub(crate) fn read_datetime(text: &str) -> Option<Read> {
    let found = scan(text.as_bytes(), false).ok()?;
    let days = calendar::checked_days(found.year, found.month, found.day)?;
    let micros = calendar::in_range_micros(days * DAY + found.clock())?;
    Some(Read { micros, offset: found.offset, parts: found.parts, fsp: found.fsp, clean: found.clean })
}

/// The time of `-12:34:56.5`, `1 02:03`, `123456`, or the one in a full date and time.
pub(crate) fn read_time(text: &str) -> Option<Read> {
    let bytes = text.as_bytes();
    let mut at = spaces(bytes, 0);
    let negative = bytes.get(at) == Some(&b'-');
    at += usize::from(negative);
    let start = at;
    if start == bytes.len() {
        return None;
    }
    if bytes.len() - start >= 12 {
        match scan(&bytes[start..], true) {
            // A date and a space, and no time.
            Ok(found) if found.parts <= 3 => return None,
            Ok(found) => {
                let clock = found.clock();
                let micros = found.offset.map_or(clock, |offset| (clock - offset).rem_euclid(DAY));
                return Some(Read { micros, offset: None, parts: found.parts, fsp: found.fsp, clean: found.clean });
            }
            Err(Unread::Value) => return None,
            Err(Unread::Form) => {}
        }
    }
    let number = |at: &mut usize| {
        let from = *at;
        *at = digits(bytes, from);
        bytes[from..*at].iter().fold(0u64, |n, b| n.saturating_mul(10).saturating_add(u64::from(b - b'0')))
    };
    let followed = |at: usize| bytes.get(at) == Some(&b':') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
    let first = number(&mut at);
    if first > u64::from(u32::MAX) {
        return None;
    }
    let first_end = at;
    at = spaces(bytes, at);
    let with_days = at > first_end && at + 1 < bytes.len() && bytes[at].is_ascii_digit();
    // Days, hours, minutes, seconds.
    let mut parts = [0u64; 4];
    if with_days || followed(at) {
        let mut next = if with_days { 0 } else { 1 };
        parts[next] = first;
        next += 1;
        at += usize::from(!with_days);
        loop {
            parts[next] = number(&mut at);
            next += 1;
            if next == 4 || !followed(at) {
                break;
            }
            at += 1;
        }
    } else {
        parts = [0, first / 10_000, first / 100 % 100, first % 100];
    }
    let (micro, fsp) = fraction_of_time(bytes, &mut at);
    // An exponent makes it a number, and no time.
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if bytes.get(at + 1 + sign).is_some_and(u8::is_ascii_digit) {
            return None;
        }
    }
    let [days, hours, minutes, seconds] = parts.map(|part| i64::try_from(part).unwrap_or(i64::MAX));
    if parts.iter().any(|part| *part > u64::from(u32::MAX)) || minutes > 59 || seconds > 59 || at == start {
        return None;
    }
    let total = (days * 24 + hours).min(100_000) * HOUR + minutes * MINUTE + seconds * SECOND + micro;
    let clean = spaces(bytes, at) == bytes.len() && total <= TIME_MAX;
    let total = total.min(TIME_MAX);
    Some(Read { micros: if negative { -total } else { total }, offset: None, parts: 0, fsp, clean })
}

/// The parts of a date and its time, in range each, but not yet a day that exists.
struct Found {
    year: i64,
    month: i64,
    day: i64,
    time: [i64; 3],
    /// Rounded at the seventh digit, so up to a million.
    micro: i64,
    offset: Option<i64>,
    parts: usize,
    fsp: u8,
    clean: bool,
}

impl Found {
    /// Microseconds since midnight.
    fn clock(&self) -> i64 {
        self.time[0] * HOUR + self.time[1] * MINUTE + self.time[2] * SECOND + self.micro
    }
}

/// `for_time`: a text with delimiters needs a space before its time, and any month and day will do.
fn scan(bytes: &[u8], for_time: bool) -> Result<Found, Unread> {
    const DAY_PART: usize = 2;
    const SECOND_PART: usize = 5;
    const FRACTION: usize = 6;
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_sign = |at: usize| matches!(bytes.get(at), Some(b'+' | b'-'));
    let offset_at = |at: usize| displacement(&bytes[at..]).ok_or(Unread::Form);
    let mut at = spaces(bytes, 0);
    if !is_digit(at) {
        return Err(Unread::Form);
    }
    let run = bytes[at..].iter().take_while(|b| b.is_ascii_digit() || **b == b'T').count();
    let fixed_width = matches!(bytes.get(at + run), None | Some(b'.'));
    let year_width = if run == 4 || run == 8 || run >= 14 { 4 } else { 2 };
    let mut values = [0i64; 7];
    let mut widths = [0usize; 7];
    let (mut part, mut width, mut end) = (0, year_width, at);
    let (mut delimited, mut spaced, mut offset) = (false, false, None);
    while part < values.len() && is_digit(at) {
        let from = at;
        while is_digit(at) && ((!fixed_width && part != FRACTION) || at - from < width) {
            values[part] = values[part] * 10 + i64::from(bytes[at] - b'0');
            at += 1;
            if values[part] > 999_999 {
                return Err(Unread::Form);
            }
        }
        widths[part] = at - from;
        width = 2;
        end = at;
        part += 1;
        match (part - 1, bytes.get(at)) {
            (_, None) => break,
            (DAY_PART, Some(b'T')) => at += 1,
            (SECOND_PART, Some(b'.')) => {
                at += 1;
                end = at;
                width = 6;
            }
            (SECOND_PART, Some(b'0'..=b'9')) => break,
            (SECOND_PART | FRACTION, Some(b'+' | b'-')) => {
                offset = Some(offset_at(at)?);
                at = bytes.len();
                end = at;
            }
            (SECOND_PART, _) => {}
            (done, Some(_)) => {
                while let Some(byte) = bytes.get(at).filter(|b| is_space(**b) || b.is_ascii_punctuation()) {
                    if is_space(*byte) {
                        if !matches!(done, DAY_PART | FRACTION) {
                            return Err(Unread::Form);
                        }
                        spaced = true;
                    }
                    delimited = true;
                    at += 1;
                }
                end = at;
            }
        }
    }
    if for_time && delimited && !spaced {
        return Err(Unread::Form);
    }
    at = end;
    let [mut year, month, day, hour, minute, second, fraction] = values;
    let short_year = if fixed_width { year_width == 2 } else { widths[0] == 2 };
    if short_year && values.iter().any(|value| *value != 0) {
        year += if year < 70 { 2000 } else { 1900 };
    }
    let in_range = year <= 9999 && month <= 12 && day <= 31 && hour <= 23 && minute <= 59 && second <= 59;
    let zeros = month == 0 || day == 0;
    // MySQL's year 0 has no 29 February.
    let no_such_day = !for_time && (day > calendar::month_days(year, month) || (year, month, day) == (0, 2, 29));
    if part < 3 || !in_range || (zeros && !for_time) || no_such_day {
        return Err(Unread::Value);
    }
    let fsp = widths[FRACTION];
    let mut micro = fraction * 10i64.pow(6 - fsp as u32);
    if fsp == 6 && is_digit(at) {
        micro += i64::from(bytes[at] >= b'5');
        at = digits(bytes, at);
    }
    if offset.is_none() && is_sign(at) {
        offset = Some(offset_at(at)?);
        at = bytes.len();
    }
    Ok(Found {
        year,
        month,
        day,
        time: [hour, minute, second],
        micro,
        offset,
        parts: part,
        fsp: fsp as u8,
        clean: spaces(bytes, at) == bytes.len(),
    })
}

/// The fraction of a time, its digits counted. Of more than six digits the last one rounds, as MySQL has it.
fn fraction_of_time(bytes: &[u8], at: &mut usize) -> (i64, u8) {
    if bytes.get(*at) != Some(&b'.') {
        return (0, 0);
    }
    let from = *at + 1;
    let end = digits(bytes, from);
    if end == from {
        // A point is part of the time at its end only.
        *at += usize::from(from == bytes.len());
        return (0, 0);
    }
    *at = end;
    let all = &bytes[from..end];
    let kept = &all[..all.len().min(6)];
    let value = kept.iter().fold(0i64, |n, b| n * 10 + i64::from(b - b'0')) * 10i64.pow(6 - kept.len() as u32);
    let up = all.len() > 6 && all.last().is_some_and(|last| *last >= b'5');
    (value + i64::from(up), kept.len() as u8)
}

/// `+01:00` at the end of a text, in microseconds; `-00:00` is none.
fn displacement(bytes: &[u8]) -> Option<i64> {
    let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2, rest @ ..] = bytes else { return None };
    let digit = |b: &u8| b.is_ascii_digit().then(|| i64::from(b - b'0'));
    let (hours, minutes) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
    let size = hours * HOUR + minutes * MINUTE;
    let known = minutes < 60 && size <= 14 * HOUR && !(*sign == b'-' && size == 0) && spaces(rest, 0) == rest.len();
    known.then_some(if *sign == b'+' { size } else { -size })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Where the spaces from `at` on end.
fn spaces(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|b| is_space(**b)).count()
}

/// Where the digits from `at` on end.
fn digits(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::super::temporal::{write_datetime, write_time};
    use super::*;

    #[test]
    fn dates_are_read_as_mysql_reads_them() {
        for (text, shown, clean) in [
            ("2024-01-31", "2024-01-31 00:00:00.000000", true),
            ("24-1-3", "2024-01-03 00:00:00.000000", true),
            ("4-1-3", "0004-01-03 00:00:00.000000", true),
            ("70.1.3", "1970-01-03 00:00:00.000000", true),
            ("4.1.3", "2004-01-03 00:00:00.000000", true),
            ("20240131", "2024-01-31 00:00:00.000000", true),
            ("240131", "2024-01-31 00:00:00.000000", true),
            ("20240131102030.5", "2024-01-31 10:20:30.500000", true),
            ("20240131T102030", "2024-01-31 10:20:30.000000", true),
            ("2024-01-31T10:20:30.1234567", "2024-01-31 10:20:30.123457", true),
            ("2024/01/31 10:20", "2024-01-31 10:20:00.000000", true),
            ("2024-01-31   10", "2024-01-31 10:00:00.000000", true),
            ("2024-01-31 10:20:30+02:00", "2024-01-31 08:20:30.000000", true),
            ("2024-01-31 10:20:30.5-14:00", "2024-02-01 00:20:30.500000", true),
            ("2024-0001-031", "2024-01-31 00:00:00.000000", true),
            ("2024-01-31xyz", "2024-01-31 00:00:00.000000", false),
            ("2024-01-31 10:20:30 and more", "2024-01-31 10:20:30.000000", false),
        ] {
            let read = read_datetime(text).unwrap_or_else(|| panic!("{text}"));
            let mut out = String::new();
            write_datetime(read.utc().unwrap(), 6, &mut out);
            assert_eq!((out.as_str(), read.clean), (shown, clean), "{text}");
        }
        for text in [
            "",
            "abc",
            "2024",
            "2024-02-30",
            "2024-13-01",
            "2024-01-01 25:00:00",
            "0000-00-00",
            "2024-00-10",
            "0000-02-29",
            "29-02-2024",
            "13-12-2024",
            "1-2-2024",
            "31.12.2024",
            "12/31/2024",
            "2024-12-311",
            "2024 -01-31",
            "2024-01-31 10:20:30+15:00",
            "2024-01-31 10:20:30-00:00",
            "1234567-01-01",
        ] {
            assert_eq!(read_datetime(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_mysql_reads_them() {
        for (text, shown) in [
            ("10:20:30", "10:20:30.000000"),
            ("-1 02:03", "-26:03:00.000000"),
            ("1 2", "00:00:01.000000"),
            ("123456", "12:34:56.000000"),
            ("12", "00:00:12.000000"),
            ("12:", "00:00:12.000000"),
            (".5", "00:00:00.500000"),
            ("10:20:30.12345675", "10:20:30.123457"),
            ("10:20:30.12345671", "10:20:30.123456"),
            ("900:00:00", "838:59:59.000000"),
            ("2024-01-31 10:20:30", "10:20:30.000000"),
            ("20240131102030", "10:20:30.000000"),
            ("2024-01-31", "00:20:24.000000"),
            ("2024-02-30 10:20:30", "10:20:30.000000"),
            ("2024-01-31 10:20:30+02:00", "08:20:30.000000"),
        ] {
            let mut out = String::new();
            write_time(read_time(text).unwrap_or_else(|| panic!("{text}")).micros, 6, &mut out);
            assert_eq!(out, shown, "{text}");
        }
        for text in
            ["", "-", "x", "10:61:00", "12e3", "99999999999", "2024-13-01 10:20:30", "2024-02-29 xyz", "2024-02-29  "]
        {
            assert_eq!(read_time(text), None, "{text}");
        }
    }
}
