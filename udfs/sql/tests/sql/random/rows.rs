//! Extreme rows, as SQL and as arrays, made from the same texts.

use std::sync::Arc;

use arrow_array::*;
use arrow_schema::{DataType, Field, TimeUnit};
use rowmill_devserver::Kind;

/// What a column is for both sides.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Int,
    UnsignedInt,
    BigInt,
    UnsignedBigInt,
    Decimal(u8, i8),
    Double,
    /// By the server's case-insensitive collation, or byte by byte.
    Text(bool),
    Bytes,
    Date,
    DateTime(u8),
    Time(u8),
}

const COLUMNS: [(&str, Form); 15] = [
    ("i", Form::Int),
    ("u", Form::UnsignedInt),
    ("b", Form::BigInt),
    ("ub", Form::UnsignedBigInt),
    ("d", Form::Decimal(30, 0)),
    ("e", Form::Decimal(20, 4)),
    ("f", Form::Double),
    ("s", Form::Text(true)),
    ("x", Form::Text(false)),
    ("n", Form::Text(true)),
    ("bin", Form::Bytes),
    ("dt", Form::Date),
    ("ts", Form::DateTime(6)),
    ("t0", Form::DateTime(0)),
    ("tm", Form::Time(3)),
];

/// One text for each column; `~` is NULL.
#[rustfmt::skip]
const ROWS: [[&str; 15]; 12] = [
    ["0", "0", "0", "0", "0", "0.0000", "0", "", "", "0", "", "1970-01-01", "1970-01-01 00:00:00.000000", "1970-01-01 00:00:00", "00:00:00.000"],
    ["1", "1", "9007199254740993", "9007199254740993", "9007199254740993", "1.5000", "9007199254740992", "2024-02-29", "2024-02-29", "9007199254740993", "A", "2024-02-29", "2024-02-29 23:59:59.999999", "2024-02-29 10:20:30", "10:20:30.000"],
    ["-1", "4294967295", "-1", "18446744073709551614", "-1", "-0.0001", "-1.5", "29-02-2024", "29-02-2024", "-1", "12", "2029-02-20", "2029-02-20 00:00:00.000000", "2029-02-20 00:00:00", "-00:00:00.001"],
    ["2147483647", "65", "9223372036854775807", "9223372036854775808", "123456789012345678901", "9999999999999999.9999", "1e300", "n/a", "pending", "123456789012345678901", "2024-02-29", "9999-12-31", "9999-12-31 23:59:59.999999", "9999-12-31 23:59:59", "838:59:59.000"],
    ["-2147483648", "255", "-9223372036854775808", "255", "-123456789012345678901", "-9999999999999999.9999", "-1e300", "2024-02-29 10:20:30", "2024-02-29T10:20:30", "-9223372036854775808", "a", "0001-01-01", "0001-01-01 00:00:00.000000", "0001-01-01 00:00:00", "-838:59:59.000"],
    ["65", "5", "1295772036504131620", "1295772036504131620", "1295772036504131620", "65.0000", "65", "20240229", "240229", "1295772036504131620", "AB", "2024-01-01", "2024-01-01 00:00:00.500000", "2024-01-01 00:00:00", "20:24:02.290"],
    ["66", "16", "1295772036504131621", "1295772036504131621", "1295772036504131621", "0.1000", "0.1", "12:34:56.789", "12:34:56", "1.5abc", "10:20:30", "2012-12-31", "2012-12-31 12:34:56.789000", "2012-12-31 12:34:56", "12:34:56.789"],
    ["~", "~", "~", "~", "~", "~", "~", "~", "~", "~", "~", "~", "~", "~", "~"],
    ["20240229", "20240229", "20240229", "20240229102030", "20240229102030", "20240229.0000", "20240229", "2024-02-29xyz", "2024-02-29 10:20:30.5", "20240229", "zz", "2024-02-29", "2024-02-29 10:20:30.500000", "2024-02-29 00:00:00", "01:02:03.004"],
    ["102030", "102030", "102030", "102030", "102030", "102030.5000", "102030.5", "10:20:30", "2024-02-30", "102030", "0", "2024-03-01", "2024-03-01 00:00:00.000000", "2024-03-01 00:00:00", "10:20:30.000"],
    ["-5", "17", "-5", "17", "-5", "2.5000", "-2.5", "ABC", "abc", "1e2", "abc", "2000-10-10", "2000-10-10 10:10:10.101010", "2000-10-10 10:10:10", "00:00:05.000"],
    ["100", "100", "100", "100", "100", "99.9999", "1e2", "0000-00-00", "31.12.2024", "0x41", "41", "0999-12-31", "0999-12-31 23:59:59.000001", "0999-12-31 23:59:59", "99:59:59.999"],
];

