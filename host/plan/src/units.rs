//! Sizes and durations as people write them: `64MiB`, `100ms`.
//!
//! Sizes: a whole number and `B`, `KiB`, `MiB`, `GiB`, `TiB` (1024) or `KB`, `MB`, `GB`, `TB`
//! (1000); a bare number is bytes. Durations: a number and `ns`, `us` (or `µs`), `ms`, `s`,
//! `m`, `h`, `d`; there is no default unit, since `wall: 5` would be read differently by
//! everyone. Formatting picks the largest unit that is exact, so that it parses back.

use std::time::Duration;

const SIZES: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Nanoseconds per unit, the longest first.
const DURATIONS: &[(&str, u64)] = &[
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// Splits `64 MiB` into its number and its unit.
fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (!number.is_empty()).then(|| (number, unit.trim()))
}

/// `number` times `factor`, exactly, where the number may have a fraction (`1.5`).
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let mut total = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    if !fraction.is_empty() {
        let digits = fraction.parse::<u64>().ok()?;
        let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part = u128::from(digits) * u128::from(factor);
        if part % scale != 0 {
            return None;
        }
        total = total.checked_add(u64::try_from(part / scale).ok()?)?;
    } else if number.contains('.') {
        return None;
    }
    Some(total)
}

/// Bytes of `64MiB`, `10 MB`, `4096`. Units may be written in any case.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        return scaled(number, 1);
    }
    let (_, factor) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    scaled(number, *factor)
}

/// `67108864` as `64MiB`.
pub fn format_size(bytes: u64) -> String {
    SIZES
        .iter()
        .find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor))
        .map_or_else(|| format!("{bytes}B"), |(unit, factor)| format!("{}{unit}", bytes / factor))
}

/// `100ms`, `1.5s`, `1h`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, factor) = DURATIONS.iter().find(|(name, _)| *name == unit)?;
    scaled(number, *factor).map(Duration::from_nanos)
}

/// `Duration::from_millis(100)` as `100ms`.
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    DURATIONS
        .iter()
        .find(|(_, factor)| nanos.is_multiple_of(u128::from(*factor)))
        .map_or_else(|| format!("{nanos}ns"), |(unit, factor)| format!("{}{unit}", nanos / u128::from(*factor)))
}

/// For `#[serde(with = "units::duration")]`: durations as text.
pub mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes `100ms`.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format_duration(*value))
    }

    /// Reads `100ms`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_duration(&text)
            .ok_or_else(|| D::Error::custom(format!("found {text:?}, needed a duration such as 100ms")))
    }
}

/// For `#[serde(with = "units::optional_duration")]`: durations as text, or nothing.
pub mod optional_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes `100ms` or null.
    pub fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::duration::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads `100ms` or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| {
            super::parse_duration(&text)
                .ok_or_else(|| D::Error::custom(format!("found {text:?}, needed a duration such as 100ms")))
        })
        .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_both_systems() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("4KiB", 4096),
            ("1.5KiB", 1536),
            ("10MB", 10_000_000),
            ("8192", 8192),
            ("0", 0),
            ("1_000B", 1000),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "MiB", "-1MiB", "1.MiB", "1..5MB", "64M", "0.0001B", "99999999TiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        for (text, nanos) in [
            ("100ms", 100_000_000u64),
            ("50us", 50_000),
            ("50µs", 50_000),
            ("5s", 5_000_000_000),
            ("1.5s", 1_500_000_000),
            ("1h", 3_600_000_000_000),
            ("30d", 2_592_000_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "5", "s", "5 sec", "-5s", "1,5s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn formatting_parses_back() {
        for bytes in [0, 1, 1000, 1024, 64 << 20, 10_000_000, 12345] {
            assert_eq!(parse_size(&format_size(bytes)), Some(bytes));
        }
        assert_eq!(format_size(64 << 20), "64MiB");
        for nanos in [0u64, 1, 50_000, 100_000_000, 5_000_000_000, 90_000_000_000] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
        }
        assert_eq!(format_duration(Duration::from_secs(90)), "90s");
    }
}
