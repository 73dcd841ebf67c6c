//! Values as the servers' command-line client prints them.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};

/// One value; a binary string in hexadecimal digits.
pub(crate) fn show(array: &ArrayRef, row: usize, fsp: usize) -> String {
    if array.is_null(row) {
        return "NULL".to_owned();
    }
    let clock = |us: i64| {
        let mut text = format!("{:02}:{:02}:{:02}", us / 3_600_000_000, us / 60_000_000 % 60, us / 1_000_000 % 60);
        if fsp > 0 {
            let _ = write!(text, ".{:0fsp$}", us % 1_000_000 / 10i64.pow(6 - fsp as u32));
        }
        text
    };
    let date = |days: i64| {
        // Civil from days, by counting: the component's own calendar must not prove itself.
        let (mut year, mut left) = (0i64, days + 719_528);
        let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
        while left >= 365 + i64::from(leap(year)) {
            left -= 365 + i64::from(leap(year));
            year += 1;
        }
        let mut month = 1;
        for length in [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if left < length {
                break;
            }
            left -= length;
            month += 1;
        }
        format!("{year:04}-{month:02}-{:02}", left + 1)
    };
    match array.data_type() {
        DataType::Boolean => u8::from(array.as_boolean().value(row)).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_string(),
        DataType::Float64 => format!("{:e}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(row),
        DataType::Utf8 => {
            array.as_string::<i32>().value(row).replace('\\', "\\\\").replace('\t', "\\t").replace('\0', "\\0")
        }
        DataType::Binary => array.as_binary::<i32>().value(row).iter().map(|byte| format!("{byte:02X}")).collect(),
        DataType::Date32 => date(i64::from(array.as_primitive::<Date32Type>().value(row))),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let us = array.as_primitive::<TimestampMicrosecondType>().value(row);
            format!("{} {}", date(us.div_euclid(86_400_000_000)), clock(us.rem_euclid(86_400_000_000)))
        }
        DataType::Duration(_) => {
            let us = array.as_primitive::<DurationMicrosecondType>().value(row);
            format!("{}{}", if us < 0 { "-" } else { "" }, clock(us.abs()))
        }
        other => panic!("{other}"),
    }
}
