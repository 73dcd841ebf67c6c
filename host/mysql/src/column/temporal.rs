//! MySQL's dates and times, in days and microseconds.
//!
//! A date that the calendar does not have (`0000-00-00`, `2024-02-31` under ALLOW_INVALID_DATES)
//! is `None`; what becomes of it is the caller's option, the same for snapshot and binary log.

use super::bytes::{Bad, Bytes};

const SECOND: i64 = 1_000_000;
/// Microseconds per unit of a fraction stored in 0, 1, 2 or 3 bytes.
const FRACTION: [i64; 4] = [0, 10_000, 100, 1];

/// Days since 1970-01-01 in the proleptic Gregorian calendar, which is MySQL's.
#[inline]
pub(crate) fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    const LENGTH: [u8; 13] = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = u32::from(*LENGTH.get(month as usize)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if day == 0 || day > length || (month == 2 && day == 29 && !leap) || year > 9999 {
        return None;
    }
    // Years begin in March, so that the leap day is the last of its year; the 400-year shift
    // keeps everything positive for year 0.
    let y = if month <= 2 { year + 399 } else { year + 400 };
    let month = if month > 2 { month - 3 } else { month + 9 };
    let (era, of_era) = (y / 400, y % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some((era * 146_097 + day_of_era) as i32 - 719_468 - 146_097)
}

/// Microseconds since 1970 of a date and a time of day; `None` for a date that is none.
#[inline]
pub(crate) fn micros(date: (u32, u32, u32), hour: u32, minute: u32, second: u32, micro: u32) -> Option<i64> {
    let days = i64::from(days(date.0, date.1, date.2)?);
    let seconds = days * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
    Some(seconds * SECOND + i64::from(micro))
}

/// DATE: 3 bytes, day 5 bits, month 4, year 15.
#[inline]
pub(crate) fn date(input: &mut Bytes<'_>) -> Result<Option<i32>, Bad> {
    let raw = input.u24()?;
    Ok(days(raw >> 9, raw >> 5 & 15, raw & 31))
}

/// DATETIME(f): 5 bytes big-endian and the fraction's `fraction` bytes.
#[inline]
pub(crate) fn datetime(input: &mut Bytes<'_>, fraction: u8) -> Result<Option<i64>, Bad> {
    let [a, b, c, d, e] = input.array()?;
    let raw = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
    let micro = read_fraction(input, fraction)?;
    Ok(unpack_datetime(raw ^ 0x80_0000_0000, micro as u32))
}

/// The 39 bits of a date and a time: year * 13 + month, day 5 bits, hour 5, minute 6, second 6.
fn unpack_datetime(raw: u64, micro: u32) -> Option<i64> {
    let year_month = (raw >> 22) as u32;
    let field = |shift: u32, mask: u64| (raw >> shift & mask) as u32;
    micros((year_month / 13, year_month % 13, field(17, 31)), field(12, 31), field(6, 63), field(0, 63), micro)
}

/// TIMESTAMP(f): seconds since 1970, 4 bytes big-endian; 0 is the zero date.
#[inline]
pub(crate) fn timestamp(input: &mut Bytes<'_>, fraction: u8) -> Result<Option<i64>, Bad> {
    let seconds = u32::from_be_bytes(input.array()?);
    let micro = read_fraction(input, fraction)?;
    Ok(if seconds == 0 && micro == 0 { None } else { Some(i64::from(seconds) * SECOND + micro) })
}

/// TIME(f): a signed number of 3 bytes and the fraction's, big-endian, offset by half its range.
#[inline]
pub(crate) fn time(input: &mut Bytes<'_>, fraction: u8) -> Result<i64, Bad> {
    let bits = 8 * u32::from(fraction);
    let signed = input.uint_be(3 + fraction as usize)? as i64 - (0x80_0000i64 << bits);
    let raw = signed.unsigned_abs();
    let hms = raw >> bits;
    let unit = FRACTION[(fraction as usize).min(3)];
    let micro = (raw & ((1 << bits) - 1)) as i64 * unit;
    let seconds = (hms >> 12 & 1023) * 3_600 + (hms >> 6 & 63) * 60 + (hms & 63);
    let value = seconds as i64 * SECOND + micro;
    Ok(if signed < 0 { -value } else { value })
}

#[inline(always)]
fn read_fraction(input: &mut Bytes<'_>, fraction: u8) -> Result<i64, Bad> {
    if fraction == 0 {
        return Ok(0);
    }
    Ok(input.uint_be(fraction as usize)? as i64 * FRACTION[(fraction as usize).min(3)])
}

/// The DATETIME of before 5.6: the decimal number YYYYMMDDhhmmss in 8 bytes.
pub(crate) fn old_datetime(input: &mut Bytes<'_>) -> Result<Option<i64>, Bad> {
    let raw = input.u64()?;
    let two = |divisor: u64| (raw / divisor % 100) as u32;
    let year = (raw / 10_000_000_000).min(10_000) as u32;
    Ok(micros((year, two(100_000_000), two(1_000_000)), two(10_000), two(100), two(1), 0))
}

/// The TIME of before 5.6: the signed decimal number hhmmss in 3 bytes.
pub(crate) fn old_time(input: &mut Bytes<'_>) -> Result<i64, Bad> {
    let raw = input.u24()?;
    let signed = ((raw << 8) as i32 >> 8) as i64;
    let n = signed.abs();
    let seconds = n / 10_000 * 3_600 + n / 100 % 100 * 60 + n % 100;
    Ok(seconds * SECOND * signed.signum())
}

/// Prints a packed temporal value inside MySQL's binary JSON, as the server prints it.
pub(crate) fn print_packed(kind: u8, packed: i64, out: &mut Vec<u8>) {
    use std::io::Write;
    let (negative, raw) = (packed < 0, packed.unsigned_abs());
    let (micro, hms) = (raw & 0xff_ffff, raw >> 24);
    let (h, m, s) = (hms >> 12 & 1023, hms >> 6 & 63, hms & 63);
    // Writing to a Vec cannot fail.
    let _ = if kind == 11 {
        let sign = if negative { "-" } else { "" };
        write!(out, "{sign}{h:02}:{m:02}:{s:02}.{micro:06}")
    } else {
        let (year_month, day, h) = (hms >> 22, hms >> 17 & 31, hms >> 12 & 31);
        let (year, month) = (year_month / 13, year_month % 13);
        if kind == 10 {
            write!(out, "{year:04}-{month:02}-{day:02}")
        } else {
            write!(out, "{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}.{micro:06}")
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar() {
        assert_eq!(days(1970, 1, 1), Some(0));
        assert_eq!(days(2024, 2, 29), Some(19_782));
        assert_eq!(days(0, 1, 1), Some(-719_528));
        assert_eq!(days(9999, 12, 31), Some(2_932_896));
        for none in [(0, 0, 0), (2023, 2, 29), (2024, 4, 31), (2024, 13, 1), (2024, 0, 1), (1900, 2, 29)] {
            assert_eq!(days(none.0, none.1, none.2), None, "{none:?}");
        }
        let mut day = days(0, 1, 1).unwrap();
        for year in 0..=9999 {
            for month in 1..=12 {
                let first = days(year, month, 1).unwrap();
                assert_eq!(first, day);
                day = first + (1..=31).filter(|&d| days(year, month, d).is_some()).count() as i32;
            }
        }
    }

    #[test]
    fn negative_times_with_fractions() {
        // -00:00:00.01 as TIME(2): one hundredth below the offset.
        assert_eq!(time(&mut Bytes::new(&[0x7f, 0xff, 0xff, 0xff]), 1).unwrap(), -10_000);
        assert_eq!(time(&mut Bytes::new(&[0x80, 0, 1]), 0).unwrap(), SECOND);
    }
}