/// The table `r`.
pub(crate) fn create(kind: Kind) -> String {
    let ci = match kind {
        Kind::MySql => "utf8mb4_0900_ai_ci",
        Kind::MariaDb => "utf8mb4_uca1400_nopad_ai_ci",
    };
    let column = |(name, form): &(&str, Form)| {
        let ty = match form {
            Form::Int => "INT".to_owned(),
            Form::UnsignedInt => "INT UNSIGNED".to_owned(),
            Form::BigInt => "BIGINT".to_owned(),
            Form::UnsignedBigInt => "BIGINT UNSIGNED".to_owned(),
            Form::Decimal(precision, scale) => format!("DECIMAL({precision},{scale})"),
            Form::Double => "DOUBLE".to_owned(),
            Form::Text(folded) => {
                format!("VARCHAR(40) CHARACTER SET utf8mb4 COLLATE {}", if *folded { ci } else { "utf8mb4_bin" })
            }
            Form::Bytes => "VARBINARY(20)".to_owned(),
            Form::Date => "DATE".to_owned(),
            Form::DateTime(fsp) => format!("DATETIME({fsp})"),
            Form::Time(fsp) => format!("TIME({fsp})"),
        };
        format!("{name} {ty}")
    };
    let columns: Vec<String> = COLUMNS.iter().map(column).collect();
    let rows: Vec<String> = ROWS
        .iter()
        .enumerate()
        .map(|(id, row)| {
            let values = row.map(|text| if text == "~" { "NULL".to_owned() } else { format!("'{text}'") });
            format!("({id}, {})", values.join(", "))
        })
        .collect();
    format!(
        "CREATE DATABASE random; USE random; SET time_zone = '+00:00';
         CREATE TABLE r (id INT PRIMARY KEY, {}); INSERT INTO r VALUES {};",
        columns.join(", "),
        rows.join(",\n")
    )
}

/// The same as the component gets it.
pub(crate) fn columns(kind: Kind) -> (Vec<Field>, Vec<ArrayRef>) {
    let ci = match kind {
        Kind::MySql => "utf8mb4_0900_ai_ci",
        Kind::MariaDb => "utf8mb4_uca1400_nopad_ai_ci",
    };
    let one = |(at, (name, form)): (usize, &(&str, Form))| {
        let texts: Vec<Option<&str>> = ROWS.iter().map(|row| Some(row[at]).filter(|text| *text != "~")).collect();
        let facts = match form {
            Form::Text(folded) => {
                vec![("max-chars", "40".to_owned()), ("collation", if *folded { ci } else { "utf8mb4_bin" }.to_owned())]
            }
            Form::Bytes => vec![("max-chars", "20".to_owned())],
            Form::DateTime(fsp) | Form::Time(fsp) => vec![("fsp", fsp.to_string())],
            _ => Vec::new(),
        };
        let array = array(*form, &texts);
        let facts = facts.into_iter().map(|(key, value): (&str, String)| (key.to_owned(), value));
        let facts: std::collections::HashMap<_, _> = facts.collect();
        (Field::new(*name, array.data_type().clone(), true).with_metadata(facts), array)
    };
    COLUMNS.iter().enumerate().map(one).unzip()
}

fn array(form: Form, texts: &[Option<&str>]) -> ArrayRef {
    macro_rules! parsed {
        ($array:ty) => {
            Arc::new(texts.iter().map(|text| text.map(|text| text.parse().unwrap())).collect::<$array>())
        };
    }
    let micros = |text: &str| {
        let (date, time) = text.split_once(' ').unwrap();
        days(date) * 86_400_000_000 + time_of(time)
    };
    match form {
        Form::Int => parsed!(Int32Array),
        Form::UnsignedInt => parsed!(UInt32Array),
        Form::BigInt => parsed!(Int64Array),
        Form::UnsignedBigInt => parsed!(UInt64Array),
        Form::Double => parsed!(Float64Array),
        Form::Decimal(precision, scale) => {
            let values = texts.iter().map(|text| text.map(|text| text.replace('.', "").parse::<i128>().unwrap()));
            Arc::new(values.collect::<Decimal128Array>().with_data_type(DataType::Decimal128(precision, scale)))
        }
        Form::Text(_) => Arc::new(texts.iter().copied().collect::<StringArray>()),
        Form::Bytes => Arc::new(texts.iter().map(|text| text.map(str::as_bytes)).collect::<BinaryArray>()),
        Form::Date => Arc::new(texts.iter().map(|text| text.map(|text| days(text) as i32)).collect::<Date32Array>()),
        Form::DateTime(_) => {
            let values = texts.iter().map(|text| text.map(micros)).collect::<TimestampMicrosecondArray>();
            assert_eq!(values.data_type(), &DataType::Timestamp(TimeUnit::Microsecond, None));
            Arc::new(values)
        }
        Form::Time(_) => Arc::new(texts.iter().map(|text| text.map(time_of)).collect::<DurationMicrosecondArray>()),
    }
}

/// Days since 1970 by counting: the component's own calendar must not prove itself.
fn days(text: &str) -> i64 {
    let parts: Vec<i64> = text.split('-').map(|part| part.parse().unwrap()).collect();
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let years: i64 = (0..parts[0]).map(|year| 365 + i64::from(leap(year))).sum();
    let lengths = [31, 28 + i64::from(leap(parts[0])), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    years + lengths[..parts[1] as usize - 1].iter().sum::<i64>() + parts[2] - 1 - 719_528
}

fn time_of(text: &str) -> i64 {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<i64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    let fraction: i64 = format!("{fraction:0<6}").parse().unwrap();
    let micros = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1_000_000 + fraction;
    if negative { -micros } else { micros }
}
