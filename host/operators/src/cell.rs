//! One value of a column as people read it: in keys of messages, and of what `verify` finds.
//!
//! Dates and times are written as the servers write them, bytes as they are written in SQL, and NULL by
//! its name. A TIMESTAMP says its time zone: what the server shows of it depends on the session.

use std::fmt::Write as _;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::DurationMicrosecondType;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, TimeUnit};

const OPTIONS: FormatOptions<'static> = FormatOptions::new()
    .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
    .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f UTC"));

/// The value in a row.
#[must_use]
pub fn text(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return "NULL".to_owned();
    }
    match array.data_type() {
        DataType::Binary => array.as_binary::<i32>().value(row).iter().fold("0x".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
        DataType::Duration(TimeUnit::Microsecond) => time(array.as_primitive::<DurationMicrosecondType>().value(row)),
        _ => match ArrayFormatter::try_new(array, &OPTIONS).and_then(|values| values.value(row).try_to_string()) {
            Ok(text) => text,
            // A component's date that no calendar has.
            Err(_) => "?".to_owned(),
        },
    }
}

/// MySQL's TIME: hours may pass 24, and the sign stands in front.
fn time(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { text } else { format!("{text}.{fraction:06}").trim_end_matches('0').to_owned() }
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        BinaryArray, Date32Array, Decimal128Array, DurationMicrosecondArray, StringArray, TimestampMicrosecondArray,
    };
    use rowmill_foreign::UTC;

    use super::*;

    #[test]
    fn values_are_written_as_servers_write_them() {
        let at = TimestampMicrosecondArray::from(vec![1_709_078_820_000_000, -1, i64::MAX]);
        assert_eq!(text(&at, 0), "2024-02-28 00:07:00");
        assert_eq!(text(&at, 1), "1969-12-31 23:59:59.999999");
        assert_eq!(text(&at, 2), "?");
        let at = at.with_timezone(UTC);
        assert_eq!(text(&at, 0), "2024-02-28 00:07:00 UTC");
        assert_eq!(text(&at, 2), "?");
        assert_eq!(text(&DurationMicrosecondArray::from(vec![-3_020_399_500_000]), 0), "-838:59:59.5");
        assert_eq!(text(&Date32Array::from(vec![-719_528]), 0), "0000-01-01");
        assert_eq!(text(&BinaryArray::from(vec![&b"\x00\xff"[..]]), 0), "0x00ff");
        let decimal = Decimal128Array::from(vec![-1_50]).with_precision_and_scale(10, 2).unwrap();
        assert_eq!(text(&decimal, 0), "-1.50");
        assert_eq!(text(&StringArray::from(vec![Some("x"), None]), 1), "NULL");
    }
}
